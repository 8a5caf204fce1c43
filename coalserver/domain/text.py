"""Text: control and invisible characters; digests of secrets and their comparison."""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime

#: Line breaks, control characters that a terminal would act on, and lone surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")

#: Sequences that set colours, titles and the cursor of a terminal (ECMA-48): CSI, OSC and other strings, short ones.
_TERMINAL_CODE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)?|\x1b[ -/]*[0-~]"
)

#: Runs with letters that show nothing: the blank of Braille, fillers of Hangul, vowels of Khmer. A run is looked at
#: from its beginning only: from each of its characters, a text of 16,000 spaces would take more than a second.
_BLANK = re.compile(
    r"(?<!\s)\s*[\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159]"
    r"[\s\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159]*"
)
#: A text that shows nothing: white space, joiners, direction marks and variation selectors.
_NOTHING = re.compile(r"[\s\u034f\u180b-\u180f\u200c-\u200f\ufe00-\ufe0f\U000e0100-\U000e01ef]*")

#: Characters beyond the limit of a text that may be removed at its ends. A longer text is refused or cut before its
#: characters are looked at, which takes 0.1 µs for each.
MAX_REMOVED = 1000

#: Return a copy of bytes that takes no more memory than it needs. For results of `orjson.dumps` that are kept:
#: they have a buffer of at least 4 KiB, which `sys.getsizeof` does not show. Implemented in C, since it runs often.
trimmed: Callable[[bytes], bytes] = b"%b".__mod__


def one_line(text: str) -> str:
    """Return the text with each run of line breaks and control characters replaced by a space."""
    return _CONTROL.sub(" ", text)


def without_terminal_codes(text: str) -> str:
    """Return the text without the sequences that set colours, titles and the cursor of a terminal."""
    return _TERMINAL_CODE.sub("", text) if "\x1b" in text or "\x9b" in text else text


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


def visible_name(name: str) -> str:
    """Return a name in which blank letters are spaces; empty if it shows nothing.

    Control and other invisible characters become spaces, a run with blank letters one space.
    """
    if name.isascii() and name.isprintable():
        return name.strip()
    text = _BLANK.sub(" ", printable(name)).strip()
    return "" if _NOTHING.fullmatch(text) else text


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


def format_coal_time(at: float) -> str:
    """Return a time in UTC as the COAL document has it: `2013-04-14 19:55:22 UTC-0000`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC-0000"
