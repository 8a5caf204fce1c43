"""Forms: bodies as browsers send them, and who may have sent them."""

from urllib.parse import parse_qsl

from aiohttp import web

from coalserver.web.body import invalid_body

FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
#: More fields no form of ours has.
MAX_FIELDS = 100

Pairs = list[tuple[str, str]]


async def read_form(request: web.Request) -> Pairs:
    """The fields of a form in their order; some may come twice."""
    if request.content_type != FORM_CONTENT_TYPE:
        raise web.HTTPUnsupportedMediaType
    try:
        return parse_form(await request.read())
    except web.RequestPayloadError:
        raise invalid_body("The body is not encoded as its headers say.") from None


def parse_form(raw: bytes) -> Pairs:
    """What was typed into the fields of a form: UTF-8, without NUL."""
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise invalid_body("The body is not a form in UTF-8.") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise invalid_body("The form holds a NUL character.")
    return pairs
