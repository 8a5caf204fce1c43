"""Stored events: written with a batch, read by topic, deleted in chunks.

Each row of `event_topic` changes a page of its own, so these rows are written later than their entries: many together,
in the order of the table (docs/decisions/0073).
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson

from coalserver.core.ports import Entry, Topic
from coalserver.storage import codec
from coalserver.storage.sqlite import game_sizes
from coalserver.storage.sqlite.schema import transaction

#: Rows of one statement, where there are as many.
ROWS_AT_ONCE = 16
#: Entries deleted in one transaction; a concurrent write waits for a few milliseconds.
CHUNK_SIZE = 1000


class TopicIndex:
    """The rows of `event_topic` that are yet to be written: one set gathers while the one before is written.

    The thread of the writer changes it, that of the reader reads it. A process that is killed loses the rows: `open`
    makes them again, from the id in the table `indexed`.
    """

    #: Rows from which on a set is written, and how many of them a batch writes: for each row of the batch before, and
    #: besides.
    MAX_ROWS, ROWS_PER_ROW, MORE_ROWS = 8192, 2, 16
    #: Rows that one transaction writes which has nothing else to do.
    STEP_ROWS = 1024

    def __init__(self) -> None:
        #: Topic -> ids of entries, ascending: of the gathering set, and of the one that is being written.
        self._gathering: dict[str, list[int]] = {}
        self._writing: dict[str, list[int]] = {}
        #: Rows of the gathering set, and those that the last batch has added to it.
        self._count = self._added = 0
        #: The rows of the second set, and how many of them have been written.
        self._rows: list[tuple[str, int]] = []
        self._written = 0
        #: Whether the next batch writes rows.
        self.due = False
        #: The first ids above the second set, and above both sets.
        self._gathering_from = self._next_id = 0

    def open(self, db: sqlite3.Connection) -> None:
        """Write the rows that a killed process has not written: those of the newest entries."""
        (indexed,) = db.execute("SELECT below FROM indexed").fetchone()
        with transaction(db):
            for id, topics_json in db.execute(
                "SELECT id, topics FROM event WHERE id >= ?", (indexed,)
            ).fetchall():
                self._insert(db, [(topic, id) for topic in orjson.loads(topics_json)])
                indexed = id + 1
            self._set_indexed(db, indexed)
        self._next_id = self._gathering_from = indexed

    def missing(self, topic: str) -> list[int]:
        """Return the ids of entries of a topic of which the rows may be missing in the table.

        To be called before the snapshot that is read: rows that are written meanwhile are in both.
        """
        # In this order: the gathering set may become the other one in between.
        gathering = self._gathering.get(topic, ())
        return [*self._writing.get(topic, ()), *gathering]

    def take(self) -> list[tuple[str, int]]:
        """Return the rows that a batch writes when some are due; `insert` and `commit` follow."""
        if not self._rows:
            self._start()
        count = self._added * self.ROWS_PER_ROW + self.MORE_ROWS
        return self._rows[self._written : self._written + count]

    def insert(self, db: sqlite3.Connection, rows: list[tuple[str, int]]) -> None:
        """Write rows that `take` has returned; the caller has a transaction open."""
        self._insert(db, rows)
        if self._written + len(rows) == len(self._rows):
            self._set_indexed(db, self._gathering_from)

    def commit(
        self, rows: list[tuple[str, int]], entries: Sequence[tuple[int, list[str]]] = ()
    ) -> None:
        """Take over that these rows were written, and these entries: the id of each with its topics."""
        if rows:
            self._written += len(rows)
            if self._written == len(self._rows):
                self._rows, self._writing, self._written = [], {}, 0
        gathering, count = self._gathering, 0
        for id, topics in entries:
            count += len(topics)
            for topic in topics:
                ids = gathering.get(topic)
                if ids is None:
                    gathering[topic] = [id]
                else:
                    ids.append(id)
        self._count += count
        self._added = count
        self.due = bool(self._rows) or self._count >= self.MAX_ROWS
        if entries:
            self._next_id = entries[-1][0] + 1

    def write_step(self, db: sqlite3.Connection, last: int) -> bool:
        """Write some of the rows; return whether rows of entries up to the id `last` may still be missing."""
        if not self._rows and self._count:
            self._start()
        rows = self._rows[self._written : self._written + self.STEP_ROWS]
        with transaction(db):
            self.insert(db, rows)
        self.commit(rows)
        return bool(self._rows) or (self._count > 0 and self._gathering_from <= last)

    def _start(self) -> None:
        """Begin to write the gathering set."""
        self._writing, self._gathering, self._count = self._gathering, {}, 0
        self._gathering_from = self._next_id
        self._rows = [(topic, id) for topic in sorted(self._writing) for id in self._writing[topic]]

    @staticmethod
    def _insert(db: sqlite3.Connection, rows: list[tuple[str, int]]) -> None:
        # An entry can name a topic twice: an action that a member requests of themselves does.
        insert_rows(db, "INSERT OR IGNORE INTO event_topic VALUES ", "(?, ?)", rows)

    @staticmethod
    def _set_indexed(db: sqlite3.Connection, below: int) -> None:
        db.execute("UPDATE indexed SET below = ?", (below,))


def insert_entries(
    db: sqlite3.Connection, index: TopicIndex, entries: Sequence[Entry], changes: game_sizes.Changes
) -> tuple[list[tuple[str, int]], list[tuple[int, list[str]]]]:
    """Insert entries, and the rows of earlier ones that are due; add the sizes of the entries to `changes`.

    Return what `index.commit` takes. The caller has a transaction open.
    """
    rows, topics_of = [], []
    size_key, size = ("", 0), 0
    for id, at, event, entry_topics in entries:
        name, document = codec.events.dump_named(event)
        topics, topics_json = _stored_topics(entry_topics)
        rows.append((id, at, name, topics_json, document))
        topics_of.append((id, topics))
        game = getattr(event, "game", "")
        if game:
            # Entries of one game often follow one another.
            chunk = id // game_sizes.CHUNK_SIZE
            if size_key[1] != chunk or size_key[0] != game:
                if size:
                    changes[size_key] = changes.get(size_key, 0) + size
                size_key, size = (game, chunk), 0
            size += len(document) if document.isascii() else len(document.encode())
    if size:
        changes[size_key] = changes.get(size_key, 0) + size
    insert_rows(db, "INSERT INTO event VALUES ", "(?, ?, ?, ?, ?)", rows)
    due: list[tuple[str, int]] = []
    if index.due:
        due = index.take()
        index.insert(db, due)
    return due, topics_of


def insert_rows(
    db: sqlite3.Connection, statement: str, marks: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows, ROWS_AT_ONCE in one statement, which takes half the time of one for each, and the rest singly.

    Not for tables of the history: a statement for several rows makes FTS5 flush its pending terms.
    """
    many = len(rows) - len(rows) % ROWS_AT_ONCE
    if many:
        starts = range(0, many, ROWS_AT_ONCE)
        parameters = [
            tuple(chain.from_iterable(rows[start : start + ROWS_AT_ONCE])) for start in starts
        ]
        db.executemany(statement + ", ".join([marks] * ROWS_AT_ONCE), parameters)
    db.executemany(statement + marks, rows[many:])


