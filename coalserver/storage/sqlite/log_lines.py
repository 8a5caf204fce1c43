"""Log lines in a SQLite file: written with a batch, listed and searched newest first."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nlargest, nsmallest
from operator import attrgetter
from typing import Any

from coalserver.core.ports import About, Counted, Filed, Lines
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.log.header import plain
from coalserver.domain.minecraft.log.kinds import Kind
from coalserver.domain.text_search import folded, phrases
from coalserver.storage.sqlite import places as places
from coalserver.storage.visit_updates import tagged

#: Digests asked for in one statement.
PIECE = 500
#: What a line tells besides its id, its tags and where it is, in the order of the columns.
FIELDS = (
    *("line", "created", "at", "zone", "level", "username", "shown", "ip", "port"),
    *("chat", "message", "death", "killer", "weapon", "title", "source", "sequence"),
)
#: What lines may be counted by.
GROUPS = {name: f"line.{name}" for name in ("username", "death", "killer", "message")}
COLUMNS = ("place", "id", "digest", "tags", "kind", "location", *FIELDS)
_INSERT = f"INSERT INTO line ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_INDEX = (
    "INSERT INTO line_words (rowid, line, chat, death, achievement, who) VALUES (?, ?, ?, ?, ?, ?)"
)
_ROW = ", ".join(f"line.{name}" for name in ("place", "id", "tags", "kind", "location", *FIELDS))
_fields = attrgetter(*FIELDS)
_KINDS = {kind.value: kind for kind in Kind}
#: Begins the one word of the column `who`. No other word has it: see words.py.
PRIVATE = "\ue000"
#: Below the world in a place.
BITS = places.WITHIN + places.SECONDS


def write(db: sqlite3.Connection, filed: Sequence[Filed]) -> None:
    """Keep lines, within the transaction of their batch."""
    if not filed:
        return
    sets = TagSets(db)
    found = places.Places(db)
    rows, words = [], []
    for line, digest, _ in filed:
        place = found.next(line.world, line.at)
        # What is no plain text, number or bytes costs SQLite's binding as much as the rest of a row.
        kind, tags, where = line.kind.value, sets.number(line.tags), ""
        if line.location is not None:
            where = " ".join(map(repr, line.location))
        rows.append((place, line.id, digest, tags, kind, where, *_fields(line)))
        words.append((place, *_words(line)))
    db.executemany(_INSERT, rows)
    # In their order, or the index would have to be written out in between.
    words.sort()
    db.executemany(_INDEX, words)


def known(db: sqlite3.Connection, digests: Sequence[bytes]) -> set[bytes]:
    """Those of these digests that are kept."""
    found: set[bytes] = set()
    for start in range(0, len(digests), PIECE):
        some = digests[start : start + PIECE]
        marks = ", ".join("?" * len(some))
        rows = db.execute(f"SELECT digest FROM line WHERE digest IN ({marks})", some)
        found.update(digest for (digest,) in rows)
    return found


#: Sets of tags by their numbers, as far as a reader has met them; none is ever another.
Tags = dict[int, tuple[str, ...]]


def with_id(db: sqlite3.Connection, tags: Tags, id: int) -> LogLine | None:
    return next(iter(_lines(db, tags, _rows(db, "line.id = ?", (id,), 1))), None)


def newest(db: sqlite3.Connection, known: Tags, wanted: Lines, limit: int) -> list[LogLine]:
    """The newest lines that are wanted."""
    if wanted.username == "":
        return []
    stretch, tags = _stretch(db, wanted), _tags(db, wanted)
    if wanted.words is None:
        found = _listed(db, wanted.username, tags, stretch, limit, wanted.rising)
    else:
        found = _searched(db, wanted, tags, stretch, limit)
    return _lines(db, known, found)


def count(db: sqlite3.Connection, wanted: Lines, by: Sequence[str]) -> list[Counted]:
    """How many lines are wanted, of each value of `by`."""
    wanted = replace(wanted, words=None)
    if wanted.username == "":
        return [] if by else [Counted((), 0)]
    low, high = _stretch(db, wanted)
    condition = "place >= ? AND place < ?"
    facts: list[Any] = [low, high]
    tags = _tags(db, wanted)
    if tags is not None:
        condition += f" AND line.tags IN ({', '.join(map(str, tags))})"
    if wanted.username:
        condition, facts = (
            f"username = ? AND username <> '' AND {condition}",
            [wanted.username, *facts],
        )
    columns = ", ".join(GROUPS[name] for name in by)
    grouped = f" GROUP BY {columns} ORDER BY count(*) DESC, {columns}" if by else ""
    rows = db.execute(
        f"SELECT count(*){', ' if by else ''}{columns} FROM line WHERE {condition}{grouped}", facts
    )
    return [Counted(tuple(parts), lines) for lines, *parts in rows]


class TagSets:
    """The sets of tags that lines have, a number for each."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT tags, id FROM tags")
        self.numbers = {tuple(tags.split()): id for tags, id in rows}

    def number(self, tags: tuple[str, ...]) -> int:
        """The number of a set, a new one if need be."""
        number = self.numbers.get(tags)
        if number is None:
            text = " ".join(tags)
            number = self._db.execute("INSERT INTO tags (tags) VALUES (?)", (text,)).lastrowid or 0
            self.numbers[tags] = number
        return number

    def change(self, id: int, tags: tuple[str, ...] | None, tag: str) -> None:
        """Give a line about a connection the tag it should have, if these (None: nobody knows) are others."""
        if tags is None:
            row = self._db.execute("SELECT tags FROM line WHERE id = ?", (id,)).fetchone()
            if row is None:
                return
            tags = next(tags for tags, number in self.numbers.items() if number == row[0])
        right = tagged(tags, tag)
        if right != tags:
            self._db.execute("UPDATE line SET tags = ? WHERE id = ?", (self.number(right), id))

    def having(self, asked: Iterable[str], any_of: Sequence[str] = ()) -> list[int]:
        """The numbers of all sets that hold every one of these, and one of those if there are any."""
        wanted = set(asked)
        return [
            number
            for tags, number in self.numbers.items()
            if wanted <= set(tags) and not (any_of and set(any_of).isdisjoint(tags))
        ]


