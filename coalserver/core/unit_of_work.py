"""Units of work: what one command reads, changes and emits. Nothing applies before it is committed."""

import hashlib
import hmac
import os
import random
import string
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, repeat
from typing import Any, Protocol, TypeVar

from coalserver.core.clocks import Clocks
from coalserver.core.ports import ENTRY_COUNTER, Counter, Entry, NewLogLine, Topic, WorldMark
from coalserver.core.state import INDEXES, State
from coalserver.domain.minecraft.history import Screenshot
from coalserver.domain.minecraft.visits import PresenceMark
from coalserver.domain.minecraft.world import RESERVED_SHORT_NAMES
from coalserver.domain.play.game import Rules
from coalserver.domain.samples import Sample

T = TypeVar("T")


class Identified(Protocol):
    """Any entity: a frozen dataclass with an id."""

    @property
    def id(self) -> int: ...


E = TypeVar("E", bound=Identified)

#: Characters of secrets that a document shows as letters and digits.
ALPHABET = string.ascii_letters + string.digits


class Cipher(Protocol):
    """Encryption of secrets that must be shown again."""

    def encrypt(self, secret: str) -> str:
        """Return the encrypted secret, to be stored."""

    def decrypt(self, encrypted: str) -> str:
        """Return the secret; empty if it cannot be decrypted, as after a change of the key."""


class NoCipher:
    """A cipher for contexts without such secrets; raises NotImplementedError."""

    def encrypt(self, secret: str) -> str:
        raise NotImplementedError("this context has no cipher")

    def decrypt(self, encrypted: str) -> str:
        raise NotImplementedError("this context has no cipher")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that commands apply. Times are in seconds. Limits of storage: 0 for none."""

    max_seats: int = 50
    away_after: float = 75
    handover_after: float = 120
    seat_grace: float = 300
    guest_token: float = 30 * 86400
    account_token: float = 90 * 86400
    host_token: float = 7 * 86400
    host_token_refresh: float = 90 * 86400
    host_grace: float = 30
    login_session: float = 30 * 86400
    access_token: float = 3600
    refresh_token: float = 90 * 86400
    agent_token: float = 30 * 86400
    #: Keys and bytes of data of one player in one game.
    storage_keys: int = 100
    player_bytes: int = 1 << 20
    #: Players of one game, and guests, who belong to none; bytes of one game in the store.
    game_players: int = 2_000_000
    game_bytes: int = 4 << 30
    #: Screenshots of one account in one world.
    screenshots: int = 1000
    #: Bytes of entries of the feed in memory: of one room or lobby, and of all together.
    room_feed_bytes: int = 4 << 20
    feed_bytes: int = 256 << 20


class BufferedRandom(random.SystemRandom):
    """The system's random bytes, fetched a kilobyte at a time to save system calls."""

    BUFFER_SIZE = 1024

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""

    def randbytes(self, n: int) -> bytes:
        """Return n random bytes."""
        if len(self._buffer) < n:
            self._buffer = os.urandom(max(self.BUFFER_SIZE, n))
        result, self._buffer = self._buffer[:n], self._buffer[n:]
        return result


@dataclass(slots=True)
class CoreContext:
    """What all units of work share: clock, random numbers, rules of games, limits, signing key, cipher."""

    clock: Callable[[], float]
    rng: random.Random = field(default_factory=BufferedRandom)
    rules: dict[str, Rules] = field(default_factory=dict)
    limits: Limits = Limits()
    signing_key: bytes = b""
    cipher: Cipher = NoCipher()
    #: First path segments of pages and APIs, which worlds cannot have as short names.
    reserved_short_names: frozenset[str] = RESERVED_SHORT_NAMES
    #: Seconds that advance whatever happens to `clock`; None: `clock` never steps.
    monotonic: Callable[[], float] | None = None
    clocks: Clocks = field(init=False)

    def __post_init__(self) -> None:
        self.clocks = Clocks(self.clock, self.monotonic)


