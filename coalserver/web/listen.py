"""Listening: what a caller may hear, and the one way to read it after a cursor.

All transports read like this; what wakes them carries nothing.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

from coalserver.core.ports import Entry, Topic
from coalserver.domain.refusal import Refusal, Why
from coalserver.web.dialect import Call, Web, asked_number

#: How many entries one answer holds at most; a client that is behind asks again at once.
AT_ONCE = 100
CURSOR = "X-Event-Cursor"


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
        words = web_.words.once(name, partial(subscription.tell, entry))
        if words is not None:
            told.append((entry.id, words))
    return told
