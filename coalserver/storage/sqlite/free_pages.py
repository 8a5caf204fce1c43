"""Free pages of the file: what deleted rows leave behind, and what gives it back to the file system.

New files are made with `auto_vacuum = INCREMENTAL`, so that their free pages can be given back a few at a time. A file
that was made without it keeps them for later rows until it is written anew; see `storage.compaction`.
"""

import sqlite3
from typing import NamedTuple

INCREMENTAL = 2
#: Must be executed before the first table is created, or before a `VACUUM`.
SET_INCREMENTAL = f"PRAGMA auto_vacuum = {INCREMENTAL}"
#: Pages given back in one transaction, for which a write waits a few milliseconds.
STEP_PAGES = 64
#: Free pages that stay in the file: later rows need them soon.
KEPT_PAGES = 1024


class PageCounts(NamedTuple):
    """The size of a file in pages, how many of them are free, and the bytes of a page."""

    all: int
    free: int
    page_bytes: int

    @property
    def used_bytes(self) -> int:
        return (self.all - self.free) * self.page_bytes

    @property
    def free_bytes(self) -> int:
        return self.free * self.page_bytes


def count_pages(db: sqlite3.Connection) -> PageCounts:
    """Return the numbers of pages of an open database."""
    names = ("page_count", "freelist_count", "page_size")
    return PageCounts(*(int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in names))


def is_incremental(db: sqlite3.Connection) -> bool:
    """Return whether a database can give free pages back a few at a time."""
    return int(db.execute("PRAGMA auto_vacuum").fetchone()[0]) == INCREMENTAL


def release(db: sqlite3.Connection) -> bool:
    """Give a few free pages back to the file system; return whether there are more to give back."""
    if not is_incremental(db):
        return False
    spare = count_pages(db).free - KEPT_PAGES
    if spare > 0:
        # Not `execute`, which takes one step of a statement without columns: one page.
        db.executescript(f"PRAGMA incremental_vacuum({min(spare, STEP_PAGES)})")
    return spare > STEP_PAGES
