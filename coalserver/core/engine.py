"""The engine: runs commands one after another and answers when what they did is on disk."""

import asyncio
import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from coalserver.core import topics as topic
from coalserver.core.commands.idempotency import keep_receipt, kept_receipt
from coalserver.core.commands.synced_state import keep_truths
from coalserver.core.feed import Feed
from coalserver.core.leaderboards import Rankings
from coalserver.core.ports import GAP, Counter, Entry, History, Store, Topic
from coalserver.core.presence import Presence
from coalserver.core.queries.seats import rosters
from coalserver.core.state import State
from coalserver.core.unit_of_work import Setting, Unit
from coalserver.core.writer import Ledger
from coalserver.domain.errors import Refusal
from coalserver.domain.play.lobby_events import MemberJoined
from coalserver.domain.play.room_events import PlayerEntered
from coalserver.domain.play.synced_state import Truth

T = TypeVar("T")
#: Entries that are read at once to make the states of rooms again: no more than lie between two snapshots.
RETOLD = 64

#: Somebody has a seat now, perhaps without having called: a host approved him.
SEATED = (MemberJoined, PlayerEntered)


@dataclass(frozen=True, slots=True)
class Repeat:
    """What makes one request the same as another: who calls, the key he gave it, and what it says."""

    key: str
    digest: str

    @classmethod
    def of(cls, caller: str, key: str, *said: bytes) -> "Repeat":
        digest = hashlib.sha256(b"\0".join(said)).hexdigest()
        return cls(hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest(), digest)


class Core:
    """The one core all dialects share."""

    def __init__(
        self, store: Store, state: State, feed: Feed, presence: Presence, setting: Setting
    ) -> None:
        self.state = state
        self.feed = feed
        self.presence = presence
        self.setting = setting
        self.ledger = Ledger(store, state, feed)
        self.rankings = Rankings(state)
        self._store = store

    @property
    def history(self) -> History:
        """What is kept for good, on disk and not in memory."""
        return self._store

    @classmethod
    async def recover(cls, store: Store, setting: Setting, tail: int = 20_000) -> "Core":
        """Begin with everything the store has kept."""
        with no_collection():
            known = await store.open()
            state = State(known.values, known.counters)
        await _retold(store, state)
        feed = Feed(known.head, known.oldest, tail, gaps(known.counters))
        presence = Presence(known.signs)
        now = setting.clock()
        for roster in rosters(state):
            for seat in roster.seats:
                presence.resume(seat.player, seat.away, now)
        return cls(store, state, feed, presence, setting)

    @property
    def now(self) -> float:
        return self.setting.clock()

    async def do(self, command: Callable[..., T], /, **asked: Any) -> T:
        """Run a command; its answer comes when what it changed is on disk, and so is all that it saw.

        Refusals pass through, no earlier: "already here" must not be said of a seat that may yet be lost.
        """
        unit = Unit(self.state, self.setting, self.setting.clock())
        try:
            answer = command(unit, **asked)
        except Refusal:
            await self.ledger.settled()
            raise
        if not unit.idle:
            await self._landed(unit)
        else:
            await self.ledger.settled()
        return answer

    async def do_once(
        self,
        repeat: Repeat,
        command: Callable[..., Any],
        /,
        made: Callable[[Any], Any],
        **asked: Any,
    ) -> Any:
        """Run a command unless this request was run before; gives `made` of its answer both times.

        The receipt is part of the command's own unit: either both are on disk or neither is.
        """
        unit = Unit(self.state, self.setting, self.setting.clock())
        try:
            kept = kept_receipt(unit, key=repeat.key, digest=repeat.digest)
            answer = made(command(unit, **asked)) if kept is None else kept[0]
        except Refusal:
            await self.ledger.settled()
            raise
        if kept is not None:
            await self.ledger.settled()
            return answer
        keep_receipt(unit, key=repeat.key, digest=repeat.digest, made=answer)
        await self._landed(unit)
        return answer

    async def _landed(self, unit: Unit) -> None:
        """Make a unit true, and return when it is on disk."""
        landing = self.ledger.commit(unit)
        for entry in unit.entries:
            if isinstance(entry.event, SEATED):
                self.presence.watch(entry.event.player, unit.now)
        await landing

    def see(self, query: Callable[..., T], /, **asked: Any) -> T:
        """Answer a question from memory."""
        return query(self.state, **asked)

    def shown(self, kind: type[T], id: int) -> T | None:
        """A room, or the truth of one, as whoever has heard everything up to the feed's head may know it."""
        return self.ledger.shown.get(kind, id)

    def heard(self, player: int) -> bool:
        """A player gave a sign of life. True if he was away until now."""
        now = self.setting.clock()
        self.ledger.note_sign(player, now)
        return self.presence.sign(player, now)

    def online(self, player: int) -> bool:
        """Whether a player is there: a sign of life not long ago, or a poll or socket open."""
        return self.presence.online(player, self.now, self.setting.limits.away_after)

    async def entries(
        self, topics: Sequence[Topic], cursor: int, limit: int
    ) -> tuple[list[Entry], int]:
        """Entries after the cursor, ascending, and the cursor up to which all were looked at."""
        head = self.feed.head
        if self.feed.covers(cursor):
            found = self.feed.after(topics, cursor, limit)
        else:
            found = await self._store.entries(topics, cursor, limit)
            if len(found) < limit or found[-1].id > head:
                # What is on disk and not yet said would come again when it is.
                return [entry for entry in found if entry.id <= head], head
        return found, found[-1].id if len(found) >= limit else max(cursor, head)

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        """The newest entries of one topic, ascending."""
        held = self.feed.after((topic,), self.feed.floor - 1, 1 << 62)
        if len(held) >= limit or self.feed.floor <= self.feed.oldest:
            return held[-limit:]
        return await self._store.newest(topic, limit)

    async def forget(self, before: float, keep: int) -> None:
        """Drop entries that need not be kept any longer, once no state leans on them."""
        while await self.do(keep_truths, before=before):
            await asyncio.sleep(0)
        self.feed.oldest = await self._store.forget(before, keep)


def gaps(counters: Mapping[Counter, int]) -> list[tuple[int, int]]:
    """The stretches of entry ids that restored backups have left empty: see `Feed.lost`."""
    found = (
        (low, int(name.removeprefix(GAP)))
        for name, low in counters.items()
        if isinstance(name, str) and name.startswith(GAP)
    )
    return sorted(found)


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold the garbage collector off while nothing but values to keep is made: it takes two thirds of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


async def _retold(store: Store, state: State) -> None:
    """Lead each truth from its snapshot to where the entries say that it was."""
    for truth in list(state.all(Truth)):
        while found := await store.entries([topic.truth(truth.id)], truth.entry, RETOLD):
            for entry in found:
                truth = truth.followed(entry.event.patch, entry.id)
        state.set(Truth, truth.id, truth)
