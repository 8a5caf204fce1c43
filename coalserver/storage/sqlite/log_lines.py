"""Log lines in a SQLite file: written with a batch, listed and searched newest first.

A line's place is its row's number and its words' in the index: every list and every search of a world is a walk
down one stretch of numbers. It is given out when the line is written, once.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nlargest, nsmallest
from math import floor
from operator import attrgetter
from typing import Any

from coalserver.core.ports import LineCategory, LineCount, LineQuery, NewLogLine
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.log.header import strip_colors
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.text_search import normalize, parse_query
from coalserver.storage.visit_updates import with_tag

#: Bits for lines within a second, for seconds, and (what is left of 63) for worlds.
LINE_BITS, SECOND_BITS = 12, 33
POSITIONS_PER_SECOND = 1 << LINE_BITS
#: Seconds count from 1901; lines without a time lie in the first thirty years of that, in which no line was written.
EPOCH = 2**31
FIRST_SECOND = 2**30
#: Room for the last second to overflow.
LAST_SECOND = 2**SECOND_BITS - 2**20
#: Digests asked for in one statement.
CHUNK_SIZE = 500
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
_fields = attrgetter(*("display_name" if name == "shown" else name for name in FIELDS))
_KINDS = {kind.value: kind for kind in LineKind}
#: Begins the one word of the column `who`. No other word has it: see words.py.
USERNAME_PREFIX = "\ue000"
#: Below the world in a place.
POSITION_BITS = LINE_BITS + SECOND_BITS


def write(db: sqlite3.Connection, new_lines: Sequence[NewLogLine]) -> None:
    """Keep lines, within the transaction of their batch."""
    if not new_lines:
        return
    sets = TagSets(db)
    positions = Positions(db)
    rows, words = [], []
    for line, digest, _ in new_lines:
        position = positions.next(line.world, line.at)
        # What is no plain text, number or bytes costs SQLite's binding as much as the rest of a row.
        kind, tags, location = line.kind.value, sets.number(line.tags), ""
        if line.location is not None:
            location = " ".join(map(repr, line.location))
        rows.append((position, line.id, digest, tags, kind, location, *_fields(line)))
        words.append((position, *_index_columns(line)))
    db.executemany(_INSERT, rows)
    # In their order, or the index would have to be written out in between.
    words.sort()
    db.executemany(_INDEX, words)


def existing_digests(db: sqlite3.Connection, digests: Sequence[bytes]) -> set[bytes]:
    """Those of these digests that are kept."""
    found: set[bytes] = set()
    for start in range(0, len(digests), CHUNK_SIZE):
        chunk = digests[start : start + CHUNK_SIZE]
        marks = ", ".join("?" * len(chunk))
        rows = db.execute(f"SELECT digest FROM line WHERE digest IN ({marks})", chunk)
        found.update(digest for (digest,) in rows)
    return found


#: Sets of tags by their numbers, as far as a reader has met them; none is ever another.
Tags = dict[int, tuple[str, ...]]


def line_by_id(db: sqlite3.Connection, tags: Tags, id: int) -> LogLine | None:
    return next(iter(_lines(db, tags, _rows(db, "line.id = ?", (id,), 1))), None)


def newest(db: sqlite3.Connection, tag_sets: Tags, query: LineQuery, limit: int) -> list[LogLine]:
    """The newest lines that are wanted."""
    if query.username == "":
        return []
    bounds, tags = _bounds(db, query), _tags(db, query)
    if query.words is None:
        found = _listed(db, query.username, tags, bounds, limit, query.ascending)
    else:
        found = _searched(db, query, tags, bounds, limit)
    return _lines(db, tag_sets, found)


def count_lines(db: sqlite3.Connection, query: LineQuery, by: Sequence[str]) -> list[LineCount]:
    """How many lines are wanted, of each value of `by`."""
    query = replace(query, words=None)
    if query.username == "":
        return [] if by else [LineCount((), 0)]
    low, high = _bounds(db, query)
    condition = "place >= ? AND place < ?"
    params: list[Any] = [low, high]
    tags = _tags(db, query)
    if tags is not None:
        condition += f" AND line.tags IN ({', '.join(map(str, tags))})"
    if query.username:
        condition, params = (
            f"username = ? AND username <> '' AND {condition}",
            [query.username, *params],
        )
    columns = ", ".join(GROUPS[name] for name in by)
    grouped = f" GROUP BY {columns} ORDER BY count(*) DESC, {columns}" if by else ""
    rows = db.execute(
        f"SELECT count(*){', ' if by else ''}{columns} FROM line WHERE {condition}{grouped}", params
    )
    return [LineCount(tuple(parts), lines) for lines, *parts in rows]


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

    def set_tag(self, id: int, tags: tuple[str, ...] | None, tag: str) -> None:
        """Give a line about a connection the tag it should have, if these (None: nobody knows) are others."""
        if tags is None:
            row = self._db.execute("SELECT tags FROM line WHERE id = ?", (id,)).fetchone()
            if row is None:
                return
            tags = next(tags for tags, number in self.numbers.items() if number == row[0])
        right = with_tag(tags, tag)
        if right != tags:
            self._db.execute("UPDATE line SET tags = ? WHERE id = ?", (self.number(right), id))

    def having(self, required: Iterable[str], any_of: Sequence[str] = ()) -> list[int]:
        """The numbers of all sets that hold every one of these, and one of those if there are any."""
        required_set = set(required)
        return [
            number
            for tags, number in self.numbers.items()
            if required_set <= set(tags) and not (any_of and set(any_of).isdisjoint(tags))
        ]


def _index_columns(line: LogLine) -> tuple[str, str, str, str, str]:
    """What is looked for in each column of the index."""
    tags, text = line.tags, line.line
    username_word = (
        USERNAME_PREFIX + line.username.encode("utf-8", "replace").hex() if line.username else ""
    )
    if "chat" in tags:
        return normalize(_without(text, line.chat)), normalize(line.chat), "", "", username_word
    if "death" in tags:
        return (
            normalize(_without(text, line.message)),
            "",
            normalize(line.message),
            "",
            username_word,
        )
    if "achievement" in tags:
        return normalize(_without(text, line.title)), "", "", normalize(line.title), username_word
    return normalize(text), "", "", "", username_word


def _without(line: str, text: str) -> str:
    """A line without what stands in another column."""
    if text and line.endswith(text):
        return line[: -len(text)]
    before, _, after = strip_colors(line).rpartition(strip_colors(text)) if text else (line, "", "")
    return f"{before} {after}"


def _tags(db: sqlite3.Connection, query: LineQuery) -> list[int] | None:
    """The sets of tags that are wanted; None: any."""
    # Words of a list are in its own column: there its tag need not be looked at.
    listed = query.words is None and query.category is not LineCategory.LINE
    required = {query.category.value} if listed else set()
    if query.tag is not None:
        required.add(query.tag)
    return TagSets(db).having(required, query.tags) if required or query.tags else None


def _bounds(db: sqlite3.Connection, query: LineQuery) -> tuple[int, int]:
    """From which place on, and up to which place, lines are wanted."""
    world = query.world
    low, high = first_position(world), first_position(world + 1)
    if query.words is None or query.before is not None:
        low = first_dated_position(world)
    if query.since is not None:
        low = max(low, position_at(world, query.since))
    if query.before is not None:
        high = position_at(world, query.before)
    if query.after is not None and query.ascending:
        low = max(low, _position_of(db, world, *query.after) + 1)
    elif query.after is not None:
        high = min(high, _position_of(db, world, *query.after))
    return low, high


def _position_of(db: sqlite3.Connection, world: int, when: float | None, id: int) -> int:
    """Where a line is; where it was, if it is no more."""
    row = db.execute("SELECT place FROM line WHERE id = ?", (id,)).fetchone()
    return int(row[0]) if row else position_at(world, when)


def _listed(
    db: sqlite3.Connection,
    username: str | None,
    tags: list[int] | None,
    bounds: tuple[int, int],
    limit: int,
    ascending: bool,
) -> list[Any]:
    """The first lines of a stretch. Each set of tags is a walk of its own."""
    if username is None and tags is None:
        return _rows(db, "place >= ? AND place < ?", bounds, limit, ascending)
    if tags is None:
        tags = TagSets(db).having(())
    where, params = ("username = ? AND username <> '' AND ", [username]) if username else ("", [])
    rows: list[Any] = []
    for number in tags:
        condition = f"{where}line.tags = ? AND place >= ? AND place < ?"
        rows += _rows(db, condition, (*params, number, *bounds), limit, ascending)
    return nsmallest(limit, rows) if ascending else nlargest(limit, rows)


def _searched(
    db: sqlite3.Connection,
    query: LineQuery,
    tags: list[int] | None,
    bounds: tuple[int, int],
    limit: int,
) -> list[Any]:
    """The newest lines of a stretch in which all words are."""
    search = parse_query(query.words or "")
    if not search:
        return []
    category = query.category
    columns = (
        "{line chat death achievement}"
        if category is LineCategory.LINE
        else f"{{{category.value}}}"
    )
    words = " AND ".join('"' + " ".join(one) + '"' for one in search)
    match = f"{columns} : ({words})"
    condition, params = "", []
    if query.username:
        match = f'({match}) AND {{who}} : "{USERNAME_PREFIX}{query.username.encode().hex()}"'
        condition, params = " AND line.username = ?", [query.username]
    if tags is not None:
        condition += f" AND line.tags IN ({', '.join(map(str, tags))})"
    return db.execute(
        f"SELECT {_ROW} FROM line_words CROSS JOIN line ON line.place = line_words.rowid"
        f" WHERE line_words MATCH ? AND line_words.rowid >= ? AND line_words.rowid < ?{condition}"
        f" ORDER BY line_words.rowid {_order(query.ascending)} LIMIT ?",
        (match, *bounds, *params, limit),
    ).fetchall()


def _rows(
    db: sqlite3.Connection,
    condition: str,
    params: Sequence[Any],
    limit: int,
    ascending: bool = False,
) -> list[Any]:
    return db.execute(
        f"SELECT {_ROW} FROM line WHERE {condition} ORDER BY line.place {_order(ascending)} LIMIT ?",
        (*params, limit),
    ).fetchall()


def _order(ascending: bool) -> str:
    return "ASC" if ascending else "DESC"


def _lines(db: sqlite3.Connection, tag_sets: Tags, rows: Sequence[Any]) -> list[LogLine]:
    if any(row[2] not in tag_sets for row in rows):
        tag_sets.update((number, tags) for tags, number in TagSets(db).numbers.items())
    return [
        LogLine(
            id, place >> POSITION_BITS, text, _KINDS[kind], tag_sets[tags], created, at, zone, level, name, shown,
            ip, port, _location(where) if where else None, *rest,
        )
        for place, id, tags, kind, where, text, created, at, zone, level, name, shown, ip, port, *rest in rows
    ]  # fmt: skip


def _location(text: str) -> tuple[float, float, float]:
    x, y, z = map(float, text.split())
    return x, y, z


def first_position(world: int) -> int:
    """The place below all of a world's lines; the next world's is above them."""
    return world << (LINE_BITS + SECOND_BITS)


def position_at(world: int, when: float | None) -> int:
    """The first place of a second; of lines without a time, the first of all."""
    second = 0 if when is None else min(max(floor(when) + EPOCH, FIRST_SECOND), LAST_SECOND)
    return first_position(world) + second * POSITIONS_PER_SECOND


def first_dated_position(world: int) -> int:
    """The first place of a line that has a time."""
    return first_position(world) + FIRST_SECOND * POSITIONS_PER_SECOND


class Positions:
    """Gives out the next places, within one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        #: The newest place of each world that is on disk; by a second's first place, the next free one.
        self._tops: dict[int, int] = {}
        self._free: dict[int, int] = {}

    def next(self, world: int, when: float | None) -> int:
        """A place behind all lines of the same second. A second that is full goes on into the next."""
        low = position_at(world, when)
        high = first_dated_position(world) if when is None else low + POSITIONS_PER_SECOND
        while (free := self._first_free(world, low, high)) == high:
            low, high = high, high + POSITIONS_PER_SECOND
        self._free[low] = free + 1
        return free

    def _first_free(self, world: int, low: int, high: int) -> int:
        free = self._free.get(low)
        if free is None:
            top = self._tops.get(world)
            if top is None:
                top = self._tops[world] = self._last(
                    first_position(world), first_position(world + 1)
                )
            free = self._free[low] = low if top < low else max(low, self._last(low, high) + 1)
        return free

    def _last(self, low: int, high: int) -> int:
        row = self._db.execute(
            "SELECT max(place) FROM line WHERE place >= ? AND place < ?", (low, high)
        ).fetchone()
        return -1 if row[0] is None else int(row[0])
