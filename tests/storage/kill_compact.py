"""A compaction that is killed before each of its steps and in the midst of the copy.

Run as `python -m tests.storage.kill_compact DATA PLACE`: DATA is copied to PLACE for each try. After each, prints
whether the `old` or the `new` file is left: each has all rows, the new one gives free pages back.
"""

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from coalserver.storage import compaction
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.sqlite.free_pages import is_incremental
from tests.storage.kill_restore import kill_before


def kill() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 1


def kill_in_copy(instructions: int) -> None:
    """Kill this process after so many instructions of SQLite's copy, if it takes as many."""
    copy = compaction.copy

    def killed_copy(db: sqlite3.Connection, target: Path) -> None:
        db.set_progress_handler(kill, instructions)
        copy(db, target)
        db.set_progress_handler(None, 0)

    compaction.copy = killed_copy  # type: ignore[attr-defined]


def rows(database: Path) -> tuple[list[Any], bool]:
    """Return all entities, and whether the file gives free pages back."""
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = db.execute("SELECT kind, id, doc FROM entity ORDER BY kind, id").fetchall()
        return found, is_incremental(db)


def attempt(data: Path, place: Path, prepare: Callable[[], None]) -> tuple[bool, str]:
    """Compact a copy of the data in a child process; return whether it ended by itself, and what is left."""
    shutil.copytree(data, place)
    home = DataDirectory(place)
    child = os.fork()
    if child == 0:
        prepare()
        with home.lock():
            compaction.compact(home)
        os._exit(0)
    completed = os.waitpid(child, 0)[1] == 0
    with home.lock():
        left = rows(home.database)
    names = {path.name for path in place.iterdir()} - {"lock", home.database.name, "keys"}
    assert not names, names
    expected = rows(data / home.database.name)
    assert left[0] == expected[0]
    shutil.rmtree(place)
    return completed, "new" if left[1] else "old"


def main(data: Path, place: Path) -> None:
    for instructions in (100, 1000, 5000):
        print("copy", *attempt(data, place, partial(kill_in_copy, instructions)))
    for step in count():
        completed, left = attempt(data, place, partial(kill_before, step))
        print(step, completed, left)
        if completed:
            break


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
