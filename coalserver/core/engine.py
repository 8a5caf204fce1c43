"""The engine: runs commands one after another and answers when their changes are on disk."""

import asyncio
import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from coalserver.core import topics as topic
from coalserver.core.commands.idempotency import find_idempotent_result, save_idempotency_record
from coalserver.core.commands.synced_state import snapshot_synced_states
from coalserver.core.feed import Feed
from coalserver.core.leaderboards import Leaderboards
from coalserver.core.patches import PatchPreparation
from coalserver.core.ports import (
    GAP_COUNTER_PREFIX,
    Counter,
    Entry,
    History,
    PageKey,
    ScreenshotQuery,
    Store,
    Topic,
)
from coalserver.core.presence import Presence
from coalserver.core.queries.rooms import rosters
from coalserver.core.state import State
from coalserver.core.steps import Steps, complete_in_turns
from coalserver.core.unit_of_work import CoreContext, UnitOfWork
from coalserver.core.writer import BatchWriter
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.domain.play.events import LobbyMemberJoined, RoomMemberJoined
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState

T = TypeVar("T")
#: Entries read at once to replay a synced state: as many as there are between two snapshots.
REPLAY_CHUNK_SIZE = 64
#: Synced states that are looked at between two pauses.
SNAPSHOT_CHUNK_SIZE = 500
SCREENSHOT_PAGE_SIZE = 500

