"""Visitors: those who have been in a world, and what it is told through its console. Pure values."""

from dataclasses import dataclass, replace

from coalserver.domain.minecraft.visits import PresenceMark, Visit, apply_mark
from coalserver.domain.text import one_line


def say_command(name: str, text: str) -> str:
    """What the console says so that everybody in the world reads it; with a name, as his words."""
    return f"/say <{name}> {text}" if name else f"/say {text}"


@dataclass(frozen=True, slots=True)
class Visitor:
    """One who has been in a world, by his exact name there."""

    id: int
    world: int
    name: str
    created: float
    #: The visit with the newest login; None for one who was only heard of.
    latest_visit: Visit | None = None
    #: The newest mark of his going that ended no visit: it ends one that is heard of later.
    last_departure: PresenceMark | None = None

    @property
    def online(self) -> bool:
        """Whether he is in the world now."""
        return self.latest_visit is not None and self.latest_visit.logout is None

    @property
    def last_login(self) -> float | None:
        return None if self.latest_visit is None else self.latest_visit.login.at

    def is_affected_by(self, mark: PresenceMark) -> bool:
        """Whether a mark of everyone's going has to do with him."""
        return self.latest_visit is not None and self.latest_visit.open_at(mark) is not None

    def with_mark(self, mark: PresenceMark, emptied: PresenceMark | None = None) -> "Visitor":
        """He has come or gone, now or at a time that is told late.

        `emptied` is the newest mark that sent everybody home. What lies before the latest visit is history,
        which a store mends by all the marks it has: see `visits.mended`.
        """
        latest = self.latest_visit
        open_visit = latest.open_at(mark) if latest else None
        own = (latest.login, latest.duplicate, latest.logout) if latest else ()
        later = {
            item
            for item in (*own, self.last_departure, emptied)
            if item is not None and item > mark
        }
        changes = apply_mark(open_visit, mark, sorted(later))
        known = [
            one
            for one in (latest, *changes.added)
            if one is not None and one not in changes.removed
        ]
        newest = max(known, key=lambda visit: visit.login, default=None)
        left = self.last_departure
        if not mark.is_arrival and (left is None or mark > left):
            left = mark
        return replace(self, latest_visit=newest, last_departure=left)


@dataclass(frozen=True, slots=True)
class ConsoleCommand:
    """A line for a world's console. Whatever was asked for, it is one line and has no control characters."""

    id: int
    world: int
    text: str
    created: float
    #: For whom it is; empty where it is nobody's.
    username: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text).strip())
        object.__setattr__(self, "username", one_line(self.username).strip())


@dataclass(frozen=True, slots=True)
class LogSource:
    """Where lines of a world come from, and how far: a file an agent reads, or those that come one by one."""

    id: int
    world: int
    #: Empty for lines that come one by one.
    name: str = ""
    #: Of the last line stored; lines with this number or a smaller one are.
    sequence: int = 0
    #: The order of its newest mark; a clock that is put back is seen by it.
    newest_order: float | None = None


@dataclass(frozen=True, slots=True)
class UsernameClaim:
    """Somebody says that a name in the game is his; whoever types the code there proves it."""

    id: int
    account: int
    code: str
    created: float
    until: float
