"""Duplex: a WebSocket on which a client both hears what is said and speaks itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError
from coalserver.web.context import RequestContext
from coalserver.web.streaming.broadcast import FrameEncoder
from coalserver.web.streaming.event_stream import CLOSING_SECONDS, EventStream, hold_open
from coalserver.web.streaming.subscriptions import Subscribe, Subscription

log = logging.getLogger(__name__)

#: Seconds in which what a client said before it went is still heard.
DRAIN_SECONDS = 5
#: Does what a message asks. It words refusals itself; a write that failed ends the socket.
OnMessage = Callable[[WSMessage], Awaitable[None]]


class DuplexStream(EventStream):
    """A pusher that asks at each wake what there is to hear, and ends when that is over and told.

    What it is told is for it alone, so it waits for itself.
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
    """Push what is said after the cursor, and read what the client says, until either ends.

    Messages are heard one after another: the next when what the last one did is on disk.
    """
    stream = DuplexStream(ctx, subscribe, cursor, "duplex", encode_frame)
    reader = asyncio.create_task(_read(socket, on_message))
    reader.add_done_callback(lambda task: stream.close(_close_code(task)))
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
        await asyncio.wait((reader,), timeout=DRAIN_SECONDS)
        reader.cancel()
        await asyncio.wait((reader,))


def _close_code(reader: "asyncio.Task[None]") -> int:
    """The close code for how reading ended; what was no client's doing is logged."""
    error = None if reader.cancelled() else reader.exception()
    if isinstance(error, StoreFailed):
        return WSCloseCode.SERVICE_RESTART
    if error is None or isinstance(error, ConnectionError):
        return WSCloseCode.OK
    log.error("A message could not be heard.", exc_info=error)
    return WSCloseCode.INTERNAL_ERROR


async def _read(socket: web.WebSocketResponse, on_message: OnMessage) -> None:
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
        await on_message(message)
