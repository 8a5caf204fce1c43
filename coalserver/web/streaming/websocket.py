"""WebSockets that handle a message while it is parsed and are written to without waiting.

aiohttp's own class costs a queue, a future and an iteration of the event loop per message, and each write waits for a
slow client. Here the parser passes a message on at once. Code that writes to many clients checks `unread` before it
writes more.

This relies on private members of aiohttp: `WebSocketResponse._post_start`, `_handshake`, `_close_transport`, `_reader`,
`_parser`, `_req`, `_max_msg_size`, `_decode_text`, `_heartbeat`, `_reset_heartbeat` and `_on_data_received`, and on
`WebSocketDataQueue` and `WebSocketReader`, which are in no public module. They are used in no other module, and
setup.cfg pins aiohttp's minor version.
"""

import asyncio
import logging
import struct
from typing import Any, Protocol, cast

from aiohttp import HttpVersion11, WebSocketError, WSCloseCode, WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from coalserver.domain.errors import DomainError, ErrorCode

log = logging.getLogger(__name__)

#: Unread bytes above which a client's pings are not answered.
HIGH_WATER_MARK = 64 * 1024
#: Messages accepted before a handler is set.
MAX_EARLY_MESSAGES = 16
#: Seconds for a client to read what precedes the close and to answer it.
CLOSING_SECONDS = 5
#: Bytes of a close frame's reason, at most.
MAX_REASON_BYTES = 123
#: Opcodes: continuations are 0, control frames are those from 8 on.
CONTINUATION, CONTROL_FRAMES = 0, 8
#: Close codes that stand for an end without a close frame (RFC 6455, 7.4.1), and the largest one.
RESERVED_CLOSE_CODES, MAX_CLOSE_CODE = (1004, 1005, 1006, 1015), 4999
INVALID_CLOSE_CODE = "Invalid close code"
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


class MessageHandler(Protocol):
    """Handles the messages of a client. An exception closes the connection."""

    def text(self, raw: bytes) -> None:
        """Handle a text message in UTF-8."""

    def binary(self) -> None:
        """Handle a binary message; its content is dropped."""

    def pong(self) -> None:
        """Note a pong, which browsers and libraries send by themselves as the answer to a ping."""


