"""Event streams: server-sent events and WebSockets, and the choice of transport.

A client has no queue: one that reads slowly has an old cursor, and one that reads nothing for half a minute is
closed with a code that means *resume from your cursor*. An open stream has no task: the feed, the timers and its
connection call it.
"""

import asyncio
import random
from dataclasses import dataclass
from math import inf
from typing import Protocol

from aiohttp import HttpVersion11, WSCloseCode, web

from coalserver.core.ports import Topic
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.connections import Connection
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.endpoint import record_activity
from coalserver.web.responses import AlreadySent
from coalserver.web.streaming.broadcast import (
    HIGH_WATER_MARK,
    BroadcastGroup,
    BroadcastGroups,
    FrameEncoder,
)
from coalserver.web.streaming.held_connections import (
    MAX_BUFFERED_BYTES,
    HeldConnection,
    closing_seconds,
)
from coalserver.web.streaming.long_poll import long_poll
from coalserver.web.streaming.server_sent_events import (
    LAST_CHUNK,
    chunk,
    chunked_sse_frame,
    sse_frame,
)
from coalserver.web.streaming.socket_reader import REQUESTS_AT_ONCE
from coalserver.web.streaming.subscriptions import (
    CURSOR_HEADER,
    Subscribe,
    Subscription,
    parse_cursor,
    read,
)
from coalserver.web.streaming.timers import Handle
from coalserver.web.streaming.websocket import (
    CheckedSocket,
    WebSocketConnection,
    failure_code,
    frame,
)
from coalserver.web.streaming.write_queue import WriteQueue

#: Seconds without reading after which a client is closed with TRY_AGAIN.
STALLED_SECONDS = 30
#: Seconds for a client to read what precedes the end of its stream.
CLOSING_SECONDS = 5
#: Seconds between two looks at whether it has.
LOOK_SECONDS = 0.05
#: Seconds between keep-alive comments on a quiet stream.
KEEP_ALIVE_SECONDS = 15
#: Seconds after which an event stream ends, at the latest. What is written to it proves nothing about its reader:
#: the system of a program that stands still acknowledges it. A live one resumes from its cursor.
STREAM_SECONDS = 300
#: Seconds without a byte from a WebSocket's client after which it gets a ping, and for it to answer.
PING_SECONDS, PONG_SECONDS = 20, 10
#: Streams look at their clients after this part of the seconds above: not all in the same second, though they may have
#: been opened in one. Each look may cost a write.
JITTER = 0.75, 1.0
#: Seconds after the end of a token until it is noticed, and between two looks at it: the wall clock may be set. Timers
#: are accurate to a second.
TOKEN_SECONDS, MAX_TOKEN_SECONDS = 2, 3600
#: Bytes of a message from a WebSocket's client. It is ignored.
MAX_MESSAGE_BYTES = 4096
#: Close code for slow clients: resume from your cursor.
TRY_AGAIN = WSCloseCode.TRY_AGAIN_LATER
REFUSED = WSCloseCode.POLICY_VIOLATION


@dataclass(frozen=True, slots=True)
class StreamForm:
    """How entries are written to one kind of transport."""

    name: str
    encode_frame: FrameEncoder


def ws_frame(id: int, payload: bytes) -> bytes:
    """Return an unmasked text frame (RFC 6455)."""
    return frame(payload)


WS = StreamForm("ws", ws_frame)
SSE, CHUNKED_SSE = StreamForm("sse", sse_frame), StreamForm("sse chunked", chunked_sse_frame)


class StreamConnection(Protocol):
    """The connection of a stream."""

    #: None once the client has disconnected.
    transport: asyncio.Transport | None

    def stream_ended(self, code: int) -> None:
        """End the connection with a close code: the stream writes no more. Called once."""


