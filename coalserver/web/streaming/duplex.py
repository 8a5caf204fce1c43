"""Duplex: a WebSocket on which a client both hears what is said and speaks itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import Refusal
from coalserver.web.api import Call
from coalserver.web.streaming.broadcast import Frame
from coalserver.web.streaming.event_stream import CLOSING_SECONDS, Pusher, hold
from coalserver.web.streaming.subscriptions import Subscribe, Subscription

log = logging.getLogger(__name__)

#: Seconds in which what a client said before it went is still heard.
LAST_SECONDS = 5
#: Does what a message asks. It words refusals itself; a write that failed ends the socket.
Hear = Callable[[WSMessage], Awaitable[None]]


class Talker(Pusher):
    """A pusher that asks at each wake what there is to hear, and ends when that is over and told.

    What it is told is for it alone, so it waits for itself.
    """

    def wake(self) -> None:
        super().wake()
        told = self._catching_up is None and not self._full_for
        if self._subscription.over and told and self.cursor >= self._feed.head:
            self.end(WSCloseCode.OK)

    def _rest(self, transport: asyncio.WriteTransport) -> None:
        self._stand(self._subscription.heard)

    def _current(self) -> Subscription | None:
        try:
            self._take(self._subscribe())
        except Refusal:
            return None
        return self._subscription


async def converse(
    call: Call,
    socket: web.WebSocketResponse,
    subscribe: Subscribe,
    cursor: int,
    hear: Hear,
    frame: Frame,
) -> None:
    """Push what is said after the cursor, and read what the client says, until either ends.

    Messages are heard one after another: the next when what the last one did is on disk.
    """
    pusher = Talker(call, subscribe, cursor, "duplex", frame)
    reading = asyncio.create_task(_read(socket, hear))
    reading.add_done_callback(lambda task: pusher.end(_code_of(task)))
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
        await asyncio.wait((reading,), timeout=LAST_SECONDS)
        reading.cancel()
        await asyncio.wait((reading,))


def _code_of(reading: "asyncio.Task[None]") -> int:
    """The close code for how reading ended; what was no client's doing is logged."""
    fault = None if reading.cancelled() else reading.exception()
    if isinstance(fault, StoreFailed):
        return WSCloseCode.SERVICE_RESTART
    if fault is None or isinstance(fault, ConnectionError):
        return WSCloseCode.OK
    log.error("A message could not be heard.", exc_info=fault)
    return WSCloseCode.INTERNAL_ERROR


async def _read(socket: web.WebSocketResponse, hear: Hear) -> None:
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
        await hear(message)
