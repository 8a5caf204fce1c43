"""Digests of the key files, by which a missing or wrong key is noticed."""

import sqlite3
from collections.abc import Set

from coalserver.storage.sqlite.schema import transaction, version_of


def key_digest(db: sqlite3.Connection, name: str) -> bytes | None:
    """Return the SHA-256 digest of a key, or None if none is recorded."""
    if version_of(db) < 3:
        return None
    row = db.execute("SELECT digest FROM key_file WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def key_digests(db: sqlite3.Connection) -> dict[str, bytes]:
    """Return the SHA-256 digests of all keys by their names; none before version 3."""
    if version_of(db) < 3:
        return {}
    return {name: bytes(digest) for name, digest in db.execute("SELECT name, digest FROM key_file")}


def save_key_digest(db: sqlite3.Connection, name: str, digest: bytes) -> None:
    """Record the digest of a key that has none. Does nothing before version 3."""
    if version_of(db) >= 3:
        with transaction(db):
            db.execute("INSERT OR IGNORE INTO key_file VALUES (?, ?)", (name, digest))


def has_rows_without_digests(db: sqlite3.Connection) -> bool:
    """Return whether a version before 3, which recorded no digests, has written rows to the database."""
    has_rows = db.execute("SELECT 1 FROM entity LIMIT 1").fetchone() is not None
    return has_rows and db.execute("SELECT 1 FROM key_file LIMIT 1").fetchone() is None


def required_keys(present: Set[str]) -> Set[str]:
    """Return the keys that a database with rows but without digests needs, given those that there are.

    Before version 3, `passwords` was always created first, then `oauth`; `coal` by a server or for the first
    agent; `pictures` by a server, with `coal`.
    """
    needed = {"passwords"}
    if present & {"coal", "pictures"}:
        needed.add("oauth")
    if "pictures" in present:
        needed.add("coal")
    return needed
