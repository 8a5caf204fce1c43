"""Listening: what a caller may hear, and the one way to read it after a cursor.

All transports read like this; what wakes them carries nothing.
"""

from bisect import insort
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

from coalserver.core.ports import Entry, Topic
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import AppContext, RequestContext, int_query_param

#: How many entries one answer holds at most; a client that is behind asks again at once.
PAGE_SIZE = 100
CURSOR_HEADER = "X-Event-Cursor"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What may take the place of all entries on one topic: the value to which they have led."""

    topic: Topic
    #: Whether a listener who is behind by these entries, or by these and more, is told the value instead.
    is_due: Callable[[list[Entry]], bool]
    #: The entry that made the value what it is for who has heard all, and its words; None: there is none yet.
    render: Callable[[], tuple[int, bytes] | None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one caller hears, and how it is told. `own` is a topic on which things change for him alone."""

    topics: tuple[Topic, ...]
    #: Callers with the same topics and audience are told the same bytes.
    audience: Hashable
    #: The words for an entry, as JSON; None where this dialect has none.
    render: Callable[[Entry], bytes | None]
    control_topic: Topic | None = None
    #: Nothing more will be said here: nobody need wait for it.
    ended: bool = False
    #: For one of `topics`, whose backlog need not be told; who begins at -1 is told the value at once.
    snapshot: Snapshot | None = None

    @property
    def entry_topics(self) -> tuple[Topic, ...]:
        """The topics of which every entry is told."""
        snapshot = self.snapshot
        return tuple(topic for topic in self.topics if snapshot is None or topic != snapshot.topic)

    @property
    def all_topics(self) -> tuple[Topic, ...]:
        """Every topic that matters to this caller."""
        return self.topics if self.control_topic is None else (*self.topics, self.control_topic)


#: Finds out anew what a caller may hear; refuses one who may hear nothing any more.
Subscribe = Callable[[], Subscription]
ReadResult = tuple[list[tuple[int, bytes]], int]


def parse_cursor(ctx: RequestContext) -> int:
    """The id after which the client wants to hear; -1: from the oldest kept."""
    head = ctx.core.feed.head
    last = ctx.request.headers.get("Last-Event-ID")
    name = "after-event-id"
    if last is not None and last.isascii() and last.isdigit() and len(last) <= 18:
        cursor = int(last)
    else:
        cursor = int_query_param(ctx, name, -1, -1, 10**18)
    if cursor > head:
        raise DomainError(ErrorCode.CURSOR_AHEAD, head=head)
    return cursor


async def read(
    app: AppContext, api_name: str, subscription: Subscription, cursor: int
) -> ReadResult:
    """What this caller is told after the cursor, and the cursor up to which all was looked at."""
    core = app.core
    if subscription.snapshot is not None and not core.feed.covers(cursor):
        return await _read_snapshot_from_disk(
            app, api_name, subscription, subscription.snapshot, cursor
        )
    while True:
        if core.feed.covers(cursor):
            return read_memory(app, api_name, subscription, cursor)
        entries, upto = await core.entries(subscription.topics, cursor, PAGE_SIZE)
        rendered = render_entries(app, api_name, subscription, entries)
        if rendered or not entries:
            return rendered, upto
        cursor = upto


def read_memory(
    app: AppContext, api_name: str, subscription: Subscription, cursor: int
) -> ReadResult:
    """The same for a cursor that the feed's memory covers."""
    feed = app.core.feed
    snapshot = subscription.snapshot
    if snapshot is not None and (
        cursor < 0 or snapshot.is_due(feed.after((snapshot.topic,), cursor, PAGE_SIZE))
    ):
        return _with_snapshot(app, api_name, subscription, snapshot, cursor, cursor, [])
    while True:
        entries = feed.after(subscription.topics, cursor, PAGE_SIZE)
        rendered = render_entries(app, api_name, subscription, entries)
        upto = entries[-1].id if len(entries) >= PAGE_SIZE else feed.head
        if rendered or len(entries) < PAGE_SIZE:
            return rendered, upto
        cursor = upto


async def _read_snapshot_from_disk(
    app: AppContext, api_name: str, subscription: Subscription, snapshot: Snapshot, cursor: int
) -> ReadResult:
    """From disk, in one go: a cursor in between could not tell what was passed over before it."""
    core, rendered, upto = app.core, [], cursor
    while not core.feed.covers(upto):
        entries, upto = await core.entries(subscription.entry_topics, upto, PAGE_SIZE)
        rendered += render_entries(app, api_name, subscription, entries)
    return _with_snapshot(app, api_name, subscription, snapshot, cursor, upto, rendered)


def _with_snapshot(
    app: AppContext,
    api_name: str,
    subscription: Subscription,
    snapshot: Snapshot,
    cursor: int,
    upto: int,
    rendered: list[tuple[int, bytes]],
) -> ReadResult:
    """All that memory holds after `upto`, with one value for all that lies on its topic after the cursor."""
    feed = app.core.feed
    rendered += render_entries(
        app, api_name, subscription, feed.after(subscription.entry_topics, upto, 1 << 62)
    )
    payload = snapshot.render()
    if payload is not None and payload[0] > cursor:
        insort(rendered, payload, key=itemgetter(0))
    return rendered, feed.head


def render_entries(
    app: AppContext, api_name: str, subscription: Subscription, entries: list[Entry]
) -> list[tuple[int, bytes]]:
    """The entries this dialect has words for, each with its id. Made once per audience."""
    rendered = []
    for entry in entries:
        cache_key = (api_name, subscription.audience, entry.id)
        payload = app.render_cache.get_or_render(cache_key, partial(subscription.render, entry))
        if payload is not None:
            rendered.append((entry.id, payload))
    return rendered