class EventStream:
    """One open stream: reads the entries after its cursor when it is woken, and writes them.

    A stream that has sent everything joins its broadcast group, and waits itself only for its control topic. Its
    player is online as long as it is open.
    """

    __slots__ = (
        "cursor", "ended", "_app", "_api_name", "_player", "_connection", "_form", "_feed",
        "_subscribe", "_waiting_on", "_subscribed_at", "_subscription", "_group", "_catching_up",
        "_stalled_seconds", "_written_at", "_started", "_token_end",
    )  # fmt: skip

    def __init__(
        self,
        ctx: RequestContext,
        subscribe: Subscribe,
        cursor: int,
        form: StreamForm,
        connection: StreamConnection,
    ) -> None:
        # The context is not kept: it has the request.
        self.cursor = cursor
        self.ended = False
        self._app: AppContext = ctx.app
        self._api_name = ctx.api.name
        self._player = ctx.caller.player_id
        self._connection = connection
        self._form = form
        self._feed = ctx.core.feed
        self._subscribe = subscribe
        #: The topics on which the stream itself waits.
        self._waiting_on: tuple[Topic, ...] = ()
        #: The newest entry when the subscription was evaluated; later ones may change it.
        self._subscribed_at = self._feed.head
        self._subscription = subscribe()
        self._group = self._group_for(self._subscription)
        self._catching_up: asyncio.Task[None] | None = None
        self._stalled_seconds = 0
        self._written_at = 0.0
        self._started = False
        #: None if the caller's token does not end by time.
        self._token_end: _TokenEnd | None = None

    def start(self) -> None:
        """Send what is due and wait for more."""
        self._started = True
        if self._player:
            self._app.core.presence.hold(self._player)
        self._written_at = asyncio.get_running_loop().time()
        self.check()

    def check(self) -> None:
        """Close the stream if the caller's token has ended by time, or their rights have; else send what is due."""
        if not self.ended and self._token_end is None:
            self._check_token()
        self.look()

    def token_ended(self) -> None:
        """Check in turns with others whether the caller's token has ended by time."""
        self._token_end = None
        self._app.per_process(StreamChecks).add(self)

    def _check_token(self) -> None:
        """Close the stream if the caller's token has ended by time, and check it again when it ends."""
        remaining = self._subscription.valid_until - self._app.core.expiry_time
        if remaining < 0:
            return self.close(REFUSED)
        if remaining < inf:
            seconds = min(remaining + TOKEN_SECONDS, MAX_TOKEN_SECONDS)
            self._token_end = _TokenEnd(self)
            self._token_end.handle = self._app.timers.add(self._token_end, seconds)

    def close(self, code: int) -> None:
        """End the stream and its connection, and release everything that refers to the stream."""
        if self.ended:
            return
        self.ended = True
        self._leave_group()
        self._feed.unsubscribe(self._waiting_on, self)
        if self._stalled_seconds:
            self._app.timers.unwatch(self)
        if self._catching_up is not None:
            self._catching_up.cancel()
        if self._token_end is not None:
            self._app.timers.cancel(self._token_end, self._token_end.handle)
            self._token_end = None
        if self._player and self._started:
            self._app.core.release_connection(self._player)
        self._connection.stream_ended(code)

    def gap_notice(self) -> bytes | None:
        """Return the first message if events after the cursor are no longer kept, and move the cursor past them."""
        if not self._feed.has_gap(self.cursor):
            return None
        self.cursor = max(self.cursor, self._feed.oldest - 1)
        return b'{"type":"lost","floor":%d}' % self._feed.oldest

    @property
    def idle_seconds(self) -> float:
        """Seconds in which nothing was written."""
        now = asyncio.get_running_loop().time()
        return now - max(self._written_at, self._group.written_at)

    @property
    def client_count(self) -> int:
        """0 while the group counts this stream among its members."""
        return 0 if self._group.has(self) else 1

    def wake(self) -> None:
        """Look for new entries; as a member of a group after a check of the caller's rights, in turns with others.

        The group writes the entries to its members; they are notified of what may have changed their rights.
        """
        if self._group.has(self) and not self._feed.closed:
            self._app.per_process(StreamChecks).add(self)
        else:
            self.look()

    def look(self) -> None:
        """Write everything after the cursor. The stream stays subscribed."""
        transport, feed = self._connection.transport, self._feed
        if self.ended:
            return None
        if transport is None or transport.is_closing():
            return self.close(WSCloseCode.GOING_AWAY)
        if feed.closed:
            return self.close(WSCloseCode.SERVICE_RESTART)
        if self._catching_up is not None or self._stalled_seconds:
            return
        self._leave_group()
        subscription = self._current_subscription()
        if subscription is None:
            return self.close(REFUSED)
        while feed.covers(self.cursor, subscription.topics):
            if transport.get_write_buffer_size() > HIGH_WATER_MARK:
                self._stalled_seconds = 1
                self._app.timers.watch(self)
                return self._leave_group()
            payload, upto = self._group.frames_after(self.cursor)
            if payload:
                self._written_at = asyncio.get_running_loop().time()
                transport.write(payload)
            self.cursor = upto
            if not feed.has_newer(subscription.topics, upto):
                return self._wait_for_more(transport)
        self._leave_group()
        self._catching_up = asyncio.create_task(self._catch_up(transport))
        self._catching_up.add_done_callback(self._caught_up)

    def write(self, raw: bytes) -> None:
        """Write what the socket has not taken."""
        transport = self._connection.transport
        if transport is not None:
            transport.write(raw)

    def slow_down(self) -> None:
        """Note that the transport has bytes to write that the client does not read yet."""
        self._group.slow_down(self)

    def fail(self, error: Exception) -> None:
        self.close(WSCloseCode.INTERNAL_ERROR)

    def expire(self) -> None:
        """Check once a second whether a client that reads nothing reads again."""
        transport = self._connection.transport
        if transport is None or transport.is_closing():
            return self.close(WSCloseCode.GOING_AWAY)
        if transport.get_write_buffer_size() <= HIGH_WATER_MARK:
            self._stalled_seconds = 0
            self._app.timers.unwatch(self)
            self.look()
        elif self._stalled_seconds >= STALLED_SECONDS:
            self.close(TRY_AGAIN)
        else:
            self._stalled_seconds += 1

    def _current_subscription(self) -> Subscription | None:
        """Return the caller's current subscription; None once the caller has lost access."""
        control_topic = self._subscription.control_topic
        if control_topic is not None and self._feed.has_newer(
            (control_topic,), self._subscribed_at
        ):
            self._subscribed_at = self._feed.head
            try:
                self._use_subscription(self._subscribe())
            except DomainError:
                return None
        return self._subscription

    def _use_subscription(self, subscription: Subscription) -> None:
        """Replace the subscription, and leave the group if another one fits it."""
        group = self._group_for(subscription)
        if group is not self._group:
            self._leave_group()
        self._subscription, self._group = subscription, group

    def _group_for(self, subscription: Subscription) -> BroadcastGroup:
        groups, form = self._app.per_process(BroadcastGroups), self._form
        return groups.get_or_create(form.name, self._api_name, subscription, form.encode_frame)

    def _wait_for_more(self, transport: asyncio.WriteTransport) -> None:
        """Join the group to wait for more, and wait for the control topic alone."""
        control_topic = self._subscription.control_topic
        self._wait_on(() if control_topic is None else (control_topic,))
        self._group.join(self, transport)

    def _leave_group(self) -> None:
        self._group.leave(self)

    def _wait_on(self, topics: tuple[Topic, ...]) -> None:
        """Wait for exactly these topics."""
        if topics != self._waiting_on:
            self._feed.unsubscribe(self._waiting_on, self)
            self._waiting_on = topics
            self._feed.subscribe(topics, self)

    async def _catch_up(self, transport: asyncio.WriteTransport) -> None:
        """Send entries that are only on disk, no faster than the client reads them."""
        app, api_name, encode_frame = self._app, self._api_name, self._form.encode_frame
        try:
            while not self._feed.covers(self.cursor, self._subscription.topics):
                subscription = self._current_subscription()
                if subscription is None:
                    return self.close(REFUSED)
                rendered, upto = await read(app, api_name, subscription, self.cursor)
                current = self._current_subscription()
                if current is None:
                    return self.close(REFUSED)
                if not current.is_same(subscription):
                    continue
                for id, payload in rendered:
                    transport.write(encode_frame(id, payload))
                self.cursor = max(self.cursor, upto)
                waited = 0
                while transport.get_write_buffer_size() > HIGH_WATER_MARK:
                    await asyncio.sleep(0.1)
                    waited += 1
                    if transport.is_closing() or waited > STALLED_SECONDS * 10:
                        return self.close(TRY_AGAIN)
        finally:
            self._catching_up = None
        self.look()

    def _caught_up(self, task: "asyncio.Task[None]") -> None:
        """Close the stream if entries on disk could not be sent."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.close(failure_code(error))


class StreamChecks:
    """The streams of one process whose caller's rights may have ended, and duplex streams with new entries.

    One entry, or one second, can concern thousands: each is checked in its turn, before any group writes.
    """

    def __init__(self, app: AppContext) -> None:
        self._streams: dict[EventStream, None] = {}
        self._current: EventStream | None = None
        self._queue = app.per_process(WriteQueue)

    def add(self, stream: EventStream) -> None:
        if not self._streams:
            self._queue.add_first(self)
        self._streams[stream] = None

    def write_some(self) -> bool:
        """Check some of the streams; return whether others are left."""
        streams = self._streams
        for _ in range(min(len(streams), REQUESTS_AT_ONCE)):
            self._current = stream = streams.popitem()[0]
            stream.check()
        self._current = None
        return bool(streams)

    def fail(self, error: Exception) -> None:
        """Close the stream that could not be checked, and all others: they may have lost their rights."""
        streams, self._streams = self._streams, {}
        if self._current is not None:
            self._current.fail(error)
        for stream in streams:
            stream.fail(error)


class _TokenEnd:
    """The entry in the timers at which the token of a stream's caller ends: thousands can end in one second."""

    __slots__ = ("handle", "_stream")

    def __init__(self, stream: EventStream) -> None:
        self.handle: Handle = 0
        self._stream = stream

    def expire(self) -> None:
        self._stream.token_ended()


