"""Long-polls: a response as soon as there are entries, or after the wait."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import TypeVar

from aiohttp import web

from coalserver.core.feed import FutureWaiter
from coalserver.core.ports import Topic
from coalserver.web.api import Api
from coalserver.web.context import AppContext, RequestContext, int_query_param
from coalserver.web.responses import JSON, AlreadySent, raw_response
from coalserver.web.streaming.parked_poll import ParkingProtocol
from coalserver.web.streaming.subscriptions import (
    CURSOR_HEADER,
    Subscribe,
    Subscription,
    read,
    read_memory,
)
from coalserver.web.streaming.timers import Handle

T = TypeVar("T")

#: Longest wait that a client may request.
MAX_WAIT_SECONDS = 60
#: The answer comes after this many seconds at the latest: nginx and other proxies give up on a request after 60 s.
#: Timers are accurate to a second.
LONGEST_WAIT_SECONDS = 55
LOST_HEADER = "X-Events-Lost"
#: The JSON of a rendered entry.
_payload: Callable[[tuple[int, bytes]], bytes] = itemgetter(1)


@dataclass(frozen=True, slots=True)
class PollPlan:
    """What all polls of one URL by one caller share. It outlives the request that created it."""

    app: AppContext
    api: Api
    subscribe: Subscribe
    player: int
    wait: float

    def jittered_wait(self) -> float:
        """Return the seconds that a poll waits, with jitter so that polls do not all end at once."""
        wait = min(self.wait, LONGEST_WAIT_SECONDS)
        return wait - random.random() * min(3.0, wait / 10)

    def can_share(self, subscription: Subscription, cursor: int) -> bool:
        """Return whether the shared response is right: all entries are in memory, no right has changed."""
        feed, control_topic = self.app.core.feed, subscription.control_topic
        return (
            not feed.closed
            and feed.covers(cursor, subscription.topics)
            and (control_topic is None or not feed.has_newer((control_topic,), cursor))
        )

    def shared_response(self, subscription: Subscription, cursor: int) -> bytes | None:
        """Return the whole response, head and body, for all callers at this cursor; None without entries.

        Only valid while `can_share` is true.
        """
        cache_key = (
            "poll", self.api.name, subscription.audience, subscription.topics,
            cursor, self.app.core.feed.head,
        )  # fmt: skip
        return self.app.render_cache.get_or_render(
            cache_key, partial(self._render, subscription, cursor)
        )

    def _render(self, subscription: Subscription, cursor: int) -> bytes | None:
        rendered, upto = read_memory(self.app, self.api.name, subscription, cursor)
        return self.response_bytes(map(_payload, rendered), upto) if rendered else None

    def response_bytes(self, payloads: Iterable[bytes], cursor: int) -> bytes:
        """Return a response as it is written to the transport."""
        body = b"[%b]" % b",".join(payloads)
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
            b"X-Event-Cursor: %d\r\nCache-Control: no-store\r\n%b\r\n%b"
            % (JSON.encode(), len(body), cursor, self.api.header_lines, body)
        )


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
            subscription = subscribe()
            rendered, upto = await read(ctx.app, ctx.api.name, subscription, cursor)
            cursor = max(cursor, upto)
            if rendered or poll.timed_out or subscription.ended or not wait or core.feed.closed:
                return _poll_response([payload for _, payload in rendered], cursor, lost)
            if core.feed.has_newer(subscription.all_topics, cursor):
                continue
            if parking and parking.try_park(ctx.request, plan, subscription, cursor):
                return AlreadySent(ctx.request.keep_alive)
            if await poll.wait_for_entries(subscription, cursor, shareable=not lost):
                return AlreadySent(ctx.request.keep_alive)
    finally:
        poll.close()
        if player:
            core.release_connection(player)
        if wait and parking:
            parking.remember_request(ctx.request, plan)


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
            self._timer = self._plan.app.timers.add(self, self._plan.jittered_wait())
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
