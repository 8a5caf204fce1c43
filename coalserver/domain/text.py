"""Text: control and invisible characters; digests of secrets and their comparison."""

import hashlib
import hmac
import re

#: Line breaks, control characters that a terminal would act on, and lone surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str) -> str:
    """Return the text with each run of line breaks and control characters replaced by a space."""
    return _CONTROL.sub(" ", text)


def printable(text: str, *, lines: bool = False) -> str:
    """Return the text with each control or invisible character replaced by a space.

    The length stays the same. With `lines`, line feeds are kept.
    """
    return "".join(
        letter
        if letter.isprintable() or _is_allowed_invisible(letter) or (lines and letter == "\n")
        else " "
        for letter in text
    )


def constant_time_equals(presented: str, stored: str) -> bool:
    """Return whether two secrets are equal, in a time that does not depend on their content."""
    return hmac.compare_digest(
        presented.encode("utf-8", "surrogatepass"), stored.encode("utf-8", "surrogatepass")
    )


def _is_allowed_invisible(letter: str) -> bool:
    """Return whether an unprintable character must stay.

    Emoji and some scripts need joiners, direction marks and variation selectors.
    """
    return letter in "\u200c\u200d\u200e\u200f\u3000\xa0" or "\ufe00" <= letter <= "\ufe0f"


def secret_digest(secret: str) -> str:
    """Return the SHA-256 digest of a secret as hex digits, which is stored in its place.

    Secrets are random and at least 128 bits long, so they need no salt and no slow hash. A text with lone
    surrogates, which a client may send as JSON, has a digest too.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
