"""Bodies: read, parsed and checked before any handler sees them."""

import json
import re
from typing import Any

import orjson
from aiohttp import web
from marshmallow import ValidationError

from coalserver.domain.errors import Refusal, Why
from coalserver.web.schemas import Free, Shape

#: orjson writes no more than 254 levels; nobody means more than this.
DEEPEST = 64
#: Bytes that no limit on bodies is below.
SMALL = 1024
#: Digits enough that a number may not fit into 64 bits.
_HUGE = re.compile(rb"[0-9]{19}")
_ESCAPED_NUL = rb"\u0000"


async def read_body(
    request: web.Request, shape: Shape, media: tuple[str, ...]
) -> tuple[dict[str, Any], bytes]:
    """The body as its shape loads it, and as it came. No body at all counts as an empty object."""
    content = request.content
    try:
        if content.is_eof() and content.total_bytes <= SMALL:
            # Here already, as most are: nothing to wait for.
            raw = content.read_nowait()
        else:
            raw = await request.read()
    except web.RequestPayloadError:
        raise malformed("The body is not encoded as its headers say.") from None
    if not raw:
        if isinstance(shape, Free):
            raise malformed("The body is missing.")
        return load(shape, {}), raw
    if media and "Content-Type" in request.headers and request.content_type not in media:
        raise web.HTTPUnsupportedMediaType
    value = parsed(raw)
    if value is None and not media:
        # Clients that always send JSON say so that they have nothing to say.
        value = {}
    if not isinstance(value, dict) and not isinstance(shape, Free):
        raise malformed("The body must be a JSON object.")
    return load(shape, value), raw


def load(shape: Shape, value: Any) -> dict[str, Any]:
    """What a shape makes of a value; what it objects to becomes a refusal."""
    try:
        loaded: dict[str, Any] = shape.load(value)
    except ValidationError as fault:
        said = fault.messages if isinstance(fault.messages, dict) else {"body": fault.messages}
        raise Refusal(Why.MALFORMED, fields=said) from None
    return loaded


def parsed(raw: bytes) -> Any:
    """JSON that can be kept and written again: not too deep, no number beyond 64 bits, no NUL."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as fault:
        raise malformed(f"The body is not valid JSON: {fault.msg}.") from None
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        _not_too_deep(value)
    if _HUGE.search(raw):
        _not_too_large(raw)
    if _ESCAPED_NUL in raw:
        _without_nul(value)
    return value


def malformed(text: str) -> Refusal:
    return Refusal(Why.MALFORMED, what="body", fields={"body": [text]})


def _not_too_deep(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise malformed(f"The body is nested deeper than {DEEPEST} levels.")


def _not_too_large(raw: bytes) -> None:
    def whole(digits: str) -> int:
        if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
            raise malformed("The body holds a whole number beyond 64 bits.")
        return int(digits)

    json.loads(raw, parse_int=whole)


def _without_nul(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and "\0" in item:
            raise malformed("The body holds a NUL character.")
        if isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
