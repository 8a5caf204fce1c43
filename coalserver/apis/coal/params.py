"""What a request asks: query, form and JSON are read alike, and a value means the same however it came.

In a form everything is text; in JSON a number or a boolean may be one. null is the same as not there, except in a field
that may be null.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, missing

from coalserver.domain.minecraft.visitor import one_line
from coalserver.web.api import Call
from coalserver.web.body import load, malformed, parsed
from coalserver.web.pages.forms import FORM, fields_of

JSON = "application/json"
NEEDED = "This field is required."
NO_NUMBER = "Not a valid integer value"
NO_MOMENT = "Not a valid datetime value"
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
Data = Mapping[str, Any] | None


class Words(fields.Field[str]):
    """A text of so many characters; where it is required it is not blank either."""

    def __init__(self, high: int = 10_000, **kw: Any) -> None:
        super().__init__(error_messages={"required": NEEDED}, **kw)
        self.high = high

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> str:
        text = as_text(value)
        if self.required and not text.strip():
            raise ValidationError(NEEDED)
        if len(text) > self.high:
            raise ValidationError(f"Field cannot be longer than {self.high} characters.")
        return text


class OneLine(Words):
    """A text that is one line of a console: control characters in it are blanks."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> str:
        text = one_line(value) if isinstance(value, str) else value
        return super()._deserialize(text, attr, data, **kw)


class Loose(fields.Field[str]):
    """Any text at all: what cannot be in one is a blank. For what is only looked for, and perhaps not found."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> str:
        return one_line(str(value))


class Number(fields.Field[int]):
    """A whole number; blank is the same as not there unless `strict`."""

    def __init__(self, low: int, high: int, *, strict: bool = False, **kw: Any) -> None:
        super().__init__(error_messages={"required": NEEDED}, **kw)
        self.low, self.high, self.strict = low, high, strict

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        text = as_text(value).strip()
        if not text and not self.strict:
            return missing
        between = f"Number must be between {self.low} and {self.high}."
        if not _WHOLE.fullmatch(text) or isinstance(value, bool):
            raise ValidationError([NO_NUMBER, between] if self.strict else NO_NUMBER)
        if not self.low <= int(text) <= self.high:
            raise ValidationError(between)
        return int(text)


class Yes(fields.Field[bool]):
    """A boolean as this API writes it: nothing, `off` and what begins with n, f or 0 is false; all else is true."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(error_messages={"required": NEEDED}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> bool:
        if isinstance(value, bool):
            return value
        text = as_text(value).strip().lower()
        return bool(text) and text[0] not in "nf0" and text != "off"


class Moment(fields.Field[float]):
    """`YYYY-MM-DD HH:MM:SS` in UTC, as seconds; blank is the same as not there."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        text = as_text(value)
        if not text.strip():
            return missing
        if not _MOMENT.fullmatch(text):
            raise ValidationError(NO_MOMENT)
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise ValidationError(NO_MOMENT) from None


class Choice(fields.Field[str]):
    """One of these words, to the letter; blank is the same as not there."""

    def __init__(self, *choices: str, **kw: Any) -> None:
        super().__init__(**kw)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        text = as_text(value).strip()
        if not text:
            return missing
        if text not in self.choices:
            raise ValidationError("Not a valid choice")
        return text


def as_text(value: Any) -> str:
    """A single value as a form would have it: text that can be kept."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise ValidationError("Not a single value")
    if "\0" in value:
        raise ValidationError("Contains NUL")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValidationError("Not valid Unicode")
    return value


async def asked(call: Call, shape: Schema) -> dict[str, Any]:
    """What the query and the body ask for; the body wins. Of a field that comes twice the first counts."""
    said: dict[str, Any] = dict(call.query)
    if call.request.method == "POST":
        said |= await _body(call)
    given = {
        name: value
        for name, value in said.items()
        if value is not None or (name in shape.fields and shape.fields[name].allow_none)
    }
    return load(shape, given)


async def _body(call: Call) -> dict[str, Any]:
    request = call.request
    try:
        raw = call.raw = await request.read()
    except web.RequestPayloadError:
        raise malformed("The body is not encoded as its headers say.") from None
    if not raw.strip():
        return {}
    media = request.content_type if request.headers.get("Content-Type") else ""
    # Clients that follow the document's samples to the letter do not say what they send.
    if media == FORM or (not media and not raw.lstrip().startswith(b"{")):
        return dict(reversed(fields_of(raw)))
    if media not in ("", JSON):
        raise web.HTTPUnsupportedMediaType
    value = parsed(raw)
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    return value
