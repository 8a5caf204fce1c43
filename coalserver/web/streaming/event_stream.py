"""Event streams: server-sent events and WebSockets, and the choice of transport.

A client has no queue: one that reads slowly has an old cursor, and one that reads nothing for half a minute is
closed with a code that means *resume from your cursor*.
"""

import asyncio
import math
import random

from aiohttp import HttpVersion11, WSCloseCode, WSMsgType, web

from coalserver.core.ports import Topic
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import record_activity
from coalserver.web.responses import AlreadySent
from coalserver.web.streaming.broadcast import (
    HIGH_WATER_MARK,
    BroadcastGroup,
    BroadcastGroups,
    FrameEncoder,
)
from coalserver.web.streaming.long_poll import long_poll
from coalserver.web.streaming.server_sent_events import (
    LAST_CHUNK,
    chunk,
    chunked_sse_frame,
    sse_frame,
)
from coalserver.web.streaming.subscriptions import (
    CURSOR_HEADER,
    Subscribe,
    Subscription,
    parse_cursor,
    read,
)
from coalserver.web.streaming.websocket import FeedSocket, close_reason, frame

#: Seconds without reading after which a client is closed with TRY_AGAIN.
STALLED_SECONDS = 30
#: Seconds for the closing handshake.
CLOSING_SECONDS = 5
#: Seconds between keep-alive comments on a quiet stream.
KEEP_ALIVE_SECONDS = 15
#: Seconds after which an event stream ends, at the latest. What is written to it proves nothing about its reader:
#: the system of a program that stands still acknowledges it. A live one resumes from its cursor.
STREAM_SECONDS = 300
#: Close code for slow clients: resume from your cursor.
TRY_AGAIN = WSCloseCode.TRY_AGAIN_LATER
REFUSED = WSCloseCode.POLICY_VIOLATION


class EventStream:
    """One open stream: reads the entries after its cursor when it is woken, and writes them.

    A stream that has sent everything joins its broadcast group, and waits itself only for its control topic.
    """

    def __init__(
        self,
        ctx: RequestContext,
        subscribe: Subscribe,
        cursor: int,
        transport_name: str,
        encode_frame: FrameEncoder,
    ) -> None:
        self.ctx = ctx
        self.cursor = cursor
        #: The close code, once the stream has ended.
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._subscribe = subscribe
        self._feed = ctx.core.feed
        self._transport = ctx.request.transport
        #: The topics on which the stream itself waits.
        self._waiting_on: tuple[Topic, ...] = ()
        #: The newest entry when the subscription was evaluated; later ones may change it.
        self._subscribed_at = self._feed.head
        self._transport_name = transport_name
        self._encode_frame = encode_frame
        self._groups = ctx.app.per_process(BroadcastGroups)
        self._subscription = subscribe()
        self._group = self._group_for(self._subscription)
        self._catching_up: asyncio.Task[None] | None = None
        self._stalled_seconds = 0
        self.idle_seconds = 0

    def start(self) -> None:
        """Send what is due and wait for more."""
        self.ctx.app.timers.watch(self)
        self.wake()

    def stop(self) -> None:
        """Release everything that refers to the stream."""
        self._feed.unsubscribe(self._waiting_on, self)
        self.ctx.app.timers.unwatch(self)
        if self._catching_up is not None:
            self._catching_up.cancel()
        self.close(WSCloseCode.OK)

    def close(self, code: int) -> None:
        self._leave_group()
        if not self.ended.done():
            self.ended.set_result(code)

    def gap_notice(self) -> bytes | None:
        """Return the first message if events after the cursor are no longer kept, and move the cursor past them."""
        if not self._feed.has_gap(self.cursor):
            return None
        self.cursor = max(self.cursor, self._feed.oldest - 1)
        return b'{"type":"lost","floor":%d}' % self._feed.oldest

    def wake(self) -> None:
        """Write everything after the cursor. The stream stays subscribed."""
        transport, feed = self._transport, self._feed
        if transport is None or transport.is_closing() or self.ended.done():
            return self.close(WSCloseCode.GOING_AWAY)
        if feed.closed:
            return self.close(WSCloseCode.SERVICE_RESTART)
        if self._catching_up is not None or self._stalled_seconds:
            return
        subscription = self._current_subscription()
        if subscription is None:
            return self.close(REFUSED)
        while feed.covers(self.cursor, subscription.topics):
            if transport.get_write_buffer_size() > HIGH_WATER_MARK:
                self._stalled_seconds = 1
                return self._leave_group()
            payload, upto = self._group.frames_after(self.cursor)
            if payload:
                self.idle_seconds = 0
                transport.write(payload)
            self.cursor = upto
            if not feed.has_newer(subscription.topics, upto):
                return self._wait_for_more(transport)
        self._leave_group()
        self._catching_up = asyncio.create_task(self._catch_up(transport))

    def fail(self, error: Exception) -> None:
        self.close(WSCloseCode.INTERNAL_ERROR)

    def expire(self) -> None:
        """Check once a second whether the client is connected and reading."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return self.close(WSCloseCode.GOING_AWAY)
        self.idle_seconds += 1
        if self._stalled_seconds:
            if transport.get_write_buffer_size() <= HIGH_WATER_MARK:
                self._stalled_seconds = 0
                self.wake()
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
        api_name = self.ctx.api.name
        return self._groups.get_or_create(
            self._transport_name, api_name, subscription, self._encode_frame
        )

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
        app, api_name = self.ctx.app, self.ctx.api.name
        try:
            while not self._feed.covers(self.cursor, self._subscription.topics):
                subscription = self._current_subscription()
                if subscription is None:
                    return self.close(REFUSED)
                rendered, upto = await read(app, api_name, subscription, self.cursor)
                for id, payload in rendered:
                    transport.write(self._encode_frame(id, payload))
                self.cursor = max(self.cursor, upto)
                waited = 0
                while transport.get_write_buffer_size() > HIGH_WATER_MARK:
                    await asyncio.sleep(0.1)
                    waited += 1
                    if transport.is_closing() or waited > STALLED_SECONDS * 10:
                        return self.close(TRY_AGAIN)
        finally:
            self._catching_up = None
        self.wake()


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
    request = ctx.request
    chunked = request.version >= HttpVersion11
    transport_name, encode_frame = (
        ("sse chunked", chunked_sse_frame) if chunked else ("sse", sse_frame)
    )
    stream = EventStream(ctx, subscribe, cursor, transport_name, encode_frame)
    lost = stream.gap_notice()
    keep_alive = chunked and request.keep_alive
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n%b%b"
        b"%b: %d\r\n%b\r\n"
        % (
            b"Transfer-Encoding: chunked\r\n" if chunked else b"",
            b"" if keep_alive else b"Connection: close\r\n",
            CURSOR_HEADER.encode(),
            stream.cursor,
            ctx.api.header_lines,
        )
    )
    wrap = chunk if chunked else bytes
    first = b": open\n\n" if lost is None else b"event: lost\ndata: %b\n\n" % lost
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has disconnected")
    transport.write(head + wrap(first))
    code = await hold_open(ctx, stream, wrap(b": \n\n"))
    if code == TRY_AGAIN:
        transport.abort()
    elif chunked and not transport.is_closing():
        transport.write(LAST_CHUNK)
    await abort_unless_read(transport, CLOSING_SECONDS)
    return AlreadySent(keep_alive and not transport.is_closing())


async def abort_unless_read(transport: asyncio.WriteTransport, seconds: float) -> None:
    """Abort a connection whose client has not read everything after some seconds.

    A regular close would wait for the client as long as the system does.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while transport.get_write_buffer_size():
        if asyncio.get_running_loop().time() >= deadline:
            return transport.abort()
        await asyncio.sleep(0.05)