def after(
    db: sqlite3.Connection, index: TopicIndex, topics: Sequence[str], id: int, limit: int
) -> list[Entry]:
    """Return the oldest `limit` entries after an id on any of these topics, ascending, each once."""
    missing = {each for topic in topics for each in index.missing(topic) if each > id}
    with transaction(db, "DEFERRED"):
        found = _existing(db, missing)
        for topic in topics:
            rows = db.execute(
                "SELECT id FROM event_topic WHERE topic = ? AND id > ? ORDER BY id LIMIT ?",
                (topic, id, limit),
            )
            found.update(id for (id,) in rows)
        return _with_ids(db, sorted(found)[:limit])


def newest(db: sqlite3.Connection, index: TopicIndex, topic: str, limit: int) -> list[Entry]:
    """Return the newest `limit` entries of a topic, ascending."""
    missing = {*index.missing(topic)}
    with transaction(db, "DEFERRED"):
        found = _existing(db, missing)
        rows = db.execute(
            "SELECT id FROM event_topic WHERE topic = ? ORDER BY id DESC LIMIT ?", (topic, limit)
        )
        found.update(id for (id,) in rows)
        return _with_ids(db, sorted(found, reverse=True)[:limit])


def _existing(db: sqlite3.Connection, ids: set[int]) -> set[int]:
    """Return those of the ids that entries have: others may have been deleted since."""
    if not ids:
        return set()
    rows = db.execute(
        "SELECT id FROM event WHERE id IN (SELECT value FROM json_each(?))",
        (orjson.dumps([*ids]).decode(),),
    )
    return {id for (id,) in rows}


