"""Duplex streams: WebSockets that send events and receive messages."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError
from coalserver.web.context import RequestContext
from coalserver.web.streaming.broadcast import FrameEncoder
from coalserver.web.streaming.event_stream import EventStream, hold_socket_open
from coalserver.web.streaming.subscriptions import Subscribe, Subscription

log = logging.getLogger(__name__)

#: Seconds after the end in which received messages are still handled.
DRAIN_SECONDS = 5
#: Handles one message and sends its own errors. StoreFailed closes the socket.
OnMessage = Callable[[WSMessage], Awaitable[None]]


class DuplexStream(EventStream):
    """A stream with a subscription of its own, which is evaluated at each wake-up.

    It joins no group, and closes when the subscription has ended and everything is sent.
    """

    def wake(self) -> None:
        super().wake()
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
    stream = DuplexStream(ctx, subscribe, cursor, "duplex", encode_frame)
    reader = asyncio.create_task(_read(socket, on_message))
    reader.add_done_callback(lambda task: stream.close(_close_code(task)))
    try:
        await hold_socket_open(ctx, stream, socket)
    finally:
        await asyncio.wait((reader,), timeout=DRAIN_SECONDS)
        reader.cancel()
        await asyncio.wait((reader,))


def _close_code(reader: "asyncio.Task[None]") -> int:
    """Return the close code for how reading ended; log an unexpected exception."""
    error = None if reader.cancelled() else reader.exception()
    if isinstance(error, StoreFailed):
        return WSCloseCode.SERVICE_RESTART
    if error is None or isinstance(error, ConnectionError):
        return WSCloseCode.OK
    log.error("A WebSocket message failed.", exc_info=error)
    return WSCloseCode.INTERNAL_ERROR


async def _read(socket: web.WebSocketResponse, on_message: OnMessage) -> None:
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
        await on_message(message)
