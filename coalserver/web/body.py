"""Request bodies: read, parsed and validated before the handler runs.

This relies on a private member of aiohttp's `BaseRequest`: `_client_max_size`. setup.cfg pins aiohttp's minor version.
"""

import asyncio
import re
import time
from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import accumulate, repeat
from operator import sub
from typing import Any
from weakref import WeakValueDictionary

import orjson
from aiohttp import web
from marshmallow import ValidationError

from coalserver.core.steps import MAX_WORK, Steps, complete, complete_in_turns
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.content_encoding import MAX_OVERHEAD
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.repeats.requests import SMALL_BODY_BYTES
from coalserver.web.schemas import MAX_PLAIN_BYTES, AnyJson, BodySchema, Loader

#: Levels of nesting; orjson cannot dump more than 254.
MAX_DEPTH = 64
#: Lists and objects of one body, and strings with the names of members: each takes 0.1 µs or more to parse. The data
#: of one member has at most 64 KiB.
MAX_CONTAINERS, MAX_STRINGS = 32_768, 65_536
#: Names of members: their objects take 0.2 µs for each.
MAX_NAMES = 32_768
#: Commas outside of strings, and numbers with 19 digits in a row: as many as the largest state of a session, 256 KiB,
#: can hold.
MAX_COMMAS, MAX_LONG_NUMBERS = 131_072, 13_107
#: Bytes of a body above which its parsing may take more than half a millisecond.
LARGE_BODY_BYTES = 16 * 1024
#: Digits from which a number may not fit into 64 bits. A search in a body whose digits are all 0 takes a tenth of the
#: time of a regular expression.
_LONG_NUMBER = b"0" * 19
_DIGITS_TO_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
#: The digits of the largest integer of 64 bits, and of the smallest.
_LARGEST, _SMALLEST = b"%d" % (2**63 - 1), b"%d" % 2**63
_ZERO, _NINE, _MINUS = b"09-"
#: What comes before digits that are no beginning of a number, and after those of no whole number.
_WITHIN_NUMBER, _EXPONENT, _FRACTION = map(frozenset, (b"0123456789.eE+", b"eE", b".eE"))
_AFTER_DIGITS = re.compile(rb"[^0]")
_ESCAPED_NUL = rb"\u0000"
#: Any bracket as a parenthesis.
_PARENTHESES = bytes.maketrans(b"[{]}", b"(())")
#: Innermost levels of nesting that are removed one after another: 32,768 brackets leave 4,096 ends of levels at most.
_INNERMOST = 8
#: All that is neither brackets, commas, colons, quotes nor part of a number.
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{},:"0123456789.eE+-'))
_NUMBERS = b"0123456789.eE+-"
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


async def read_body(
    ctx: RequestContext, schema: BodySchema, media_types: tuple[str, ...]
) -> tuple[dict[str, Any], bytes]:
    """Return the body as the schema loads it, and its bytes. An empty body counts as `{}`.

    A body larger than any that the schema accepts is refused before it is parsed.
    Raises INVALID_REQUEST, or aiohttp's 413 and 415 for a body that is too large or of another media type.
    """
    content = ctx.request.content
    if content.is_eof() and content.total_bytes <= SMALL_BODY_BYTES:
        # Most bodies have arrived with the head.
        raw = content.read_nowait()
    else:
        raw = await read_bytes(ctx.request, schema.max_body_bytes)
    if len(raw) <= LARGE_BODY_BYTES:
        return load_raw_body(ctx, raw, schema, media_types), raw
    async with ctx.app.per_process(LargeBodies).turn(ctx.network):
        if media_types:
            _check_media_type(ctx, media_types)
        value = _body_value(await complete_in_turns(parse_in_steps(raw)), schema, media_types)
        try:
            return await complete_in_turns(schema.load_in_steps(value)), raw
        except ValidationError as error:
            raise _invalid_fields(error) from None