class UnitOfWork:
    """One command's view of the state: it reads its own changes, which no other command sees yet."""

    __slots__ = (
        *("state", "context", "now", "changes", "derived", "entries", "counters", "_touched"),
        *("lines", "continued_chats", "world_marks", "screenshots", "samples"),
    )

    def __init__(self, state: State, context: CoreContext, now: float) -> None:
        self.state = state
        self.context = context
        self.now = now
        self.changes: dict[tuple[type, int], Any] = {}
        #: Those of the changes that need not be written; see `save_derived`.
        self.derived: set[tuple[type, int]] = set()
        self.entries: list[Entry] = []
        self.counters: dict[Counter, int] = {}
        self._touched: dict[type, dict[int, Any]] = {}
        #: Additions to the history.
        self.lines: list[NewLogLine] = []
        self.continued_chats: dict[int, str] = {}
        self.world_marks: list[WorldMark] = []
        self.screenshots: dict[int, Screenshot | None] = {}
        self.samples: list[Sample] = []

    @property
    def expiry_time(self) -> float:
        """The time by which tokens and codes expire; see `Clocks.expiry_time`."""
        return self.now - self.context.clocks.unheld_seconds()

    @property
    def limits(self) -> Limits:
        return self.context.limits

    def get(self, kind: type[T], id: int) -> T | None:
        """Return the entity with this id as this unit has changed it, or None."""
        touched = self._touched.get(kind)
        if touched is not None and id in touched:
            return touched[id]  # type: ignore[no-any-return]
        return self.state.entities[kind].get(id)

    def find(self, kind: type[T], index: str, key: Hashable) -> list[T]:
        """Return the entities under a key of an index as this unit has changed them."""
        found = self.state.find(kind, index, key)
        touched = self._touched.get(kind)
        if not touched:
            return found
        names, keys_of, _ = INDEXES[kind]
        position = names.index(index)
        unchanged = [value for value in found if value.id not in touched]  # type: ignore[attr-defined]
        changed = (value for value in touched.values() if value is not None)
        return unchanged + [value for value in changed if key in keys_of(value)[position]]

    def with_changes(self, kind: type[T], found: Iterable[T]) -> list[T]:
        """Return entities of the state as this unit has them, and all others that it has changed."""
        changed: Mapping[int, T | None] = self._touched.get(kind, {})
        unchanged = [value for value in found if value.id not in changed]  # type: ignore[attr-defined]
        return unchanged + [value for value in changed.values() if value is not None]

    def count_under(self, kind: type, index: str, key: Hashable) -> int:
        """Return the number of entities under a key of an index as this unit has changed them."""
        if kind in self._touched:
            return len(self.find(kind, index, key))
        return self.state.count_under(kind, index, key)

    def first(self, kind: type[T], index: str, key: Hashable) -> T | None:
        """Return the first entity under a key of an index, or None."""
        if kind not in self._touched:
            return self.state.first(kind, index, key)
        found = self.find(kind, index, key)
        return found[0] if found else None

    def save(self, value: E) -> E:
        """Save a new or changed entity and return it."""
        kind, id = type(value), value.id
        self.changes[kind, id] = value
        if self.derived:
            self.derived.discard((kind, id))
        touched = self._touched.get(kind)
        if touched is None:
            self._touched[kind] = {id: value}
        else:
            touched[id] = value
        return value

    def save_derived(self, value: E) -> E:
        """Save an entity that need not be written: a restart derives it from its snapshot and later events."""
        key = type(value), value.id
        written = key in self.changes and key not in self.derived
        self._change(*key, value)
        if not written:
            self.derived.add(key)
        return value

    def delete(self, value: Identified) -> None:
        """Delete an entity."""
        self._change(type(value), value.id, None)

    def add_log_lines(self, lines: Iterable[NewLogLine]) -> None:
        """Add lines to the history; their marks update the visits there."""
        self.lines += lines

    def continue_chat(self, line_id: int, chat: str) -> None:
        """Replace the text of a stored chat by one that new lines continue; to be called with `add_log_lines`."""
        self.continued_chats[line_id] = chat

    def add_visit_mark(self, world_id: int, mark: PresenceMark) -> None:
        """Update the visits in the history by a mark without a line."""
        self.world_marks.append(WorldMark(world_id, mark))

    def save_screenshot(self, screenshot: Screenshot) -> Screenshot:
        """Save a new or changed screenshot in the history and return it."""
        self.screenshots[screenshot.id] = screenshot
        return screenshot

    def delete_screenshot(self, screenshot_id: int) -> None:
        """Delete a screenshot from the history."""
        self.screenshots[screenshot_id] = None

    def add_sample(self, sample: Sample) -> None:
        """Count a sample of figures in the history."""
        self.samples.append(sample)

    def new_id(self, kind: type) -> int:
        """Return the next id of a class, from 1. No id is issued twice."""
        id = self.counters.get(kind)
        if id is None:
            id = self.state.counters.get(kind, 1)
        self.counters[kind] = id + 1
        return id

    def new_ids(self, kind: type, count: int) -> range:
        """Return the next ids of a class, as `new_id` would issue them."""
        first = self.counters.get(kind)
        if first is None:
            first = self.state.counters.get(kind, 1)
        self.counters[kind] = first + count
        return range(first, first + count)

    def new_code(self, size: int = 16) -> str:
        """Return a random code or secret: `size` random bytes as hex digits."""
        return self.context.rng.randbytes(size).hex()

    def new_letters(self, size: int) -> str:
        """Return a random secret of letters and digits, with almost six bits each."""
        return "".join(self.context.rng.choices(ALPHABET, k=size))

    @property
    def rng(self) -> random.Random:
        return self.context.rng

    def password_digest(self, password: str) -> str:
        """Return the keyed digest of a lobby's or room's password; empty for an empty one."""
        if not password:
            return ""
        return hmac.new(self.context.signing_key, password.encode(), hashlib.sha256).hexdigest()

    def rules(self, game: str) -> Rules | None:
        """Return the rules of a game, or None for a game without rules."""
        return self.context.rules.get(game)

    def emit(self, event: Any, *topics: Topic) -> Entry:
        """Emit an event on topics, each counted once, and return its entry."""
        unique_topics = topics if len(topics) < 2 else tuple(dict.fromkeys(topics))
        id = self.counters.get(ENTRY_COUNTER)
        if id is None:
            id = self.state.counters.get(ENTRY_COUNTER, 0)
        self.counters[ENTRY_COUNTER] = id + 1
        entry = Entry(id, self.now, event, unique_topics)
        self.entries.append(entry)
        return entry

    def emit_all(self, events: Sequence[Any], topic: Topic) -> None:
        """Emit events on one topic, in their order."""
        first = self.counters.get(ENTRY_COUNTER)
        if first is None:
            first = self.state.counters.get(ENTRY_COUNTER, 0)
        self.counters[ENTRY_COUNTER] = first + len(events)
        fields = zip(count(first), repeat(self.now), events, repeat((topic,)))
        # The class itself would take twice as long.
        self.entries += map(partial(tuple.__new__, Entry), fields)

    def _change(self, kind: type, id: int, value: Any) -> None:
        self.changes[kind, id] = value
        self.derived.discard((kind, id))
        self._touched.setdefault(kind, {})[id] = value
