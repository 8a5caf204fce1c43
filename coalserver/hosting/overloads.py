"""Overloads of a hosted world in the last five minutes, from the warnings of its console."""

from collections import deque
from typing import NamedTuple

#: As the agent counts them for worlds that run elsewhere.
WINDOW_SECONDS = 300.0
#: A server writes one warning in 15 seconds; more are not its own.
MAX_OVERLOADS = 1_000


class Load(NamedTuple):
    """Overloads of some time: their number, milliseconds behind and skipped ticks."""

    overloads: int = 0
    behind: int = 0
    skipped: int = 0


class Overloads:
    """The overloads of one process. Times are unixtimes."""

    def __init__(self) -> None:
        self._found: deque[tuple[float, int, int]] = deque(maxlen=MAX_OVERLOADS)

    def add(self, at: float, behind: int, skipped: int) -> None:
        """Record a warning."""
        self._found.append((at, behind, skipped))

    def recent(self, now: float) -> Load:
        """Return the load of the last five minutes."""
        while self._found and self._found[0][0] < now - WINDOW_SECONDS:
            self._found.popleft()
        rows = [row for row in self._found if row[0] >= now - WINDOW_SECONDS]
        return Load(len(rows), sum(row[1] for row in rows), sum(row[2] for row in rows))
