"""Stored events: written with a batch, read by topic, deleted in chunks."""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache

import orjson

from coalserver.core.ports import Entry, Topic
from coalserver.storage import codec
from coalserver.storage.sqlite import game_sizes
from coalserver.storage.sqlite.schema import transaction

#: Entries deleted in one transaction; a concurrent write waits for a few milliseconds.
CHUNK_SIZE = 1000


def insert_entries(
    db: sqlite3.Connection, entries: Sequence[Entry], changes: game_sizes.Changes
) -> None:
    """Insert entries and add their sizes to `changes`; the caller has a transaction open."""
    event_rows, topic_rows = [], []
    for id, at, event, entry_topics in entries:
        topics, topics_json = _stored_topics(entry_topics)
        name, document = codec.events.dump_named(event)
        event_rows.append((id, at, name, topics_json, document))
        game = getattr(event, "game", "")
        if game:
            size_key = (game, id // game_sizes.CHUNK_SIZE)
            changes[size_key] = changes.get(size_key, 0) + (
                len(document) if document.isascii() else len(document.encode())
            )
        for topic in topics:
            topic_rows.append((topic, id))
    db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", event_rows)
    # An entry can name a topic twice: an action that a member requests of themselves does.
    db.executemany("INSERT OR IGNORE INTO event_topic VALUES (?, ?)", topic_rows)


def after(db: sqlite3.Connection, topics: Sequence[str], id: int, limit: int) -> list[Entry]:
    """Return the oldest `limit` entries after an id on any of these topics, ascending, each once."""
    with transaction(db, "DEFERRED"):
        found: set[int] = set()
        for topic in topics:
            rows = db.execute(
                "SELECT id FROM event_topic WHERE topic = ? AND id > ? ORDER BY id LIMIT ?",
                (topic, id, limit),
            )
            found.update(id for (id,) in rows)
        return _with_ids(db, sorted(found)[:limit])


def newest(db: sqlite3.Connection, topic: str, limit: int) -> list[Entry]:
    """Return the newest `limit` entries of a topic, ascending."""
    with transaction(db, "DEFERRED"):
        rows = db.execute(
            "SELECT id FROM event_topic WHERE topic = ? ORDER BY id DESC LIMIT ?", (topic, limit)
        )
        return _with_ids(db, [id for (id,) in rows])


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