def _words(line: LogLine) -> tuple[str, str, str, str, str]:
    """What is looked for in each column of the index."""
    tags, text = line.tags, line.line
    who = PRIVATE + line.username.encode("utf-8", "replace").hex() if line.username else ""
    if "chat" in tags:
        return folded(_without(text, line.chat)), folded(line.chat), "", "", who
    if "death" in tags:
        return folded(_without(text, line.message)), "", folded(line.message), "", who
    if "achievement" in tags:
        return folded(_without(text, line.title)), "", "", folded(line.title), who
    return folded(text), "", "", "", who


def _without(line: str, told: str) -> str:
    """A line without what stands in another column."""
    if told and line.endswith(told):
        return line[: -len(told)]
    before, _, after = plain(line).rpartition(plain(told)) if told else (line, "", "")
    return f"{before} {after}"


def _tags(db: sqlite3.Connection, wanted: Lines) -> list[int] | None:
    """The sets of tags that are wanted; None: any."""
    # Words of a list are in its own column: there its tag need not be looked at.
    listed = wanted.words is None and wanted.about is not About.LINE
    asked = {wanted.about.value} if listed else set()
    if wanted.tag is not None:
        asked.add(wanted.tag)
    return TagSets(db).having(asked, wanted.tags) if asked or wanted.tags else None


