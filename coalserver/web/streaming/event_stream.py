"""Pushing: server-sent events and WebSockets. A pusher writes to its transport as soon as it is woken.

There is no queue for a client: one that reads slowly has an old cursor, and one that takes nothing for half a
minute is closed with a code that means *resume from your cursor*.
"""

import asyncio
import struct

from aiohttp import WSCloseCode, WSMsgType, web

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
from coalserver.web.streaming.subscriptions import (
    CURSOR_HEADER,
    Subscribe,
    Subscription,
    parse_cursor,
    read,
)

#: A client that takes nothing for so many seconds is told to come back.
STALLED_SECONDS = 30
#: How long a close code may take to arrive.
CLOSING_SECONDS = 5
#: How often a quiet line says that it is open.
KEEP_ALIVE_SECONDS = 15
#: Closed because the client was too slow: resume from your cursor.
TRY_AGAIN = WSCloseCode.TRY_AGAIN_LATER
REFUSED = WSCloseCode.POLICY_VIOLATION


class EventStream:
    """One open stream: reads after its cursor whenever it is woken, and writes what it finds.

    Once it has told everything it waits in a chorus, and for itself only on the topic that is its own.
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
        #: Why it ended, once it has: a close code.
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._subscribe = subscribe
        self._feed = ctx.core.feed
        self._transport = ctx.request.transport
        #: The topics on which it is enrolled.
        self._waiting_on: tuple[Topic, ...] = ()
        #: The newest entry when the subscription was found: what comes later may change it.
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
        """Begin: say what is due, then wait for more."""
        self.ctx.app.timers.watch(self)
        self.wake()

    def stop(self) -> None:
        """Be woken no more."""
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
        """What to say first if events after the cursor are kept no more; the cursor moves past them."""
        if not self._feed.has_gap(self.cursor):
            return None
        self.cursor = max(self.cursor, self._feed.oldest - 1)
        return b'{"type":"lost","floor":%d}' % self._feed.oldest

    def wake(self) -> None:
        """Write everything after the cursor. Who is woken stays enrolled."""
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
        while feed.covers(self.cursor):
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
        """Once a second: is the client still taking anything, and is the line still alive?"""
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
        """What the caller may hear by now; None where that is nothing any more."""
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
        """Hear this from now on."""
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
        """Everything is told: wait for more, together with those who hear the same."""
        control_topic = self._subscription.control_topic
        self._wait_on(() if control_topic is None else (control_topic,))
        self._group.join(self, transport)

    def _leave_group(self) -> None:
        """Be told nothing together with others."""
        self._group.leave(self)

    def _wait_on(self, topics: tuple[Topic, ...]) -> None:
        """Be woken for these, and for nothing else."""
        if topics != self._waiting_on:
            self._feed.unsubscribe(self._waiting_on, self)
            self._waiting_on = topics
            self._feed.subscribe(topics, self)

    async def _catch_up(self, transport: asyncio.WriteTransport) -> None:
        """Read from disk what memory no longer holds, no faster than the client takes it."""
        app, api_name = self.ctx.app, self.ctx.api.name
        try:
            while not self._feed.covers(self.cursor):
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
    return await long_poll(ctx, subscribe, cursor)


async def server_sent_events(
    ctx: RequestContext, subscribe: Subscribe, cursor: int
) -> web.StreamResponse:
    """Server-sent events: `id:` and `data:` for each entry, comments while it is quiet."""
    stream = EventStream(ctx, subscribe, cursor, "sse", sse_frame)
    lost = stream.gap_notice()
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n"
        b"%b: %d\r\n%b\r\n" % (CURSOR_HEADER.encode(), stream.cursor, ctx.api.header_lines)
    )
    first = b": open\n\n" if lost is None else b"event: lost\ndata: %b\n\n" % lost
    transport = ctx.request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    # Not chunked: the same bytes go to everyone, and the stream ends with its connection.
    transport.write(head + first)
    if await hold_open(ctx, stream, b": \n\n") == TRY_AGAIN:
        # Closed in peace it would wait for ever to be read.
        transport.abort()
    return AlreadySent(keep_alive=False)


async def websocket(ctx: RequestContext, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """A WebSocket: first the cursor, then an entry a message. What the client says is not listened to."""
    stream = EventStream(ctx, subscribe, cursor, "ws", ws_frame)
    socket = web.WebSocketResponse(compress=False, heartbeat=20, max_msg_size=4096)
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
    transport = ctx.request.transport
    try:
        code = await hold_open(ctx, stream, None)
        async with asyncio.timeout(CLOSING_SECONDS):
            await socket.close(code=code)
    except TimeoutError:
        # Who takes nothing does not take the close code either.
        if transport is not None:
            transport.abort()
    finally:
        reader.cancel()
    return socket


async def hold_open(ctx: RequestContext, stream: EventStream, keep_alive: bytes | None) -> int:
    """Keep a stream open until it ends; its player is there for as long."""
    presence, player = ctx.core.presence, ctx.caller.player_id
    if player:
        presence.hold(player)
        await record_activity(ctx)
    stream.start()
    try:
        while not stream.ended.done():
            await asyncio.wait((stream.ended,), timeout=KEEP_ALIVE_SECONDS)
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
            presence.release(player, ctx.core.context.clock())


def sse_frame(id: int, payload: bytes) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (id, payload)


def ws_frame(id: int, payload: bytes) -> bytes:
    """A text frame as RFC 6455 has it: from a server, not masked."""
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + struct.pack("!H", size) + payload
    return b"\x81\x7f" + struct.pack("!Q", size) + payload


async def _drain(socket: web.WebSocketResponse) -> None:
    """Read so that pings are answered and a close is seen."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
