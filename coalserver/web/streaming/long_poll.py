"""Long-polls: the transport that needs nothing of its client."""

import asyncio
import random
from dataclasses import dataclass

from aiohttp import web

from coalserver.web.api import Call, Dialect, Web, asked_number
from coalserver.web.responses import JSON, Written, answer
from coalserver.web.streaming.parked_poll import ParkingProtocol
from coalserver.web.streaming.subscriptions import (
    CURSOR,
    Subscribe,
    Subscription,
    read,
    read_memory,
)
from coalserver.web.streaming.timers import Handle

#: Longest time a client may ask a poll to wait.
LONGEST_WAIT = 60
LOST = "X-Events-Lost"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one caller's polls of one URL have in common; it outlives the request that made it."""

    web: Web
    dialect: Dialect
    subscribe: Subscribe
    player: int
    wait: float

    def patience(self) -> float:
        """Seconds until this poll ends. Polls that began together need not end together."""
        return self.wait - random.random() * min(3.0, self.wait / 10)

    def shared(self, subscription: Subscription, cursor: int) -> bytes | None:
        """The whole answer, head and body, for everyone at this cursor; None where it is not so simple."""
        feed = self.web.core.feed
        if (
            feed.closed
            or not feed.covers(cursor)
            or (subscription.own is not None and feed.news((subscription.own,), cursor))
        ):
            return None
        name = (
            "poll", self.dialect.name, subscription.audience, subscription.topics,
            cursor, feed.head,
        )  # fmt: skip
        return self.web.words.once(name, lambda: self._made(subscription, cursor))

    def _made(self, subscription: Subscription, cursor: int) -> bytes | None:
        told, upto = read_memory(self.web, self.dialect.name, subscription, cursor)
        return self.answered([words for _, words in told], upto) if told else None

    def answered(self, told: list[bytes], cursor: int) -> bytes:
        """An answer as it goes over the wire."""
        body = b"[%b]" % b",".join(told)
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
            b"X-Event-Cursor: %d\r\nCache-Control: no-store\r\n%b\r\n%b"
            % (JSON.encode(), len(body), cursor, self.dialect.head, body)
        )


async def long_poll(call: Call, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """Everything after the cursor, or what comes within the time asked for, or []."""
    longest = min(int(call.web.poll_seconds), LONGEST_WAIT)
    wait = asked_number(call, "wait", longest, 0, LONGEST_WAIT)
    core, player = call.core, call.caller.player
    plan = Plan(call.web, call.dialect, subscribe, player, wait)
    poll = Poll(call.request, plan)
    lost = core.feed.lost(cursor)
    protocol = call.request.protocol
    parking = protocol if isinstance(protocol, ParkingProtocol) and not lost else None
    if player:
        core.presence.hold(player)
    try:
        while True:
            subscription = subscribe()
            told, upto = await read(call.web, call.dialect.name, subscription, cursor)
            cursor = max(cursor, upto)
            if told or poll.over or subscription.over or not wait or core.feed.closed:
                return _answer([words for _, words in told], cursor, lost)
            if core.feed.news(subscription.heard, cursor):
                continue
            if parking and parking.takes_over(call.request, plan, subscription, cursor):
                return Written(call.request.keep_alive)
            if await poll.parked(subscription, cursor, shareable=not lost):
                return Written(call.request.keep_alive)
    finally:
        poll.end()
        if player:
            core.presence.release(player, core.setting.clock())
        if wait and parking:
            parking.enrol(call.request, plan)


def _answer(told: list[bytes], cursor: int, lost: bool) -> web.StreamResponse:
    headers = {CURSOR: str(cursor), "Cache-Control": "no-store"}
    if lost:
        headers[LOST] = "true"
    return answer(b"[%b]" % b",".join(told), 200, headers)


class Poll:
    """A long-poll whose request waits in its handler: woken by the feed, or by the time."""

    __slots__ = ("over", "_request", "_plan", "_ear", "_timer", "_subscription", "_cursor", "_done")

    def __init__(self, request: web.Request, plan: Plan) -> None:
        self.over = False
        self._request = request
        self._plan = plan
        self._ear: asyncio.Future[None] | None = None
        self._timer: Handle | None = None
        self._subscription: Subscription | None = None
        self._cursor = -1
        self._done = False

    def end(self) -> None:
        if self._timer is not None:
            self._plan.web.timers.cancel(self, self._timer)

    async def parked(self, subscription: Subscription, cursor: int, shareable: bool) -> bool:
        """Wait until there is something to read or time is up; True if the answer was written meanwhile."""
        feed = self._plan.web.core.feed
        if self._timer is None:
            self._timer = self._plan.web.timers.add(self, self._plan.patience())
        self._subscription = subscription if shareable else None
        self._cursor = cursor
        self._ear = asyncio.get_running_loop().create_future()
        feed.enrol(subscription.heard, self)
        try:
            await self._ear
        finally:
            feed.leave(subscription.heard, self)
        return self._done

    def wake(self) -> None:
        """Write the answer that all who wait at this cursor share; where it is not so simple, try again."""
        if self._ear is None or self._ear.done():
            return
        request, subscription = self._request, self._subscription
        plain = request.keep_alive and request.version.minor > 0 and request.method == "GET"
        if subscription is not None and plain:
            shared = self._plan.shared(subscription, self._cursor)
            transport = request.transport
            if shared is not None and transport is not None and not transport.is_closing():
                transport.write(shared)
                self._done = True
        self._ear.set_result(None)

    def fail(self, fault: Exception) -> None:
        if self._ear is not None and not self._ear.done():
            self._ear.set_exception(fault)

    def expire(self) -> None:
        self.over = True
        self._timer = None
        if self._ear is not None and not self._ear.done():
            self._ear.set_result(None)
