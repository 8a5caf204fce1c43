"""Visits and screenshots in SQLite: written with a batch, listed newest first."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from coalserver.core.ports import Batch, PlaytimeStats, ScreenshotQuery, StoredVisit, VisitQuery
from coalserver.domain.minecraft.history import Screenshot
from coalserver.domain.minecraft.visits import (
    MAX_SILENCE_SECONDS,
    MarkKind,
    PresenceMark,
    Visit,
)
from coalserver.storage import codec
from coalserver.storage.sqlite.log_lines import TagSets
from coalserver.storage.visit_updates import (
    extend_repaired_visits,
    login_line,
    logout_line,
    marks_of,
    update_visits,
)

#: Nothing for a live line: a start cannot have ended a visit before it.
_LATER_WORLD_MARK = "SELECT 1 FROM mark WHERE world = ? AND username = '' AND moment > ? LIMIT 1"
#: Visits that can have been open at a mark: those that are open, those that a later mark has ended, and those that a
#: silence suspended. Each part has an index (`schema.MIGRATIONS`), as there may be ten thousand others of the same day.
_ENDED_BY = "json_extract(doc, '$.logout.order')", "json_extract(doc, '$.logout.sequence')"
_ONLINE_VISITS = " UNION ALL ".join(
    f"SELECT doc FROM visit WHERE world = ?1 AND came <= ?2 AND {which}"
    for which in (
        "gone >= 1e18",
        f"gone < 1e18 AND {_ENDED_BY[0]} > ?2",
        f"gone < 1e18 AND {_ENDED_BY[0]} = ?2 AND {_ENDED_BY[1]} >= ?3",
        # SQLite may read a number of a document a little differently.
        f"gone < 1e18 AND {_ENDED_BY[0]} < ?2 AND {_ENDED_BY[0]} > ?2 - 1e-6",
        "gone >= ?4 AND gone <= ?2 AND instr(doc, '\"silent\"')",
    )
)
#: Departure time of open visits: after all others.
OPEN_VISIT_END = 1e18


def write(db: sqlite3.Connection, batch: Batch) -> None:
    """Update visits by the marks of a batch; its lines are written, the transaction is open."""
    tables: dict[int, _VisitTable] = {}
    for world, mark, now in marks_of(batch):
        table = tables.get(world)
        if table is None:
            table = tables[world] = _VisitTable(db, world)
        table.now = now
        update_visits(table, mark)
    # A loop, as a comprehension is a call for each batch.
    last_times: dict[int, float] = {}
    for line, _, _ in batch.lines:
        if line.at is not None:
            last_times[line.world] = line.at
    for world, at in last_times.items():
        if db.execute(_LATER_WORLD_MARK, (world, at)).fetchone() is not None:
            extend_repaired_visits(tables.get(world) or _VisitTable(db, world, at), at)
    if tables:
        known = {line.id: line.tags for line, _, mark in batch.lines if mark is not None}
        sets = TagSets(db)
        for table in tables.values():
            for id, tag in table.tags.items():
                sets.set_tag(id, known.get(id), tag)
    if batch.screenshots:
        _write_screenshots(db, batch.screenshots)


def visits(db: sqlite3.Connection, query: VisitQuery, limit: int) -> list[StoredVisit]:
    """Return the newest visits that match the query."""
    where, params = _bounds("at", query)
    if query.username is not None:
        where, params = f"{where} AND username = ?", [*params, query.username]
    rows = db.execute(
        f"SELECT {_VISIT_COLUMNS} FROM visit WHERE {where} ORDER BY at DESC, id DESC LIMIT ?",
        (*params, limit),
    )
    return [_stored_visit(row) for row in rows]


def visit(db: sqlite3.Connection, id: int) -> StoredVisit | None:
    row = db.execute(f"SELECT {_VISIT_COLUMNS} FROM visit WHERE id = ?", (id,)).fetchone()
    return _stored_visit(row) if row else None


def playtime(db: sqlite3.Connection, world: int, usernames: Sequence[str]) -> list[PlaytimeStats]:
    """Return number, total duration and first time of the visits of each of these players."""
    rows = db.execute(
        "SELECT username, count(*), sum(CASE WHEN gone < ? THEN max(0.0, gone - came) ELSE 0.0 END),"
        " min(at), max(CASE WHEN gone < ? THEN NULL ELSE at END) FROM visit"
        " WHERE world = ? AND username IN (SELECT value FROM json_each(?)) GROUP BY username",
        (OPEN_VISIT_END, OPEN_VISIT_END, world, orjson.dumps(list(usernames)).decode()),
    )
    return [PlaytimeStats(*row) for row in rows]


def screenshots(db: sqlite3.Connection, query: ScreenshotQuery, limit: int) -> list[Screenshot]:
    """Return the newest screenshots that match the query, or the oldest if it is ascending."""
    where, params = _bounds("created", query)
    if query.account is not None:
        where, params = f"{where} AND account = ?", [*params, query.account]
    order = "created, id" if query.ascending else "created DESC, id DESC"
    rows = db.execute(
        f"SELECT doc FROM screenshot WHERE {where} ORDER BY {order} LIMIT ?",
        (*params, limit),
    )
    return [codec.history_values.load("Screenshot", document) for (document,) in rows]


def screenshot(db: sqlite3.Connection, id: int) -> Screenshot | None:
    row = db.execute("SELECT doc FROM screenshot WHERE id = ?", (id,)).fetchone()
    return codec.history_values.load("Screenshot", row[0]) if row else None


_VISIT_COLUMNS = "id, world, doc, zone, created, updated"


def _stored_visit(row: tuple[Any, ...]) -> StoredVisit:
    id, world, document, *rest = row
    return StoredVisit(id, world, codec.history_values.load("Visit", document), *rest)


def _bounds(time: str, query: VisitQuery | ScreenshotQuery) -> tuple[str, list[Any]]:
    where = "world = ?"
    params: list[Any] = [query.world]
    if query.since is not None:
        where, params = f"{where} AND {time} >= ?", [*params, query.since]
    if query.before is not None:
        where, params = f"{where} AND {time} < ?", [*params, query.before]
    if query.after is not None:
        is_ascending = isinstance(query, ScreenshotQuery) and query.ascending
        sign = ">" if is_ascending else "<"
        where, params = f"{where} AND ({time}, id) {sign} (?, ?)", [*params, *query.after]
    return where, params


def _write_screenshots(
    db: sqlite3.Connection, screenshots: Mapping[int, Screenshot | None]
) -> None:
    db.executemany("DELETE FROM screenshot WHERE id = ?", [(id,) for id in screenshots])
    db.executemany(
        "INSERT INTO screenshot (id, world, account, created, doc) VALUES (?, ?, ?, ?, ?)",
        [
            (shot.id, shot.world, shot.account, shot.created, codec.history_values.dump(shot))
            for shot in screenshots.values()
            if shot is not None
        ],
    )


_MARK_COLUMNS = "moment, sequence, sign, at, username, line"


def _mark(row: tuple[Any, ...]) -> PresenceMark:
    order, sequence, kind, *rest = row
    return PresenceMark(order, sequence, MarkKind(kind), *rest)


def _gone(visit: Visit) -> float:
    """Return the end of a visit for ranges and lengths."""
    end = visit.end_order
    return OPEN_VISIT_END if end is None else end


class _VisitTable:
    """The marks and visits of one world during a transaction."""

    def __init__(self, db: sqlite3.Connection, world: int, now: float = 0.0) -> None:
        self._db, self._world = db, world
        self.now = now
        #: New tag by line: login, logout or neither.
        self.tags: dict[int, str] = {}

    def online_names(self, mark: PresenceMark) -> Iterable[str]:
        # Those that a silence suspended can go on for a while.
        low = min(mark.order, mark.at) - MAX_SILENCE_SECONDS
        rows = self._db.execute(_ONLINE_VISITS, (self._world, mark.order, mark.sequence, low))
        found = (codec.history_values.load("Visit", document) for (document,) in rows)
        return {visit.username for visit in found if visit.open_at(mark) is not None}

    def open_visit(self, username: str, mark: PresenceMark) -> Visit | None:
        rows = self._db.execute(
            "SELECT doc FROM visit WHERE world = ? AND username = ? AND came <= ?"
            " ORDER BY came DESC",
            (self._world, username, mark.order),
        )
        for (document,) in rows:
            visit: Visit = codec.history_values.load("Visit", document)
            # Visits that began in the second of the mark can have begun after it.
            if visit.login < mark:
                live = visit.logout is None or visit.logout < mark
                return (
                    visit.open_at(mark)
                    if live
                    else visit.state_before(mark, self._world_marks(visit.login.order, mark.order))
                )
        return None

    def _world_marks(self, first: float, last: float) -> Iterator[PresenceMark]:
        rows = self._db.execute(
            f"SELECT {_MARK_COLUMNS} FROM mark WHERE world = ? AND username = '' AND moment >= ?"
            " AND moment <= ? ORDER BY moment, sequence, sign, line",
            (self._world, first, last),
        )
        return map(_mark, rows)

    def marks_after(self, username: str, mark: PresenceMark) -> Iterator[PresenceMark]:
        rows = self._db.execute(
            # In the order of the primary key, so that rows are read lazily.
            "SELECT moment, sequence, sign, at, username, line FROM mark"
            " WHERE world = ? AND username = ? AND moment >= ?"
            " UNION ALL SELECT moment, sequence, sign, at, username, line FROM mark"
            " WHERE world = ? AND username = '' AND moment >= ?"
            " ORDER BY moment, sequence, sign, line",
            (self._world, username, mark.order, self._world, mark.order),
        )
        for moment, sequence, mark_kind, *rest in rows:
            later = PresenceMark(moment, sequence, MarkKind(mark_kind), *rest)
            if later > mark:
                yield later

    def clear_tags(self, visit: Visit) -> None:
        self.tags[login_line(visit)] = self.tags[logout_line(visit)] = ""

    def delete(self, visit: Visit) -> None:
        self._db.execute("DELETE FROM visit WHERE id = ?", (visit.login.line,))

    def insert(self, visit: Visit) -> None:
        id = visit.login.line
        gone = _gone(visit)
        self._db.execute(
            # VALUES with one row: INSERT … SELECT would make FTS5 flush its pending terms.
            "INSERT INTO visit (id, world, username, at, came, gone, zone, created, updated, doc)"
            " VALUES (?, ?, ?, ?, ?, ?, (SELECT zone FROM line WHERE id = ?), ?, ?, ?)",
            (
                *(id, self._world, visit.username, visit.login.at, visit.login.order, gone),
                *(id, self.now, self.now, codec.history_values.dump(visit)),
            ),
        )
        self._set_tags(visit)

    def update(self, visit: Visit) -> None:
        gone = _gone(visit)
        self._db.execute(
            "UPDATE visit SET gone = ?, updated = ?, doc = ? WHERE id = ?",
            (gone, self.now, codec.history_values.dump(visit), visit.login.line),
        )
        self._set_tags(visit)

    def _set_tags(self, visit: Visit) -> None:
        self.tags[logout_line(visit)] = "logout"
        self.tags[login_line(visit)] = "login"

    def record_mark(self, mark: PresenceMark) -> None:
        self._db.execute(
            "INSERT INTO mark (world, username, moment, sequence, sign, at, line)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(self._world, mark.username, mark.order, mark.sequence),
                *(mark.kind.value, mark.at, mark.line),
            ),
        )
        if mark.username:
            self.tags.setdefault(mark.line, "")

    def next_world_mark(self, at: float) -> PresenceMark | None:
        row = self._db.execute(
            f"SELECT {_MARK_COLUMNS} FROM mark WHERE world = ? AND username = '' AND moment > ?"
            " ORDER BY moment, sequence LIMIT 1",
            (self._world, at),
        ).fetchone()
        return _mark(row) if row else None

    def replace_mark(self, mark: PresenceMark, changed: PresenceMark) -> None:
        self._db.execute(
            "UPDATE mark SET at = ? WHERE world = ? AND username = ? AND moment = ? AND sequence = ?"
            " AND sign = ? AND line = ?",
            (
                *(changed.at, self._world, mark.username, mark.order, mark.sequence),
                *(mark.kind.value, mark.line),
            ),
        )

    def visits_ended_by(self, mark: PresenceMark, until: float) -> Iterable[Visit]:
        rows = self._db.execute(
            "SELECT doc FROM visit WHERE world = ? AND gone >= ? AND gone <= ?",
            (self._world, mark.at, until),
        )
        found = (codec.history_values.load("Visit", document) for (document,) in rows)
        return [visit for visit in found if visit.logout == mark]
