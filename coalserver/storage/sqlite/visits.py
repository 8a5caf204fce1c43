"""Visits and screenshots in a SQLite file: written with a batch, listed newest first."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from coalserver.core.ports import Attendance, Batch, Screenshots, Stay, Visits
from coalserver.domain.minecraft.history import Screenshot
from coalserver.domain.minecraft.visits import Mark, Sign, Visit
from coalserver.storage import codec
from coalserver.storage.sqlite.log_lines import TagSets
from coalserver.storage.visit_updates import closer, marks_of, mend, opener

#: When somebody goes who is there: after everything.
NEVER = 1e18


def write(db: sqlite3.Connection, batch: Batch) -> None:
    """Mend the visits by the marks of a batch, after its lines and within its transaction."""
    books: dict[int, _Book] = {}
    for world, mark, now in marks_of(batch):
        book = books.get(world)
        if book is None:
            book = books[world] = _Book(db, world)
        book.now = now
        mend(book, mark)
    if books:
        known = {line.id: line.tags for line, _, mark in batch.lines if mark is not None}
        sets = TagSets(db)
        for book in books.values():
            for id, tag in book.tags.items():
                sets.change(id, known.get(id), tag)
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


def attendance(db: sqlite3.Connection, world: int, usernames: Sequence[str]) -> list[Attendance]:
    """Of each of these who has ever visited a world: how often, how long, since when."""
    rows = db.execute(
        "SELECT username, count(*), sum(CASE WHEN gone < ? THEN max(0.0, gone - came) ELSE 0.0 END),"
        " min(at), max(CASE WHEN gone < ? THEN NULL ELSE at END) FROM visit"
        " WHERE world = ? AND username IN (SELECT value FROM json_each(?)) GROUP BY username",
        (NEVER, NEVER, world, orjson.dumps(list(usernames)).decode()),
    )
    return [Attendance(*row) for row in rows]


def screenshots(db: sqlite3.Connection, wanted: Screenshots, limit: int) -> list[Screenshot]:
    """The newest screenshots that are wanted."""
    where, facts = _bounds("created", wanted)
    if wanted.account is not None:
        where, facts = f"{where} AND account = ?", [*facts, wanted.account]
    rows = db.execute(
        f"SELECT doc FROM screenshot WHERE {where} ORDER BY created DESC, id DESC LIMIT ?",
        (*facts, limit),
    )
    return [codec.history_values.load("Screenshot", document) for (document,) in rows]


def screenshot(db: sqlite3.Connection, id: int) -> Screenshot | None:
    row = db.execute("SELECT doc FROM screenshot WHERE id = ?", (id,)).fetchone()
    return codec.history_values.load("Screenshot", row[0]) if row else None


_STAY = "id, world, doc, zone, created, updated"


def _stay(row: tuple[Any, ...]) -> Stay:
    id, world, document, *rest = row
    return Stay(id, world, codec.history_values.load("Visit", document), *rest)


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
            (one.id, one.world, one.account, one.created, codec.history_values.dump(one))
            for one in screenshots.values()
            if one is not None
        ],
    )


class _Book:
    """The visits of one world, while marks are put among its own."""

    def __init__(self, db: sqlite3.Connection, world: int) -> None:
        self._db, self._world = db, world
        self.now = 0.0
        #: By line: which tag it has now, login, logout or neither.
        self.tags: dict[int, str] = {}

    def present(self, mark: Mark) -> Iterable[str]:
        rows = self._db.execute(
            "SELECT doc FROM visit WHERE world = ? AND gone >= ? AND came <= ?",
            (self._world, mark.order, mark.order),
        )
        found = (codec.history_values.load("Visit", document) for (document,) in rows)
        return {visit.username for visit in found if visit.before(mark) is not None}

    def there(self, username: str, mark: Mark) -> Visit | None:
        rows = self._db.execute(
            "SELECT doc FROM visit WHERE world = ? AND username = ? AND came <= ?"
            " ORDER BY came DESC",
            (self._world, username, mark.order),
        )
        for (document,) in rows:
            visit: Visit = codec.history_values.load("Visit", document)
            # Of those that began in the very second of the mark, some did after it.
            if visit.login < mark:
                return visit.before(mark)
        return None

    def later(self, username: str, mark: Mark) -> Iterator[Mark]:
        rows = self._db.execute(
            # In the order of the table's own key, so that rows are read as they are asked for.
            "SELECT moment, sequence, sign, at, username, line FROM mark"
            " WHERE world = ? AND username = ? AND moment >= ?"
            " UNION ALL SELECT moment, sequence, sign, at, username, line FROM mark"
            " WHERE world = ? AND username = '' AND moment >= ?"
            " ORDER BY moment, sequence, sign, line",
            (self._world, username, mark.order, self._world, mark.order),
        )
        for moment, sequence, sign, *rest in rows:
            one = Mark(moment, sequence, Sign(sign), *rest)
            if one > mark:
                yield one

    def untell(self, visit: Visit) -> None:
        self.tags[opener(visit)] = self.tags[closer(visit)] = ""

    def drop(self, visit: Visit) -> None:
        self._db.execute("DELETE FROM visit WHERE id = ?", (visit.login.line,))

    def put(self, visit: Visit) -> None:
        id = visit.login.line
        gone = NEVER if visit.logout is None else visit.logout.order
        self._db.execute(
            # Of one row: a statement of several, as INSERT … SELECT, makes FTS5 write out what it holds back.
            "INSERT INTO visit (id, world, username, at, came, gone, zone, created, updated, doc)"
            " VALUES (?, ?, ?, ?, ?, ?, (SELECT zone FROM line WHERE id = ?), ?, ?, ?)",
            (
                *(id, self._world, visit.username, visit.login.at, visit.login.order, gone),
                *(id, self.now, self.now, codec.history_values.dump(visit)),
            ),
        )
        self._tell(visit)

    def change(self, visit: Visit) -> None:
        gone = NEVER if visit.logout is None else visit.logout.order
        self._db.execute(
            "UPDATE visit SET gone = ?, updated = ?, doc = ? WHERE id = ?",
            (gone, self.now, codec.history_values.dump(visit), visit.login.line),
        )
        self._tell(visit)

    def _tell(self, visit: Visit) -> None:
        self.tags[closer(visit)] = "logout"
        self.tags[opener(visit)] = "login"

    def note(self, mark: Mark) -> None:
        self._db.execute(
            "INSERT INTO mark (world, username, moment, sequence, sign, at, line)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(self._world, mark.username, mark.order, mark.sequence),
                *(mark.sign.value, mark.at, mark.line),
            ),
        )
        if mark.username:
            self.tags.setdefault(mark.line, "")
