"""Updates of stored visits by presence marks, for every store; the rule is `visits.apply_mark`."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from coalserver.core.ports import Batch
from coalserver.domain.construction import replace
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark, Visit, apply_mark


class VisitTable(Protocol):
    """The stored marks and visits of one world."""

    def online_names(self, mark: PresenceMark) -> Iterable[str]:
        """Return the usernames that were online just before a mark."""

    def open_visit(self, username: str, mark: PresenceMark) -> Visit | None:
        """Return the visit of a player that was open just before a mark, or None."""

    def marks_after(self, username: str, mark: PresenceMark) -> Iterator[PresenceMark]:
        """Yield the marks after this one that concern a player, in order; read lazily."""

    def clear_tags(self, visit: Visit) -> None:
        """Remove the tags from the lines of the visit's login and logout."""

    def delete(self, visit: Visit) -> None:
        """Delete a visit."""

    def insert(self, visit: Visit) -> None:
        """Insert a visit and tag its lines."""

    def update(self, visit: Visit) -> None:
        """Replace the visit with the same login line and tag its lines."""

    def record_mark(self, mark: PresenceMark) -> None:
        """Store a mark."""

    def next_world_mark(self, at: float) -> PresenceMark | None:
        """Return the first mark about the whole world after a time, or None."""

    def replace_mark(self, mark: PresenceMark, changed: PresenceMark) -> None:
        """Replace a stored mark by one in the same place."""

    def visits_ended_by(self, mark: PresenceMark, until: float) -> Iterable[Visit]:
        """Return the visits that a mark ended, at its `at` or at their login, up to a time."""


def marks_of(batch: Batch) -> Iterator[tuple[int, PresenceMark, float]]:
    """Yield world, mark and time of all marks of a batch."""
    for line, _, mark in batch.lines:
        if mark is not None:
            yield line.world, mark, line.created
    for world, mark in batch.world_marks:
        yield world, mark, mark.at


def update_visits(table: VisitTable, mark: PresenceMark) -> None:
    """Store a mark and update the visits that it changes."""
    names = (mark.username,) if mark.username else tuple(table.online_names(mark))
    for name in names:
        changes = apply_mark(table.open_visit(name, mark), mark, table.marks_after(name, mark))
        before = {visit.login.line for visit in changes.removed}
        after = {visit.login.line for visit in changes.added}
        for visit in changes.removed:
            table.clear_tags(visit)
            if visit.login.line not in after:
                table.delete(visit)
        for visit in changes.added:
            save = table.update if visit.login.line in before else table.insert
            save(visit)
    table.record_mark(mark)


def extend_repaired_visits(table: VisitTable, at: float) -> None:
    """Move the end of the visits that a start ended to a line before it that has arrived now."""
    mark = table.next_world_mark(at)
    if mark is None or mark.kind is not MarkKind.STARTING or mark.at >= at:
        return
    changed = replace(mark, at=at)
    for visit in list(table.visits_ended_by(mark, at)):
        table.update(replace(visit, logout=changed))
    table.replace_mark(mark, changed)


def login_line(visit: Visit) -> int:
    """Return the id of the line that is tagged as login, or 0."""
    return visit.login.line


def logout_line(visit: Visit) -> int:
    """Return the id of the line that is tagged as logout, or 0.

    It is the line about the departure of the player; a stop of the world has no such line.
    """
    last = visit.logout
    return last.line if last is not None and last.username and not last.is_arrival else 0


def with_tag(tags: tuple[str, ...], tag: str) -> tuple[str, ...]:
    """Return the tags of a line with `login`, `logout` or, for an empty tag, neither."""
    rest = tuple(other for other in tags if other not in ("login", "logout"))
    return (*rest, tag) if tag else rest
