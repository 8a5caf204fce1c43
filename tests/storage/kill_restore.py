"""A restore that is killed before each of its steps; prints after each whether `old` or `new` data is left.

Run as `python -m tests.storage.kill_restore DATA BACKUP PLACE`: DATA is copied to PLACE for each try. The two
differ in one game and one key; a mixture is an error.
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

#: Audit events of the interpreter for changes of a directory.
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}
STATES = {(("chess",), b"new"): "new", (("chess", "go"), b"old"): "old"}


def kill_before(step: int) -> None:
    """Kill this process before its nth change to a directory or a file."""
    steps = count()

    def on_audit_event(event: str, args: tuple[Any, ...]) -> None:
        writes = (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if (writes or event in CHANGES) and next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(on_audit_event)


async def restore(home: DataDirectory, file: Path) -> None:
    with home.lock():
        await backup.restore(home, file)


async def read_state(home: DataDirectory) -> str:
    """Return `old` or `new`; raises KeyError for a mixture."""
    with home.lock():
        async with open_offline(Config(), home) as context:
            tags = tuple(game.tag for game in context.core.query(all_games))
    return STATES[tags, (home.keys / "mark").read_bytes()[:3]]


def main(data: Path, file: Path, place: Path) -> None:
    for step in count():
        shutil.copytree(data, place)
        home = DataDirectory(place)
        child = os.fork()
        if child == 0:
            kill_before(step)
            asyncio.run(restore(home, file))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(asyncio.run(read_state(home)), flush=True)
        shutil.rmtree(place)
        if status == 0:
            return
        assert os.WTERMSIG(status) == signal.SIGKILL, status


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
