"""Visits: who was in a world from when to when, as the lines of its log tell, in whatever order they come.

A line that concerns a visit is a `Mark`. Marks in the order they were written make visits, one after another;
`mended` puts a mark among those of earlier and of later times, so that the visits are in the end the same
whatever came first. Nothing here is kept: whoever keeps visits asks and puts.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from coalserver.domain.minecraft.log.dates import STEP_BACK
from coalserver.domain.minecraft.log.kinds import Kind
from coalserver.domain.minecraft.log.parser import Reading

#: The game says that somebody logged in and that he joined within one tick; a lagging one may be long.
TWINS = 10.0
#: A plugin may repeat a line of the game at once.
AT_ONCE = 1.0


class Sign(StrEnum):
    """What a mark says."""

    # of one player
    LOGGED_IN = auto()
    JOINED = auto()
    LOST = auto()
    LEFT = auto()
    # of the world, and so of everyone in it
    STARTING = auto()
    STOPPING = auto()
    #: What hosts the world has put it away, or nothing has been heard of it for long: no line says so.
    SAVED = auto()
    SILENT = auto()


ARRIVALS = frozenset((Sign.LOGGED_IN, Sign.JOINED))
#: Ends that no line about the player himself told.
REPAIRS = frozenset((Sign.STARTING, Sign.STOPPING, Sign.SAVED, Sign.SILENT))
_SIGNS = {
    Kind.LOGGED_IN: Sign.LOGGED_IN,
    Kind.JOINED: Sign.JOINED,
    Kind.LOST: Sign.LOST,
    Kind.LEFT: Sign.LEFT,
    Kind.STARTING: Sign.STARTING,
    Kind.STOPPING: Sign.STOPPING,
}


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """What one line says of who is there. Marks sort as their lines were written."""

    #: The time it counts as: its own, or that of the line before it where a clock was put back.
    order: float
    #: Tells apart what was written in one second: the line's place in its file, or when it came.
    sequence: int
    sign: Sign
    at: float
    #: Empty: everyone.
    username: str = ""
    #: The line; 0 if none said it.
    line: int = 0

    @property
    def arrival(self) -> bool:
        return self.sign in ARRIVALS


@dataclass(frozen=True, slots=True)
class Visit:
    """One player's stay. Every method returns the next visit."""

    username: str
    login: Mark
    #: The line that says the login a second time.
    twin: Mark | None = None
    logout: Mark | None = None

    @property
    def repaired(self) -> bool:
        """Whether the end is the world's, or the next login: when he left is not known better."""
        return self.logout is not None and (self.logout.sign in REPAIRS or self.logout.arrival)

    @property
    def ended(self) -> float | None:
        """When he left, which was not before he came; None while he is there."""
        return max(self.login.at, self.logout.at) if self.logout else None

    def duration(self, now: float) -> float:
        """Seconds so far, or in all; never below 0, whatever clocks say."""
        end = now if self.ended is None else self.ended
        return max(0.0, end - self.login.at)

    def before(self, mark: Mark) -> "Visit | None":
        """The visit as it was when that mark was made; none if it was not open then."""
        if self.login >= mark or (self.logout is not None and self.logout <= mark):
            return None
        twin = self.twin if self.twin is not None and self.twin < mark else None
        return replace(self, twin=twin, logout=None)

    def said_again(self, mark: Mark) -> bool:
        """Whether an arrival is this visit's own: its twin, or an echo of either."""
        passed = mark.order - self.login.order
        known = {self.login.sign} | ({self.twin.sign} if self.twin else set())
        return passed <= (AT_ONCE if mark.sign in known else TWINS)


@dataclass(frozen=True, slots=True)
class Mending:
    """What a mark does to the visits that were known: some are no more, others are new or differ."""

    gone: tuple[Visit, ...] = ()
    put: tuple[Visit, ...] = ()


def mark_of(reading: Reading, line: int, sequence: int, newest: float = -math.inf) -> Mark | None:
    """What a line says of who is there; none if it tells nothing of it, or not when or of whom.

    `newest` is the order of the newest mark that came from the same source. A clock that is put back, as at
    the end of summer time, does not make a logout older than its login: up to 90 minutes, what came later is
    later.
    """
    sign = _SIGNS.get(reading.kind)
    if sign is None or reading.at is None:
        return None
    username = "" if sign in REPAIRS else reading.player
    if sign not in REPAIRS and not username:
        return None
    order = newest if newest - STEP_BACK <= reading.at < newest else reading.at
    return Mark(order, sequence, sign, reading.at, username, line)


def after(there: Visit | None, mark: Mark) -> tuple[Visit | None, Visit | None]:
    """The visit that stands open after a mark that concerns its player, and the one that it closed."""
    if mark.arrival:
        if there is not None and there.said_again(mark):
            return (there if there.twin else replace(there, twin=mark)), None
        arrived = Visit(mark.username, mark)
        return arrived, replace(there, logout=mark) if there else None
    return None, replace(there, logout=mark) if there else None


def visits(marks: Iterable[Mark]) -> list[Visit]:
    """The visits of one player, from all marks that concern him, in their order."""
    there: Visit | None = None
    found = []
    for mark in marks:
        there, ended = after(there, mark)
        if ended is not None:
            found.append(ended)
    return found + ([there] if there else [])


def mended(there: Visit | None, mark: Mark, later: Iterable[Mark] = ()) -> Mending:
    """What a mark does to a player's visits: `there` stood open just before it (`Visit.before`), if any.

    `later` are the marks already known that concern him and come after, in their order; a live line has none.
    No more of them are taken than are needed, so that they may be read from a store as they are asked for.
    """
    was, (now, closed) = there, after(there, mark)
    gone: list[Visit] = []
    put = [closed] if closed else []
    following = iter(later)
    while was != now and (other := next(following, None)) is not None:
        was, ended_then = after(was, other)
        now, ended_now = after(now, other)
        gone += [ended_then] if ended_then else []
        put += [ended_now] if ended_now else []
    if was != now:
        gone += [was] if was else []
        put += [now] if now else []
    same = {visit for visit in gone if visit in put}
    return Mending(
        tuple(visit for visit in gone if visit not in same),
        tuple(visit for visit in put if visit not in same),
    )
