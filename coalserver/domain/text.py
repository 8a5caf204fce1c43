"""Text without control characters."""

import re

#: Whatever could end a line, or do something to the terminal that shows it; and halves of characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def one_line(text: str) -> str:
    """The text with blanks for line breaks and all other control characters."""
    return _CONTROL.sub(" ", text)


def printable(text: str, *, lines: bool = False) -> str:
    """The text with control and other invisible characters blanked; `lines` keeps line breaks."""
    return "".join(
        letter
        if letter.isprintable() or _is_allowed_invisible(letter) or (lines and letter == "\n")
        else " "
        for letter in text
    )


def _is_allowed_invisible(letter: str) -> bool:
    """Joiners and direction marks are not printable, and needed by emoji and by some scripts."""
    return letter in "\u200c\u200d\u200e\u200f\u3000\xa0" or "\ufe00" <= letter <= "\ufe0f"
