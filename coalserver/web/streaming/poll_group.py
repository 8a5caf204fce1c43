"""Groups of parked polls: what is the same for many polls is decided once for each event.

All polls that receive the same bytes are in one group. It waits for the feed in their place, renders the response to an
event once and writes it to each of them. `docs/fast-path.md` shows the sequence.
"""

import random
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Protocol

from coalserver.web.api import Api
from coalserver.web.context import AppContext
from coalserver.web.responses import JSON
from coalserver.web.streaming.socket_reader import REQUESTS_AT_ONCE
from coalserver.web.streaming.subscriptions import Subscribe, Subscription, read_memory
from coalserver.web.streaming.write_queue import CLIENTS_AT_ONCE, WriteQueue

#: The answer comes after this many seconds at the latest: nginx and other proxies give up on a request after 60 s.
#: Timers are accurate to a second.
LONGEST_WAIT_SECONDS = 55
_JSON_TYPE = JSON.encode()
#: Handling a poll again takes as long as writing to so many clients, and a portion is no longer for that.
CLIENTS_FOR_A_REQUEST = CLIENTS_AT_ONCE // REQUESTS_AT_ONCE
#: The JSON of a rendered entry.
_payload: Callable[[tuple[int, bytes]], bytes] = itemgetter(1)


def response_bytes(
    api: Api, payloads: Iterable[bytes], cursor: int, *, closes: bool = False
) -> bytes:
    """Return the response to a poll as it is written to the transport; `closes`: it is the last one there."""
    body = b"[%b]" % b",".join(payloads)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
        b"X-Event-Cursor: %d\r\nCache-Control: no-store\r\n%b%b\r\n%b"
        % (
            *(_JSON_TYPE, len(body), cursor, api.header_lines),
            *(b"Connection: close\r\n" if closes else b"", body),
        )
    )


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
            and self.app.core.expiry_time <= subscription.valid_until
            and (control_topic is None or not feed.has_newer((control_topic,), cursor))
        )

    def shared_response(self, subscription: Subscription, cursor: int) -> bytes | None:
        """Return the whole response, head and body, for all callers at this cursor; None without entries.

        Only valid for a cursor that the feed covers, and while the caller's rights are those of the subscription.
        """
        cache_key = (
            "poll", self.api.name, subscription.audience, subscription.topics,
            cursor, self.app.core.feed.head,
        )  # fmt: skip
        return self.app.render_cache.get_or_render(
            cache_key, partial(_render, self.app, self.api, subscription, cursor)
        )


def _render(app: AppContext, api: Api, subscription: Subscription, cursor: int) -> bytes | None:
    rendered, upto = read_memory(app, api.name, subscription, cursor)
    return response_bytes(api, map(_payload, rendered), upto) if rendered else None


class ParkedPoll(Protocol):
    """A poll in a group, as the group sees it."""

    @property
    def there(self) -> bool:
        """Whether the poll waits for an answer."""

    def may_receive(self) -> bool:
        """Return whether the caller still has their rights."""

    def answer(self, response: bytes, now: float) -> None:
        """Write the response to the poll, which has left the group."""

    def ask_again(self) -> None:
        """Have the request handled as if it had just arrived: the poll may have lost its rights."""

    def fail(self, error: Exception) -> None:
        """Close the connection of the poll."""