async def serve_events(ctx: RequestContext, subscribe: Subscribe) -> web.StreamResponse:
    """Serve events over the transport that the client asks for.

    A WebSocket with `Upgrade: websocket`, server-sent events with `Accept: text/event-stream`, else a long-poll.
    """
    request = ctx.request
    cursor = parse_cursor(ctx)
    if request.method != "HEAD":
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await websocket(ctx, subscribe, cursor)
        if "text/event-stream" in request.headers.get("Accept", ""):
            return await server_sent_events(ctx, subscribe, cursor)
        if "Sec-WebSocket-Key" in request.headers:
            # Otherwise the client would learn only after the wait that this is no WebSocket.
            raise DomainError(
                ErrorCode.INVALID_REQUEST,
                fields={
                    "Upgrade": ["Missing: a proxy has removed it from the WebSocket handshake."]
                },
                where="header",
            )
    return await long_poll(ctx, subscribe, cursor)


async def server_sent_events(
    ctx: RequestContext, subscribe: Subscribe, cursor: int
) -> web.StreamResponse:
    """Serve server-sent events: `id:` and `data:` per entry, comments as keep-alive.

    Each frame is a chunk, which many clients wait for before they hand anything to the application, and the connection
    can be used again after the end. HTTP/1.0 has no chunks (RFC 9112, 7.1): there the connection ends with the stream.
    """
    request, protocol = ctx.request, ctx.request.protocol
    chunked = request.version >= HttpVersion11
    connection = SseConnection(ctx.app, chunked, chunked and bool(request.keep_alive))
    stream = EventStream(ctx, subscribe, cursor, CHUNKED_SSE if chunked else SSE, connection)
    await record_activity(ctx)
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has disconnected")
    transport.write(connection.head(ctx, stream))
    connection.stream = stream
    only_request = isinstance(protocol, Connection) and protocol.holds_one_request()
    response = await connection.hold(request, let_go=only_request and request.content.is_eof())
    return AlreadySent(response.keep_alive and connection.keep_alive)


