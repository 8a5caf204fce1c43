"""Mending: how marks become visits in whatever keeps them. The rule is `visits.mended`; here it meets a book."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from coalserver.core.ports import Batch
from coalserver.domain.minecraft.visits import PresenceMark, Visit, apply_mark


class VisitTable(Protocol):
    """The marks and visits of one world, as a store keeps them."""

    def online_names(self, mark: PresenceMark) -> Iterable[str]:
        """Whoever was in the world just before a mark."""

    def open_visit(self, username: str, mark: PresenceMark) -> Visit | None:
        """The visit of a player that stood open just before a mark."""

    def marks_after(self, username: str, mark: PresenceMark) -> Iterator[PresenceMark]:
        """The marks that concern a player and come after one, in their order; read as they are asked for."""

    def clear_tags(self, visit: Visit) -> None:
        """The lines that say its beginning and its end may say so no more."""

    def delete(self, visit: Visit) -> None:
        """A visit is no more."""

    def insert(self, visit: Visit) -> None:
        """There is another visit, and its lines say so."""

    def update(self, visit: Visit) -> None:
        """A visit that begins with the same line is like this now, and its lines say so."""

    def record_mark(self, mark: PresenceMark) -> None:
        """A mark is known from now on."""


def marks_of(batch: Batch) -> Iterator[tuple[int, PresenceMark, float]]:
    """World, mark and time of everything in a batch that mends visits."""
    for line, _, mark in batch.lines:
        if mark is not None:
            yield line.world, mark, line.created
    for world, mark in batch.world_marks:
        yield world, mark, mark.at


def update_visits(table: VisitTable, mark: PresenceMark) -> None:
    """Put a mark among those that are known, and right what it changes."""
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


def login_line(visit: Visit) -> int:
    """The line that is tagged as this visit's beginning; 0 if none is."""
    return visit.login.line


def logout_line(visit: Visit) -> int:
    """The line that is tagged as its end: one about the player, which says that he went; 0 if none did."""
    last = visit.logout
    return last.line if last is not None and last.username and not last.is_arrival else 0


def with_tag(tags: tuple[str, ...], tag: str) -> tuple[str, ...]:
    """The tags of a line about a connection, that says a login or a logout (or, with an empty tag, neither)."""
    rest = tuple(one for one in tags if one not in ("login", "logout"))
    return (*rest, tag) if tag else rest
