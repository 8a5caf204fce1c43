"""File uploads: in a multipart form or as the whole body, each with its own size limit."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.body import invalid_body
from coalserver.web.pages.forms import Pairs

T = TypeVar("T")

FILE_FIELD = "file"
MULTIPART = "multipart/form-data"
#: Content type of a body that is sent without a more specific one.
DEFAULT_MEDIA_TYPE = "application/octet-stream"
#: What the system answers where a disk, a quota or the largest size of a file leaves no room.
DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
#: Bytes of a form beside its file: delimiters, and the fields before the file.
MAX_FORM_OVERHEAD = 64 * 1024
CHUNK_SIZE = 64 * 1024
#: Fields before the file of a form; no form of this site has more.
MAX_PARTS = 20
#: Lines that a form may have beside the contents of its parts: delimiters, headers, and those before the first part.
MAX_LINES = 400
#: What aiohttp raises for an invalid form, with its warnings of headers that it ignores.
UPLOAD_ERRORS = (
    web.RequestPayloadError,
    HttpProcessingError,
    ValueError,
    AssertionError,
    RuntimeError,
    RuntimeWarning,
)


async def read_upload(request: web.Request, max_bytes: int) -> bytes:
    """Return the uploaded file of a request with a form, an image or binary data.

    Raises INVALID_REQUEST without a file, or 413 and 415.
    """
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
    """Return the file of a form. `check` may raise for the fields before it, before the file is read."""
    return _require_file(await _read_form_file(request, max_bytes, check, _read_all) or b"")


async def save_upload(
    request: web.Request, max_bytes: int, check: Callable[[Pairs], None], path: Path
) -> None:
    """Write the file of a form to a new file chunk by chunk, as `read_form_upload` would return it.

    For files too large for memory. After an error the new file may be incomplete.
    """

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
    """Return an INVALID_REQUEST for a form without a file."""
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
    """Return what `consume` makes of the form's file; None without one.

    `check` is called with the fields before the file.
    """
    pairs: Pairs = []
    seen = 0
    content = cast(StreamReader, _CountedLines(request.content))
    async for part in MultipartReader(request.headers, content):
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form within a form")
        if part.name == FILE_FIELD:
            check(pairs)
            consumed = await consume(_chunks(part), max_bytes)
            await _read_rest(request)
            return consumed
        value = bytearray()
        async for chunk in _chunks(part):
            value += chunk
            seen += len(chunk)
            if seen > MAX_FORM_OVERHEAD:
                raise web.HTTPRequestEntityTooLarge(MAX_FORM_OVERHEAD, seen)
        pairs.append((part.name or "", value.decode("utf-8", "replace")))
        if len(pairs) > MAX_PARTS:
            raise ValueError("too many fields")
    check(pairs)
    return None


class _CountedLines:
    """A body of which at most MAX_LINES lines can be read. All that aiohttp reads beside contents is lines.

    Each line takes a few microseconds, and the loop serves nobody else while lines are there.
    """

    def __init__(self, content: StreamReader) -> None:
        self._content = content
        self._lines = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def readline(self, **arguments: Any) -> bytes:
        self._lines += 1
        if self._lines > MAX_LINES:
            raise ValueError("too many lines")
        return await self._content.readline(**arguments)


async def _read_rest(request: web.Request) -> None:
    """Read what follows the file: only the end of a compressed body shows that it is complete."""
    seen = 0
    while chunk := await request.content.readany():
        seen += len(chunk)
        if seen > MAX_FORM_OVERHEAD:
            raise web.HTTPRequestEntityTooLarge(MAX_FORM_OVERHEAD, seen)


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