def load_raw_body(
    ctx: RequestContext, raw: bytes, schema: BodySchema, media_types: tuple[str, ...]
) -> dict[str, Any]:
    """Return the bytes of a body that is not large as the schema loads it. Raises what `read_body` raises."""
    # An empty body is not worth another call.
    empty = not raw and not isinstance(schema, AnyJson)
    value = {} if empty else _parse_body(ctx, raw, schema, media_types)
    try:
        loaded: dict[str, Any] = schema.load(value)
    except ValidationError as error:
        raise _invalid_fields(error) from None
    return loaded


class LargeBodies:
    """Turns to parse large bodies: one at a time for each network, with a pause as long as the parsing took.

    Without turns, all large bodies that one client sends at once are parsed before any other client is served.
    """

    def __init__(self, app: AppContext) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, network: str) -> AsyncIterator[None]:
        """Wait for this network's turn; the next one comes after the block and its pause."""
        lock = self._locks.setdefault(network, asyncio.Lock())
        async with lock:
            started = time.perf_counter()
            try:
                yield
            finally:
                await asyncio.sleep(time.perf_counter() - started)


async def parse_json_aside(ctx: RequestContext, raw: bytes) -> Any:
    """Return what `parse_json` returns; other requests run between the steps of a large body. Raises what it raises."""
    if len(raw) <= LARGE_BODY_BYTES:
        return parse_json(raw)
    async with ctx.app.per_process(LargeBodies).turn(ctx.network):
        value = await complete_in_turns(parse_in_steps(raw))
        await asyncio.sleep(0)
        return value


async def read_raw_body(ctx: RequestContext, max_bytes: int = MAX_PLAIN_BYTES) -> bytes:
    """Return the bytes of a body, decompressed. Raises what `read_bytes` raises."""
    return await read_bytes(ctx.request, max_bytes) if ctx.received is None else ctx.received


async def read_bytes(request: web.Request, max_bytes: int = MAX_PLAIN_BYTES) -> bytes:
    """Return the bytes of a body, decompressed.

    Raises INVALID_REQUEST, or a 413 for a body above `max_bytes` or the limit of the application.
    """
    limit = request._client_max_size = min(request._client_max_size, max_bytes)
    if (request.content_length or 0) > limit:
        check_length(request, max_bytes)
    try:
        return await request.read()
    except web.RequestPayloadError:
        raise invalid_body(
            "The body does not match its Content-Encoding or Transfer-Encoding header."
        ) from None


def check_length(request: web.Request, max_bytes: int = MAX_PLAIN_BYTES) -> None:
    """Raise a 413 for a body whose length is above `max_bytes` or the limit of the application.

    Of a chunked body the length is what has come so far.
    """
    # The limit of `Request.read`, which also counts what is decompressed.
    request._client_max_size = min(request._client_max_size, max_bytes)
    length = request.content_length or request.content.total_bytes
    if "Content-Encoding" in request.headers:
        # A compressed body may be larger than its content by that.
        length -= MAX_OVERHEAD
    if length > request._client_max_size:
        raise web.HTTPRequestEntityTooLarge(request._client_max_size, length)


def _parse_body(
    ctx: RequestContext, raw: bytes, schema: BodySchema, media_types: tuple[str, ...]
) -> Any:
    if not raw:
        raise invalid_body("The body is missing.")
    if media_types:
        _check_media_type(ctx, media_types)
    value = parse_json(raw)
    # Most are; not one call more than necessary.
    return value if isinstance(value, dict) else _body_value(value, schema, media_types)


def _body_value(value: Any, schema: BodySchema, media_types: tuple[str, ...]) -> Any:
    """Return the value of a body, `{}` for one that counts as empty. Raises INVALID_REQUEST if it must be an object."""
    # Clients of the routes that accept any media type send `null` for an empty body.
    if value is None and not media_types:
        value = {}
    if not isinstance(value, dict) and not isinstance(schema, AnyJson):
        raise invalid_body("The body must be a JSON object.")
    return value


def _check_media_type(ctx: RequestContext, media_types: tuple[str, ...]) -> None:
    if "Content-Type" in ctx.headers and ctx.content_type not in media_types:
        raise web.HTTPUnsupportedMediaType


