"""Uploads: a file as a form sends it, or as the body itself, up to a size of its own."""

from collections.abc import AsyncIterator, Callable

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from coalserver.domain.refusal import Refusal, Why
from coalserver.web.body import malformed
from coalserver.web.forms import Pairs

FIELD = "file"
FORM = "multipart/form-data"
#: What a body is whose sender does not say, or does not know.
UNSAID = "application/octet-stream"
#: What a form has around its file, and other fields before it.
AROUND = 64 * 1024
PIECE = 64 * 1024
#: What aiohttp says of a form that is none; it warns of headers that it passes over, too.
UNREADABLE = (
    web.RequestPayloadError, HttpProcessingError, ValueError, AssertionError, RuntimeError, RuntimeWarning,
)


async def uploaded(request: web.Request, most: int) -> bytes:
    """The file of a request; too large a one is 413 as soon as that is known."""
    _bounded(request, most)
    try:
        if request.content_type == FORM:
            _, raw = await _fields(request, most)
        elif request.content_type.startswith(("image/", UNSAID)):
            raw = await _gathered(request.content.iter_chunked(PIECE), most)
        else:
            raise web.HTTPUnsupportedMediaType
    except UNREADABLE:
        raise malformed("The body is not a form with a file, or was cut off.") from None
    return _some(raw)


async def uploaded_form(request: web.Request, most: int, may: Callable[[Pairs], None]) -> bytes:
    """The file of a form; `may` refuses it by the fields before it, before any of it is read."""
    _bounded(request, most)
    if request.content_type != FORM:
        raise web.HTTPUnsupportedMediaType
    try:
        _, raw = await _fields(request, most, may)
    except UNREADABLE:
        raise malformed("The body is not a form with a file, or was cut off.") from None
    return _some(raw)


def _bounded(request: web.Request, most: int) -> None:
    if (request.content_length or 0) > most + AROUND:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)


def _some(raw: bytes) -> bytes:
    if not raw:
        raise Refusal(Why.MALFORMED, fields={FIELD: ["This field is required."]})
    return raw


async def _fields(
    request: web.Request, most: int, may: Callable[[Pairs], None] | None = None
) -> tuple[Pairs, bytes]:
    """What stands before the first part that is called so, and that part; empty if there is none."""
    pairs: Pairs = []
    seen = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within a form")
        if part.name == FIELD:
            if may is not None:
                may(pairs)
            return pairs, await _gathered(_pieces(part), most)
        value = bytearray()
        async for piece in _pieces(part):
            value += piece
            seen += len(piece)
            if seen > AROUND:
                raise web.HTTPRequestEntityTooLarge(AROUND, seen)
        pairs.append((part.name or "", value.decode("utf-8", "replace")))
    if may is not None:
        may(pairs)
    return pairs, b""


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(PIECE):
        yield piece


async def _gathered(pieces: AsyncIterator[bytes], most: int) -> bytes:
    raw = bytearray()
    async for piece in pieces:
        raw += piece
        if len(raw) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(raw))
    return bytes(raw)
