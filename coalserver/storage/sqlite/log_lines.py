"""Log lines in SQLite: written with a batch, listed and searched newest first.

The position of a line (column `place`) is its rowid in the table and in the full-text index. Positions are ordered by
world, second and arrival, so that every list and search of a world scans one range. They are assigned once, on writing.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from heapq import nlargest, nsmallest
from itertools import chain
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
#: Seconds count from 1901; lines without a time are in the first thirty years, before any dated line.
EPOCH = 2**31
FIRST_SECOND = 2**30
#: Room for the last second to overflow.
LAST_SECOND = 2**SECOND_BITS - 2**20
#: Digests in one statement.
CHUNK_SIZE = 500
#: Fields of a line besides id, tags, kind and location, in the order of the columns.
FIELDS = (
    *("line", "created", "at", "zone", "level", "username", "shown", "ip", "port"),
    *("chat", "message", "death", "killer", "weapon", "title", "source", "sequence"),
    "account",
)
#: Fields by which lines can be counted.
GROUPS = {name: f"line.{name}" for name in ("username", "death", "killer", "message")}
COLUMNS = ("place", "id", "digest", "tags", "kind", "location", *FIELDS)
#: Columns that are empty in most lines: a value takes longer to bind than to write.
RARE = ("location", "ip", "port", "message", "death", "killer", "weapon", "title", "account")
COMMON = tuple(name for name in COLUMNS if name not in RARE)
_INSERT = f"INSERT INTO line ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_INSERT_COMMON = (
    f"INSERT INTO line ({', '.join((*COMMON, *RARE))})"
    f" VALUES ({', '.join('?' * len(COMMON))}, '', '', '', '', '', '', '', '', 0)"
)
_INDEX = (
    "INSERT INTO line_words (rowid, line, chat, death, achievement, who) VALUES (?, ?, ?, ?, ?, ?)"
)
_UNINDEX = (
    "INSERT INTO line_words (line_words, rowid, line, chat, death, achievement, who)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_ROW = ", ".join(f"line.{name}" for name in ("place", "id", "tags", "kind", "location", *FIELDS))
_fields = attrgetter(*("display_name" if name == "shown" else name for name in FIELDS))
_common_fields = attrgetter(
    *("display_name" if name == "shown" else name for name in FIELDS if name not in RARE)
)
_rare_fields = attrgetter(*RARE)
_NO_RARE_FIELDS = (None, "", "", "", "", "", "", "", 0)
_KINDS = {kind.value: kind for kind in LineKind}
_KIND_NAMES = {kind: kind.value for kind in LineKind}
#: Prefix of the only word in the column `who`; text_search removes it from all other words.
USERNAME_PREFIX = "\ue000"
#: Bits of a position below the world.
POSITION_BITS = LINE_BITS + SECOND_BITS


def write(db: sqlite3.Connection, new_lines: Sequence[NewLogLine]) -> None:
    """Insert lines; the caller has a transaction open."""
    if not new_lines:
        return
    sets = TagSets(db)
    numbers, names = sets.numbers, _KIND_NAMES
    next_position = Positions(db).next
    rows, common_rows, words = [], [], []
    for line, digest, _ in new_lines:
        position = next_position(line.world, line.at)
        tags = numbers.get(line.tags)
        if tags is None:
            tags = sets.number(line.tags)
        # Binding values of other types than str, int, float and bytes takes as long as the rest of a row.
        start = (position, line.id, digest, tags, names[line.kind])
        if _rare_fields(line) == _NO_RARE_FIELDS:
            common_rows.append(start + _common_fields(line))
        else:
            location = "" if line.location is None else " ".join(map(repr, line.location))
            rows.append((*start, location, *_fields(line)))
        words.append((position, *_index_columns(line)))
    db.executemany(_INSERT_COMMON, common_rows)
    db.executemany(_INSERT, rows)
    # Sorted: FTS5 flushes its pending terms when a rowid is lower than the previous one.
    words.sort()
    db.executemany(_INDEX, words)


def continue_chats(db: sqlite3.Connection, chats: Mapping[int, str]) -> None:
    """Replace the texts of stored chats, by line id; the caller has a transaction open."""
    for id, chat in chats.items():
        before = line_by_id(db, {}, id)
        if before is None:
            continue
        after = replace(before, chat=chat)
        (position,) = db.execute("SELECT place FROM line WHERE id = ?", (id,)).fetchone()
        db.execute("UPDATE line SET chat = ? WHERE id = ?", (chat, id))
        # An index without content has to be told what it holds.
        db.execute(_UNINDEX, ("delete", position, *_index_columns(before)))
        db.execute(_INDEX, (position, *_index_columns(after)))


def existing_digests(db: sqlite3.Connection, digests: Sequence[bytes]) -> set[bytes]:
    """Return the digests that are stored already."""
    found: set[bytes] = set()
    for start in range(0, len(digests), CHUNK_SIZE):
        chunk = digests[start : start + CHUNK_SIZE]
        marks = ", ".join("?" * len(chunk))
        rows = db.execute(f"SELECT digest FROM line WHERE digest IN ({marks})", chunk)
        found.update(chain.from_iterable(rows))
    return found


#: Cache of the sets of tags by number; a number never changes its meaning.
Tags = dict[int, tuple[str, ...]]


def line_by_id(db: sqlite3.Connection, tags: Tags, id: int) -> LogLine | None:
    return next(iter(_lines(db, tags, _rows(db, "line.id = ?", (id,), 1))), None)


def newest(db: sqlite3.Connection, tag_sets: Tags, query: LineQuery, limit: int) -> list[LogLine]:
    """Return the newest lines that match the query, or the oldest if it is ascending."""
    if query.username == "":
        return []
    bounds, tags = _bounds(db, query), _tags(db, query)
    if query.words is None:
        found = _listed(db, query.username, tags, bounds, limit, query.ascending)
    else:
        found = _searched(db, query, tags, bounds, limit)
    return _lines(db, tag_sets, found)


def count_lines(
    db: sqlite3.Connection, query: LineQuery, by: Sequence[str], limit: int | None
) -> list[LineCount]:
    """Return how many lines match the query, for each combination of values of `by`, or for some with the most."""
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
    limited = "" if limit is None else " LIMIT ?"
    params += () if limit is None else (limit,)
    rows = db.execute(
        f"SELECT count(*){', ' if by else ''}{columns} FROM line WHERE {condition}{grouped}{limited}",
        params,
    )
    return [LineCount(tuple(parts), lines) for lines, *parts in rows]


class TagSets:
    """The sets of tags of lines, with a number for each."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        rows = db.execute("SELECT tags, id FROM tags")
        self.numbers = {tuple(tags.split()): id for tags, id in rows}

    def number(self, tags: tuple[str, ...]) -> int:
        """Return the number of a set; a new set is inserted."""
        number = self.numbers.get(tags)
        if number is None:
            text = " ".join(tags)
            number = self._db.execute("INSERT INTO tags (tags) VALUES (?)", (text,)).lastrowid or 0
            self.numbers[tags] = number
        return number

    def set_tag(self, id: int, tags: tuple[str, ...] | None, tag: str) -> None:
        """Replace the login or logout tag of a line. `tags`: its current tags, None if unknown."""
        if tags is None:
            row = self._db.execute("SELECT tags FROM line WHERE id = ?", (id,)).fetchone()
            if row is None:
                return
            tags = next(tags for tags, number in self.numbers.items() if number == row[0])
        right = with_tag(tags, tag)
        if right != tags:
            self._db.execute("UPDATE line SET tags = ? WHERE id = ?", (self.number(right), id))

    def having(self, required: Iterable[str], any_of: Sequence[str] = ()) -> list[int]:
        """Return the numbers of the sets with all required tags and, if given, one of `any_of`."""
        required_set = set(required)
        return [
            number
            for tags, number in self.numbers.items()
            if required_set <= set(tags) and not (any_of and set(any_of).isdisjoint(tags))
        ]