def load_body(schema: Loader, value: Any) -> dict[str, Any]:
    """Return a value as the schema loads it. Raises INVALID_REQUEST with the invalid fields."""
    try:
        loaded: dict[str, Any] = schema.load(value)
    except ValidationError as error:
        raise _invalid_fields(error) from None
    return loaded


def _invalid_fields(error: ValidationError) -> DomainError:
    # marshmallow's frame refers to the error that it raises: the body would stay until a garbage collection.
    error.__traceback__ = None
    messages = error.messages if isinstance(error.messages, dict) else {"body": error.messages}
    return DomainError(ErrorCode.INVALID_REQUEST, fields=messages)


def parse_json(raw: bytes) -> Any:
    """Return parsed JSON that can be stored and dumped again.

    Raises INVALID_REQUEST for invalid JSON, nesting above MAX_DEPTH, integers beyond 64 bits, NUL characters, more than
    MAX_LONG_NUMBERS numbers with 19 digits in a row, and what `check_size` refuses.
    """
    if len(raw) > LARGE_BODY_BYTES:
        return complete(parse_in_steps(raw))
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        # A byte order mark, or an error that the steps name.
        return complete(parse_in_steps(raw))
    zeros = raw.translate(_DIGITS_TO_ZEROS)
    if (
        raw.count(b"[") + raw.count(b"{") > MAX_DEPTH
        or (_LONG_NUMBER in zeros and _may_be_beyond_64_bits(raw, zeros))
        or _ESCAPED_NUL in raw
    ):
        complete(_check_values(raw, None))
    return value


def _may_be_beyond_64_bits(raw: bytes, zeros: bytes) -> bool:
    """Return whether JSON has a number of 20 digits, or of 19 from a 9 on. A time in nanoseconds is none of these."""
    start = zeros.find(_LONG_NUMBER)
    while start >= 0:
        end = start + len(_LONG_NUMBER)
        if raw[start] == _NINE or zeros[end : end + 1] == b"0":
            return True
        start = zeros.find(_LONG_NUMBER, end)
    return False


def parse_in_steps(raw: bytes) -> Steps[Any]:
    """Return what `parse_json` returns, in steps of a few milliseconds each. Raises what it raises.

    The largest body takes up to 8 ms in the step that parses it, and 3 ms in each other one.
    """
    structure = yield from check_size(raw)
    yield MAX_WORK
    raw, value = _load(raw)
    yield MAX_WORK
    yield from _check_values(raw, structure)
    return value


def _load(raw: bytes) -> tuple[bytes, Any]:
    """Return JSON without a byte order mark, and its value. Raises INVALID_REQUEST."""
    if raw[:3] == BOM_UTF8:
        # Some clients write it, and a reader may ignore it (RFC 8259, 8.1).
        raw = raw[3:]
    try:
        return raw, orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # orjson's own message names Python's str.
        cause = "it is not UTF-8" if "UTF-8" in error.msg else error.msg
        raise invalid_body(f"The body is not valid JSON: {cause}.") from None


def _check_values(raw: bytes, structure: bytes | None) -> Steps[None]:
    """Raise INVALID_REQUEST for valid JSON that cannot be stored.

    `structure`: what `without_strings` returns, or None.
    """
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        if structure is None:
            structure = without_strings(raw)
            yield MAX_WORK
        _check_depth(structure)
        yield MAX_WORK
    if _LONG_NUMBER in raw.translate(_DIGITS_TO_ZEROS):
        if structure is None:
            structure = without_strings(raw)
            yield MAX_WORK
        _check_numbers(structure)
        yield MAX_WORK
    if _ESCAPED_NUL in raw and _ESCAPED_NUL in raw.replace(rb"\\", b""):
        raise invalid_body("The body holds a NUL character.")


def invalid_body(message: str) -> DomainError:
    """Return an INVALID_REQUEST for the body as a whole."""
    return DomainError(ErrorCode.INVALID_REQUEST, subject="body", fields={"body": [message]})