class SseConnection(HeldConnection):
    """The connection of an event stream. It ends after STREAM_SECONDS and can then be used for further requests."""

    __slots__ = ("stream", "keep_alive", "_chunked", "_app", "_received", "_ends_at", "_timer")

    def __init__(self, app: AppContext, chunked: bool, keep_alive: bool) -> None:
        super().__init__()
        self._app = app
        self.stream: EventStream | None = None
        #: Whether the connection can be used again after the stream.
        self.keep_alive = keep_alive
        self._chunked = chunked
        self._received = b""
        #: Time of the loop when the stream ends, and then when the client must have read the rest.
        self._ends_at = 0.0
        self._timer: Handle | None = None

    def head(self, ctx: RequestContext, stream: EventStream) -> bytes:
        """Return the head of the response, and the first frame."""
        lost = stream.gap_notice()
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
            b"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n%b%b"
            b"%b: %d\r\n%b\r\n"
            % (
                b"Transfer-Encoding: chunked\r\n" if self._chunked else b"",
                b"" if self.keep_alive else b"Connection: close\r\n",
                CURSOR_HEADER.encode(),
                stream.cursor,
                ctx.api.header_lines,
            )
        )
        first = b": open\n\n" if lost is None else b"event: lost\ndata: %b\n\n" % lost
        return head + self._wrap(first)

    def held(self) -> None:
        # With jitter, so that streams do not all end at once.
        lifetime = STREAM_SECONDS * random.uniform(0.9, 1.0)
        self._ends_at = asyncio.get_running_loop().time() + lifetime
        self._set_timer()
        if self.stream is not None:
            self.stream.start()

    def lost(self) -> None:
        stream = self.stream
        if stream is not None:
            stream.close(WSCloseCode.GOING_AWAY)

    def pause_writing(self) -> None:
        if self.stream is not None:
            self.stream.slow_down()

    def expire(self) -> None:
        """Write a comment if the stream is idle; end the stream when its time is over."""
        self._timer = None
        stream, transport = self.stream, self.transport
        if stream is None or stream.ended or transport is None:
            return
        if asyncio.get_running_loop().time() >= self._ends_at - 1:
            return stream.close(WSCloseCode.OK)
        if stream.idle_seconds >= KEEP_ALIVE_SECONDS - 1:
            transport.write(self._wrap(b": \n\n"))
        self._set_timer()

    def data_received(self, data: bytes) -> None:
        """Keep a request that comes behind the stream: responses have the order of requests."""
        self._received += data
        if len(self._received) > MAX_BUFFERED_BYTES and self.transport is not None:
            self.hand_back()
            self.transport.pause_reading()

    def stream_ended(self, code: int) -> None:
        self.stream, transport = None, self.transport
        if self._timer is not None:
            self._app.timers.cancel(self, self._timer)
        if transport is None:
            return
        if code == TRY_AGAIN:
            return transport.abort()
        if code == WSCloseCode.SERVICE_RESTART:
            self.stopping = True
        if self._chunked and not transport.is_closing():
            transport.write(LAST_CHUNK)
        seconds = closing_seconds(code, CLOSING_SECONDS)
        self._ends_at = asyncio.get_running_loop().time() + seconds
        self._finish()

    def _finish(self) -> None:
        """Close the connection or let it be used again, once the client has read everything.

        A regular close would wait for the client as long as the system does.
        """
        transport, loop = self.transport, asyncio.get_running_loop()
        if transport is None:
            return
        if transport.get_write_buffer_size():
            if loop.time() >= self._ends_at:
                return transport.abort()
            loop.call_later(LOOK_SECONDS, self._finish)
        elif self.keep_alive and not self.stopping and not transport.is_closing():
            self.give_back(self._received)
        else:
            transport.close()

    def _wrap(self, raw: bytes) -> bytes:
        return chunk(raw) if self._chunked else raw

    def _set_timer(self) -> None:
        remaining = self._ends_at - asyncio.get_running_loop().time()
        seconds = min(KEEP_ALIVE_SECONDS * random.uniform(*JITTER), max(remaining, 0))
        self._timer = self._app.timers.add(self, seconds)


