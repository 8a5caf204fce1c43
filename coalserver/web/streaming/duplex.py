"""Duplex streams: WebSockets that send events and receive messages."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from coalserver.domain.errors import DomainError
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import record_activity
from coalserver.web.streaming.broadcast import FrameEncoder
from coalserver.web.streaming.event_stream import EventStream, StreamChecks, StreamForm
from coalserver.web.streaming.held_connections import closing_seconds
from coalserver.web.streaming.subscriptions import Subscribe, Subscription
from coalserver.web.streaming.websocket import CLOSING_SECONDS, close_reason, failure_code

#: Seconds after the end in which received messages are still handled.
DRAIN_SECONDS = 5
#: Handles one message and sends its own errors. StoreFailed closes the socket.
OnMessage = Callable[[WSMessage], Awaitable[None]]


class DuplexStream(EventStream):
    """A stream with a subscription of its own, which is evaluated at each wake-up.

    It joins no group, and closes when the subscription has ended and everything is sent.
    """

    #: Whether a message of the client is being handled: its answer follows the events that it causes.
    handling = False

    def wake(self) -> None:
        """Look for new entries; in turns with others, of which one event can wake thousands."""
        if self.handling or self._feed.closed:
            self.look()
        else:
            self._app.per_process(StreamChecks).add(self)

    def look(self) -> None:
        super().look()
        if self.ended:
            return
        caught_up = self._catching_up is None and not self._stalled_seconds
        if self._subscription.ended and caught_up and self.cursor >= self._feed.head:
            self.close(WSCloseCode.OK)

    def _wait_for_more(self, transport: asyncio.WriteTransport) -> None:
        self._wait_on(self._subscription.all_topics)

    def _current_subscription(self) -> Subscription | None:
        try:
            self._use_subscription(self._subscribe())
        except DomainError:
            return None
        return self._subscription


async def run_duplex(
    ctx: RequestContext,
    socket: web.WebSocketResponse,
    subscribe: Subscribe,
    cursor: int,
    on_message: OnMessage,
    encode_frame: FrameEncoder,
) -> None:
    """Send the entries after the cursor and handle messages until either side closes.

    Messages are handled one after another: each after the effects of the last one are on disk.
    """
    connection = _DuplexConnection(ctx)
    stream = DuplexStream(ctx, subscribe, cursor, StreamForm("duplex", encode_frame), connection)
    reader = asyncio.create_task(_read(socket, stream, on_message))
    reader.add_done_callback(lambda task: stream.close(_close_code(task)))
    seconds = 0
    try:
        await record_activity(ctx)
        stream.start()
        await close_socket(ctx, socket, await connection.ended)
        seconds = DRAIN_SECONDS
    finally:
        stream.close(WSCloseCode.OK)
        await asyncio.wait((reader,), timeout=seconds)
        reader.cancel()
        await asyncio.wait((reader,))


class _DuplexConnection:
    """The connection of a duplex stream, which stays aiohttp's: messages are awaited."""

    def __init__(self, ctx: RequestContext) -> None:
        self.transport = ctx.request.transport
        #: The close code.
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def stream_ended(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


async def close_socket(
    ctx: RequestContext, socket: web.WebSocketResponse, code: int, reason: str = ""
) -> None:
    """Close a WebSocket within CLOSING_SECONDS, or STOPPING_SECONDS, whether its client reads or not."""
    transport = ctx.request.transport
    seconds = closing_seconds(code, CLOSING_SECONDS)
    try:
        async with asyncio.timeout(seconds):
            await socket.close(code=code, message=close_reason(reason))
            if transport is not None:
                await _abort_unless_read(transport, seconds)
    except TimeoutError:
        # A client that reads nothing does not read the close frame either.
        if transport is not None:
            transport.abort()


async def _abort_unless_read(transport: asyncio.WriteTransport, seconds: float) -> None:
    """Abort a connection whose client has not read everything after some seconds.

    A regular close would wait for the client as long as the system does.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while transport.get_write_buffer_size():
        if asyncio.get_running_loop().time() >= deadline:
            return transport.abort()
        await asyncio.sleep(0.05)


def _close_code(reader: "asyncio.Task[None]") -> int:
    """Return the close code for how reading ended; log an unexpected exception."""
    error = None if reader.cancelled() else reader.exception()
    if error is None or isinstance(error, ConnectionError):
        return WSCloseCode.OK
    return failure_code(error)


async def _read(socket: web.WebSocketResponse, stream: DuplexStream, on_message: OnMessage) -> None:
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
        stream.handling = True
        await on_message(message)
        stream.handling = False
        # Hundreds of messages may have come at once.
        await asyncio.sleep(0)