async def websocket(ctx: RequestContext, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """Serve a WebSocket: first the cursor, then one message per entry. The client's messages are ignored."""
    stream = EventStream(ctx, subscribe, cursor, "ws", ws_frame)
    socket = FeedSocket(max_message_bytes=4096)
    if not socket.can_prepare(ctx.request):
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={"Upgrade": ["Not a WebSocket handshake."]}
        )
    await socket.prepare(ctx.request)
    hello = b'{"type":"hello","cursor":%d}' % cursor
    await socket.send_str(hello.decode())
    lost = stream.gap_notice()
    if lost is not None:
        await socket.send_str(lost.decode())
    reader = asyncio.create_task(_drain(socket))
    reader.add_done_callback(lambda task: stream.close(WSCloseCode.OK))
    try:
        await hold_socket_open(ctx, stream, socket)
    finally:
        reader.cancel()
    return socket


async def hold_socket_open(
    ctx: RequestContext, stream: EventStream, socket: web.WebSocketResponse
) -> None:
    """Keep the stream of a WebSocket open until it ends, then close the WebSocket."""
    code = await hold_open(ctx, stream, None)
    await close_socket(ctx, socket, code)


async def close_socket(
    ctx: RequestContext, socket: web.WebSocketResponse, code: int, reason: str = ""
) -> None:
    """Close a WebSocket within CLOSING_SECONDS, whether its client reads or not."""
    transport = ctx.request.transport
    try:
        async with asyncio.timeout(CLOSING_SECONDS):
            await socket.close(code=code, message=close_reason(reason))
            if transport is not None:
                await abort_unless_read(transport, CLOSING_SECONDS)
    except TimeoutError:
        # A client that reads nothing does not read the close frame either.
        if transport is not None:
            transport.abort()


async def hold_open(ctx: RequestContext, stream: EventStream, keep_alive: bytes | None) -> int:
    """Keep a stream open until it ends; return its close code. Its player is online meanwhile.

    `keep_alive` is what an event stream writes while it is idle; such a stream ends after STREAM_SECONDS.
    """
    player = ctx.caller.player_id
    # With jitter, so that streams do not all end at once.
    lifetime = STREAM_SECONDS * random.uniform(0.9, 1.0) if keep_alive else math.inf
    ends_at = asyncio.get_running_loop().time() + lifetime
    if player:
        ctx.core.presence.hold(player)
        await record_activity(ctx)
    stream.start()
    try:
        while not stream.ended.done():
            remaining = ends_at - asyncio.get_running_loop().time()
            if remaining <= 0:
                stream.close(WSCloseCode.OK)
                break
            await asyncio.wait((stream.ended,), timeout=min(KEEP_ALIVE_SECONDS, remaining))
            transport = ctx.request.transport
            if (
                keep_alive
                and stream.idle_seconds >= KEEP_ALIVE_SECONDS - 1
                and transport is not None
            ):
                transport.write(keep_alive)
        return stream.ended.result()
    finally:
        stream.stop()
        if player:
            ctx.core.release_connection(player)


def ws_frame(id: int, payload: bytes) -> bytes:
    """Return an unmasked text frame (RFC 6455)."""
    return frame(payload)


async def _drain(socket: web.WebSocketResponse) -> None:
    """Read messages so that aiohttp answers pings and notices the close."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