def _index_columns(line: LogLine) -> tuple[str, str, str, str, str]:
    """Return the texts for the columns of the index; each word of the line is in one of them."""
    tags, text, chat = line.tags, line.line, line.chat
    username_word = _username_word(line.username) if line.username else ""
    if "chat" in tags:
        if chat and text.endswith(chat) and text.isascii() and not ("\x1b" in text or "\n" in chat):
            # Most lines: nothing to normalize, and the chat is the end of the line.
            return text[: -len(chat)], chat, "", "", username_word
        # The lines that continue a chat are rows of their own.
        first_line = chat.partition("\n")[0]
        return normalize(_without(text, first_line)), normalize(chat), "", "", username_word
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


@lru_cache(4096)
def _username_word(username: str) -> str:
    return USERNAME_PREFIX + username.encode("utf-8", "replace").hex()


def _without(line: str, text: str) -> str:
    """Return a line without the text that is in another column."""
    if text and line.endswith(text):
        return line[: -len(text)]
    before, _, after = strip_colors(line).rpartition(strip_colors(text)) if text else (line, "", "")
    return f"{before} {after}"


def _tags(db: sqlite3.Connection, query: LineQuery) -> list[int] | None:
    """Return the numbers of the matching sets of tags; None for all."""
    # The words of a category have a column of their own, so that a search needs no tag.
    listed = query.words is None and query.category is not LineCategory.LINE
    required = {query.category.value} if listed else set()
    if query.tag is not None:
        required.add(query.tag)
    return TagSets(db).having(required, query.tags) if required or query.tags else None


