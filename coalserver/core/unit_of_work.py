"""Units: what one command sees, changes and says. Nothing of it is true before it is committed."""

import hashlib
import hmac
import os
import random
import string
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from coalserver.core.ports import ENTRY_COUNTER, Counter, Entry, NewLogLine, Topic, WorldMark
from coalserver.core.state import INDEXES, State
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.minecraft.visits import PresenceMark
from coalserver.domain.play.game import Rules

T = TypeVar("T")


class Identified(Protocol):
    """Any entity: a frozen dataclass with an id."""

    @property
    def id(self) -> int: ...


E = TypeVar("E", bound=Identified)

#: Of these are secrets that a document shows as letters and digits.
ALPHABET = string.ascii_letters + string.digits


class Cipher(Protocol):
    """Keeps secrets that somebody may ask for again."""

    def encrypt(self, secret: str) -> str:
        """What to keep of a secret."""

    def decrypt(self, encrypted: str) -> str:
        """The secret again; empty where it cannot be told any more."""


class NoCipher:
    """Nothing can be locked: for those who keep no such secret."""

    def encrypt(self, secret: str) -> str:
        raise NotImplementedError("this setting has no safe")

    def decrypt(self, encrypted: str) -> str:
        raise NotImplementedError("this setting has no safe")


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers that commands go by. Seconds where a time is meant."""

    max_seats: int = 50
    away_after: float = 60
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


class BufferedRandom(random.SystemRandom):
    """The system's randomness, fetched a page at a time: asking for it costs more than having it."""

    BUFFER_SIZE = 1024

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""

    def randbytes(self, n: int) -> bytes:
        if len(self._buffer) < n:
            self._buffer = os.urandom(max(self.BUFFER_SIZE, n))
        result, self._buffer = self._buffer[:n], self._buffer[n:]
        return result


@dataclass(slots=True)
class CoreContext:
    """What every unit shares: clock, chance, the rules of games, limits, password seal and safe."""

    clock: Callable[[], float]
    rng: random.Random = field(default_factory=BufferedRandom)
    rules: dict[str, Rules] = field(default_factory=dict)
    limits: Limits = Limits()
    signing_key: bytes = b""
    cipher: Cipher = NoCipher()


class UnitOfWork:
    """One command's view of the state: it reads its own writes, and nobody else sees them yet."""

    __slots__ = (
        *("state", "context", "now", "changes", "derived", "entries", "counters", "_touched"),
        *("lines", "world_marks", "screenshots"),
    )

    def __init__(self, state: State, context: CoreContext, now: float) -> None:
        self.state = state
        self.context = context
        self.now = now
        self.changes: dict[tuple[type, int], Any] = {}
        #: Which of the changes need not be written.
        self.derived: set[tuple[type, int]] = set()
        self.entries: list[Entry] = []
        self.counters: dict[Counter, int] = {}
        self._touched: dict[type, dict[int, Any]] = {}
        #: What goes into the history.
        self.lines: list[NewLogLine] = []
        self.world_marks: list[WorldMark] = []
        self.screenshots: dict[int, Screenshot | None] = {}

    @property
    def limits(self) -> Limits:
        return self.context.limits

    def get(self, kind: type[T], id: int) -> T | None:
        """The value with this id, as this unit has left it."""
        touched = self._touched.get(kind)
        if touched is not None and id in touched:
            return touched[id]  # type: ignore[no-any-return]
        return self.state.entities[kind].get(id)

    def find(self, kind: type[T], index: str, key: Hashable) -> list[T]:
        """The values under a key of an index, as this unit has left them."""
        found = self.state.find(kind, index, key)
        touched = self._touched.get(kind)
        if not touched:
            return found
        names, keys_of = INDEXES[kind]
        position = names.index(index)
        unchanged = [value for value in found if value.id not in touched]  # type: ignore[attr-defined]
        changed = (value for value in touched.values() if value is not None)
        return unchanged + [value for value in changed if key in keys_of(value)[position]]

    def first(self, kind: type[T], index: str, key: Hashable) -> T | None:
        """The first value under a key, or None."""
        if kind not in self._touched:
            return self.state.first(kind, index, key)
        found = self.find(kind, index, key)
        return found[0] if found else None

    def save(self, value: E) -> E:
        """This is the value from now on."""
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
        """The same, where a start makes this value again: of what was put, and of what was said since."""
        key = type(value), value.id
        written = key in self.changes and key not in self.derived
        self._change(*key, value)
        if not written:
            self.derived.add(key)
        return value

    def delete(self, value: Identified) -> None:
        """This value is no more."""
        self._change(type(value), value.id, None)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written of it."""
        return not (
            self.changes or self.entries or self.lines or self.world_marks or self.screenshots
        )

    def add_log_line(self, line: LogLine, digest: bytes, mark: PresenceMark | None = None) -> None:
        """A line goes into the history, and mends the visits there by its mark."""
        self.lines.append(NewLogLine(line, digest, mark))

    def add_visit_mark(self, world_id: int, mark: PresenceMark) -> None:
        """The visits in the history are mended by a mark that no line made."""
        self.world_marks.append(WorldMark(world_id, mark))

    def save_screenshot(self, screenshot: Screenshot) -> Screenshot:
        """A screenshot is in the history, as it is now."""
        self.screenshots[screenshot.id] = screenshot
        return screenshot

    def delete_screenshot(self, screenshot_id: int) -> None:
        """A screenshot is in the history no more."""
        self.screenshots[screenshot_id] = None

    def new_id(self, kind: type) -> int:
        """The next small integer of a class, from 1; none comes twice."""
        id = self.counters.get(kind)
        if id is None:
            id = self.state.counters.get(kind, 1)
        self.counters[kind] = id + 1
        return id

    def new_code(self, size: int = 16) -> str:
        """An opaque name or secret nobody can guess: `size` random bytes as hex digits."""
        return self.context.rng.randbytes(size).hex()

    def new_letters(self, size: int) -> str:
        """The same in letters and digits, which are almost six bits each."""
        return "".join(self.context.rng.choices(ALPHABET, k=size))

    @property
    def rng(self) -> random.Random:
        return self.context.rng

    def password_digest(self, password: str) -> str:
        """What is kept of a room's password: a keyed digest; of an empty one, nothing."""
        if not password:
            return ""
        return hmac.new(self.context.signing_key, password.encode(), hashlib.sha256).hexdigest()

    def rules(self, game: str) -> Rules | None:
        """The rules of a game, or None for a game that has none."""
        return self.context.rules.get(game)

    def emit(self, event: Any, *topics: Topic) -> Entry:
        """Something has happened; whoever listens to one of these topics will hear of it."""
        unique_topics = topics if len(topics) < 2 else tuple(dict.fromkeys(topics))
        id = self.counters.get(ENTRY_COUNTER)
        if id is None:
            id = self.state.counters.get(ENTRY_COUNTER, 0)
        self.counters[ENTRY_COUNTER] = id + 1
        entry = Entry(id, self.now, event, unique_topics)
        self.entries.append(entry)
        return entry

    def _change(self, kind: type, id: int, value: Any) -> None:
        self.changes[kind, id] = value
        self.derived.discard((kind, id))
        self._touched.setdefault(kind, {})[id] = value
