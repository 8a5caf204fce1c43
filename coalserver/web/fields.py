"""Strict fields: a number is not a text, a text has no NUL, and an absent member may be null."""

from collections.abc import Mapping
from typing import Any, Protocol

import orjson
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

#: The largest integer SQLite keeps.
LARGEST = 2**63 - 1


class Shape(Protocol):
    """What a body must look like: a marshmallow schema, or `Free`."""

    def load(self, data: Any) -> Any:
        """What handlers are given, as a dictionary; raises ValidationError."""


class Form(Schema):
    """A body: members nobody knows are ignored."""

    class Meta:
        unknown = EXCLUDE


class Text(fields.Field[str]):
    """A string of so many characters, without NUL; other control characters become blanks."""

    def __init__(self, low: int = 0, high: int = 200, *, lines: bool = False, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high, self.lines = low, high, lines

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        text = value.strip() if value.isprintable() else printable(value, lines=self.lines).strip()
        if len(text) < self.low:
            raise ValidationError(
                "Must not be empty." if self.low == 1 else f"Shorter than {self.low} characters."
            )
        if len(text) > self.high:
            raise ValidationError(f"Longer than {self.high} characters.")
        return text


class Secret(fields.Field[str]):
    """A password: kept exactly as it is."""

    def __init__(self, low: int = 0, high: int = 1000, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high = low, high

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> str:
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        if not self.low <= len(value) <= self.high:
            raise ValidationError(f"Must have {self.low} to {self.high} characters.")
        return value


class Whole(fields.Field[int]):
    """A whole number, written as one: neither 1.0 nor "1" nor true."""

    def __init__(self, low: int = -LARGEST, high: int = LARGEST, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high = low, high

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> int:
        if type(value) is not int:
            raise ValidationError("Not a whole number.")
        if not self.low <= value <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high}.")
        return value


class Flag(fields.Field[bool]):
    """true or false, and nothing that looks like them."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Not true or false.")
        return value


class FreeJSON(fields.Field[bytes]):
    """Any JSON object (or, with `anything`, any JSON) up to a size; comes as bytes, compact."""

    def __init__(self, most: int = 16 * 1024, *, anything: bool = False, **kw: Any) -> None:
        super().__init__(**kw)
        self.most, self.anything = most, anything

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> bytes:
        if not self.anything and not isinstance(value, dict):
            raise ValidationError("Not an object.")
        dumped = orjson.dumps(value)
        if len(dumped) > self.most:
            raise ValidationError(f"Larger than {self.most} bytes.")
        return dumped


class Free:
    """A body that is any JSON object (or, with `anything`, any JSON): `value`, and `dumped` as bytes."""

    def __init__(self, most: int = 16 * 1024, *, anything: bool = False) -> None:
        self.most, self.anything = most, anything

    def load(self, data: Any) -> dict[str, Any]:
        if not self.anything and not isinstance(data, dict):
            raise ValidationError("The body must be a JSON object.")
        dumped = orjson.dumps(data)
        if len(dumped) > self.most:
            raise ValidationError(f"Larger than {self.most} bytes.")
        return {"value": data, "dumped": dumped}


def one_of(*choices: str) -> validate.OneOf:
    return validate.OneOf(choices, error="Must be one of: {choices}.")


def printable(text: str, *, lines: bool = False) -> str:
    """The text with control and other invisible characters blanked; `lines` keeps line breaks."""
    if "\0" in text:
        raise ValidationError("Contains NUL.")
    return "".join(
        letter if letter.isprintable() or _kept(letter) or (lines and letter == "\n") else " "
        for letter in text
    )


def _kept(letter: str) -> bool:
    """Joiners and direction marks are not printable, and needed by emoji and by some scripts."""
    return letter in "\u200c\u200d\u200e\u200f\u3000\xa0" or "\ufe00" <= letter <= "\ufe0f"
