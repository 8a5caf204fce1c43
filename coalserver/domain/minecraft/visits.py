"""Visits: who was in a world from when to when, as the lines of its log tell, in whatever order they come.

A line that concerns a visit is a `Mark`. Marks in the order they were written make visits, one after another;
`mended` puts a mark among those of earlier and of later times, so that the visits are in the end the same
whatever came first. Nothing here is kept: whoever keeps visits asks and puts.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.minecraft.log.dates import MAX_STEP_BACK_SECONDS
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine

#: The game says that somebody logged in and that he joined within one tick; a lagging one may be long.
DUPLICATE_SECONDS = 10.0
#: A plugin may repeat a line of the game at once.
REPEAT_SECONDS = 1.0


class MarkKind(StrEnum):
    """What a mark says."""

    # of one player
    LOGGED_IN = "logged_in"
    JOINED = "joined"
    CONNECTION_LOST = "lost"
    LEFT = "left"
    # of the world, and so of everyone in it
    STARTING = "starting"
    STOPPING = "stopping"
    #: What hosts the world has put it away, or nothing has been heard of it for long: no line says so.
    SAVED = "saved"
    SILENT = "silent"


ARRIVALS = frozenset((MarkKind.LOGGED_IN, MarkKind.JOINED))
#: Ends that no line about the player himself told.
INFERRED_DEPARTURES = frozenset(
    (MarkKind.STARTING, MarkKind.STOPPING, MarkKind.SAVED, MarkKind.SILENT)
)
_MARK_KINDS = {
    LineKind.LOGGED_IN: MarkKind.LOGGED_IN,
    LineKind.JOINED: MarkKind.JOINED,
    LineKind.CONNECTION_LOST: MarkKind.CONNECTION_LOST,
    LineKind.LEFT: MarkKind.LEFT,
    LineKind.STARTING: MarkKind.STARTING,
    LineKind.STOPPING: MarkKind.STOPPING,
}


@dataclass(frozen=True, slots=True, order=True)
class PresenceMark:
    """What one line says of who is there. Marks sort as their lines were written."""

    #: The time it counts as: its own, or that of the line before it where a clock was put back.
    order: float
    #: Tells apart what was written in one second: the line's place in its file, or when it came.
    sequence: int
    kind: MarkKind
    at: float
    #: Empty: everyone.
    username: str = ""
    #: The line; 0 if none said it.
    line: int = 0

    @property
    def is_arrival(self) -> bool:
        return self.kind in ARRIVALS


@dataclass(frozen=True, slots=True)
class Visit:
    """One player's stay. Every method returns the next visit."""

    username: str
    login: PresenceMark
    #: The line that says the login a second time.
    duplicate: PresenceMark | None = None
    logout: PresenceMark | None = None

    @property
    def has_inferred_end(self) -> bool:
        """Whether the end is the world's, or the next login: when he left is not known better."""
        return self.logout is not None and (
            self.logout.kind in INFERRED_DEPARTURES or self.logout.is_arrival
        )

    @property
    def ended_at(self) -> float | None:
        """When he left, which was not before he came; None while he is there."""
        return max(self.login.at, self.logout.at) if self.logout else None

    def duration(self, now: float) -> float:
        """Seconds so far, or in all; never below 0, whatever clocks say."""
        end = now if self.ended_at is None else self.ended_at
        return max(0.0, end - self.login.at)

    def open_at(self, mark: PresenceMark) -> "Visit | None":
        """The visit as it was when that mark was made; none if it was not open then."""
        if self.login >= mark or (self.logout is not None and self.logout <= mark):
            return None
        duplicate = self.duplicate if self.duplicate is not None and self.duplicate < mark else None
        return replace(self, duplicate=duplicate, logout=None)

    def is_duplicate(self, mark: PresenceMark) -> bool:
        """Whether an arrival is this visit's own: its twin, or an echo of either."""
        passed = mark.order - self.login.order
        known = {self.login.kind} | ({self.duplicate.kind} if self.duplicate else set())
        return passed <= (REPEAT_SECONDS if mark.kind in known else DUPLICATE_SECONDS)


@dataclass(frozen=True, slots=True)
class VisitChanges:
    """What a mark does to the visits that were known: some are no more, others are new or differ."""

    removed: tuple[Visit, ...] = ()
    added: tuple[Visit, ...] = ()


def make_mark(
    parsed: ParsedLine, line: int, sequence: int, newest_order: float = -math.inf
) -> PresenceMark | None:
    """What a line says of who is there; none if it tells nothing of it, or not when or of whom.

    `newest` is the order of the newest mark that came from the same source. A clock that is put back, as at
    the end of summer time, does not make a logout older than its login: up to 90 minutes, what came later is
    later.
    """
    kind = _MARK_KINDS.get(parsed.kind)
    if kind is None or parsed.at is None:
        return None
    username = "" if kind in INFERRED_DEPARTURES else parsed.player
    if kind not in INFERRED_DEPARTURES and not username:
        return None
    order = (
        newest_order
        if newest_order - MAX_STEP_BACK_SECONDS <= parsed.at < newest_order
        else parsed.at
    )
    return PresenceMark(order, sequence, kind, parsed.at, username, line)


def next_visit(open_visit: Visit | None, mark: PresenceMark) -> tuple[Visit | None, Visit | None]:
    """The visit that stands open after a mark that concerns its player, and the one that it closed."""
    if mark.is_arrival:
        if open_visit is not None and open_visit.is_duplicate(mark):
            return (
                open_visit if open_visit.duplicate else replace(open_visit, duplicate=mark)
            ), None
        arrived = Visit(mark.username, mark)
        return arrived, replace(open_visit, logout=mark) if open_visit else None
    return None, replace(open_visit, logout=mark) if open_visit else None


def build_visits(marks: Iterable[PresenceMark]) -> list[Visit]:
    """The visits of one player, from all marks that concern him, in their order."""
    open_visit: Visit | None = None
    completed = []
    for mark in marks:
        open_visit, ended = next_visit(open_visit, mark)
        if ended is not None:
            completed.append(ended)
    return completed + ([open_visit] if open_visit else [])


def apply_mark(
    open_visit: Visit | None, mark: PresenceMark, later: Iterable[PresenceMark] = ()
) -> VisitChanges:
    """What a mark does to a player's visits: `there` stood open just before it (`Visit.before`), if any.

    `later` are the marks already known that concern him and come after, in their order; a live line has none.
    No more of them are taken than are needed, so that they may be read from a store as they are asked for.
    """
    before, (after, closed) = open_visit, next_visit(open_visit, mark)
    removed: list[Visit] = []
    added = [closed] if closed else []
    following = iter(later)
    while before != after and (other := next(following, None)) is not None:
        before, ended_then = next_visit(before, other)
        after, ended_now = next_visit(after, other)
        removed += [ended_then] if ended_then else []
        added += [ended_now] if ended_now else []
    if before != after:
        removed += [before] if before else []
        added += [after] if after else []
    unchanged = {visit for visit in removed if visit in added}
    return VisitChanges(
        tuple(visit for visit in removed if visit not in unchanged),
        tuple(visit for visit in added if visit not in unchanged),
    )