def last_deletable_id(db: sqlite3.Connection, keep: int) -> int:
    """Return the id of the newest entry that is not among the newest `keep`, or -1."""
    row = db.execute("SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET ?", (keep,)).fetchone()
    return -1 if row is None else int(row[0])


def delete_expired_chunk(db: sqlite3.Connection, before: float, last: int) -> bool:
    """Delete a chunk of the entries up to the id `last` that are older than `before`.

    Return whether there may be more.
    """
    event_rows, topic_rows = [], []
    for id, at, topics in db.execute(
        "SELECT id, at, topics FROM event WHERE id <= ? ORDER BY id LIMIT ?", (last, CHUNK_SIZE)
    ).fetchall():
        if at >= before:
            break
        event_rows.append((id,))
        topic_rows += [(topic, id) for topic in orjson.loads(topics)]
    with transaction(db):
        db.executemany("DELETE FROM event WHERE id = ?", event_rows)
        db.executemany("DELETE FROM event_topic WHERE topic = ? AND id = ?", topic_rows)
    return len(event_rows) == CHUNK_SIZE


def oldest(db: sqlite3.Connection) -> int:
    """Return the id of the oldest entry, or that of the next entry if there is none."""
    id = db.execute("SELECT min(id) FROM event").fetchone()[0]
    if id is not None:
        return int(id)
    row = db.execute("SELECT value FROM counter WHERE name = 'entry'").fetchone()
    return int(row[0]) if row else 0


@lru_cache(maxsize=8192)
def _stored_topics(topics: tuple[Topic, ...]) -> tuple[list[str], str]:
    """Return the names of topics, and the same as JSON. Most entries repeat recent topics."""
    names = [topic_name(topic) for topic in topics]
    return names, orjson.dumps(names).decode()


def topic_name(topic: Topic) -> str:
    """Return a topic as text: `lobby:7` with a number, `lobbies/noughts` with a name."""
    subject, id = topic
    return f"{subject}:{id}" if type(id) is int else f"{subject}/{id}"


def topic_by_name(name: str) -> Topic:
    """Return the topic of a text. Subjects contain neither a colon nor a slash."""
    subject = name.partition(":")[0].partition("/")[0]
    id = name[len(subject) + 1 :]
    return (subject, int(id)) if name[len(subject)] == ":" else (subject, id)


def _with_ids(db: sqlite3.Connection, ids: list[int]) -> list[Entry]:
    rows = db.execute(
        "SELECT id, at, name, topics, doc FROM event"
        " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (orjson.dumps(ids).decode(),),
    )
    return [
        Entry(
            id,
            at,
            codec.events.load(name, document),
            tuple([topic_by_name(topic) for topic in orjson.loads(topics)]),
        )
        for id, at, name, topics, document in rows
    ]
