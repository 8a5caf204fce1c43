"""Uploads: a file as a form sends it, or as the body itself, up to a size of its own."""

from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from coalserver.domain.refusal import Refusal, Why
from coalserver.web.body import malformed

FIELD = "file"
FORM = "multipart/form-data"
#: What a form has around its file, and other fields before it.
AROUND = 64 * 1024
PIECE = 64 * 1024
#: What aiohttp says of a form that is none; it warns of headers that it passes over, too.
UNREADABLE = (
    web.RequestPayloadError, HttpProcessingError, ValueError, AssertionError, RuntimeError, RuntimeWarning,
)


async def uploaded(request: web.Request, most: int) -> bytes:
    """The file of a request; too large a one is 413 as soon as that is known."""
    if (request.content_length or 0) > most + AROUND:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    try:
        if request.content_type == FORM:
            raw = await _field(request, most)
        elif request.content_type.startswith("image/") or "Content-Type" not in request.headers:
            raw = await _gathered(request.content.iter_chunked(PIECE), most)
        else:
            raise web.HTTPUnsupportedMediaType
    except UNREADABLE:
        raise malformed("The body is not a form with a file, or was cut off.") from None
    if not raw:
        raise Refusal(Why.MALFORMED, fields={FIELD: ["This field is required."]})
    return raw


async def _field(request: web.Request, most: int) -> bytes:
    """The first part of a form that is called so; empty if there is none."""
    seen = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within a form")
        if part.name == FIELD:
            return await _gathered(_pieces(part), most)
        async for piece in _pieces(part):
            seen += len(piece)
            if seen > AROUND:
                raise web.HTTPRequestEntityTooLarge(AROUND, seen)
    return b""


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
