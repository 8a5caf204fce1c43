"""Responses: small ones written in one piece. Large ones and streams use aiohttp's own classes."""

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

#: Bytes of a body above which aiohttp writes the response, so that it waits for a slow client.
MAX_SINGLE_WRITE = 64 * 1024
JSON = "application/json; charset=utf-8"
_JSON_TYPE = JSON.encode()
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_BODYLESS = frozenset((204, 304))


class RawResponse(web.StreamResponse):
    """A response to one request whose head and body are written in one piece."""

    #: Set by `prepare` from the request; a plain attribute in place of aiohttp's property.
    keep_alive = True
    #: Whether the connection is closed after this response.
    closes = False

    def __init__(self, status: int, head: bytes, body: bytes) -> None:
        # StreamResponse.__init__ is not called: its state would cost more than the whole response.
        self._status = status
        self._head = head
        self._bytes = body
        self._eof_sent = False

    def to_bytes(
        self, keep_alive: bool, *, minor_version: int = 1, with_body: bool = True
    ) -> bytes:
        """Return head and body for a request of HTTP/1.1 or HTTP/1.0 on a connection that is kept or closed."""
        if not keep_alive:
            end = b"Connection: close\r\n\r\n"
        else:
            end = b"\r\n" if minor_version else b"Connection: keep-alive\r\n\r\n"
        return b"%b%b%b" % (self._head, end, self._bytes if with_body else b"")

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the whole response. Raises ConnectionResetError if the client has disconnected."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has disconnected")
        keep_alive = self.keep_alive = request.keep_alive and not self.closes
        transport.write(
            self.to_bytes(
                keep_alive,
                minor_version=request.version.minor,
                with_body=request.method != "HEAD",
            )
        )
        if request.protocol.writing_paused:
            await request.protocol._drain_helper()

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class StreamedResponse(web.StreamResponse):
    """A JSON response whose body is made while it is sent: other requests run between two pieces.

    The next piece is made when the client has taken the one before, so that a slow client costs no memory. An empty
    piece is not sent.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__(headers={"Content-Type": JSON})
        self._pieces = pieces

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the whole body. Raises ConnectionResetError if the client disconnects."""
        if not self._must_be_empty_body and not self._eof_sent:
            for piece in self._pieces:
                if piece:
                    await self.write(piece)
                await asyncio.sleep(0)
        await super().write_eof(data)


class AlreadySent(web.StreamResponse):
    """A placeholder for a response that has been written to the transport already."""

    keep_alive = False

    def __init__(self, keep_alive: bool) -> None:
        self._status = 200
        self.keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


def raw_response(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> web.StreamResponse:
    """Return a response with this body."""
    if len(body) > MAX_SINGLE_WRITE:
        return web.Response(
            body=body, status=status, headers={"Content-Type": media_type, **(headers or {})}
        )
    head = _STATUS_LINES[status]
    if status not in _BODYLESS:
        content_type = _JSON_TYPE if media_type is JSON else media_type.encode()
        head += b"Content-Type: %b\r\nContent-Length: %d\r\n" % (content_type, len(body))
    if headers:
        for name, value in headers.items():
            if "\r" in value or "\n" in value:
                value = header_value(value)
            head += f"{name}: {value}\r\n".encode()
    return RawResponse(status, head, body)


def close_after(response: web.StreamResponse) -> None:
    """Close the connection after this response, which has not been sent yet, and tell the client so."""
    if isinstance(response, RawResponse):
        response.closes = True
    else:
        response.force_close()


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Return a response with this value as JSON. Bytes within it are inserted as JSON."""
    return raw_response(orjson.dumps(value, default=json_fragment), status, headers)


def no_content(headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """Return a 204."""
    return raw_response(b"", 204, headers)


def json_fragment(value: Any) -> orjson.Fragment:
    """Return stored JSON bytes for insertion into a document. Raises TypeError for other types."""
    if isinstance(value, bytes):
        return orjson.Fragment(value)
    raise TypeError(type(value).__name__)


def header_value(value: str) -> str:
    """Return a header's value without line breaks, which would begin another header."""
    return value.replace("\r", " ").replace("\n", " ")


def with_header_lines(response: web.StreamResponse, lines: bytes) -> web.StreamResponse:
    """Add header lines to a response, unless it has been sent."""
    if not lines:
        return response
    if isinstance(response, RawResponse):
        response._head += lines
    elif not isinstance(response, AlreadySent) and not response.prepared:
        for line in lines.decode().split("\r\n")[:-1]:
            name, _, value = line.partition(": ")
            response.headers[name] = value
    return response