class WebSocketConnection:
    """One WebSocket, from its handshake until it is closed."""

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        loop = asyncio.get_running_loop()
        #: Close code and reason, once the connection is to end. The first call of `close` sets them.
        self.ended: asyncio.Future[tuple[int, str]] = loop.create_future()
        self._disconnected: asyncio.Future[None] = loop.create_future()
        self._handler: MessageHandler | None = None
        self._early: list[Any] = []
        self._transport: asyncio.Transport | None = None
        self._response: _Response | None = None

    async def open(self, request: web.Request) -> None:
        """Complete the handshake. Raises INVALID_REQUEST for an invalid one."""
        self._transport = request.transport
        self._response = _Response(self, self._max_message_bytes)
        try:
            await self._response.prepare(request)
        except web.HTTPBadRequest:
            raise DomainError(
                ErrorCode.INVALID_REQUEST,
                subject="handshake",
                fields={"handshake": ["Not a WebSocket's."]},
            ) from None

    def set_handler(self, handler: MessageHandler) -> None:
        """Set the handler and pass it the messages that have already arrived."""
        self._handler = handler
        early, self._early = self._early, []
        for message in early:
            self.receive(message)

    def write(self, frames: bytes) -> None:
        """Write frames to the transport's buffer, which may grow; see `unread`."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(frames)

    def ping(self) -> None:
        """Send a ping; the handler is told of the answer."""
        self.write(frame(b"", PING))

    @property
    def unread(self) -> int:
        """Bytes in the transport's buffer; those in the kernel's buffer do not count."""
        transport = self._transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def close(self, code: int, reason: str = "", *, at_once: bool = False) -> None:
        """End the connection; with `at_once` without a close frame, for clients that do not read."""
        if not self.ended.done():
            self.ended.set_result((code, reason))
        if at_once:
            self._abort()

    async def wait_closed(self) -> None:
        """Wait for the end, send the close frame and release the connection."""
        code, reason = await self.ended
        self.write(frame(close_payload(code, reason), CLOSE))
        await asyncio.wait((self._disconnected,), timeout=CLOSING_SECONDS)
        if self.unread:
            self._abort()

    def receive(self, message: Any) -> None:
        """Handle a message from the parser."""
        kind = message[0]
        if kind is WSMsgType.CLOSE:
            if is_valid_close_code(message[1]):
                self.close(message[1] or WSCloseCode.OK)
            else:
                self.close(WSCloseCode.PROTOCOL_ERROR, INVALID_CLOSE_CODE)
            self.connection_lost()
        elif self.ended.done():
            return
        elif kind is WSMsgType.PING:
            if self.unread <= HIGH_WATER_MARK:
                self.write(frame(bytes(message[1]), PONG))
        elif kind is WSMsgType.PONG:
            if self._handler is not None:
                self._handler.pong()
        elif kind is WSMsgType.TEXT and not is_utf8(message[1]):
            self.close(WSCloseCode.INVALID_TEXT, "Invalid UTF-8 text message")
        elif self._handler is None:
            self._early.append(message)
            if len(self._early) > MAX_EARLY_MESSAGES:
                self.close(WSCloseCode.POLICY_VIOLATION, "Too many messages")
        elif kind is WSMsgType.TEXT:
            self._handler.text(message[1])
        else:
            self._handler.binary()

    def connection_lost(self) -> None:
        """Note that the client has disconnected or closed."""
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        self.close(WSCloseCode.ABNORMAL_CLOSURE)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class CheckedSocket(web.WebSocketResponse):
    """aiohttp's WebSocket with the checks that aiohttp leaves out; see `FrameCheck`."""

    def _handshake(self, request: web.BaseRequest) -> Any:
        """Check the handshake. Raises aiohttp's 400, also for a key of other characters than ASCII and for HTTP/1.0."""
        try:
            if request.version >= HttpVersion11:
                return super()._handshake(request)
        except ValueError:
            pass
        raise web.HTTPBadRequest

    def _make_queue(self, protocol: Any) -> WebSocketDataQueue:
        return _CheckedQueue(protocol, 1 << 16, loop=asyncio.get_running_loop())

    def _post_start(self, request: web.BaseRequest, protocol: Any, writer: Any) -> None:
        self._ws_protocol = protocol
        self._writer = writer
        self._reset_heartbeat()
        queue = self._reader = self._make_queue(request.protocol)
        reader = WebSocketReader(
            queue, self._max_msg_size, compress=False, decode_text=self._decode_text
        )
        self._parser = cast(WebSocketReader, FrameCheck(reader, queue))
        on_data = None if self._heartbeat is None else self._on_data_received
        request.protocol.set_parser(self._parser, on_data)
        request.protocol.keep_alive(False)


class FeedSocket(CheckedSocket):
    """aiohttp's WebSocket for feeds: pings every 20 s, no compression, and an end that no client can delay."""

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__(compress=False, heartbeat=20, max_msg_size=max_message_bytes)

    def _close_transport(self) -> None:
        """Close the connection; abort it if its client has not read everything after CLOSING_SECONDS."""
        transport = None if self._req is None else self._req.transport
        super()._close_transport()
        if transport is not None and transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(CLOSING_SECONDS, _abort_if_unread, transport)


def _abort_if_unread(transport: asyncio.Transport) -> None:
    if transport.get_write_buffer_size():
        transport.abort()


