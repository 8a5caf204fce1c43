"""Kills a restore at each of its steps in turn, and says after each what was left: `old` or `new`.

Run as `python -m tests.killing DATA BACKUP PLACE`: DATA is copied to PLACE for each try. Both differ in one game and
one key, and whatever else is found is an error.
"""

import asyncio
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from coalserver.config import Config
from coalserver.core.queries.games import all_games
from coalserver.server.admin import open_offline
from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory

#: What changes a directory, as the interpreter's audit names it.
STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}
LEFT = {(("chess",), b"new"): "new", (("chess", "go"), b"old"): "old"}


def dies_at(step: int) -> None:
    """End this process, as kill -9 does, before that change to a directory or a file."""
    steps = count()

    def audited(event: str, args: tuple[Any, ...]) -> None:
        writes = (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if (writes or event in STEPS) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(audited)


async def restored(home: DataDirectory, file: Path) -> None:
    with home.lock():
        await backup.restore(home, file)


async def left(home: DataDirectory) -> str:
    with home.lock():
        async with open_offline(Config(), home) as desk:
            tags = tuple(game.tag for game in desk.core.query(all_games))
    return LEFT[tags, (home.keys / "mark").read_bytes()[:3]]


def main(data: Path, file: Path, place: Path) -> None:
    for step in count():
        shutil.copytree(data, place)
        home = DataDirectory(place)
        child = os.fork()
        if child == 0:
            dies_at(step)
            asyncio.run(restored(home, file))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(asyncio.run(left(home)), flush=True)
        shutil.rmtree(place)
        if status == 0:
            return
        assert os.WTERMSIG(status) == signal.SIGKILL, status


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
