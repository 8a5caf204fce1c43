"""Short names of worlds as URL path segments, and names of files."""

from coalserver.domain.minecraft.world import World


def slugify_short_name(text: str) -> str:
    """Return the text as a slug, transliterated to ASCII.

    A text without any usable character is returned as it is, so that validation rejects it.
    """
    return _slug(text) or text.strip()


def file_stems(world: World) -> tuple[str, str]:
    """Return the name of a file that holds a world, and one in ASCII for programs that read no others."""
    name = world.short_name or world.name
    return name, world.short_name or _slug(world.name) or str(world.id)


def _slug(text: str) -> str:
    # Imported here: it compiles regular expressions for 25 ms, and most commands and starts name no world.
    from slugify import slugify

    return slugify(text)
