"""Listening: what a caller may hear, and the one way to read it after a cursor.

All transports read like this; what wakes them carries nothing.
"""

from bisect import insort
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from coalserver.core.ports import Entry, Topic
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call, Web, asked_number

#: How many entries one answer holds at most; a client that is behind asks again at once.
AT_ONCE = 100
CURSOR = "X-Event-Cursor"


@dataclass(frozen=True, slots=True)
class Newest:
    """What may take the place of all entries on one topic: the value to which they have led."""

    topic: Topic
    #: Whether a listener who is behind by these entries, or by these and more, is told the value instead.
    due: Callable[[list[Entry]], bool]
    #: The entry that made the value what it is for who has heard all, and its words; None: there is none yet.
    words: Callable[[], tuple[int, bytes] | None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one caller hears, and how it is told. `own` is a topic on which things change for him alone."""

    topics: tuple[Topic, ...]
    #: Callers with the same topics and audience are told the same bytes.
    audience: Hashable
    #: The words for an entry, as JSON; None where this dialect has none.
    tell: Callable[[Entry], bytes | None]
    own: Topic | None = None
    #: Nothing more will be said here: nobody need wait for it.
    over: bool = False
    #: For one of `topics`, whose backlog need not be told; who begins at -1 is told the value at once.
    newest: Newest | None = None

    @property
    def others(self) -> tuple[Topic, ...]:
        """The topics of which every entry is told."""
        newest = self.newest
        return tuple(topic for topic in self.topics if newest is None or topic != newest.topic)

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


async def read(web_: Web, dialect: str, subscription: Subscription, cursor: int) -> Read:
    """What this caller is told after the cursor, and the cursor up to which all was looked at."""
    core = web_.core
    if subscription.newest is not None and not core.feed.covers(cursor):
        return await _read_briefly(web_, dialect, subscription, subscription.newest, cursor)
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
    newest = subscription.newest
    if newest is not None and (
        cursor < 0 or newest.due(feed.after((newest.topic,), cursor, AT_ONCE))
    ):
        return _briefly(web_, dialect, subscription, newest, cursor, cursor, [])
    while True:
        found = feed.after(subscription.topics, cursor, AT_ONCE)
        told = in_words(web_, dialect, subscription, found)
        upto = found[-1].id if len(found) >= AT_ONCE else feed.head
        if told or len(found) < AT_ONCE:
            return told, upto
        cursor = upto


async def _read_briefly(
    web_: Web, dialect: str, subscription: Subscription, newest: Newest, cursor: int
) -> Read:
    """From disk, in one go: a cursor in between could not tell what was passed over before it."""
    core, told, upto = web_.core, [], cursor
    while not core.feed.covers(upto):
        found, upto = await core.entries(subscription.others, upto, AT_ONCE)
        told += in_words(web_, dialect, subscription, found)
    return _briefly(web_, dialect, subscription, newest, cursor, upto, told)


def _briefly(
    web_: Web,
    dialect: str,
    subscription: Subscription,
    newest: Newest,
    cursor: int,
    upto: int,
    told: list[tuple[int, bytes]],
) -> Read:
    """All that memory holds after `upto`, with one value for all that lies on its topic after the cursor."""
    feed = web_.core.feed
    told += in_words(web_, dialect, subscription, feed.after(subscription.others, upto, 1 << 62))
    words = newest.words()
    if words is not None and words[0] > cursor:
        insort(told, words, key=itemgetter(0))
    return told, feed.head


def in_words(
    web_: Web, dialect: str, subscription: Subscription, entries: list[Entry]
) -> list[tuple[int, bytes]]:
    """The entries this dialect has words for, each with its id. Made once per audience."""
    told = []
    for entry in entries:
        name = (dialect, subscription.audience, entry.id)
        words = web_.words.once(name, partial(subscription.tell, entry))
        if words is not None:
            told.append((entry.id, words))
    return told
