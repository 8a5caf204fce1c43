"""The data files of this package: rows of columns separated by tabs."""

import unicodedata
from importlib.resources import files


def rows(name: str) -> list[tuple[str, ...]]:
    """Return the rows of a data file, without comments and empty lines."""
    text = (files(__package__) / name).read_text("utf-8")
    return [
        tuple(line.split("\t")) for line in text.splitlines() if line and not line.startswith("#")
    ]


def words(name: str) -> frozenset[str]:
    """Return the words of a data file, case-folded; a row has any number of them."""
    return frozenset(word.casefold() for row in rows(name) for word in row[0].split())


def word_key(text: str) -> str:
    """Return a date's word as the tables have it: case-folded, without dots and spaces."""
    text = unicodedata.normalize("NFC", text.casefold())
    return "".join(letter for letter in text if letter != "." and not letter.isspace())
