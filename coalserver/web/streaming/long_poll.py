"""Long-polls: a response as soon as there are entries, or after the wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiohttp import web

from coalserver.core.feed import FutureWaiter
from coalserver.core.ports import Topic
from coalserver.web.context import RequestContext, int_query_param
from coalserver.web.responses import AlreadySent, raw_response
from coalserver.web.streaming.parked_poll import ParkingProtocol
from coalserver.web.streaming.poll_group import LONGEST_WAIT_SECONDS, PollPlan
from coalserver.web.streaming.subscriptions import CURSOR_HEADER, Subscribe, Subscription, read
from coalserver.web.streaming.timers import Handle

T = TypeVar("T")

#: Longest wait that a client may request.
MAX_WAIT_SECONDS = 60
LOST_HEADER = "X-Events-Lost"


async def long_poll(ctx: RequestContext, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """Respond with the entries after the cursor, waiting for the first one; `[]` if none comes in time."""
    max_wait = min(int(ctx.app.poll_seconds), MAX_WAIT_SECONDS)
    wait = int_query_param(ctx, "wait", max_wait, 0, MAX_WAIT_SECONDS)
    core, player = ctx.core, ctx.caller.player_id
    plan = PollPlan(ctx.app, ctx.api, subscribe, player, wait)
    poll = LongPoll(ctx.request, plan)
    lost = core.feed.has_gap(cursor)
    protocol = ctx.request.protocol
    parking = protocol if isinstance(protocol, ParkingProtocol) and not lost else None
    if player:
        core.presence.hold(player)
    try:
        while True:
            head = core.feed.head
            subscription = subscribe()
            rendered, upto = await read(ctx.app, ctx.api.name, subscription, cursor)
            cursor = max(cursor, upto)
            if rendered or poll.timed_out or subscription.ended or not wait or core.feed.closed:
                return _poll_response([payload for _, payload in rendered], cursor, lost)
            if core.feed.has_newer(subscription.all_topics, cursor):
                continue
            if core.feed.head != head and not subscribe().is_same(subscription):
                # The rights of the caller have changed while entries were read from disk.
                continue
            if parking and parking.try_park(ctx.request, plan, cursor):
                return AlreadySent(ctx.request.keep_alive)
            if await poll.wait_for_entries(subscription, cursor, shareable=not lost):
                return AlreadySent(ctx.request.keep_alive)
    finally:
        poll.close()
        if player:
            core.release_connection(player)
        if wait and parking:
            parking.enrol(ctx.request, plan)


def _poll_response(payloads: list[bytes], cursor: int, lost: bool) -> web.StreamResponse:
    headers = {CURSOR_HEADER: str(cursor), "Cache-Control": "no-store"}
    if lost:
        headers[LOST_HEADER] = "true"
    return raw_response(b"[%b]" % b",".join(payloads), 200, headers)


class LongPoll:
    """A long-poll that waits in its handler until the feed or the timer wakes it."""

    __slots__ = (
        "timed_out",
        "_request",
        "_plan",
        "_waiter",
        "_timer",
        "_subscription",
        "_cursor",
        "_answered",
    )

    def __init__(self, request: web.Request, plan: PollPlan) -> None:
        self.timed_out = False
        self._request = request
        self._plan = plan
        self._waiter: asyncio.Future[None] | None = None
        self._timer: Handle | None = None
        self._subscription: Subscription | None = None
        self._cursor = -1
        self._answered = False

    def close(self) -> None:
        if self._timer is not None:
            self._plan.app.timers.cancel(self, self._timer)

    async def wait_for_entries(
        self, subscription: Subscription, cursor: int, shareable: bool
    ) -> bool:
        """Wait for entries or the end of the wait; return True if the response was written meanwhile."""
        feed = self._plan.app.core.feed
        if self._timer is None:
            # A token that ends by time ends the wait, and the request is refused in the API's words.
            remaining = max(subscription.valid_until - self._plan.app.core.expiry_time, 0)
            seconds = min(self._plan.jittered_wait(), remaining + 1)
            self._timer = self._plan.app.timers.add(self, seconds)
        self._subscription = subscription if shareable else None
        self._cursor = cursor
        self._waiter = asyncio.get_running_loop().create_future()
        feed.add_waiter(subscription.all_topics, self)
        try:
            await self._waiter
        finally:
            feed.unsubscribe(subscription.all_topics, self)
        return self._answered

    def wake(self) -> None:
        """Write the response shared by all polls at this cursor, or let the handler read again."""
        if self._waiter is None or self._waiter.done():
            return
        request, subscription = self._request, self._subscription
        plain = request.keep_alive and request.version.minor > 0 and request.method == "GET"
        if subscription is not None and plain and self._plan.can_share(subscription, self._cursor):
            response = self._plan.shared_response(subscription, self._cursor)
            transport = request.transport
            if response is not None and transport is not None and not transport.is_closing():
                transport.write(response)
                self._answered = True
        self._waiter.set_result(None)

    def fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def expire(self) -> None:
        self.timed_out = True
        self._timer = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def poll_until(
    ctx: RequestContext,
    topics: Sequence[Topic],
    seconds: float,
    check: Callable[[], Awaitable[tuple[T, bool]]],
) -> T:
    """Return the result of `check` once it is final, at the latest after some seconds or LONGEST_WAIT_SECONDS.

    `check` returns a result and whether that is final; it is called again after each event on one of the topics.
    The player counts as online meanwhile.
    """
    if seconds <= 0:
        return (await check())[0]
    core, player = ctx.core, ctx.caller.player_id
    alarm = _Alarm()
    handle = ctx.app.timers.add(alarm, min(seconds, LONGEST_WAIT_SECONDS))
    core.presence.hold(player)
    try:
        while True:
            # Before the check, so that no event is missed in between.
            waiter = alarm.waiter = FutureWaiter()
            core.feed.add_waiter(topics, waiter)
            try:
                result, final = await check()
                if final or alarm.expired or core.feed.closed:
                    return result
                await waiter.future
            finally:
                core.feed.unsubscribe(topics, waiter)
    finally:
        ctx.app.timers.cancel(alarm, handle)
        core.release_connection(player)


class _Alarm:
    """Wakes the current waiter when the time is up."""

    def __init__(self) -> None:
        self.expired = False
        self.waiter: FutureWaiter | None = None

    def expire(self) -> None:
        self.expired = True
        if self.waiter is not None:
            self.waiter.wake()
