"""Bodies: read, parsed and checked before any handler sees them."""

import json
import re
from typing import Any

import orjson
from aiohttp import web
from marshmallow import ValidationError

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.schemas import AnyJson, BodySchema

#: orjson writes no more than 254 levels; nobody means more than this.
MAX_DEPTH = 64
#: Bytes that no limit on bodies is below.
SMALL_BODY_BYTES = 1024
#: Digits enough that a number may not fit into 64 bits.
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_ESCAPED_NUL = rb"\u0000"


async def read_body(
    request: web.Request, schema: BodySchema, media_types: tuple[str, ...]
) -> tuple[dict[str, Any], bytes]:
    """The body as its shape loads it, and as it came. No body at all counts as an empty object."""
    content = request.content
    try:
        if content.is_eof() and content.total_bytes <= SMALL_BODY_BYTES:
            # Here already, as most are: nothing to wait for.
            raw = content.read_nowait()
        else:
            raw = await request.read()
    except web.RequestPayloadError:
        raise invalid_body("The body is not encoded as its headers say.") from None
    if not raw:
        if isinstance(schema, AnyJson):
            raise invalid_body("The body is missing.")
        return load_body(schema, {}), raw
    if (
        media_types
        and "Content-Type" in request.headers
        and request.content_type not in media_types
    ):
        raise web.HTTPUnsupportedMediaType
    value = parse_json(raw)
    if value is None and not media_types:
        # Clients that always send JSON say so that they have nothing to say.
        value = {}
    if not isinstance(value, dict) and not isinstance(schema, AnyJson):
        raise invalid_body("The body must be a JSON object.")
    return load_body(schema, value), raw


def load_body(schema: BodySchema, value: Any) -> dict[str, Any]:
    """What a shape makes of a value; what it objects to becomes a refusal."""
    try:
        loaded: dict[str, Any] = schema.load(value)
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, dict) else {"body": error.messages}
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=messages) from None
    return loaded


def parse_json(raw: bytes) -> Any:
    """JSON that can be kept and written again: not too deep, no number beyond 64 bits, no NUL."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise invalid_body(f"The body is not valid JSON: {error.msg}.") from None
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _check_depth(value)
    if _LONG_NUMBER.search(raw):
        _check_numbers(raw)
    if _ESCAPED_NUL in raw:
        _check_no_nul(value)
    return value


def invalid_body(message: str) -> DomainError:
    return DomainError(ErrorCode.INVALID_REQUEST, what="body", fields={"body": [message]})


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise invalid_body(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_numbers(raw: bytes) -> None:
    def parse_integer(digits: str) -> int:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
            raise invalid_body("The body holds a whole number beyond 64 bits.")
        return int(digits)

    json.loads(raw, parse_int=parse_integer)


def _check_no_nul(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and "\0" in item:
            raise invalid_body("The body holds a NUL character.")
        if isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
