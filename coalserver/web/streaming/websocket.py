"""Sockets: WebSockets that hear a message while it is read, and are written to without waiting.

aiohttp's own way costs a queue, a future and a turn of the loop for each message, and waits in each write for a
client that is slow. Here the parser hands a message on at once. Whoever writes to many writes to all of them and
looks at `unread` before he writes more.

This leans on private members of aiohttp: `WebSocketResponse._post_start`, `_reader`, `_parser` and
`_max_msg_size`, and on `WebSocketDataQueue` and `WebSocketReader`, which are in no public module. They are named
here and nowhere else, and setup.cfg pins aiohttp's minor version.
"""

import asyncio
import logging
import struct
from typing import Any, Protocol

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from coalserver.domain.errors import DomainError, ErrorCode

log = logging.getLogger(__name__)

#: Bytes of ours that a client may leave unread before its pings go without an answer.
HIGH_WATER_MARK = 64 * 1024
#: Messages that may come before anybody hears them: the client has not even been greeted.
MAX_EARLY_MESSAGES = 16
#: Seconds a client has to answer a close, and to take what was said before it.
CLOSING_SECONDS = 5
#: Bytes of a close frame's reason, at most.
MAX_REASON_BYTES = 123
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


class MessageHandler(Protocol):
    """Who is told what a client says. What it raises ends the connection."""

    def text(self, raw: bytes) -> None:
        """A text message; whether it is UTF-8 nobody has looked."""

    def binary(self) -> None:
        """A binary message has come."""


class WebSocketConnection:
    """One WebSocket, from its handshake until it is closed."""

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        loop = asyncio.get_running_loop()
        #: Close code and reason, once it is decided that this ends. The first who decides is right.
        self.ended: asyncio.Future[tuple[int, str]] = loop.create_future()
        self._disconnected: asyncio.Future[None] = loop.create_future()
        self._handler: MessageHandler | None = None
        self._early: list[Any] = []
        self._transport: asyncio.Transport | None = None
        self._response: _Response | None = None

    async def open(self, request: web.Request) -> None:
        """Shake hands; refuses what is no proper handshake."""
        self._transport = request.transport
        self._response = _Response(self, self._max_message_bytes)
        try:
            await self._response.prepare(request)
        except web.HTTPBadRequest:
            raise DomainError(
                ErrorCode.INVALID_REQUEST,
                what="handshake",
                fields={"handshake": ["Not a WebSocket's."]},
            ) from None

    def set_handler(self, handler: MessageHandler) -> None:
        """From now on this one is told what comes, and what has come already."""
        self._handler = handler
        early, self._early = self._early, []
        for message in early:
            self.receive(message)

    def write(self, frames: bytes) -> None:
        """Send frames, or leave them unread where the client takes none."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(frames)

    @property
    def unread(self) -> int:
        """Bytes the client has left unread, as far as the system does not hold them."""
        transport = self._transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def close(self, code: int, reason: str = "", *, at_once: bool = False) -> None:
        """Let this end; `at_once` without a word, for a client that would not take it."""
        if not self.ended.done():
            self.ended.set_result((code, reason))
        if at_once:
            self._abort()

    async def wait_closed(self) -> None:
        """Wait for the end, say it to the client, and let go of the connection."""
        code, reason = await self.ended
        self.write(frame(close_payload(code, reason), CLOSE))
        await asyncio.wait((self._disconnected,), timeout=CLOSING_SECONDS)
        if self.unread:
            self._abort()

    def receive(self, message: Any) -> None:
        """What the parser has read, as it is read."""
        kind = message[0]
        if kind is WSMsgType.CLOSE:
            self.close(message[1] or WSCloseCode.OK)
            self.connection_lost()
        elif self.ended.done():
            return
        elif kind is WSMsgType.PING:
            if self.unread <= HIGH_WATER_MARK:
                self.write(frame(bytes(message[1]), PONG))
        elif kind is WSMsgType.PONG:
            return
        elif self._handler is None:
            self._early.append(message)
            if len(self._early) > MAX_EARLY_MESSAGES:
                self.close(WSCloseCode.POLICY_VIOLATION, "Too many messages")
        elif kind is WSMsgType.TEXT:
            self._handler.text(message[1])
        else:
            self._handler.binary()

    def connection_lost(self) -> None:
        """Nothing more will come."""
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        self.close(WSCloseCode.ABNORMAL_CLOSURE)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Response(web.WebSocketResponse):
    """aiohttp's handshake, with our end of the parser behind it."""

    def __init__(self, socket: WebSocketConnection, max_message_bytes: int) -> None:
        super().__init__(compress=False, max_msg_size=max_message_bytes)
        self._socket = socket

    def _post_start(self, request: web.BaseRequest, protocol: Any, writer: Any) -> None:
        self._ws_protocol = protocol
        self._writer = writer
        self._reader = _Inbox(request.protocol, 1 << 16, loop=asyncio.get_running_loop())
        self._reader.socket = self._socket
        self._parser = WebSocketReader(
            self._reader, self._max_msg_size, compress=False, decode_text=False
        )
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)


class _Inbox(WebSocketDataQueue):
    """Where aiohttp's parser puts messages: it keeps none."""

    socket: WebSocketConnection

    def feed_data(self, data: Any, size: int) -> None:
        self.socket.receive(data)

    def feed_eof(self) -> None:
        self.socket.connection_lost()

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        if isinstance(exc, WebSocketError):
            self.socket.close(exc.code, str(exc))
        else:
            log.error("A message could not be heard.", exc_info=exc)
            self.socket.close(WSCloseCode.INTERNAL_ERROR, "Internal server error")


def frame(payload: bytes, first: int = TEXT) -> bytes:
    """A frame as RFC 6455 has it: whole, and from a server, not masked."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def close_payload(code: int, reason: str) -> bytes:
    """What a close frame holds. A reason that is too long is cut between characters."""
    text = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
    return struct.pack("!H", code) + text.encode()