def _stretch(db: sqlite3.Connection, wanted: Lines) -> tuple[int, int]:
    """From which place on, and up to which place, lines are wanted."""
    world = wanted.world
    low, high = places.bottom(world), places.bottom(world + 1)
    if wanted.words is None or wanted.before is not None:
        low = places.dated(world)
    if wanted.since is not None:
        low = max(low, places.at(world, wanted.since))
    if wanted.before is not None:
        high = places.at(world, wanted.before)
    if wanted.after is not None and wanted.rising:
        low = max(low, _place_of(db, world, *wanted.after) + 1)
    elif wanted.after is not None:
        high = min(high, _place_of(db, world, *wanted.after))
    return low, high


def _place_of(db: sqlite3.Connection, world: int, when: float | None, id: int) -> int:
    """Where a line is; where it was, if it is no more."""
    row = db.execute("SELECT place FROM line WHERE id = ?", (id,)).fetchone()
    return int(row[0]) if row else places.at(world, when)


def _listed(
    db: sqlite3.Connection,
    username: str | None,
    tags: list[int] | None,
    stretch: tuple[int, int],
    limit: int,
    rising: bool,
) -> list[Any]:
    """The first lines of a stretch. Each set of tags is a walk of its own."""
    if username is None and tags is None:
        return _rows(db, "place >= ? AND place < ?", stretch, limit, rising)
    if tags is None:
        tags = TagSets(db).having(())
    where, facts = ("username = ? AND username <> '' AND ", [username]) if username else ("", [])
    rows: list[Any] = []
    for number in tags:
        condition = f"{where}line.tags = ? AND place >= ? AND place < ?"
        rows += _rows(db, condition, (*facts, number, *stretch), limit, rising)
    return nsmallest(limit, rows) if rising else nlargest(limit, rows)


def _searched(
    db: sqlite3.Connection,
    wanted: Lines,
    tags: list[int] | None,
    stretch: tuple[int, int],
    limit: int,
) -> list[Any]:
    """The newest lines of a stretch in which all words are."""
    sought = phrases(wanted.words or "")
    if not sought:
        return []
    about = wanted.about
    columns = "{line chat death achievement}" if about is About.LINE else f"{{{about.value}}}"
    words = " AND ".join('"' + " ".join(one) + '"' for one in sought)
    match = f"{columns} : ({words})"
    condition, facts = "", []
    if wanted.username:
        match = f'({match}) AND {{who}} : "{PRIVATE}{wanted.username.encode().hex()}"'
        condition, facts = " AND line.username = ?", [wanted.username]
    if tags is not None:
        condition += f" AND line.tags IN ({', '.join(map(str, tags))})"
    return db.execute(
        f"SELECT {_ROW} FROM line_words CROSS JOIN line ON line.place = line_words.rowid"
        f" WHERE line_words MATCH ? AND line_words.rowid >= ? AND line_words.rowid < ?{condition}"
        f" ORDER BY line_words.rowid {_order(wanted.rising)} LIMIT ?",
        (match, *stretch, *facts, limit),
    ).fetchall()


def _rows(
    db: sqlite3.Connection, condition: str, facts: Sequence[Any], limit: int, rising: bool = False
) -> list[Any]:
    return db.execute(
        f"SELECT {_ROW} FROM line WHERE {condition} ORDER BY line.place {_order(rising)} LIMIT ?",
        (*facts, limit),
    ).fetchall()


def _order(rising: bool) -> str:
    return "ASC" if rising else "DESC"


def _lines(db: sqlite3.Connection, known: Tags, rows: Sequence[Any]) -> list[LogLine]:
    if any(row[2] not in known for row in rows):
        known.update((number, tags) for tags, number in TagSets(db).numbers.items())
    return [
        LogLine(
            id, place >> BITS, text, _KINDS[kind], known[tags], created, at, zone, level, name, shown, ip, port,
            _location(where) if where else None, *told,
        )
        for place, id, tags, kind, where, text, created, at, zone, level, name, shown, ip, port, *told in rows
    ]  # fmt: skip


def _location(text: str) -> tuple[float, float, float]:
    x, y, z = map(float, text.split())
    return x, y, z
