"""Visits: the stays of players in a world, derived from the lines of its log.

A line about arrival or departure is a `PresenceMark`. The marks in written order give the visits, one after another.
`apply_mark` inserts a mark between earlier and later ones, so that the visits do not depend on the order in which
lines arrive. This module computes changes only; stores apply them.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from coalserver.domain.construction import quickly_made, replace
from coalserver.domain.minecraft.log.dates import MAX_STEP_BACK_SECONDS
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine

#: The game logs "logged in" and "joined" within one tick, which takes seconds on a lagging server.
DUPLICATE_SECONDS = 10.0
#: Plugins repeat lines of the game within this time.
REPEAT_SECONDS = 1.0
#: A visit that ended by a longer silence does not go on: nothing shows that the player stayed.
MAX_SILENCE_SECONDS = 24 * 3600.0


class MarkKind(StrEnum):
    """The kinds of presence marks."""

    # about one player
    LOGGED_IN = "logged_in"
    JOINED = "joined"
    CONNECTION_LOST = "lost"
    LEFT = "left"
    # about the world, and so about all players in it
    STARTING = "starting"
    STOPPING = "stopping"
    #: Without a line: the hosting process saved the world.
    SAVED = "saved"
    #: Without a line: the agent was silent for too long or reported that the world does not run, or no line came from
    #: a world without pings. The visits are suspended: a departure within MAX_SILENCE_SECONDS ends them, and RESUMED
    #: lets them go on.
    SILENT = "silent"
    #: The agent reports again that the world runs.
    RESUMED = "resumed"


ARRIVALS = frozenset((MarkKind.LOGGED_IN, MarkKind.JOINED))
#: Departures inferred from marks about the world.
INFERRED_DEPARTURES = frozenset(
    (MarkKind.STARTING, MarkKind.STOPPING, MarkKind.SAVED, MarkKind.SILENT)
)
#: Departures at the last sign that the world was alive, which is before the mark's own place.
REPAIRED_DEPARTURES = frozenset((MarkKind.STARTING, MarkKind.SILENT))
_MARK_KINDS = {
    LineKind.LOGGED_IN: MarkKind.LOGGED_IN,
    LineKind.JOINED: MarkKind.JOINED,
    LineKind.CONNECTION_LOST: MarkKind.CONNECTION_LOST,
    LineKind.LEFT: MarkKind.LEFT,
    LineKind.STARTING: MarkKind.STARTING,
    LineKind.STOPPING: MarkKind.STOPPING,
}


@quickly_made
@dataclass(frozen=True, slots=True, order=True)
class PresenceMark:
    """The arrival or departure that a line reports. Marks sort in the order of writing."""

    #: `at`, or the previous mark's order if the clock was set back.
    order: float
    #: Orders marks of the same second: the line's number in its source, or its order of arrival.
    sequence: int
    kind: MarkKind
    #: When it happened. Of STARTING and SILENT: the last sign before that the world was alive, 0 if none is known.
    #: Of RESUMED, whose place is that of the silence: when the world was reported to run again.
    at: float
    #: Empty: all players.
    username: str = ""
    #: Id of the log line; 0: none.
    line: int = 0

    @property
    def is_arrival(self) -> bool:
        """Whether the mark is an arrival; otherwise it is a departure."""
        return self.kind in ARRIVALS

    def is_before(self, other: "PresenceMark") -> bool:
        """Return whether the place of this mark is before that of another one, without a look at the rest of them."""
        return self.order < other.order or (
            self.order == other.order and self.sequence < other.sequence
        )


@quickly_made
@dataclass(frozen=True, slots=True)
class Visit:
    """One stay of a player in a world."""

    username: str
    login: PresenceMark
    #: The second mark of the same arrival: "joined" after "logged in".
    duplicate: PresenceMark | None = None
    #: None while the player is in the world.
    logout: PresenceMark | None = None

    @property
    def has_inferred_end(self) -> bool:
        """Whether the end is inferred from a mark about the world or from the next login."""
        return self.logout is not None and (
            self.logout.kind in INFERRED_DEPARTURES or self.logout.is_arrival
        )

    @property
    def is_suspended(self) -> bool:
        """Whether the visit ended by silence, and goes on if the world does."""
        return self.logout is not None and self.logout.kind is MarkKind.SILENT

    @property
    def end_order(self) -> float | None:
        """The end in the order of marks, for lengths; None for a visit in progress."""
        if self.logout is None:
            return None
        if self.logout.kind in REPAIRED_DEPARTURES:
            return max(self.login.order, min(self.logout.order, self.logout.at))
        return self.logout.order

    @property
    def ended_at(self) -> float | None:
        """When the visit ended, at least the login time; None for a visit in progress."""
        return max(self.login.at, self.logout.at) if self.logout else None

    def duration(self, now: float) -> float:
        """Return the length in seconds, at least 0, up to now for a visit in progress."""
        end = now if self.ended_at is None else self.ended_at
        return max(0.0, end - self.login.at)

    def open_at(self, mark: PresenceMark) -> "Visit | None":
        """Return the visit as it was just before a mark; None if it was neither open nor suspended then."""
        if self.login >= mark:
            return None
        if self.logout is not None and self.logout <= mark:
            # The mark itself may be the one that suspended it.
            return self if self.is_suspended and self.logout < mark else None
        duplicate = self.duplicate if self.duplicate is not None and self.duplicate < mark else None
        return replace(self, duplicate=duplicate, logout=None)

    def state_before(
        self, mark: PresenceMark, world_marks: Iterable[PresenceMark]
    ) -> "Visit | None":
        """Return the visit as it was just before a mark, given the marks about the world, in order.

        Unlike `open_at`, this knows of a silence that a later mark has replaced as the end.
        """
        visit = self.open_at(mark)
        if visit is None or visit.logout is not None:
            return visit
        for other in world_marks:
            if visit is not None and self.login < other < mark:
                visit = next_visit(visit, other)[0]
        return visit

    def is_duplicate(self, mark: PresenceMark) -> bool:
        """Return whether an arrival belongs to this visit: a duplicate or a repeated line."""
        elapsed = mark.order - self.login.order
        known = {self.login.kind} | ({self.duplicate.kind} if self.duplicate else set())
        return elapsed <= (REPEAT_SECONDS if mark.kind in known else DUPLICATE_SECONDS)


@dataclass(frozen=True, slots=True)
class VisitChanges:
    """The effect of a mark on the known visits. A changed visit is in both tuples."""

    removed: tuple[Visit, ...] = ()
    added: tuple[Visit, ...] = ()


def make_mark(
    parsed: ParsedLine, line: int, sequence: int, newest_order: float = -math.inf
) -> PresenceMark | None:
    """Return the presence mark of a line; None for other lines and without time or player.

    `newest_order` is the order of the newest mark from the same source. If the clock was set back by up to
    90 minutes, as at the end of summer time, the mark keeps that order: a logout stays after its login.
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
    """Return the open visit after a mark that concerns the player, and the visit it ended."""
    if open_visit is not None and open_visit.is_suspended:
        return _after_silence(open_visit, mark)
    if mark.is_arrival:
        if open_visit is not None and open_visit.is_duplicate(mark):
            return (
                open_visit if open_visit.duplicate else replace(open_visit, duplicate=mark)
            ), None
        arrived = Visit(mark.username, mark)
        return arrived, replace(open_visit, logout=mark) if open_visit else None
    if mark.kind is MarkKind.RESUMED:
        return open_visit, None
    if mark.kind is MarkKind.SILENT:
        return (replace(open_visit, logout=mark) if open_visit else None), None
    return None, replace(open_visit, logout=mark) if open_visit else None


