"""Short names of worlds as URL path segments."""

from slugify import slugify


def slugify_short_name(text: str) -> str:
    """Return the text as a slug, transliterated to ASCII.

    A text without any usable character is returned as it is, so that validation rejects it.
    """
    return slugify(text) or text.strip()
