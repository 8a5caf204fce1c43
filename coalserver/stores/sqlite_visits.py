"""Visits and screenshots in a SQLite file: written with a batch, listed newest first."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import Any

from coalserver.core.ports import Batch, Screenshots, Stay, Visits
from coalserver.domain.history import Screenshot
from coalserver.domain.visits import Mark, Sign, Visit
from coalserver.stores import codec
from coalserver.stores.mending import closer, mend, opener, tagged
from coalserver.stores.sqlite_lines import retag

_codec = codec.Codec([Visit, Screenshot])
#: When somebody goes who is there: after everything.
NEVER = 1e18


def write(db: sqlite3.Connection, batch: Batch) -> None:
    """Mend the visits by the marks of a batch, after its lines and within its transaction."""
    for line, _, mark in batch.lines:
        if mark is not None:
            mend(_Book(db, line.world, line.created), mark)
    for world, mark in batch.sightings:
        mend(_Book(db, world, mark.at), mark)
    _hang(db, batch.screenshots)


def visits(db: sqlite3.Connection, wanted: Visits, limit: int) -> list[Stay]:
    """The newest visits that are wanted."""
    where, facts = _bounds("at", wanted)
    if wanted.username is not None:
        where, facts = f"{where} AND username = ?", [*facts, wanted.username]
    rows = db.execute(
        f"SELECT {_STAY} FROM visit WHERE {where} ORDER BY at DESC, id DESC LIMIT ?",
        (*facts, limit),
    )
    return [_stay(row) for row in rows]


def visit(db: sqlite3.Connection, id: int) -> Stay | None:
    row = db.execute(f"SELECT {_STAY} FROM visit WHERE id = ?", (id,)).fetchone()
    return _stay(row) if row else None


def screenshots(db: sqlite3.Connection, wanted: Screenshots, limit: int) -> list[Screenshot]:
    """The newest screenshots that are wanted."""
    where, facts = _bounds("created", wanted)
    if wanted.account is not None:
        where, facts = f"{where} AND account = ?", [*facts, wanted.account]
    rows = db.execute(
        f"SELECT doc FROM screenshot WHERE {where} ORDER BY created DESC, id DESC LIMIT ?",
        (*facts, limit),
    )
    return [_codec.load("Screenshot", document) for (document,) in rows]


def screenshot(db: sqlite3.Connection, id: int) -> Screenshot | None:
    row = db.execute("SELECT doc FROM screenshot WHERE id = ?", (id,)).fetchone()
    return _codec.load("Screenshot", row[0]) if row else None


_STAY = "id, world, doc, zone, created, updated"


def _stay(row: tuple[Any, ...]) -> Stay:
    id, world, document, *rest = row
    return Stay(id, world, _codec.load("Visit", document), *rest)


def _bounds(time: str, wanted: Visits | Screenshots) -> tuple[str, list[Any]]:
    where = "world = ?"
    facts: list[Any] = [wanted.world]
    if wanted.since is not None:
        where, facts = f"{where} AND {time} >= ?", [*facts, wanted.since]
    if wanted.before is not None:
        where, facts = f"{where} AND {time} < ?", [*facts, wanted.before]
    if wanted.after is not None:
        where, facts = f"{where} AND ({time}, id) < (?, ?)", [*facts, *wanted.after]
    return where, facts


def _hang(db: sqlite3.Connection, screenshots: Mapping[int, Screenshot | None]) -> None:
    db.executemany("DELETE FROM screenshot WHERE id = ?", [(id,) for id in screenshots])
    db.executemany(
        "INSERT INTO screenshot (id, world, account, created, doc) VALUES (?, ?, ?, ?, ?)",
        [
            (one.id, one.world, one.account, one.created, codec.dump(one))
            for one in screenshots.values()
            if one is not None
        ],
    )


class _Book:
    """The visits of one world, while a mark is put among its own."""

    def __init__(self, db: sqlite3.Connection, world: int, now: float) -> None:
        self._db, self._world, self._now = db, world, now
        self._created: dict[int, float] = {}
        #: The lines by which visits begin or end since this was made.
        self._telling: set[int] = set()

    def present(self, mark: Mark) -> Iterable[str]:
        rows = self._db.execute(
            "SELECT doc FROM visit WHERE world = ? AND gone >= ? AND came <= ?",
            (self._world, mark.order, mark.order),
        )
        found = (_codec.load("Visit", document) for (document,) in rows)
        return {visit.username for visit in found if visit.before(mark) is not None}

    def there(self, username: str, mark: Mark) -> Visit | None:
        rows = self._db.execute(
            "SELECT doc FROM visit WHERE world = ? AND username = ? AND came <= ?"
            " ORDER BY came DESC LIMIT 100",
            (self._world, username, mark.order),
        )
        for (document,) in rows:
            visit: Visit = _codec.load("Visit", document)
            # Of those that began in the very second of the mark, some after it.
            if visit.login < mark:
                return visit.before(mark)
        return None

    def later(self, username: str, mark: Mark) -> Iterator[Mark]:
        return (
            one for one in merge(self._marks(username, mark), self._marks("", mark)) if one > mark
        )

    def drop(self, visit: Visit) -> None:
        id = visit.login.line
        row = self._db.execute("DELETE FROM visit WHERE id = ? RETURNING created", (id,)).fetchone()
        if row:
            self._created[id] = row[0]
        self._tag(opener(visit), "")
        self._tag(closer(visit), "")

    def put(self, visit: Visit) -> None:
        id = visit.login.line
        created = self._created.get(id, self._now)
        gone = NEVER if visit.logout is None else visit.logout.order
        self._db.execute(
            "INSERT INTO visit (id, world, username, at, came, gone, zone, created, updated, doc)"
            " SELECT ?, ?, ?, ?, ?, ?, zone, ?, ?, ? FROM line WHERE id = ?",
            (
                *(id, self._world, visit.username, visit.login.at, visit.login.order, gone),
                *(created, self._now, codec.dump(visit), id),
            ),
        )
        self._tag(opener(visit), "login")
        self._tag(closer(visit), "logout")
        self._telling |= {opener(visit), closer(visit)}

    def note(self, mark: Mark) -> None:
        self._db.execute(
            "INSERT INTO mark (world, username, moment, sequence, sign, at, line)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(self._world, mark.username, mark.order, mark.sequence),
                *(mark.sign, mark.at, mark.line),
            ),
        )
        if mark.line and mark.username and mark.line not in self._telling:
            self._tag(mark.line, "")

    def _marks(self, username: str, mark: Mark) -> Iterator[Mark]:
        rows = self._db.execute(
            "SELECT moment, sequence, sign, at, username, line FROM mark"
            " WHERE world = ? AND username = ? AND moment >= ? ORDER BY moment, sequence, sign",
            (self._world, username, mark.order),
        )
        for moment, sequence, sign, *rest in rows:
            yield Mark(moment, sequence, Sign(sign), *rest)

    def _tag(self, id: int, tag: str) -> None:
        if id:
            retag(self._db, id, lambda tags: tagged(tags, tag))
