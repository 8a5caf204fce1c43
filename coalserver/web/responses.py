"""Replies: small answers written in one piece. Large ones, and whatever streams, go aiohttp's way."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

#: Above this a client may be too slow to take it at once: aiohttp then waits for him.
MAX_SINGLE_WRITE = 64 * 1024
JSON = "application/json; charset=utf-8"
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_BODYLESS = frozenset((204, 304))


class RawResponse(web.StreamResponse):
    """A whole answer to one request, head and body, written in one piece."""

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        # Not calling up: a StreamResponse's own state would cost more than the answer.
        self._status = status
        self._head = head
        self._bytes = body
        self._eof_sent = False
        self._keep_alive = True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write everything; nothing is left for later."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._keep_alive = request.keep_alive
        transport.write(self.bytes_for(request))
        if request.protocol.writing_paused:
            await request.protocol._drain_helper()

    def bytes_for(self, request: web.BaseRequest) -> bytes:
        """All that is sent to this request."""
        body = b"" if request.method == "HEAD" else self._bytes
        if not request.keep_alive:
            return self._head + b"Connection: close\r\n\r\n" + body
        if request.version.minor == 0:
            return self._head + b"Connection: keep-alive\r\n\r\n" + body
        return self._head + b"\r\n" + body

    async def write_eof(self, data: bytes = b"") -> None:
        return None

    @property
    def keep_alive(self) -> bool | None:
        return self._keep_alive


class AlreadySent(web.StreamResponse):
    """The answer to a request that has been answered already."""

    def __init__(self, keep_alive: bool) -> None:
        self._status = 200
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None

    @property
    def keep_alive(self) -> bool | None:
        return self._keep_alive


def raw_response(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> web.StreamResponse:
    """An answer with this body."""
    if len(body) > MAX_SINGLE_WRITE:
        return web.Response(
            body=body, status=status, headers={"Content-Type": media_type, **(headers or {})}
        )
    head = _STATUS_LINES[status]
    if status not in _BODYLESS:
        head += b"Content-Type: %b\r\nContent-Length: %d\r\n" % (media_type.encode(), len(body))
    for name, value in (headers or {}).items():
        head += f"{name}: {header_value(value)}\r\n".encode()
    return RawResponse(status, head, body)


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """An answer with this value as JSON."""
    return raw_response(orjson.dumps(value, default=json_fragment), status, headers)


def no_content(headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """204: done, and there is nothing to say."""
    return raw_response(b"", 204, headers)


def json_fragment(value: Any) -> orjson.Fragment:
    """Free JSON kept as bytes goes into a document as it is."""
    if isinstance(value, bytes):
        return orjson.Fragment(value)
    raise TypeError(type(value).__name__)


def header_value(value: str) -> str:
    """A header's value cannot begin another header."""
    return value.replace("\r", " ").replace("\n", " ")


def with_header_lines(response: web.StreamResponse, lines: bytes) -> web.StreamResponse:
    """The same answer with more header lines; one that has been sent stays as it is."""
    if not lines:
        return response
    if isinstance(response, RawResponse):
        response._head += lines
    elif not isinstance(response, AlreadySent) and not response.prepared:
        for line in lines.decode().split("\r\n")[:-1]:
            name, _, value = line.partition(": ")
            response.headers[name] = value
    return response