#: Events of players who take a seat, perhaps without a request of their own: a host approved them.
SEAT_TAKEN_EVENTS = (LobbyMemberJoined, RoomMemberJoined)


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The digests that tell whether a request repeats another one: of caller and key, and of the content."""

    key_digest: str
    request_digest: str

    @classmethod
    def of(cls, caller: str, idempotency_key: str, *content: bytes) -> "IdempotencyKey":
        """Return the key of a request from its caller, its Idempotency-Key and its content."""
        request_digest = hashlib.sha256(b"\0".join(content)).hexdigest()
        return cls(
            hashlib.sha256(f"{caller}\0{idempotency_key}".encode()).hexdigest(), request_digest
        )


class Core:
    """The core that all APIs and the site share."""

    def __init__(
        self, store: Store, state: State, feed: Feed, presence: Presence, context: CoreContext
    ) -> None:
        self.state = state
        self.feed = feed
        self.presence = presence
        self.context = context
        self.clocks = context.clocks
        self.writer = BatchWriter(store, state, feed)
        self.leaderboards = Leaderboards(state, context.clock)
        self.patches = PatchPreparation(state)
        self._store = store
        self._steps_lock = asyncio.Lock()
        self._source_locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = (
            WeakValueDictionary()
        )
        #: Log lines, visits and screenshots, which are on disk and not in memory.
        self.history: History = store

    @classmethod
    async def recover(cls, store: Store, context: CoreContext, tail: int = 20_000) -> "Core":
        """Open a store and return a core with all that it holds. `tail`: entries kept in memory."""
        with garbage_collection_paused():
            stored = await store.open()
            state = State(stored.values, stored.counters, stored.game_bytes)
        await _replay_synced_states(store, state)
        limits = context.limits
        feed = Feed(
            stored.head,
            stored.oldest,
            tail,
            find_gaps(stored.counters),
            max_room_bytes=limits.room_feed_bytes,
            max_bytes=limits.feed_bytes,
        )
        now = context.clock()
        # Times from before the clock was set back would keep their players online.
        presence = Presence({player: min(at, now) for player, at in stored.last_seen.items()})
        for roster in rosters(state):
            for seat in roster.seats:
                presence.resume(seat.player, seat.away, now)
        return cls(store, state, feed, presence, context)

    @property
    def now(self) -> float:
        """The current time: UTC, in seconds."""
        return self.context.clock()

    async def execute(self, command: Callable[..., T], /, **kwargs: Any) -> T:
        """Run a command and return its result once its changes, and all that it read, are on disk.

        A DomainError is raised at the same time, since it may follow from a change that is not yet
        written: a caller must not be told ALREADY_MEMBER of a seat that a crash would undo. Raises
        StoreFailed where a write fails.
        """
        uow = UnitOfWork(self.state, self.context, self.context.clock())
        try:
            result = command(uow, **kwargs)
        except DomainError:
            await self.writer.flushed()
            raise
        committed = self._commit(uow)
        if committed is not None:
            await committed
        return result

    async def execute_idempotent(
        self,
        key: IdempotencyKey,
        command: Callable[..., Any],
        /,
        to_ids: Callable[[Any], Any],
        **kwargs: Any,
    ) -> Any:
        """Run a command once per idempotency key; return `to_ids` of its result, also when repeated.

        The idempotency record is part of the command's unit of work, so that both are written or
        neither is. Raises IDEMPOTENCY_KEY_REUSED where the key belongs to a different request, and
        what `execute` raises.
        """
        uow = UnitOfWork(self.state, self.context, self.context.clock())
        try:
            record = find_idempotent_result(
                uow, key_digest=key.key_digest, request_digest=key.request_digest
            )
            result = to_ids(command(uow, **kwargs)) if record is None else record[0]
        except DomainError:
            await self.writer.flushed()
            raise
        if record is None:
            save_idempotency_record(
                uow,
                key_digest=key.key_digest,
                request_digest=key.request_digest,
                created_ids=result,
            )
        committed = self._commit(uow)
        if committed is not None:
            await committed
        return result

    def _commit(self, uow: UnitOfWork) -> "asyncio.Future[None] | None":
        """Commit a unit of work and watch the presence of players who have a seat now."""
        committed = self.writer.commit(uow)
        for entry in uow.entries:
            if isinstance(entry.event, SEAT_TAKEN_EVENTS):
                self.presence.watch(entry.event.player, self.clocks.steady())
        return committed

    def source_lock(self, world_id: int, source: str) -> asyncio.Lock:
        """Return the lock of those who store lines of a source by more than one command."""
        lock = self._source_locks.get((world_id, source))
        if lock is None:
            lock = self._source_locks[world_id, source] = asyncio.Lock()
        return lock

    def query(self, query: Callable[..., T], /, **kwargs: Any) -> T:
        """Return the result of a query over the state in memory."""
        return query(self.state, **kwargs)

    async def query_in_steps(self, query: Callable[..., Steps[T]], /, **kwargs: Any) -> T:
        """Return the result of a query in steps. Other requests run in between.

        One runs at a time, so that many of them do not stop the others. Those that need no step do not wait.
        """
        steps = query(self.state, **kwargs)
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        async with self._steps_lock:
            return await complete_in_turns(steps)

    async def prepare_searches(self, max_work: int) -> None:
        """Read what searches need of lobbies and rooms that are new, for about that many microseconds."""
        state = self.state
        for steps in (
            state.open_lobbies.prepare(state.table(Lobby)),
            state.running_rooms.prepare(state.table(Room)),
        ):
            for work in steps:
                max_work -= work
                if max_work <= 0:
                    return
                await asyncio.sleep(0)

    def committed(self, kind: type[T], id: int) -> T | None:
        """Return a room or synced state as it was at the feed's head, or None."""
        return self.writer.committed.get(kind, id)

    def record_activity(self, player: int) -> bool:
        """Record activity of a player; return whether they were away until now."""
        now = self.clocks.steady()
        self.writer.record_last_seen(player, now + self.clocks.drift)
        return self.presence.touch(player, now)

    def release_connection(self, player: int) -> None:
        """Stop counting an open poll or socket of a player. Counts as activity."""
        self.presence.release(player, self.clocks.steady())

    def last_seen_at(self, player: int, default: float = 0.0) -> float:
        """Return the wall time of a player's last activity."""
        at, clocks = self.presence.last_seen_at(player, default), self.clocks
        # As `Clocks.to_wall`, but without another call: this runs for every request with a token.
        return at if at < clocks.started else at + clocks.drift

    @property
    def expiry_time(self) -> float:
        """The time by which tokens expire; see `Clocks.expiry_time`."""
        return self.clocks.expiry_time()

    def online(self, player: int) -> bool:
        """Return whether a player is online: recently active, or with an open poll or socket."""
        within = self.context.limits.away_after
        return self.presence.online(player, self.clocks.steady(), within)

    async def entries(
        self, topics: Sequence[Topic], cursor: int, limit: int
    ) -> tuple[list[Entry], int]:
        """Return at most `limit` entries after a cursor, ascending, and the cursor to continue from."""
        head = self.feed.head
        if self.feed.covers(cursor, topics):
            found = self.feed.after(topics, cursor, limit)
        else:
            found = await self._store.entries(topics, cursor, limit)
            if len(found) < limit or found[-1].id > head:
                # Entries on disk above the head are not published yet: they would be returned twice.
                return [entry for entry in found if entry.id <= head], head
        return found, found[-1].id if len(found) >= limit else max(cursor, head)

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        """Return the newest entries of one topic, ascending."""
        in_memory = self.feed.after((topic,), self.feed.floor - 1, 1 << 62)
        if len(in_memory) >= limit or self.feed.covers(self.feed.oldest - 1, (topic,)):
            return in_memory[-limit:]
        return await self._store.newest(topic, limit)

    async def check_can_add_screenshot(self, world_id: int, account_id: int) -> None:
        """Raise TOO_MANY_SCREENSHOTS if an account has as many screenshots in a world as it may have."""
        maximum = self.context.limits.screenshots
        if not maximum:
            return
        query = ScreenshotQuery(world_id, account=account_id)
        if len(await self._store.screenshots(query, maximum)) >= maximum:
            raise DomainError(
                ErrorCode.TOO_MANY_SCREENSHOTS, limit="screenshots_per_user", maximum=maximum
            )

    async def all_screenshot_codes(self) -> set[str]:
        """Return the codes of all screenshots, which name their files, archived worlds included."""
        codes: set[str] = set()
        for world in list(self.state.all(World)):
            after: PageKey | None = None
            while page := await self._store.screenshots(
                ScreenshotQuery(world.id, after=after), SCREENSHOT_PAGE_SIZE
            ):
                codes.update(screenshot.code for screenshot in page)
                after = PageKey(page[-1].created, page[-1].id)
        return codes

    async def delete_expired_entries(self, before: float, keep: int) -> None:
        """Delete entries older than `before` but the newest `keep`, after snapshots of the states they patch."""
        ids = list(self.state.table(SyncedState))
        for start in range(0, len(ids), SNAPSHOT_CHUNK_SIZE):
            some = ids[start : start + SNAPSHOT_CHUNK_SIZE]
            while await self.execute(snapshot_synced_states, before=before, ids=some):
                await asyncio.sleep(0)
            await asyncio.sleep(0)
        self.feed.oldest = await self._store.delete_expired_entries(before, keep)

    async def delete_expired_samples(self) -> None:
        """Delete samples that are older than those of their step are kept."""
        await self._store.delete_expired_samples(self.now)


def find_gaps(counters: Mapping[Counter, int]) -> list[tuple[int, int]]:
    """Return the ranges of entry ids that restored backups have lost; see `Feed.has_gap`."""
    found = (
        (low, int(name.removeprefix(GAP_COUNTER_PREFIX)))
        for name, low in counters.items()
        if isinstance(name, str) and name.startswith(GAP_COUNTER_PREFIX)
    )
    return sorted(found)


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause the garbage collector while entities are loaded: it would take two thirds of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


async def _replay_synced_states(store: Store, state: State) -> None:
    """Apply to each synced state the patches that were published since its snapshot."""
    for synced_state in list(state.all(SyncedState)):
        while found := await store.entries(
            [topic.synced_state(synced_state.id)], synced_state.entry, REPLAY_CHUNK_SIZE
        ):
            for entry in found:
                synced_state = synced_state.replay(entry.event.patch, entry.id)
        state.set(SyncedState, synced_state.id, synced_state)
