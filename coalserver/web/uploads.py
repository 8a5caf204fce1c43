"""Uploads: a file as a form sends it, or as the body itself, up to a size of its own."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.body import invalid_body
from coalserver.web.pages.forms import Pairs

T = TypeVar("T")

FILE_FIELD = "file"
MULTIPART = "multipart/form-data"
#: What a body is whose sender does not say, or does not know.
DEFAULT_MEDIA_TYPE = "application/octet-stream"
#: What a form has around its file, and other fields before it.
MAX_FORM_OVERHEAD = 64 * 1024
CHUNK_SIZE = 64 * 1024
#: What aiohttp says of a form that is none; it warns of headers that it passes over, too.
UPLOAD_ERRORS = (
    web.RequestPayloadError,
    HttpProcessingError,
    ValueError,
    AssertionError,
    RuntimeError,
    RuntimeWarning,
)


async def read_upload(request: web.Request, max_bytes: int) -> bytes:
    """The file of a request; too large a one is 413 as soon as that is known."""
    _check_length(request, max_bytes)
    try:
        if request.content_type == MULTIPART:
            raw = await _find_file(request, max_bytes, lambda pairs: None, _read_all) or b""
        elif request.content_type.startswith(("image/", DEFAULT_MEDIA_TYPE)):
            raw = await _read_all(request.content.iter_chunked(CHUNK_SIZE), max_bytes)
        else:
            raise web.HTTPUnsupportedMediaType
    except UPLOAD_ERRORS:
        raise invalid_body("The body is not a form with a file, or was cut off.") from None
    return _require_file(raw)


async def read_form_upload(
    request: web.Request, max_bytes: int, check: Callable[[Pairs], None]
) -> bytes:
    """The file of a form; `may` refuses it by the fields before it, before any of it is read."""
    return _require_file(await _read_form_file(request, max_bytes, check, _read_all) or b"")


async def save_upload(
    request: web.Request, max_bytes: int, check: Callable[[Pairs], None], path: Path
) -> None:
    """The same for what is too large for memory: it is written to a new file as it comes."""

    async def write_chunks(chunks: AsyncIterator[bytes], max_bytes: int) -> int:
        size = 0
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise web.HTTPRequestEntityTooLarge(max_bytes, size)
                await asyncio.to_thread(out.write, chunk)
        return size

    if not await _read_form_file(request, max_bytes, check, write_chunks):
        raise missing_file()


def missing_file() -> DomainError:
    """There is a form, and no file in it."""
    return DomainError(ErrorCode.INVALID_REQUEST, fields={FILE_FIELD: ["This field is required."]})


async def _read_form_file(
    request: web.Request,
    max_bytes: int,
    check: Callable[[Pairs], None],
    consume: Callable[[AsyncIterator[bytes], int], Awaitable[T]],
) -> T | None:
    _check_length(request, max_bytes)
    if request.content_type != MULTIPART:
        raise web.HTTPUnsupportedMediaType
    try:
        return await _find_file(request, max_bytes, check, consume)
    except UPLOAD_ERRORS:
        raise invalid_body("The body is not a form with a file, or was cut off.") from None


def _check_length(request: web.Request, max_bytes: int) -> None:
    if (request.content_length or 0) > max_bytes + MAX_FORM_OVERHEAD:
        raise web.HTTPRequestEntityTooLarge(max_bytes, request.content_length or 0)


def _require_file(raw: bytes) -> bytes:
    if not raw:
        raise missing_file()
    return raw


async def _find_file(
    request: web.Request,
    max_bytes: int,
    check: Callable[[Pairs], None],
    consume: Callable[[AsyncIterator[bytes], int], Awaitable[T]],
) -> T | None:
    """What is made of the first part that is a file, if `may` lets it by what stands before; None without one."""
    pairs: Pairs = []
    seen = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within a form")
        if part.name == FILE_FIELD:
            check(pairs)
            return await consume(_chunks(part), max_bytes)
        value = bytearray()
        async for chunk in _chunks(part):
            value += chunk
            seen += len(chunk)
            if seen > MAX_FORM_OVERHEAD:
                raise web.HTTPRequestEntityTooLarge(MAX_FORM_OVERHEAD, seen)
        pairs.append((part.name or "", value.decode("utf-8", "replace")))
    check(pairs)
    return None


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK_SIZE):
        yield chunk


async def _read_all(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    raw = bytearray()
    async for chunk in chunks:
        raw += chunk
        if len(raw) > max_bytes:
            raise web.HTTPRequestEntityTooLarge(max_bytes, len(raw))
    return bytes(raw)
