"""Short names: what people type, in any script, as the words of an address."""

from slugify import slugify


def slugify_short_name(text: str) -> str:
    """A short name out of what was typed; as it is where nothing of it can stay, so that it is refused."""
    return slugify(text) or text.strip()