def check_size(raw: bytes) -> Steps[bytes | None]:
    """Raise INVALID_REQUEST for JSON that would take long to parse; return it without strings if that was needed.

    That is more than MAX_CONTAINERS lists and objects, MAX_STRINGS strings, MAX_NAMES names or MAX_COMMAS commas.
    """
    containers = raw.count(b"[") + raw.count(b"{")
    quotes = raw.count(b'"')
    if quotes > 2 * MAX_STRINGS:
        quotes -= raw.replace(rb"\\", b"").count(rb"\"")
        if quotes > 2 * MAX_STRINGS:
            raise invalid_body(f"The body holds more than {MAX_STRINGS:,} strings and names.")
    names, commas = raw.count(b":"), raw.count(b",")
    if containers <= MAX_CONTAINERS and names <= MAX_NAMES and commas <= MAX_COMMAS:
        return None
    yield MAX_WORK
    structure = without_strings(raw)
    yield MAX_WORK
    if structure.count(b"[") + structure.count(b"{") > MAX_CONTAINERS:
        raise invalid_body(f"The body holds more than {MAX_CONTAINERS:,} lists and objects.")
    if structure.count(b":") > MAX_NAMES:
        raise invalid_body(f"The body holds more than {MAX_NAMES:,} names.")
    if structure.count(b",") > MAX_COMMAS:
        raise invalid_body(f"The body holds more than {MAX_COMMAS:,} commas between values.")
    return structure


def _check_depth(structure: bytes) -> None:
    """Raise INVALID_REQUEST for valid JSON, without its strings, that is nested too deep."""
    levels = structure.translate(_PARENTHESES, _NO_BRACKETS)
    for _ in range(_INNERMOST):
        levels = levels.replace(b"()", b"")
        if not levels:
            return
    # It is deepest where a level without further ones begins: the brackets before it that are still open, and itself.
    before = levels.split(b"()")[:-1]
    opened = accumulate(map(bytes.count, before, repeat(b"(")))
    closed = accumulate(map(bytes.count, before, repeat(b")")))
    if max(map(sub, opened, closed)) + 1 + _INNERMOST > MAX_DEPTH:
        raise invalid_body(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check_numbers(structure: bytes) -> None:
    """Raise INVALID_REQUEST for an integer beyond 64 bits in valid JSON without its strings."""
    zeros = structure.translate(_DIGITS_TO_ZEROS) + b" "
    # A regular expression tries each digit of each number, the short ones, too: it takes twice the time.
    between = zeros.split(_LONG_NUMBER, MAX_LONG_NUMBERS + 1)
    if len(between) - 1 > MAX_LONG_NUMBERS:
        raise invalid_body(f"The body holds more than {MAX_LONG_NUMBERS:,} long numbers.")
    end = 0
    for gap in between[:-1]:
        start = end + len(gap)
        end = start + len(_LONG_NUMBER)
        is_large = structure[start:end] > _LARGEST or zeros[end] == _ZERO
        if is_large and _is_beyond_64_bits(structure, zeros, start, end):
            raise invalid_body("The body holds a whole number beyond 64 bits.")


def _is_beyond_64_bits(structure: bytes, zeros: bytes, start: int, end: int) -> bool:
    """Return whether 19 digits that are large, or go on, begin a whole number beyond 64 bits."""
    before = structure[start - 1] if start else 0
    if before in _WITHIN_NUMBER:
        return False
    if zeros[end] == _ZERO:
        following = _AFTER_DIGITS.search(zeros, end)
        assert following is not None
        return zeros[following.start()] not in _FRACTION
    if zeros[end] in _FRACTION:
        return False
    if before != _MINUS:
        return True
    return structure[start:end] != _SMALLEST and structure[start - 2] not in _EXPONENT


def smallest_size(raw: bytes) -> int:
    """Return the bytes of valid JSON in compact form, or fewer: brackets, commas, colons, one quote of a string."""
    return len(without_strings(raw).translate(None, _NUMBERS))


def without_strings(raw: bytes) -> bytes:
    """Return brackets, commas, colons and numbers of valid JSON, with a quote for each string."""
    unescaped = raw.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in raw else raw
    # Fewer bytes are faster to split.
    return b'"'.join(unescaped.translate(None, _NO_STRUCTURE).split(b'"')[::2])
