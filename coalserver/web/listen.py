"""Listening: one way to read the feed, and the long-poll, which needs nothing of its client.

All transports read everything after a cursor; what wakes them carries nothing.
"""

import asyncio
import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from coalserver.core.engine import Core
from coalserver.core.ports import Entry, Topic
from coalserver.domain.refusal import Refusal, Why
from coalserver.web.dialect import Call, Web, asked_number
from coalserver.web.timers import Handle
from coalserver.web.reply import JSON, Written, answer

#: How many entries one answer holds at most; a client that is behind asks again at once.
AT_ONCE = 100
#: Longest time a client may ask a poll to wait.
LONGEST_WAIT = 60
CURSOR = "X-Event-Cursor"
LOST = "X-Events-Lost"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one caller hears, and how it is told. `own` is a topic on which things change for him alone."""

    topics: tuple[Topic, ...]
    #: Callers with the same topics and audience are told the same bytes.
    audience: Hashable
    #: The words for an entry, as JSON; None where this dialect has none.
    tell: Callable[[Entry], bytes | None]
    own: Topic | None = None

    @property
    def heard(self) -> tuple[Topic, ...]:
        """Every topic that matters to this caller."""
        return self.topics if self.own is None else (*self.topics, self.own)


#: Finds out anew what a caller may hear; refuses one who may hear nothing any more.
Subscribe = Callable[[], Subscription]
Read = tuple[list[tuple[int, bytes]], int]


def first_cursor(call: Call) -> int:
    """The id after which the client wants to hear; -1: from the oldest kept."""
    head = call.core.feed.head
    last = call.request.headers.get("Last-Event-ID")
    name = "after-event-id"
    if last is not None and last.isascii() and last.isdigit() and len(last) <= 18:
        cursor = int(last)
    else:
        cursor = asked_number(call, name, -1, -1, 10**18)
    if cursor > head:
        raise Refusal(Why.CURSOR_AHEAD, head=head)
    return cursor


async def long_poll(call: Call, subscribe: Subscribe, cursor: int) -> web.StreamResponse:
    """Everything after the cursor, or what comes within the time asked for, or []."""
    longest = min(int(call.web.poll_seconds), LONGEST_WAIT)
    wait: float = asked_number(call, "wait", longest, 0, LONGEST_WAIT)
    core, player = call.core, call.caller.player
    poll = Poll(call, cursor)
    if wait:
        # Polls that began together need not end together.
        poll.start(wait - random.uniform(0, min(3.0, wait / 10)))
    if player:
        core.presence.hold(player)
    try:
        while True:
            subscription = subscribe()
            told, upto = await read(call.web, call.dialect.name, subscription, cursor)
            cursor = max(cursor, upto)
            if told or poll.over or not wait or core.feed.closed:
                return poll_answer(core, told, cursor, poll.lost)
            if core.feed.news(subscription.heard, cursor):
                continue
            if await poll.parked(subscription, cursor):
                return Written(call.request.keep_alive)
    finally:
        poll.end()
        if player:
            core.presence.release(player, core.setting.clock())


def poll_answer(
    core: Core, told: list[tuple[int, bytes]], cursor: int, lost: bool
) -> web.StreamResponse:
    headers = {CURSOR: str(cursor), "Cache-Control": "no-store"}
    if lost:
        headers[LOST] = "true"
    return answer(b"[" + b",".join(words for _, words in told) + b"]", 200, headers)


class Poll:
    """A parked long-poll: woken by the feed, or by the time."""

    __slots__ = ("call", "lost", "over", "_ear", "_bucket", "_subscription", "_cursor", "_done")

    def __init__(self, call: Call, cursor: int) -> None:
        self.call = call
        self.lost = call.core.feed.lost(cursor)
        self.over = False
        self._ear: Any = None
        self._bucket: Handle | None = None
        self._subscription: Subscription | None = None
        self._cursor = cursor
        self._done = False

    def start(self, seconds: float) -> None:
        self._bucket = self.call.web.timers.add(self, seconds)

    async def parked(self, subscription: Subscription, cursor: int) -> bool:
        """Wait until there is something to read or time is up; True if the answer was written meanwhile."""
        self._subscription, self._cursor = subscription, cursor
        self._ear = asyncio.get_running_loop().create_future()
        self.call.core.feed.enrol(subscription.heard, self)
        try:
            await self._ear
        finally:
            self.call.core.feed.leave(subscription.heard, self)
        return self._done

    def wake(self) -> None:
        """Write the answer that all who wait at this cursor share; where it is not so simple, try again."""
        if self._ear.done():
            return
        shared = None if self.lost else self._shared()
        if shared is not None:
            transport = self.call.request.transport
            if transport is not None and not transport.is_closing():
                transport.write(shared)
            self._done = True
        self._ear.set_result(None)

    def expire(self) -> None:
        self.over = True
        self._bucket = None
        if self._ear is not None and not self._ear.done():
            self._ear.set_result(None)

    def end(self) -> None:
        if self._bucket is not None:
            self.call.web.timers.cancel(self, self._bucket)

    def _shared(self) -> bytes | None:
        call, request, subscription = self.call, self.call.request, self._subscription
        feed = call.core.feed
        if (
            subscription is None
            or feed.closed
            or not request.keep_alive
            or request.version.minor == 0
            or request.method == "HEAD"
            or not feed.covers(self._cursor)
            or (subscription.own is not None and feed.news((subscription.own,), self._cursor))
        ):
            return None
        name = (
            "poll", call.dialect.name, subscription.audience, subscription.topics,
            self._cursor, feed.head,
        )  # fmt: skip
        return call.web.words.once(name, lambda: self._made(subscription))

    def _made(self, subscription: Subscription) -> bytes | None:
        """Head and body for everyone at this cursor; None where there are no words for them."""
        told, upto = read_memory(
            self.call.web, self.call.dialect.name, subscription, self._cursor
        )
        if not told:
            return None
        body = b"[" + b",".join(words for _, words in told) + b"]"
        return (
            b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
            b"X-Event-Cursor: %d\r\nCache-Control: no-store\r\n%b\r\n%b"
            % (JSON.encode(), len(body), upto, self.call.dialect.head, body)
        )


async def read(web_: Web, dialect: str, subscription: Subscription, cursor: int) -> Read:
    """What this caller is told after the cursor, and the cursor up to which all was looked at."""
    core = web_.core
    while True:
        if core.feed.covers(cursor):
            return read_memory(web_, dialect, subscription, cursor)
        found, upto = await core.entries(subscription.topics, cursor, AT_ONCE)
        told = in_words(web_, dialect, subscription, found)
        if told or not found:
            return told, upto
        cursor = upto


def read_memory(web_: Web, dialect: str, subscription: Subscription, cursor: int) -> Read:
    """The same for a cursor that the feed's memory covers."""
    feed = web_.core.feed
    while True:
        found = feed.after(subscription.topics, cursor, AT_ONCE)
        told = in_words(web_, dialect, subscription, found)
        upto = found[-1].id if len(found) >= AT_ONCE else feed.head
        if told or len(found) < AT_ONCE:
            return told, upto
        cursor = upto


def in_words(
    web_: Web, dialect: str, subscription: Subscription, entries: list[Entry]
) -> list[tuple[int, bytes]]:
    """The entries this dialect has words for, each with its id. Made once per audience."""
    told = []
    for entry in entries:
        name = (dialect, subscription.audience, entry.id)
        words = web_.words.once(name, lambda entry=entry: subscription.tell(entry))
        if words is not None:
            told.append((entry.id, words))
    return told