def _bounds(db: sqlite3.Connection, query: LineQuery) -> tuple[int, int]:
    """Return the range of positions that the query covers: from the first up to the second."""
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
    """Return the position of a line; if it is missing, the first one of its second."""
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
    """Return the first rows of a range. Each set of tags is a scan of its own."""
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
    """Return the rows of a range that contain all words."""
    search = parse_query(query.words or "")
    if not search:
        return []
    category = query.category
    columns = (
        "{line chat death achievement}"
        if category is LineCategory.LINE
        else f"{{{category.value}}}"
    )
    words = " AND ".join('"' + " ".join(phrase) + '"' for phrase in search)
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
    """Return the lower bound of the positions of a world; the next world's is the upper bound."""
    return world << (LINE_BITS + SECOND_BITS)


def position_at(world: int, when: float | None) -> int:
    """Return the first position of a second; without a time, the first position of the world."""
    second = 0 if when is None else min(max(floor(when) + EPOCH, FIRST_SECOND), LAST_SECOND)
    return (world << POSITION_BITS) + second * POSITIONS_PER_SECOND


def first_dated_position(world: int) -> int:
    """Return the first position of lines with a time."""
    return first_position(world) + FIRST_SECOND * POSITIONS_PER_SECOND


class Positions:
    """Assigns positions within one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        #: Last stored position of each world; next free position by the first one of a second.
        self._tops: dict[int, int] = {}
        self._free: dict[int, int] = {}

    def next(self, world: int, when: float | None) -> int:
        """Return a position after all lines of the same second; a full second overflows into the next."""
        low = position_at(world, when)
        # Most lines are after all others of their world, or in the second of the line before.
        known = self._free.get(low)
        if known is None:
            top = self._tops.get(world)
            if top is not None and top < low:
                self._free[low] = low + 1
                return low
        elif when is not None and known < low + POSITIONS_PER_SECOND:
            self._free[low] = known + 1
            return known
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
                    world << POSITION_BITS, (world + 1) << POSITION_BITS
                )
            free = self._free[low] = low if top < low else max(low, self._last(low, high) + 1)
        return free

    def _last(self, low: int, high: int) -> int:
        row = self._db.execute(
            "SELECT max(place) FROM line WHERE place >= ? AND place < ?", (low, high)
        ).fetchone()
        return -1 if row[0] is None else int(row[0])
