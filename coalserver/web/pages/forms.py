"""HTML forms: reading, decoding and checking what a browser submits."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from marshmallow import ValidationError, fields, validate

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.body import LARGE_BODY_BYTES, invalid_body, load_body, read_bytes
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import CSRF_FIELD, read_browser_cookie
from coalserver.web.schemas import MAX_PLAIN_BYTES, RequestSchema

FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
#: Fields per form; no form of this site has more.
MAX_FIELDS = 100
#: Digits of a number in a form.
MAX_DIGITS = 9

#: The fields of a form in their order; a name may occur twice.
Pairs = list[tuple[str, str]]


class FormSchema(RequestSchema):
    """The fields of a form. A field that the browser does not send is an empty text."""


class RawText(fields.String):
    """A text exactly as it was typed, up to a number of characters."""

    def __init__(self, high: int, **kw: Any) -> None:
        too_long = f"Longer than {high} characters."
        super().__init__(validate=validate.Length(max=high, error=too_long), **kw)


class TypedInteger(fields.Field[int]):
    """An integer typed into a text field, in decimal digits."""

    def __init__(self, low: int, high: int, **kw: Any) -> None:
        super().__init__(**kw)
        self.low, self.high = low, high

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> int:
        text = str(value).strip()
        if not (text.isascii() and text.isdigit()):
            raise ValidationError("Not a whole number.")
        if len(text) > MAX_DIGITS or not self.low <= int(text) <= self.high:
            raise ValidationError(f"Must be from {self.low} to {self.high}.")
        return int(text)


class Checkbox(fields.Field[bool]):
    """A checkbox: browsers send a value if it is checked, and nothing otherwise."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kw: Any
    ) -> bool:
        return bool(value)


async def read_form(request: web.Request, max_bytes: int = MAX_PLAIN_BYTES) -> Pairs:
    """Return the fields of a form. Raises INVALID_REQUEST, a 413, or a 415 for another content type."""
    if request.content_type != FORM_CONTENT_TYPE:
        raise web.HTTPUnsupportedMediaType
    return await parse_form_aside(await read_bytes(request, max_bytes))


async def parse_form_aside(raw: bytes) -> Pairs:
    """Return the fields of an urlencoded form as `parse_form`, without holding up the event loop.

    Python's decoder is slow where each character is encoded, but other threads run meanwhile.
    """
    if len(raw) <= LARGE_BODY_BYTES:
        return parse_form(raw)
    return await asyncio.to_thread(parse_form, raw)


def parse_form(raw: bytes) -> Pairs:
    """Return the fields of an urlencoded form.

    Raises INVALID_REQUEST if it is not UTF-8, holds a NUL character or has too many fields.
    """
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise invalid_body("The body is not a form in UTF-8.") from None
    if b"%00" in raw or b"\0" in raw:
        raise invalid_body("The form holds a NUL character.")
    return pairs


async def load_form(ctx: RequestContext, schema: FormSchema) -> dict[str, Any]:
    """Return the fields of a form of this site as the schema reads them.

    `ctx.body` gets the texts as they were typed, also for a rejected form, so that its page can show them again.
    Raises INVALID_TOKEN without a valid CSRF token, INVALID_REQUEST with `fields` for what the schema rejects.
    """
    names = (field.data_key or name for name, field in schema.fields.items())
    ctx.body = typed = dict.fromkeys(names, "")
    pairs = await read_form(ctx.request)
    typed |= {name: value for name, value in pairs if name in typed}
    check_csrf(ctx, pairs)
    return load_body(schema, typed)


def load_query(ctx: RequestContext, schema: FormSchema) -> dict[str, Any]:
    """Return the fields of a form that a browser sent in the address, as `load_form` does."""
    names = [field.data_key or name for name, field in schema.fields.items()]
    ctx.body = {name: ctx.query.get(name, "") for name in names}
    return load_body(schema, ctx.body)


async def read_csrf_form(ctx: RequestContext) -> Pairs:
    """Return the fields of a form. Raises INVALID_TOKEN without a valid CSRF token."""
    pairs = await read_form(ctx.request)
    check_csrf(ctx, pairs)
    return pairs


def check_csrf(ctx: RequestContext, pairs: Pairs) -> None:
    """Raise INVALID_TOKEN unless a page of this site showed the form to this browser."""
    if not is_csrf_valid(ctx, pairs):
        raise DomainError(ErrorCode.INVALID_TOKEN, subject="form")


def is_csrf_valid(ctx: RequestContext, pairs: Pairs) -> bool:
    return read_browser_cookie(ctx).verify_csrf_token(dict(pairs).get(CSRF_FIELD, ""), ctx.now)
