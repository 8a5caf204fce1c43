"""WebSockets that handle a message while it is parsed and are written to without waiting.

aiohttp's own class costs a queue, a future and an iteration of the event loop per message, a task for each socket, and
each write waits for a slow client. Here the parser passes a message on at once, and an idle socket has neither a task
nor a parser. Code that writes to many clients checks `unread` before it writes more.

This relies on private members of aiohttp: on those in `aiohttp_internals`, and on `WebSocketDataQueue`,
`WebSocketReader` and `websocket_mask`, which are in no public module. `CheckedSocket` and `FeedSocket` also set
`_reader`, `_writer`, `_parser` and `_ws_protocol`, and read `_req`, `_max_msg_size`, `_decode_text` and `_heartbeat` of
their instances, and call `_cancel_heartbeat`. They are used in no other module, and setup.cfg pins aiohttp's minor
version.
"""

import asyncio
import logging
import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import cache
from typing import Any, ClassVar, Protocol, cast
from weakref import WeakMethod

from aiohttp import HttpVersion11, WebSocketError, WSCloseCode, WSMessage, WSMsgType, web
from aiohttp._websocket.helpers import websocket_mask
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.aiohttp_internals import WEBSOCKETS, usable
from coalserver.web.streaming.direct_writes import NO_SOCKET
from coalserver.web.streaming.held_connections import HeldConnection, closing_seconds

log = logging.getLogger(__name__)

#: Received bytes behind the current frame that are handled at once: 680 of the smallest frames take up to 5 ms.
PORTION_BYTES = 4 * 1024
#: Unread bytes above which a client's pings are not answered.
HIGH_WATER_MARK = 64 * 1024
#: Seconds for a client to read what precedes the close and to answer it.
CLOSING_SECONDS = 5
#: Parsers of idle sockets that are kept for the next message, for each limit of messages.
MAX_SPARE_PARSERS = 16
#: Bytes of a close frame's reason, at most.
MAX_REASON_BYTES = 123
#: Opcodes: continuations are 0, control frames are those from 8 on.
CONTINUATION, CONTROL_FRAMES = 0, 8
#: Close codes that stand for an end without a close frame (RFC 6455, 7.4.1), and the largest one.
RESERVED_CLOSE_CODES, MAX_CLOSE_CODE = (1004, 1005, 1006, 1015), 4999
INVALID_CLOSE_CODE, INTERNAL_ERROR = "Invalid close code", "Internal server error"
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


#: Whether the handshake of a request has been answered, so that no answer of HTTP can follow.
UPGRADED = web.RequestKey("upgraded", bool)


def failure_code(error: BaseException) -> int:
    """Return the close code of a socket or a stream after an exception.

    It is logged unless the store has failed or the client has gone.
    """
    if isinstance(error, StoreFailed):
        return WSCloseCode.SERVICE_RESTART
    if isinstance(error, ConnectionError):
        return WSCloseCode.GOING_AWAY
    log.error("A socket or an event stream failed.", exc_info=error)
    return WSCloseCode.INTERNAL_ERROR


@cache
def can_be_opened() -> bool:
    """Return whether aiohttp has what WebSockets need; otherwise log one warning. Clients can poll instead."""
    return usable((WEBSOCKETS,))


class MessageHandler(Protocol):
    """Handles the messages of a client. An exception closes the connection."""

    def text(self, raw: bytes) -> None:
        """Handle a text message in UTF-8."""

    def binary(self) -> None:
        """Handle a binary message; its content is dropped."""

    def pong(self) -> None:
        """Note a pong, which browsers and libraries send by themselves as the answer to a ping."""

    def ended(self) -> None:
        """Release everything: the connection ends, and nothing more is received. Called once."""