class _Response(CheckedSocket):
    """aiohttp's handshake with a parser that passes messages to a WebSocketConnection."""

    def __init__(self, socket: WebSocketConnection, max_message_bytes: int) -> None:
        # Handlers take bytes.
        super().__init__(compress=False, max_msg_size=max_message_bytes, decode_text=False)
        self._socket = socket

    def _make_queue(self, protocol: Any) -> WebSocketDataQueue:
        inbox = _Inbox(protocol, 1 << 16, loop=asyncio.get_running_loop())
        inbox.socket = self._socket
        return inbox


class FrameCheck:
    """A parser of frames that checks what aiohttp's reader does not, before it hands the bytes to that reader.

    A client's frames are masked (RFC 6455, 5.1), and no message begins within another (5.4).
    """

    def __init__(self, reader: WebSocketReader, queue: WebSocketDataQueue) -> None:
        self._reader = reader
        self._queue = queue
        #: Bytes of the current frame that are still to come.
        self._missing = 0
        #: A frame's head, as far as it has come.
        self._head = b""
        self._in_message = False
        self._failed = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Handle received bytes; return whether the connection has failed, and an unused rest."""
        if self._failed:
            return True, b""
        received = self._head + data
        at, size = self._missing, len(received)
        while size - at >= 2:
            first, second = received[at], received[at + 1]
            if not second & 0x80:
                return self._fail(received[len(self._head) : at], "Frame without a mask")
            length, head_size = second & 0x7F, 6
            if length > 125:
                head_size = 8 if length == 126 else 14
                if size - at < head_size - 4:
                    break
                length = int.from_bytes(received[at + 2 : at + head_size - 4])
            if first & 0x0F < CONTROL_FRAMES:
                if (first & 0x0F == CONTINUATION) != self._in_message:
                    return self._fail(received[len(self._head) : at], "Message out of order")
                self._in_message = not first & 0x80
            at += head_size + length
        self._missing = max(at - size, 0)
        self._head = received[at:]
        return self._reader.feed_data(data)

    def feed_eof(self) -> None:
        """Handle the end of the connection."""
        self._reader.feed_eof()

    def _fail(self, before: bytes, reason: str) -> tuple[bool, bytes]:
        """Handle the frames before the invalid one, then fail with code 1002."""
        self._failed = True
        if before:
            self._reader.feed_data(before)
        self._queue.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, reason))
        return True, b""


class _CheckedQueue(WebSocketDataQueue):
    """The queue of aiohttp's parser: refuses close codes that no client may send."""

    def feed_data(self, data: Any, size: int) -> None:
        if data[0] is WSMsgType.CLOSE and not is_valid_close_code(data[1]):
            self.set_exception(WebSocketError(WSCloseCode.PROTOCOL_ERROR, INVALID_CLOSE_CODE))
        else:
            super().feed_data(data, size)


class _Inbox(WebSocketDataQueue):
    """The queue of aiohttp's parser: passes messages on and keeps none."""

    socket: WebSocketConnection

    def feed_data(self, data: Any, size: int) -> None:
        self.socket.receive(data)

    def feed_eof(self) -> None:
        self.socket.connection_lost()

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        if isinstance(exc, WebSocketError):
            self.socket.close(exc.code, str(exc))
        else:
            log.error("A WebSocket message failed.", exc_info=exc)
            self.socket.close(WSCloseCode.INTERNAL_ERROR, "Internal server error")


def is_valid_close_code(code: int) -> bool:
    """Return whether a client may send a close code; 0: the frame has none. aiohttp refuses unknown ones below 3000."""
    return code not in RESERVED_CLOSE_CODES and code <= MAX_CLOSE_CODE


def is_utf8(raw: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def frame(payload: bytes, first: int = TEXT) -> bytes:
    """Return an unfragmented, unmasked frame (RFC 6455)."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def close_payload(code: int, reason: str) -> bytes:
    """Return the payload of a close frame."""
    return struct.pack("!H", code) + close_reason(reason)


def close_reason(reason: str) -> bytes:
    """Return the reason of a close frame; one that is too long is cut between characters."""
    return reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