def _after_silence(visit: Visit, mark: PresenceMark) -> tuple[Visit | None, Visit | None]:
    """Return the open visit after a mark that follows on silence, and the visit that has ended."""
    assert visit.logout is not None
    if mark.is_arrival:
        return Visit(mark.username, mark), visit
    if mark.kind is MarkKind.SILENT or mark.at - visit.logout.at > MAX_SILENCE_SECONDS:
        return visit, None
    if mark.kind is MarkKind.RESUMED:
        return replace(visit, logout=None), None
    return None, replace(visit, logout=mark)


def build_visits(marks: Iterable[PresenceMark]) -> list[Visit]:
    """Return the visits of one player, given all marks that concern them, in order."""
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
    """Return the effect of a mark on a player's visits.

    `open_visit` is the visit open just before the mark (`Visit.open_at`). `later` are the known later marks that
    concern the player, in order; a live line has none. It is consumed only as far as needed, so it may be a
    lazy reader of a store.
    """
    before, (after, completed) = open_visit, next_visit(open_visit, mark)
    removed: list[Visit] = []
    added = [completed] if completed else []
    following = iter(later)
    while before != after and (other := next(following, None)) is not None:
        before, completed_before = next_visit(before, other)
        after, completed_after = next_visit(after, other)
        removed += [completed_before] if completed_before else []
        added += [completed_after] if completed_after else []
    if before != after:
        removed += [before] if before else []
        added += [after] if after else []
    if not removed:
        return VisitChanges((), tuple(added))
    unchanged = {visit for visit in removed if visit in added}
    return VisitChanges(
        tuple(visit for visit in removed if visit not in unchanged),
        tuple(visit for visit in added if visit not in unchanged),
    )
