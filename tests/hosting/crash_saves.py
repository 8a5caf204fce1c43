"""Kill -9 at every step of an operation on saved games.

Usage: crash_saves.py OPERATION TEMPLATE FOLDER. For n = 1, 2, … the template is copied to FOLDER/n, where a forked
process does the operation and kills itself before its n-th call that changes files. Ends when a process finishes;
prints the names of the calls, one a line.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from coalserver.hosting.low_priority import Progress
from coalserver.hosting.restores import recover_restore, restore
from coalserver.hosting.saves import SavedGames, SaveKind, SaveRequest

CHANGING = ("open", "mkdir", "rename", "replace", "unlink", "rmdir", "fsync", "link", "truncate")


def make(folder: Path) -> None:
    games, progress = SavedGames(folder), Progress()
    games.finish(games.copy(SaveRequest(SaveKind.MANUAL), progress), progress)


def put_back(folder: Path) -> None:
    games = SavedGames(folder)
    restore(games, games.all()[-1].id, Progress(), disk_free=0)


def upload(folder: Path) -> None:
    with (folder / "upload.zip").open("rb") as file:
        SavedGames(folder).add_upload(file, Progress(), max_bytes=1 << 30, disk_free=0)


def rotate(folder: Path) -> None:
    SavedGames(folder).rotate(0)


def pin(folder: Path) -> None:
    games = SavedGames(folder)
    games.update(games.all()[0].id, pinned=True, note="kept")


def recover(folder: Path) -> None:
    recover_restore(folder)
    SavedGames(folder).recover()


OPERATIONS: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (make, put_back, upload, rotate, pin, recover)
}


def die_at(step: int, log: int) -> None:
    """Count the calls that change files, and kill this process before one of them."""
    count = 0

    def counted(name: str, real: Callable[..., Any], *args: Any, **options: Any) -> Any:
        nonlocal count
        if name != "open" or (len(args) > 1 and args[1] & os.O_CREAT):
            count += 1
            if count == step:
                os.write(log, f"{name}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)

    for name in CHANGING:
        setattr(os, name, partial(counted, name, getattr(os, name)))


def main() -> None:
    operation, template, target = OPERATIONS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
    step = 0
    while True:
        step += 1
        folder = target / str(step)
        shutil.copytree(template, folder, symlinks=True)
        child = os.fork()
        if not child:
            die_at(step, 1)
            operation(folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()
