"""Bytes of each game on disk: of its documents and of its entries.

They are kept with every write, so that a start reads few rows. A row of `game_size` has the bytes of one game: in
DOCUMENTS, or in one chunk of entries. Deleting old entries deletes whole chunks, so that at most one chunk counts too
much.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from coalserver.core.ports import Batch, Counter
from coalserver.domain.play.actions import Action
from coalserver.domain.play.game import StorageItem
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState
from coalserver.storage import codec

#: Entries of one chunk, and the chunk of a game's documents.
CHUNK_SIZE, DOCUMENTS = 256, -1
#: (game, chunk) -> bytes added, or removed if negative.
Changes = dict[tuple[str, int], int]

#: Classes that belong to a game, and those that belong to a room or lobby: class -> its class and the field.
GAME_CLASSES: frozenset[type] = frozenset((Player, StorageItem, Lobby, Room, Ban))
OWNED_CLASSES: Mapping[type, tuple[type, str]] = {
    SyncedState: (Room, "id"),
    Action: (Room, "room"),
    JoinRequest: (Lobby, "lobby"),
}
COUNTED_CLASSES = GAME_CLASSES | frozenset(OWNED_CLASSES)

_OLD_SIZE = "SELECT length(CAST(doc AS BLOB)) FROM entity WHERE kind = ? AND id = ?"
_OLD_DOCUMENT = (
    "SELECT length(CAST(doc AS BLOB)), json_extract(doc, ?) FROM entity WHERE kind = ? AND id = ?"
)
#: Adds a change to the table: game, chunk and bytes.
ADD = (
    "INSERT INTO game_size VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET bytes = max(0, bytes + excluded.bytes)"
)


def create(db: sqlite3.Connection) -> None:
    """Create the table and fill it from documents and entries that are there already."""
    db.execute(
        "CREATE TABLE game_size (game TEXT NOT NULL, chunk INTEGER NOT NULL, bytes INTEGER NOT NULL,"
        " PRIMARY KEY (game, chunk)) WITHOUT ROWID"
    )
    names = codec.entity_codec.name_of
    for kind in GAME_CLASSES:
        db.execute(
            "INSERT INTO game_size SELECT json_extract(doc, '$.game') AS game, ?,"
            " sum(length(CAST(doc AS BLOB))) FROM entity WHERE kind = ? AND game <> '' GROUP BY game"
            " ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
            (DOCUMENTS, names(kind)),
        )
    for kind, (owner, field) in OWNED_CLASSES.items():
        db.execute(
            "INSERT INTO game_size SELECT json_extract(owner.doc, '$.game') AS game, ?,"
            " sum(length(CAST(owned.doc AS BLOB))) FROM entity AS owned JOIN entity AS owner"
            " ON owner.kind = ? AND owner.id = json_extract(owned.doc, ?)"
            " WHERE owned.kind = ? AND game <> '' GROUP BY game"
            " ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
            (DOCUMENTS, names(owner), f"$.{field}", names(kind)),
        )
    db.execute(
        "INSERT INTO game_size SELECT json_extract(doc, '$.game') AS game, id / ? AS chunk,"
        " sum(length(CAST(doc AS BLOB))) FROM event WHERE game <> '' GROUP BY game, chunk",
        (CHUNK_SIZE,),
    )


class StoredSizes:
    """Sizes of documents on disk that are known without a query: of new documents, and of those written lately."""

    MAX_SIZES = 4096

    def __init__(self) -> None:
        #: (stored name, id) -> bytes, in the order of the writes.
        self._recent: dict[tuple[str, int], int] = {}
        #: Stored name -> the next id of its counter on disk: no document has that id or a larger one.
        self._next_ids: dict[str, int] = {}

    def find(self, db: sqlite3.Connection, name: str, id: int) -> int:
        """Return the bytes of a document; 0 if there is none."""
        size = self._recent.get((name, id))
        if size is None:
            if id >= self._next_ids.get(name, id + 1):
                return 0
            row = db.execute(_OLD_SIZE, (name, id)).fetchone()
            size = row[0] if row else 0
        return size

    def add_written(
        self,
        sizes: Mapping[tuple[str, int], int],
        deleted: Iterable[tuple[str, int]],
        counters: Iterable[tuple[Counter, int]],
    ) -> None:
        """Take over sizes of documents, deletions and counters that have just been written."""
        recent = self._recent
        for key, size in sizes.items():
            # At the end: those that change often stay.
            recent.pop(key, None)
            recent[key] = size
        for key in deleted:
            recent.pop(key, None)
        for counter, next_id in counters:
            if isinstance(counter, str):
                self._next_ids[counter] = next_id
        if len(recent) > self.MAX_SIZES:
            for key in list(islice(recent, len(recent) - self.MAX_SIZES)):
                del recent[key]


def document_changes(
    db: sqlite3.Connection, stored: StoredSizes, batch: Batch, saved: list[tuple[str, int, str]]
) -> tuple[Changes, dict[tuple[str, int], int]]:
    """Return the changes that a batch is about to make, and the sizes of its encoded documents in bytes."""
    sizes = {}
    for name, id, document in saved:
        sizes[name, id] = len(document) if document.isascii() else len(document.encode())
    changes: Changes = {}
    for (kind, id), value in batch.values.items():
        if kind not in COUNTED_CLASSES:
            continue
        name = codec.COUNTER_NAMES[kind]
        if value is not None and kind in GAME_CLASSES:
            game = value.game
            old_size = stored.find(db, name, id) if game else 0
        else:
            game, row = _find_game(db, batch, kind, id, value)
            old_size = row[0] if row else 0
        if game:
            change = sizes.get((name, id), 0) - old_size
            changes[game, DOCUMENTS] = changes.get((game, DOCUMENTS), 0) + change
    return changes, sizes


def _find_game(
    db: sqlite3.Connection, batch: Batch, kind: type, id: int, value: Any
) -> tuple[str, Any]:
    """Return the game of a value that does not name it, or that is deleted, and the row of its old size."""
    name = codec.COUNTER_NAMES[kind]
    if kind in GAME_CLASSES:
        row = db.execute(_OLD_DOCUMENT, ("$.game", name, id)).fetchone()
        return (row[1] or "", row) if row else ("", None)
    owner, field = OWNED_CLASSES[kind]
    row = db.execute(_OLD_DOCUMENT, (f"$.{field}", name, id)).fetchone()
    owner_id = getattr(value, field) if value is not None else row[1] if row else None
    found = batch.values.get((owner, owner_id)) if owner_id is not None else None
    if found is not None:
        return found.game, row
    owner_row = db.execute(
        _OLD_DOCUMENT, ("$.game", codec.COUNTER_NAMES[owner], owner_id)
    ).fetchone()
    return (owner_row[1] if owner_row else ""), row


def load(db: sqlite3.Connection) -> dict[str, int]:
    """Return the bytes of each game."""
    return dict(db.execute("SELECT game, sum(bytes) FROM game_size GROUP BY game"))


def delete_chunks_before(db: sqlite3.Connection, oldest: int, game_bytes: dict[str, int]) -> None:
    """Delete the chunks of entries below an id, and subtract them from `game_bytes`."""
    where = "FROM game_size WHERE chunk > ? AND chunk < ?"
    bounds = (DOCUMENTS, oldest // CHUNK_SIZE)
    freed = db.execute(f"SELECT game, sum(bytes) {where} GROUP BY game", bounds).fetchall()
    db.execute(f"DELETE {where}", bounds)
    for game, size in freed:
        game_bytes[game] = game_bytes.get(game, 0) - size
