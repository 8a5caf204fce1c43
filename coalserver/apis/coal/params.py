"""Request parameters: query, form and JSON are read alike, and a value means the same in each.

In a form everything is text; in JSON a number or a boolean may also be one. null counts as absent, except for a field
that allows null.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from marshmallow import Schema, ValidationError, fields, missing

from coalserver.domain.text import MAX_REMOVED, one_line
from coalserver.web.body import invalid_body, load_body, parse_json_aside, read_raw_body
from coalserver.web.context import RequestContext
from coalserver.web.pages.forms import FORM_CONTENT_TYPE, parse_form_aside

JSON = "application/json"
REQUIRED = "This field is required."
INVALID_INTEGER = "Not a valid integer value"
INVALID_CHOICE = "Not a valid choice"
INVALID_DATETIME = "Not a valid datetime value"
#: Bytes of a body: a form may take twelve for each of the 10,000 characters of a text.
MAX_PARAMS_BYTES = 256 * 1024
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DATETIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
Data = Mapping[str, Any] | None


class TextField(fields.Field[str]):
    """A text up to a length; a required one must not be blank."""

    def __init__(self, max_length: int = 10_000, **kw: Any) -> None:
        super().__init__(error_messages={"required": REQUIRED}, **kw)
        self.max_length = max_length

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> str:
        plain = type(value) is str and value.isascii() and "\0" not in value
        text: str = value if plain else as_text(value)
        if self.required and not text.strip():
            raise ValidationError(REQUIRED)
        if len(text) > self.max_length:
            raise ValidationError(f"Field cannot be longer than {self.max_length} characters.")
        return text


class LineField(TextField):
    """A text that a console can take as one line: control characters become blanks."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> str:
        # A text that is much too long is refused as it is.
        is_read = isinstance(value, str) and len(value) <= self.max_length + MAX_REMOVED
        text = one_line(value) if is_read else value
        return super()._deserialize(text, attr, data, **kw)


class SearchField(fields.Field[str]):
    """A text to search for. Every text is valid; an empty one counts as absent."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        return one_line(str(value)) or missing


class IntegerField(fields.Field[int]):
    """A whole number within bounds; a blank counts as absent unless `strict`."""

    def __init__(self, low: int, high: int, *, strict: bool = False, **kw: Any) -> None:
        super().__init__(error_messages={"required": REQUIRED}, **kw)
        self.low, self.high, self.strict = low, high, strict

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        text = as_text(value).strip()
        if not text and not self.strict:
            return missing
        out_of_range = f"Number must be between {self.low} and {self.high}."
        if not _INTEGER.fullmatch(text) or isinstance(value, bool):
            raise ValidationError(
                [INVALID_INTEGER, out_of_range] if self.strict else INVALID_INTEGER
            )
        if not self.low <= int(text) <= self.high:
            raise ValidationError(out_of_range)
        return int(text)


class LenientBoolean(fields.Field[bool]):
    """A boolean as the document reads it: an empty text, `off`, and n…, f… and 0… are false."""

    def __init__(self, **kw: Any) -> None:
        super().__init__(error_messages={"required": REQUIRED}, **kw)

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> bool:
        if isinstance(value, bool):
            return value
        text = as_text(value).strip().lower()
        return bool(text) and text[0] not in "nf0" and text != "off"


class DateTimeField(fields.Field[float]):
    """`YYYY-MM-DD HH:MM:SS` in UTC, loaded as a timestamp; a blank counts as absent."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        text = as_text(value)
        if not text.strip():
            return missing
        if not _DATETIME.fullmatch(text):
            raise ValidationError(INVALID_DATETIME)
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise ValidationError(INVALID_DATETIME) from None


class ChoiceField(fields.Field[str]):
    """One of the choices, in the same case; a blank counts as absent."""

    def __init__(self, *choices: str, **kw: Any) -> None:
        super().__init__(**kw)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Any:
        text = as_text(value).strip()
        if not text:
            return missing
        if text not in self.choices:
            raise ValidationError(INVALID_CHOICE)
        return text


def as_text(value: Any) -> str:
    """Return a scalar as a form would send it. Raises ValidationError for NUL and lone surrogates."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise ValidationError("Not a single value")
    if "\0" in value:
        raise ValidationError("Contains NUL")
    if not value.isascii():
        try:
            # A look at each character takes 90 ms for a mebibyte.
            value.encode()
        except UnicodeEncodeError:
            raise ValidationError("Not valid Unicode") from None
    return value


async def read_params(ctx: RequestContext, schema: Schema) -> dict[str, Any]:
    """Return the parameters of a request. Raises INVALID_REQUEST.

    The body takes precedence over the query, and the first of several equal names over the rest.
    """
    data: dict[str, Any] = dict(ctx.query)
    if ctx.method == "POST":
        data |= await _read_body(ctx)
    params = {
        name: value
        for name, value in data.items()
        if value is not None or (name in schema.fields and schema.fields[name].allow_none)
    }
    return load_body(schema, params)


async def _read_body(ctx: RequestContext) -> dict[str, Any]:
    raw = ctx.raw = await read_raw_body(ctx, MAX_PARAMS_BYTES)
    if not raw.strip():
        return {}
    media = ctx.content_type if ctx.headers.get("Content-Type") else ""
    # The document's samples have no Content-Type, so clients that follow them send none.
    if media == FORM_CONTENT_TYPE or (not media and not raw.lstrip().startswith(b"{")):
        return dict(reversed(await parse_form_aside(raw)))
    if media not in ("", JSON):
        raise web.HTTPUnsupportedMediaType
    value = await parse_json_aside(ctx, raw)
    if not isinstance(value, dict):
        raise invalid_body("The body must be a JSON object.")
    return value