async def websocket(ctx: RequestContext, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """Serve a WebSocket: first the cursor, then one message per entry. The client's messages are ignored."""
    connection = FeedConnection(ctx.app)
    stream = EventStream(ctx, subscribe, cursor, WS, connection)
    if not CheckedSocket().can_prepare(ctx.request):
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={"Upgrade": ["Not a WebSocket handshake."]}
        )
    await record_activity(ctx)
    connection.accept(ctx.request)
    with connection.ended_by_failure():
        connection.write(frame(b'{"type":"hello","cursor":%d}' % cursor))
        lost = stream.gap_notice()
        if lost is not None:
            connection.write(frame(lost))
        connection.stream = stream
    return await connection.receive_messages(ctx.request)


class FeedConnection(WebSocketConnection):
    """The WebSocket of an event stream: it sends pings, and ignores its client's messages."""

    __slots__ = ("stream", "_app", "_heard_at", "_pinged", "_timer")

    talks = False

    def __init__(self, app: AppContext) -> None:
        super().__init__(MAX_MESSAGE_BYTES)
        self.stream: EventStream | None = None
        self._app = app
        #: Time of the loop when the last bytes came.
        self._heard_at = 0.0
        #: Whether a ping has been sent since.
        self._pinged = False
        self._timer: Handle | None = None

    def held(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._timer = self._app.timers.add(self, PING_SECONDS * random.uniform(*JITTER))
        if self.stream is not None:
            self.stream.start()

    def data_received(self, data: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._pinged = False
        super().data_received(data)

    def expire(self) -> None:
        """Send a ping to a client of which nothing has come; close the connection if it has not answered one."""
        self._timer = None
        transport = self.transport
        if transport is None or self.code:
            return
        if self._pinged:
            self.drop()
            return self.end(WSCloseCode.ABNORMAL_CLOSURE)
        silent_seconds = asyncio.get_running_loop().time() - self._heard_at
        seconds = PING_SECONDS * random.uniform(*JITTER) - silent_seconds
        # Timers are accurate to a second.
        if silent_seconds >= PING_SECONDS * JITTER[0] - 1:
            self._pinged = True
            self.ping()
            seconds = PONG_SECONDS
        self._timer = self._app.timers.add(self, seconds)

    def pause_writing(self) -> None:
        if self.stream is not None:
            self.stream.slow_down()

    def fail(self, code: int, reason: str) -> None:
        self.end(code)

    def end(self, code: int, reason: str = "", *, at_once: bool = False) -> None:
        super().end(code, reason, at_once=at_once)
        if self._timer is not None:
            self._app.timers.cancel(self, self._timer)
            self._timer = None
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close(code)

    def stream_ended(self, code: int) -> None:
        self.end(code)
