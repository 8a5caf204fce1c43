"""Uploads: a file as a form sends it, or as the body itself, up to a size of its own."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from coalserver.domain.errors import Refusal, Why
from coalserver.web.body import malformed
from coalserver.web.pages.forms import Pairs

T = TypeVar("T")

FIELD = "file"
FORM = "multipart/form-data"
#: What a body is whose sender does not say, or does not know.
UNSAID = "application/octet-stream"
#: What a form has around its file, and other fields before it.
AROUND = 64 * 1024
PIECE = 64 * 1024
#: What aiohttp says of a form that is none; it warns of headers that it passes over, too.
UNREADABLE = (
    web.RequestPayloadError,
    HttpProcessingError,
    ValueError,
    AssertionError,
    RuntimeError,
    RuntimeWarning,
)


async def uploaded(request: web.Request, most: int) -> bytes:
    """The file of a request; too large a one is 413 as soon as that is known."""
    _bounded(request, most)
    try:
        if request.content_type == FORM:
            raw = await _file_of(request, most, lambda pairs: None, _gathered) or b""
        elif request.content_type.startswith(("image/", UNSAID)):
            raw = await _gathered(request.content.iter_chunked(PIECE), most)
        else:
            raise web.HTTPUnsupportedMediaType
    except UNREADABLE:
        raise malformed("The body is not a form with a file, or was cut off.") from None
    return _some(raw)


async def uploaded_form(request: web.Request, most: int, may: Callable[[Pairs], None]) -> bytes:
    """The file of a form; `may` refuses it by the fields before it, before any of it is read."""
    return _some(await _of_form(request, most, may, _gathered) or b"")


async def upload_kept(
    request: web.Request, most: int, may: Callable[[Pairs], None], place: Path
) -> None:
    """The same for what is too large for memory: it is written to a new file as it comes."""

    async def poured(pieces: AsyncIterator[bytes], most: int) -> int:
        size = 0
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            async for piece in pieces:
                size += len(piece)
                if size > most:
                    raise web.HTTPRequestEntityTooLarge(most, size)
                await asyncio.to_thread(out.write, piece)
        return size

    if not await _of_form(request, most, may, poured):
        raise missing()


def missing() -> Refusal:
    """There is a form, and no file in it."""
    return Refusal(Why.MALFORMED, fields={FIELD: ["This field is required."]})


async def _of_form(
    request: web.Request,
    most: int,
    may: Callable[[Pairs], None],
    taken: Callable[[AsyncIterator[bytes], int], Awaitable[T]],
) -> T | None:
    _bounded(request, most)
    if request.content_type != FORM:
        raise web.HTTPUnsupportedMediaType
    try:
        return await _file_of(request, most, may, taken)
    except UNREADABLE:
        raise malformed("The body is not a form with a file, or was cut off.") from None


def _bounded(request: web.Request, most: int) -> None:
    if (request.content_length or 0) > most + AROUND:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)


def _some(raw: bytes) -> bytes:
    if not raw:
        raise missing()
    return raw


async def _file_of(
    request: web.Request,
    most: int,
    may: Callable[[Pairs], None],
    taken: Callable[[AsyncIterator[bytes], int], Awaitable[T]],
) -> T | None:
    """What is made of the first part that is a file, if `may` lets it by what stands before; None without one."""
    pairs: Pairs = []
    seen = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within a form")
        if part.name == FIELD:
            may(pairs)
            return await taken(_pieces(part), most)
        value = bytearray()
        async for piece in _pieces(part):
            value += piece
            seen += len(piece)
            if seen > AROUND:
                raise web.HTTPRequestEntityTooLarge(AROUND, seen)
        pairs.append((part.name or "", value.decode("utf-8", "replace")))
    may(pairs)
    return None


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
