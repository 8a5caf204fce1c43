"""Pushing: server-sent events and WebSockets. A pusher writes to its transport as soon as it is woken.

There is no queue for a client: one that reads slowly has an old cursor, and one that takes nothing for half a
minute is closed with a code that means *resume from your cursor*.
"""

import asyncio
import struct

from aiohttp import WSCloseCode, WSMsgType, web

from coalserver.core.ports import Topic
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call
from coalserver.web.endpoint import heard
from coalserver.web.responses import Written
from coalserver.web.streaming.broadcast import FULL, Chorus, Choruses, Frame
from coalserver.web.streaming.subscriptions import CURSOR, Subscribe, Subscription, read

#: A client that takes nothing for so many seconds is told to come back.
STALLED_SECONDS = 30
#: How long a close code may take to arrive.
CLOSING_SECONDS = 5
#: How often a quiet line says that it is open.
KEEP_ALIVE_SECONDS = 15
#: Closed because the client was too slow: resume from your cursor.
TRY_AGAIN = WSCloseCode.TRY_AGAIN_LATER
REFUSED = WSCloseCode.POLICY_VIOLATION


class Pusher:
    """One open stream: reads after its cursor whenever it is woken, and writes what it finds.

    Once it has told everything it waits in a chorus, and for itself only on the topic that is its own.
    """

    def __init__(
        self, call: Call, subscribe: Subscribe, cursor: int, form: str, frame: Frame
    ) -> None:
        self.call = call
        self.cursor = cursor
        #: Why it ended, once it has: a close code.
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._subscribe = subscribe
        self._feed = call.core.feed
        self._transport = call.request.transport
        #: The topics on which it is enrolled.
        self._standing: tuple[Topic, ...] = ()
        #: The newest entry when the subscription was found: what comes later may change it.
        self._since = self._feed.head
        self._form = form
        self._frame = frame
        self._choruses = call.web.own(Choruses)
        self._subscription = subscribe()
        self._chorus = self._chorus_of(self._subscription)
        self._catching_up: asyncio.Task[None] | None = None
        self._full_for = 0
        self.quiet_for = 0

    def start(self) -> None:
        """Begin: say what is due, then wait for more."""
        self.call.web.timers.watch(self)
        self.wake()

    def stop(self) -> None:
        """Be woken no more."""
        self._feed.leave(self._standing, self)
        self.call.web.timers.unwatch(self)
        if self._catching_up is not None:
            self._catching_up.cancel()
        self.end(WSCloseCode.OK)

    def end(self, code: int) -> None:
        self._alone()
        if not self.ended.done():
            self.ended.set_result(code)

    def lost(self) -> bytes | None:
        """What to say first if events after the cursor are kept no more; the cursor moves past them."""
        if not self._feed.lost(self.cursor):
            return None
        self.cursor = max(self.cursor, self._feed.oldest - 1)
        return b'{"type":"lost","floor":%d}' % self._feed.oldest

    def wake(self) -> None:
        """Write everything after the cursor. Who is woken stays enrolled."""
        transport, feed = self._transport, self._feed
        if transport is None or transport.is_closing() or self.ended.done():
            return self.end(WSCloseCode.GOING_AWAY)
        if feed.closed:
            return self.end(WSCloseCode.SERVICE_RESTART)
        if self._catching_up is not None or self._full_for:
            return
        subscription = self._current()
        if subscription is None:
            return self.end(REFUSED)
        while feed.covers(self.cursor):
            if transport.get_write_buffer_size() > FULL:
                self._full_for = 1
                return self._alone()
            told, upto = self._chorus.after(self.cursor)
            if told:
                self.quiet_for = 0
                transport.write(told)
            self.cursor = upto
            if not feed.news(subscription.topics, upto):
                return self._rest(transport)
        self._alone()
        self._catching_up = asyncio.create_task(self._catch_up(transport))

    def fail(self, fault: Exception) -> None:
        self.end(WSCloseCode.INTERNAL_ERROR)

    def expire(self) -> None:
        """Once a second: is the client still taking anything, and is the line still alive?"""
        transport = self._transport
        if transport is None or transport.is_closing():
            return self.end(WSCloseCode.GOING_AWAY)
        self.quiet_for += 1
        if self._full_for:
            if transport.get_write_buffer_size() <= FULL:
                self._full_for = 0
                self.wake()
            elif self._full_for >= STALLED_SECONDS:
                self.end(TRY_AGAIN)
            else:
                self._full_for += 1

    def _current(self) -> Subscription | None:
        """What the caller may hear by now; None where that is nothing any more."""
        own = self._subscription.own
        if own is not None and self._feed.news((own,), self._since):
            self._since = self._feed.head
            try:
                self._take(self._subscribe())
            except Refusal:
                return None
        return self._subscription

    def _take(self, subscription: Subscription) -> None:
        """Hear this from now on."""
        chorus = self._chorus_of(subscription)
        if chorus is not self._chorus:
            self._alone()
        self._subscription, self._chorus = subscription, chorus

    def _chorus_of(self, subscription: Subscription) -> Chorus:
        dialect = self.call.dialect.name
        return self._choruses.of(self._form, dialect, subscription, self._frame)

    def _rest(self, transport: asyncio.WriteTransport) -> None:
        """Everything is told: wait for more, together with those who hear the same."""
        own = self._subscription.own
        self._stand(() if own is None else (own,))
        self._chorus.join(self, transport)

    def _alone(self) -> None:
        """Be told nothing together with others."""
        self._chorus.leave(self)

    def _stand(self, topics: tuple[Topic, ...]) -> None:
        """Be woken for these, and for nothing else."""
        if topics != self._standing:
            self._feed.leave(self._standing, self)
            self._standing = topics
            self._feed.stay(topics, self)

    async def _catch_up(self, transport: asyncio.WriteTransport) -> None:
        """Read from disk what memory no longer holds, no faster than the client takes it."""
        web_, dialect = self.call.web, self.call.dialect.name
        try:
            while not self._feed.covers(self.cursor):
                subscription = self._current()
                if subscription is None:
                    return self.end(REFUSED)
                told, upto = await read(web_, dialect, subscription, self.cursor)
                for id, words in told:
                    transport.write(self._frame(id, words))
                self.cursor = max(self.cursor, upto)
                waited = 0
                while transport.get_write_buffer_size() > FULL:
                    await asyncio.sleep(0.1)
                    waited += 1
                    if transport.is_closing() or waited > STALLED_SECONDS * 10:
                        return self.end(TRY_AGAIN)
        finally:
            self._catching_up = None
        self.wake()


