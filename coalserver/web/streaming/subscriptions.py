"""Subscriptions: the topics that a caller may read, and reading their entries after a cursor.

All transports read through this module; notifications of the feed carry no entries.
"""

from bisect import insort
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from operator import itemgetter

from coalserver.core.ports import Entry, Topic
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.context import AppContext, RequestContext, int_query_param

#: Entries per response; a client that is further behind polls again at once.
PAGE_SIZE = 100
CURSOR_HEADER = "X-Event-Cursor"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The current value of a topic, sent in place of the entries that led to it."""

    topic: Topic
    #: Whether a subscriber that misses at least these entries receives the value instead.
    is_due: Callable[[list[Entry]], bool]
    #: Returns the id of the last entry in the value, and the value as JSON; None if there is no value yet.
    render: Callable[[], tuple[int, bytes] | None]


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one caller receives, and in which form."""

    topics: tuple[Topic, ...]
    #: Callers with the same topics and audience receive the same bytes.
    audience: Hashable
    #: Renders an entry as JSON; None: the API does not show it.
    render: Callable[[Entry], bytes | None]
    #: Topic of entries that may change this caller's rights, and are not sent. If it is one of `topics`, nothing tells
    #: of changes: the rights of each caller are checked before anything is sent to them.
    control_topic: Topic | None = None
    #: No further entries will follow.
    ended: bool = False
    #: For one of `topics`: sent instead of its backlog, and always from cursor -1.
    snapshot: Snapshot | None = None
    #: Whether this holds for all callers with the same topics and audience, as long as nothing is published on their
    #: control topics. It can change only with an entry on `topics`. None: each poll must subscribe again.
    still_valid: Callable[[], bool] | None = None
    #: When this caller's token ends, in the time of `Core.expiry_time`; infinite if it lasts while it is used.
    valid_until: float = inf
    #: The topics that wake this caller.
    all_topics: tuple[Topic, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        control = () if self.control_topic is None else (self.control_topic,)
        object.__setattr__(self, "all_topics", (*self.topics, *control))

    @property
    def checks_each(self) -> bool:
        """Whether the rights of each caller are checked before anything is sent to them."""
        return self.control_topic in self.topics

    def is_same(self, other: "Subscription") -> bool:
        """Return whether a caller receives the same entries with another subscription of theirs."""
        mine, others = ((one.topics, one.audience, one.ended) for one in (self, other))
        return mine == others

    @property
    def entry_topics(self) -> tuple[Topic, ...]:
        """The topics whose entries are all sent."""
        snapshot = self.snapshot
        return tuple(topic for topic in self.topics if snapshot is None or topic != snapshot.topic)


#: Returns the caller's current subscription. Raises DomainError once the caller has lost access.
Subscribe = Callable[[], Subscription]
ReadResult = tuple[list[tuple[int, bytes]], int]


def parse_cursor(ctx: RequestContext) -> int:
    """Return the client's cursor from `Last-Event-ID` or `after-event-id`; -1: from the oldest entry kept.

    Raises INVALID_REQUEST or CURSOR_AHEAD.
    """
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
    """Return the rendered entries after the cursor, and the cursor up to which entries were read."""
    core = app.core
    if subscription.snapshot is not None and not core.feed.covers(cursor, subscription.topics):
        return await _read_snapshot_from_disk(
            app, api_name, subscription, subscription.snapshot, cursor
        )
    while True:
        if core.feed.covers(cursor, subscription.topics):
            return read_memory(app, api_name, subscription, cursor)
        entries, upto = await core.entries(subscription.topics, cursor, PAGE_SIZE)
        rendered = render_entries(app, api_name, subscription, entries)
        if rendered or not entries:
            return rendered, upto
        cursor = upto


def read_memory(
    app: AppContext, api_name: str, subscription: Subscription, cursor: int
) -> ReadResult:
    """Return the same as `read` for a cursor that the feed has in memory."""
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
    """Read all entries from disk at once: an intermediate cursor would lose the snapshot before it."""
    core, rendered, upto = app.core, [], cursor
    while not core.feed.covers(upto, subscription.entry_topics):
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
    """Add the entries in memory after `upto`, and the snapshot in place of its topic's entries."""
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
    """Return the entries that the API shows, each with its id. Each is rendered once per audience."""
    rendered = []
    for entry in entries:
        cache_key = (api_name, subscription.audience, entry.id)
        payload = app.render_cache.get_or_render(cache_key, partial(subscription.render, entry))
        if payload is not None:
            rendered.append((entry.id, payload))
    return rendered
