"""Compaction: the database is written anew without its free pages, and gives free pages back from then on.

The copy is written beside the database and takes its place in one step, as a restored backup does: whenever the process
ends, there is one whole database, the old one or the new one, with the same content.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from coalserver.storage.data_directory import DataDirectory, OperatorError
from coalserver.storage.sqlite.free_pages import SET_INCREMENTAL, count_pages
from coalserver.storage.sqlite.schema import StoreUnusable, check_file, copy

#: Bytes of free space that are left besides the copy.
SPARE_BYTES = 16 << 20


def compact(home: DataDirectory) -> dict[str, Any]:
    """Compact the database of a data directory, of which the caller holds the lock.

    Returns the path as `file`, and its bytes before and after as `before` and `bytes`. Raises OperatorError without a
    change: for a missing, damaged or newer database, and where there is not enough free space for the copy.
    """
    if not home.is_initialized:
        raise OperatorError(f"There is no data in {home.path} yet.")
    database = home.database
    try:
        check_file(database, max_bytes=0)
        before = sum(path.stat().st_size for path in home.database_files() if path.exists())
        with home.temp_directory() as scratch:
            made = scratch / "made"
            made.mkdir(mode=0o700)
            with closing(sqlite3.connect(database, isolation_level=None)) as db:
                _check_space(home, count_pages(db).used_bytes)
                db.execute(SET_INCREMENTAL)
                copy(db, made / database.name)
            check_file(made / database.name)
            home.swap_in(made)
    except (sqlite3.Error, StoreUnusable, OSError) as error:
        raise OperatorError(f"{database} could not be compacted: {error}.") from error
    return {"file": str(database), "before": before, "bytes": database.stat().st_size}


def free_space(path: Path) -> int:
    """Return the bytes that are free on the disk of a directory."""
    return shutil.disk_usage(path).free


def _check_space(home: DataDirectory, used: int) -> None:
    needed, free = used + SPARE_BYTES, free_space(home.path)
    if free < needed:
        raise OperatorError(
            f"There is not enough free space in {home.path}: the copy needs {needed:,} bytes, {free:,} are free."
        )
