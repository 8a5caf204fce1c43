"""Mending: how marks become visits in whatever keeps them. The rule is `visits.mended`; here it meets a book."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from coalserver.core.ports import Batch
from coalserver.domain.minecraft.visits import Mark, Visit, mended


class Book(Protocol):
    """The marks and visits of one world, as a store keeps them."""

    def present(self, mark: Mark) -> Iterable[str]:
        """Whoever was in the world just before a mark."""

    def there(self, username: str, mark: Mark) -> Visit | None:
        """The visit of a player that stood open just before a mark."""

    def later(self, username: str, mark: Mark) -> Iterator[Mark]:
        """The marks that concern a player and come after one, in their order; read as they are asked for."""

    def untell(self, visit: Visit) -> None:
        """The lines that say its beginning and its end may say so no more."""

    def drop(self, visit: Visit) -> None:
        """A visit is no more."""

    def put(self, visit: Visit) -> None:
        """There is another visit, and its lines say so."""

    def change(self, visit: Visit) -> None:
        """A visit that begins with the same line is like this now, and its lines say so."""

    def note(self, mark: Mark) -> None:
        """A mark is known from now on."""


def marks_of(batch: Batch) -> Iterator[tuple[int, Mark, float]]:
    """World, mark and time of everything in a batch that mends visits."""
    for line, _, mark in batch.lines:
        if mark is not None:
            yield line.world, mark, line.created
    for world, mark in batch.sightings:
        yield world, mark, mark.at


def mend(book: Book, mark: Mark) -> None:
    """Put a mark among those that are known, and right what it changes."""
    names = (mark.username,) if mark.username else tuple(book.present(mark))
    for name in names:
        mending = mended(book.there(name, mark), mark, book.later(name, mark))
        before = {visit.login.line for visit in mending.gone}
        after = {visit.login.line for visit in mending.put}
        for visit in mending.gone:
            book.untell(visit)
            if visit.login.line not in after:
                book.drop(visit)
        for visit in mending.put:
            put = book.change if visit.login.line in before else book.put
            put(visit)
    book.note(mark)


def opener(visit: Visit) -> int:
    """The line that is tagged as this visit's beginning; 0 if none is."""
    return visit.login.line


def closer(visit: Visit) -> int:
    """The line that is tagged as its end: one about the player, which says that he went; 0 if none did."""
    last = visit.logout
    return last.line if last is not None and last.username and not last.arrival else 0


def tagged(tags: tuple[str, ...], tag: str) -> tuple[str, ...]:
    """The tags of a line about a connection, that says a login or a logout (or, with an empty tag, neither)."""
    rest = tuple(one for one in tags if one not in ("login", "logout"))
    return (*rest, tag) if tag else rest