async def server_sent(call: Call, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """Server-sent events: `id:` and `data:` for each entry, comments while it is quiet."""
    pusher = Pusher(call, subscribe, cursor, "sse", sse_frame)
    lost = pusher.lost()
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Cache-Control: no-store\r\nX-Accel-Buffering: no\r\nConnection: close\r\n"
        b"%b: %d\r\n%b\r\n" % (CURSOR.encode(), pusher.cursor, call.dialect.head)
    )
    first = b": open\n\n" if lost is None else b"event: lost\ndata: %b\n\n" % lost
    transport = call.request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    # Not chunked: the same bytes go to everyone, and the stream ends with its connection.
    transport.write(head + first)
    if await hold(call, pusher, b": \n\n") == TRY_AGAIN:
        # Closed in peace it would wait for ever to be read.
        transport.abort()
    return Written(keep_alive=False)


async def websocket(call: Call, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """A WebSocket: first the cursor, then an entry a message. What the client says is not listened to."""
    pusher = Pusher(call, subscribe, cursor, "ws", ws_frame)
    socket = web.WebSocketResponse(compress=False, heartbeat=20, max_msg_size=4096)
    if not socket.can_prepare(call.request):
        raise Refusal(Why.MALFORMED, fields={"Upgrade": ["Not a WebSocket handshake."]})
    await socket.prepare(call.request)
    hello = b'{"type":"hello","cursor":%d}' % cursor
    await socket.send_str(hello.decode())
    lost = pusher.lost()
    if lost is not None:
        await socket.send_str(lost.decode())
    reading = asyncio.create_task(_drain(socket))
    reading.add_done_callback(lambda task: pusher.end(WSCloseCode.OK))
    transport = call.request.transport
    try:
        code = await hold(call, pusher, None)
        async with asyncio.timeout(CLOSING_SECONDS):
            await socket.close(code=code)
    except TimeoutError:
        # Who takes nothing does not take the close code either.
        if transport is not None:
            transport.abort()
    finally:
        reading.cancel()
    return socket


async def hold(call: Call, pusher: Pusher, quiet: bytes | None) -> int:
    """Keep a stream open until it ends; its player is there for as long."""
    presence, player = call.core.presence, call.caller.player
    if player:
        presence.hold(player)
        await heard(call)
    pusher.start()
    try:
        while not pusher.ended.done():
            await asyncio.wait((pusher.ended,), timeout=KEEP_ALIVE_SECONDS)
            transport = call.request.transport
            if quiet and pusher.quiet_for >= KEEP_ALIVE_SECONDS - 1 and transport is not None:
                transport.write(quiet)
        return pusher.ended.result()
    finally:
        pusher.stop()
        if player:
            presence.release(player, call.core.setting.clock())


def sse_frame(id: int, words: bytes) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (id, words)


def ws_frame(id: int, words: bytes) -> bytes:
    """A text frame as RFC 6455 has it: from a server, not masked."""
    size = len(words)
    if size < 126:
        return b"\x81" + bytes((size,)) + words
    if size < 1 << 16:
        return b"\x81\x7e" + struct.pack("!H", size) + words
    return b"\x81\x7f" + struct.pack("!Q", size) + words


async def _drain(socket: web.WebSocketResponse) -> None:
    """Read so that pings are answered and a close is seen."""
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
