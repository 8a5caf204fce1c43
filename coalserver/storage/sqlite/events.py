"""What was said, in a SQLite file: written with a batch, read by topic, forgotten in pieces."""

import sqlite3
from collections.abc import Sequence

import orjson

from coalserver.core.ports import Entry, Topic
from coalserver.storage import codec
from coalserver.storage.sqlite.schema import transaction

#: Entries dropped in one transaction: a write that comes meanwhile waits a few milliseconds.
CHUNK_SIZE = 1000


def insert_entries(db: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Keep entries, within the transaction of their batch."""
    event_rows, topic_rows = [], []
    # Of many entries in a row most are about one world or room.
    names: dict[tuple[Topic, ...], tuple[list[str], str]] = {}
    for id, at, event, entry_topics in entries:
        known_topics = names.get(entry_topics)
        if known_topics is None:
            topics = [topic_name(topic) for topic in entry_topics]
            known_topics = names[entry_topics] = topics, orjson.dumps(topics).decode()
        topics, topics_json = known_topics
        document = codec.events.dump(event)
        event_rows.append((id, at, codec.events.name_of(type(event)), topics_json, document))
        topic_rows += [(topic, id) for topic in topics]
    db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", event_rows)
    # An entry may name one topic twice: an action that a member asks of himself does.
    db.executemany("INSERT OR IGNORE INTO event_topic VALUES (?, ?)", topic_rows)


def after(db: sqlite3.Connection, topics: Sequence[str], id: int, limit: int) -> list[Entry]:
    """The oldest `limit` entries on any of these topics after an id, ascending, each once."""
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
    """The newest `limit` entries of one topic, ascending."""
    with transaction(db, "DEFERRED"):
        rows = db.execute(
            "SELECT id FROM event_topic WHERE topic = ? ORDER BY id DESC LIMIT ?", (topic, limit)
        )
        return _with_ids(db, [id for (id,) in rows])


def last_deletable_id(db: sqlite3.Connection, keep: int) -> int:
    """The id of the newest entry that is not among the newest `keep`; -1 where all are."""
    row = db.execute("SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET ?", (keep,)).fetchone()
    return -1 if row is None else int(row[0])


def delete_expired_chunk(db: sqlite3.Connection, before: float, last: int) -> bool:
    """Drop some of the oldest entries, up to an id and up to the first that is young; False: no more."""
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
    """The id of the oldest entry kept; that of the next one when none is."""
    id = db.execute("SELECT min(id) FROM event").fetchone()[0]
    if id is not None:
        return int(id)
    row = db.execute("SELECT value FROM counter WHERE name = 'entry'").fetchone()
    return int(row[0]) if row else 0


def topic_name(topic: Topic) -> str:
    """A topic as text: `lobby:7` with a number, `lobbies/noughts` with a name."""
    subject, id = topic
    return f"{subject}:{id}" if type(id) is int else f"{subject}/{id}"


def topic_by_name(name: str) -> Topic:
    """The topic that is called so. No subject has a colon or a stroke in it."""
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
