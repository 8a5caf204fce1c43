"""HTML forms: reading, decoding and checking what a browser submits."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.text import printable
from coalserver.web.body import invalid_body
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import CSRF_FIELD, read_browser_cookie

FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
#: Fields per form; no form of this site has more.
MAX_FIELDS = 100
#: Digits of a number in a form.
MAX_DIGITS = 9

#: The fields of a form in their order; a name may occur twice.
Pairs = list[tuple[str, str]]


async def read_form(request: web.Request) -> Pairs:
    """Return the fields of a form. Raises INVALID_REQUEST, or a 415 for another content type."""
    if request.content_type != FORM_CONTENT_TYPE:
        raise web.HTTPUnsupportedMediaType
    try:
        return parse_form(await request.read())
    except web.RequestPayloadError:
        raise invalid_body("The body is not encoded as its headers say.") from None


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


async def read_csrf_form(ctx: RequestContext) -> Pairs:
    """Return the fields of a form. Raises INVALID_TOKEN without a valid CSRF token."""
    pairs = await read_form(ctx.request)
    check_csrf(ctx, pairs)
    return pairs


def check_csrf(ctx: RequestContext, pairs: Pairs) -> None:
    """Raise INVALID_TOKEN unless a page of this site showed the form to this browser."""
    if not is_csrf_valid(ctx, pairs):
        raise DomainError(ErrorCode.INVALID_TOKEN, what="form")


def is_csrf_valid(ctx: RequestContext, pairs: Pairs) -> bool:
    return read_browser_cookie(ctx).verify_csrf_token(dict(pairs).get(CSRF_FIELD, ""), ctx.now)


async def read_fields(ctx: RequestContext, max_lengths: Mapping[str, int]) -> dict[str, str]:
    """Return the named fields of a form; those that are missing are empty.

    Raises INVALID_TOKEN without a valid CSRF token, INVALID_REQUEST for fields above their maximum length.
    `ctx.body` has the fields even then, so that the page can show the form again with what was entered.
    """
    fields = dict.fromkeys(max_lengths, "")
    ctx.body = fields
    pairs = await read_form(ctx.request)
    fields |= {name: value for name, value in pairs if name in max_lengths}
    check_csrf(ctx, pairs)
    errors = {
        name: ["Too long."]
        for name, max_length in max_lengths.items()
        if len(fields[name]) > max_length
    }
    if errors:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=errors)
    return fields


def parse_integer(text: str, low: int, high: int, name: str) -> int:
    """Return the number in a field. Raises INVALID_REQUEST unless it is from `low` to `high`."""
    text = text.strip()
    valid = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    if not (valid and low <= int(text) <= high):
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={name: [f"Must be from {low} to {high}."]}
        )
    return int(text)


def clean_text(text: str) -> str:
    """Return a field as one printable line."""
    return printable(text.replace("\0", " ")).strip()