class WebSocketConnection(HeldConnection):
    """One WebSocket, from its handshake until it is closed.

    `accept` answers the handshake, and frames may be written from then on; `receive_messages` comes last.
    """

    __slots__ = (
        "direct", "code", "handler", "_max_message_bytes", "_parser", "_failed", "_closed_by_client",
        "_rest",
    )  # fmt: skip

    talks = True

    def __init__(self, max_message_bytes: int) -> None:
        super().__init__()
        #: The socket, if it may be written to past the transport.
        self.direct = NO_SOCKET
        #: The close code, once the connection is to end. The first call of `end` sets it.
        self.code = 0
        #: Told of messages, and of the end; None: messages are ignored.
        self.handler: MessageHandler | None = None
        self._max_message_bytes = max_message_bytes
        #: Holds a message that has come in part.
        self._parser: FrameParser | None = None
        #: Whether a frame was invalid, so that nothing behind it can be read.
        self._failed = False
        self._closed_by_client = False
        #: Received bytes that are handled in later iterations of the loop; nothing more is read until then.
        self._rest = b""

    def accept(self, request: web.Request) -> None:
        """Answer the handshake. Raises INVALID_REQUEST for an invalid one, ConnectionResetError without a client."""
        try:
            headers, *_ = CheckedSocket(compress=False)._handshake(request)
        except web.HTTPBadRequest:
            raise DomainError(
                ErrorCode.INVALID_REQUEST,
                subject="handshake",
                fields={"handshake": ["Not a WebSocket's."]},
            ) from None
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has disconnected")
        self.transport = transport
        request[UPGRADED] = True
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        date = formatdate(usegmt=True)
        transport.write(
            f"HTTP/1.1 101 Switching Protocols\r\n{''.join(lines)}Date: {date}\r\n\r\n".encode()
        )

    @contextmanager
    def ended_by_failure(self) -> Iterator[None]:
        """End the connection with a close code if a block between `accept` and `receive_messages` fails."""
        try:
            yield
        except Exception as error:
            self.failed(error)
        except BaseException:
            self.end(WSCloseCode.GOING_AWAY)
            raise

    async def receive_messages(self, request: web.Request) -> web.StreamResponse:
        """Receive messages, from those that came behind the handshake on. Returns as `hold` does."""
        rest = _Rest()
        if request.transport is not None:
            request.protocol.set_parser(cast(WebSocketReader, rest))
        return await self.hold(request, rest.received)

    def lost(self) -> None:
        """Note that the client has disconnected."""
        self._parser, self._rest, self.direct = None, b"", NO_SOCKET
        self.end(WSCloseCode.ABNORMAL_CLOSURE)

    def data_received(self, data: bytes) -> None:
        if self._failed:
            return
        if self._parser is None:
            raw = whole_text(data, self._max_message_bytes)
            if raw is not None:
                return self._receive_text(raw)
        self._handle_portion(data)

    def _handle_portion(self, received: bytes) -> None:
        """Handle the current frame and PORTION_BYTES behind it, and the rest in turns with other connections."""
        transport = self.transport
        parser = self._parser or FrameParser.take(self._max_message_bytes)
        size = parser.missing + PORTION_BYTES
        if len(received) > size and transport is not None:
            self._rest = received[size:]
            received = received[:size]
            # From here on the transport reads alone: a socket reader would not pause.
            self.hand_back()
            transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._handle_rest)
        parser.inbox.socket = self
        failed, _ = parser.feed_data(received)
        if failed:
            self._failed = True
        if failed or self.transport is None:
            self._parser = None
        elif parser.between_messages:
            self._parser = None
            parser.put_back()
        else:
            self._parser = parser

    def _handle_rest(self) -> None:
        rest, self._rest = self._rest, b""
        if rest and not self._failed:
            self._handle_portion(rest)
        if not self._rest and self.transport is not None:
            self.transport.resume_reading()

    def held(self) -> None:
        if not self.unread:
            self.resume_writing()

    def pause_writing(self) -> None:
        """Leave all writes to the transport, which has bytes left."""
        self.direct = NO_SOCKET

    def resume_writing(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.direct = self.number

    def write(self, frames: bytes) -> None:
        """Write frames to the transport's buffer, which may grow; see `unread`."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(frames)

    def ping(self) -> None:
        """Send a ping; the handler is told of the answer."""
        self.write(frame(b"", PING))

    @property
    def unread(self) -> int:
        """Bytes in the transport's buffer; those in the kernel's buffer do not count."""
        transport = self.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def end(self, code: int, reason: str = "", *, at_once: bool = False) -> None:
        """End the connection; with `at_once` without a close frame, for clients that do not read."""
        if not self.code:
            self.code = code
            handler, self.handler = self.handler, None
            if handler is not None:
                handler.ended()
            if not at_once and self.transport is not None:
                self.write(frame(close_payload(code, reason), CLOSE))
            self._await_client()
        if at_once and self.transport is not None:
            self.direct = NO_SOCKET
            self.transport.abort()

    def fail(self, code: int, reason: str) -> None:
        """End the connection, because what the client has sent is invalid or could not be handled."""
        self.end(code, reason)

    def receive(self, message: Any) -> None:
        """Handle a message from the parser."""
        kind = message[0]
        if kind is WSMsgType.CLOSE:
            self._receive_close(message[1])
        elif self.code:
            return
        elif kind is WSMsgType.PING:
            if self.unread <= HIGH_WATER_MARK:
                self.write(frame(bytes(message[1]), PONG))
        elif kind is WSMsgType.TEXT:
            self._receive_text(message[1])
        elif self.handler is None:
            return
        elif kind is WSMsgType.PONG:
            self.handler.pong()
        else:
            self.handler.binary()

    def _receive_text(self, raw: bytes) -> None:
        if self.code:
            return
        handler = self.handler
        if not (raw.isascii() or is_utf8(raw)):
            self.fail(WSCloseCode.INVALID_TEXT, "Invalid UTF-8 text message")
        elif handler is not None:
            try:
                handler.text(raw)
            except Exception as error:
                self.fail_internally(error)

    def fail_internally(self, error: BaseException) -> None:
        """End the connection, because a message could not be handled."""
        self._failed = True
        self.failed(error)

    def failed(self, error: BaseException) -> None:
        """End the connection, because the server has failed."""
        code = failure_code(error)
        self.fail(code, INTERNAL_ERROR if code == WSCloseCode.INTERNAL_ERROR else "")

    def _receive_close(self, code: int) -> None:
        self._closed_by_client = True
        if not is_valid_close_code(code):
            self.fail(WSCloseCode.PROTOCOL_ERROR, INVALID_CLOSE_CODE)
        else:
            self.end(answered_close_code(code))
        self.drop()

    def drop(self) -> None:
        """Close the transport without a close frame, within CLOSING_SECONDS if the client does not read the rest."""
        transport, self.direct = self.transport, NO_SOCKET
        if transport is not None:
            transport.close()
            self.hand_back()
            if transport.get_write_buffer_size():
                asyncio.get_running_loop().call_later(CLOSING_SECONDS, self._give_up)

    def _await_client(self) -> None:
        """Give the client CLOSING_SECONDS to read and answer the close frame, and to close the connection."""
        if self.transport is not None and not self._closed_by_client:
            # With jitter, so that thousands that end at once are not closed in one moment.
            seconds = closing_seconds(self.code, CLOSING_SECONDS) * random.uniform(0.5, 1.0)
            asyncio.get_running_loop().call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        """Close the transport, without waiting for what the client has not read."""
        transport, self.direct = self.transport, NO_SOCKET
        if transport is not None:
            (transport.abort if transport.get_write_buffer_size() else transport.close)()


class _Rest:
    """Takes from aiohttp's connection what it has read behind a handshake."""

    def __init__(self) -> None:
        self.received = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.received += data
        return False, b""

    def feed_eof(self) -> None:
        """Do nothing: the held connection is told of its end itself."""


class CheckedSocket(web.WebSocketResponse):
    """aiohttp's WebSocket with the checks that aiohttp leaves out; see `FrameCheck`."""

    def _handshake(self, request: web.BaseRequest) -> Any:
        """Check the handshake. Raises aiohttp's 400, also for a key of other characters than ASCII and for HTTP/1.0."""
        try:
            if request.version >= HttpVersion11 and can_be_opened():
                return super()._handshake(request)
        except ValueError:
            pass
        raise web.HTTPBadRequest

    async def close(
        self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True
    ) -> bool:
        """Close the connection with a code; in answer to a close frame with that of the frame."""
        received = self.close_code
        if received is not None:
            code = answered_close_code(received)
        return await super().close(code=code, message=message, drain=drain)

    def _make_queue(self, protocol: Any) -> WebSocketDataQueue:
        return _CheckedQueue(protocol, 1 << 16, loop=asyncio.get_running_loop())

    def _post_start(self, request: web.BaseRequest, protocol: Any, writer: Any) -> None:
        request[UPGRADED] = True
        self._ws_protocol = protocol
        self._writer = writer
        self._reset_heartbeat()
        queue = self._reader = self._make_queue(request.protocol)
        reader = WebSocketReader(
            queue, self._max_msg_size, compress=False, decode_text=self._decode_text
        )
        self._parser = cast(WebSocketReader, FrameCheck(reader, queue))
        on_data = None if self._heartbeat is None else _weakly(self._on_data_received)
        request.protocol.set_parser(self._parser, on_data)
        request.protocol.keep_alive(False)


class FeedSocket(CheckedSocket):
    """aiohttp's WebSocket for feeds: pings every 20 s, no compression, and an end that no client can delay."""

    def __init__(self, max_message_bytes: int) -> None:
        # aiohttp refuses as many bytes as its limit, too.
        super().__init__(
            autoping=False, compress=False, heartbeat=20, max_msg_size=max_message_bytes + 1
        )

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """Return the next message and answer pings before it, of which hundreds may have come at once."""
        while True:
            message = await super().receive(timeout)
            if message.type is WSMsgType.PING:
                await self.pong(message.data)
            elif message.type is not WSMsgType.PONG:
                return message
            await asyncio.sleep(0)

    def release(self) -> None:
        """Keep nothing alive after the end: no timer, and no error, which refers to where it was raised."""
        self._cancel_heartbeat()
        error = self.exception()
        if error is not None:
            error.__traceback__ = error.__context__ = None

    def _close_transport(self) -> None:
        """Close the connection; abort it if its client has not read everything after CLOSING_SECONDS."""
        transport = None if self._req is None else self._req.transport
        super()._close_transport()
        if transport is not None and transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(CLOSING_SECONDS, _abort_if_unread, transport)


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """Return a function that calls a method of an object, which it does not keep.

    aiohttp's connection keeps it after the end.
    """
    reference = WeakMethod(method)

    def call() -> None:
        method = reference()
        if method is not None:
            method()

    return call


def _abort_if_unread(transport: asyncio.Transport) -> None:
    if transport.get_write_buffer_size():
        transport.abort()


class FrameCheck:
    """A parser of frames that checks what aiohttp's reader does not, before it hands the bytes to that reader.

    A client's frames are masked (RFC 6455, 5.1), and no message begins within another (5.4).
    """

    def __init__(self, reader: WebSocketReader, queue: WebSocketDataQueue) -> None:
        self._reader = reader
        self._queue = queue
        #: Bytes of the current frame that are still to come.
        self.missing = 0
        #: A frame's head, as far as it has come.
        self._head = b""
        self._in_message = False
        self._failed = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Handle received bytes; return whether the connection has failed, and an unused rest."""
        if self._failed:
            return True, b""
        received = self._head + data
        at, size = self.missing, len(received)
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
        self.missing = max(at - size, 0)
        self._head = received[at:]
        return self._reader.feed_data(data)

    def feed_eof(self) -> None:
        """Handle the end of the connection."""
        self._reader.feed_eof()

    @property
    def between_messages(self) -> bool:
        """Whether no message and no frame has come in part: then a parser keeps nothing of them."""
        return not (self.missing or self._head or self._in_message)

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


class FrameParser(FrameCheck):
    """A parser that is lent to a socket as long as a message of its client has come in part."""

    #: Unused ones, by the limit of messages.
    _spare: ClassVar[dict[int, list["FrameParser"]]] = {}

    def __init__(self, max_message_bytes: int) -> None:
        self.inbox = _Inbox(cast(Any, None), 1 << 16, loop=asyncio.get_running_loop())
        # Handlers take bytes.
        # aiohttp refuses as many bytes as its limit, too.
        reader = WebSocketReader(
            self.inbox, max_message_bytes + 1, compress=False, decode_text=False
        )
        self.inbox.max_message_bytes = max_message_bytes
        super().__init__(reader, self.inbox)
        self._max_message_bytes = max_message_bytes

    @classmethod
    def take(cls, max_message_bytes: int) -> "FrameParser":
        """Return an unused parser with this limit of messages."""
        spare = cls._spare.get(max_message_bytes)
        return spare.pop() if spare else cls(max_message_bytes)

    def put_back(self) -> None:
        """Keep the parser for another socket."""
        self.inbox.socket = None
        spare = self._spare.setdefault(self._max_message_bytes, [])
        if len(spare) < MAX_SPARE_PARSERS:
            spare.append(self)


class _Inbox(WebSocketDataQueue):
    """The queue of aiohttp's parser: passes messages on and keeps none."""

    #: The socket that has the parser at present.
    socket: WebSocketConnection | None = None
    max_message_bytes = 0

    def feed_data(self, data: Any, size: int) -> None:
        assert self.socket is not None
        self.socket.receive(data)

    def feed_eof(self) -> None:
        """Do nothing: the socket is told of its end itself."""

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        assert self.socket is not None
        if isinstance(exc, WebSocketError):
            # aiohttp adds parts of the frame.
            reason = str(exc).partition(":")[0]
            if exc.code == WSCloseCode.MESSAGE_TOO_BIG:
                reason = f"A message has at most {self.max_message_bytes} bytes"
            self.socket.fail(exc.code, reason)
        else:
            self.socket.fail_internally(exc)


def is_valid_close_code(code: int) -> bool:
    """Return whether a client may send a close code; 0: the frame has none. aiohttp refuses unknown ones below 3000."""
    return code not in RESERVED_CLOSE_CODES and code <= MAX_CLOSE_CODE


def answered_close_code(code: int) -> int:
    """Return the code that answers a client's close frame: its own (RFC 6455, 5.5.1), and 1000 if it has none."""
    return code or WSCloseCode.OK


def is_utf8(raw: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def whole_text(data: bytes, max_message_bytes: int) -> bytes | None:
    """Return the text of bytes that are one whole text frame of a client, as most are; None for all others."""
    size = len(data)
    if size < 8 or data[0] != TEXT:
        return None
    # The highest bit is set: the frame is masked.
    length, start = data[1] - 0x80, 6
    if length >= 126:
        length, start = (int.from_bytes(data[2:4]), 8) if length == 126 else (-1, 0)
    if length != size - start or length >= max_message_bytes:
        return None
    raw = bytearray(data[start:])
    websocket_mask(data[start - 4 : start], raw)
    return bytes(raw)


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