class PollGroup:
    """All polls with the same API, topics and audience: the feed's one waiter for all of them.

    The feed notifies it after the waiters of control topics, so that a poll whose caller has lost their rights has
    left it by then.
    """

    __slots__ = (
        "app", "api", "feed", "timers", "key", "subscription", "members", "checks_each",
        "digits", "waiting", "newest", "expired", "_due", "_unchecked", "_current", "_queue", "_steady",
        "_empty_response",
    )  # fmt: skip

    def __init__(self, plan: PollPlan, subscription: Subscription, key: Hashable) -> None:
        self.app = plan.app
        self.api = plan.api
        self.feed = plan.app.core.feed
        self.timers = plan.app.timers
        self.key = key
        #: Of the first member. Its `control_topic` and `valid_until` are not those of others.
        self.subscription = subscription
        self.checks_each = subscription.checks_each
        #: The connections whose next poll may be parked here.
        self.members = 0
        #: The cursor that means "I have received everything" as bytes of a request. None if the rights of a poll
        #: must be checked: each time, or because they may have changed.
        self.digits: bytes | None = None
        #: The parked polls that have received everything so far.
        self.waiting: dict[ParkedPoll, None] = {}
        #: Those that were waiting at the entries of a response, which is written to some of them at a time. None: they
        #: are handled again.
        self._due: deque[tuple[dict[ParkedPoll, None], bytes | None]] = deque()
        #: Those that were waiting at entries that the API does not show, and whose rights are still to be checked. They
        #: go on waiting, and may have been answered meanwhile.
        self._unchecked: dict[ParkedPoll, None] = {}
        self._current: ParkedPoll | None = None
        self._queue = plan.app.per_process(WriteQueue)
        #: Nothing was published on the topics after this entry.
        self.newest = self.feed.head
        #: Whether the subscription holds no longer. Its members must subscribe again.
        self.expired = False
        self._steady = plan.app.core.clocks.steady
        self._empty_response = (-2, b"")
        self._move_digits()
        self.feed.subscribe(subscription.topics, self, last=True)

    @property
    def client_count(self) -> int:
        """The number of parked polls."""
        return len(self.waiting) + sum(len(polls) for polls, _ in self._due)

    def remove(self, poll: ParkedPoll) -> bytes | None:
        """Remove a parked poll, before anything but the group answers it; return the response that it is due."""
        if poll in self.waiting:
            del self.waiting[poll]
            return None
        for polls, response in self._due:
            if poll in polls:
                del polls[poll]
                return response
        return None

    def wake(self) -> None:
        """Answer all parked polls with the new entries."""
        feed = self.feed
        if feed.closed:
            return self._close()
        # Notified of every batch, the group knows that there was nothing since the last one: a quiet group does not
        # depend on how far back memory reaches.
        cursor = max(self.newest, feed.previous_head)
        self.newest = feed.head
        self._move_digits()
        if not feed.covers(cursor, self.subscription.topics):
            return self._answer(None)
        response = _render(self.app, self.api, self.subscription, cursor)
        if response is None:
            # The API shows none of the new entries: the polls wait for others, if they still may.
            if self.expired:
                self._answer(None)
            elif self.checks_each:
                self._unchecked.update(self.waiting)
                self._queue.start(self)
            return
        self._answer(response)

    def fail(self, error: Exception) -> None:
        """Close the connections of all polls that are still parked, because they were not answered."""
        failed = [] if self._current is None else [self._current]
        for polls in (*(polls for polls, _ in self._due), self.waiting):
            failed += polls
        self.waiting, self._current = {}, None
        self._due.clear()
        self._unchecked.clear()
        for poll in failed:
            poll.fail(error)

    def empty_response(self) -> bytes:
        """Return the response without entries, up to the feed's head; the last one once the feed is closed."""
        head, response = self._empty_response
        if self.feed.closed:
            return response_bytes(self.api, (), self.feed.head, closes=True)
        if head != self.feed.head:
            response = response_bytes(self.api, (), self.feed.head)
            self._empty_response = (self.feed.head, response)
        return response

    def needs_subscription(self) -> bool:
        """Return whether a poll must subscribe again before it is parked or answered."""
        return self.digits is None or not self._is_valid()

    def _is_valid(self) -> bool:
        """Return whether the subscription is known to hold still, for all members."""
        still_valid = self.subscription.still_valid
        if still_valid is None:
            return False
        if not self.expired and not still_valid():
            self.expired, self.digits = True, None
        return not self.expired

    def _move_digits(self) -> None:
        """Members who receive the newest entries ask with the feed's head next."""
        self.digits = b"%d" % self.feed.head if self._is_valid() else None

    def ask_again(self, poll: ParkedPoll) -> None:
        """Have a poll handled again, in turns with other requests: one event may concern a thousand of them."""
        self.remove(poll)
        if not self._due or self._due[-1][1] is not None:
            self._due.append(({}, None))
        self._due[-1][0][poll] = None
        self._queue.add(self)

    def _close(self) -> None:
        self.digits, self.expired = None, True
        self._answer(self.empty_response())

    def _answer(self, response: bytes | None) -> None:
        """Write a response to all parked polls. Those that are parked meanwhile wait for the next one.

        None: they are handled again.
        """
        self._due.append((self.waiting, response))
        self.waiting = {}
        self._queue.start(self)

    def write_some(self) -> bool:
        """Answer some of the polls that are due a response; return whether others are left."""
        left, now, checks = CLIENTS_AT_ONCE, self._steady(), self.checks_each
        while self._due:
            polls, response = self._due[0]
            while polls:
                if left <= 0:
                    return True
                self._current = poll = polls.popitem()[0]
                if response is None or (checks and not poll.may_receive()):
                    left -= CLIENTS_FOR_A_REQUEST
                    poll.ask_again()
                else:
                    left -= 1
                    poll.answer(response, now)
            self._due.popleft()
        while self._unchecked:
            if left <= 0:
                return True
            self._current = poll = self._unchecked.popitem()[0]
            left -= 1
            if poll in self.waiting and not poll.may_receive():
                left -= CLIENTS_FOR_A_REQUEST
                del self.waiting[poll]
                poll.ask_again()
        self._current = None
        return False


class PollGroups:
    """The groups of one process that have members."""

    def __init__(self, app: AppContext) -> None:
        self._groups: dict[Hashable, PollGroup] = {}

    def join(self, plan: PollPlan, subscription: Subscription) -> PollGroup:
        """Return the group of a subscription, with one more member."""
        key = (plan.api.name, subscription.audience, subscription.topics)
        group = self._groups.get(key)
        if group is None or group.expired:
            group = self._groups[key] = PollGroup(plan, subscription, key)
        group.members += 1
        return group

    def leave(self, group: PollGroup) -> None:
        """Remove a member, which no longer waits there. A group without members is deleted."""
        group.members -= 1
        if group.members:
            return
        group.feed.unsubscribe(group.subscription.topics, group)
        if self._groups.get(group.key) is group:
            del self._groups[group.key]
