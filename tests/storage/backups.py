"""A data directory and functions that back it up and restore it."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coalserver.config import Config
from coalserver.core.commands.games import add_game
from coalserver.core.ports import Counter
from coalserver.core.queries.games import all_games
from coalserver.server.admin import AdminContext, open_offline
from coalserver.storage import backup as backups
from coalserver.storage.data_directory import DataDirectory


@pytest.fixture
def home(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar"


async def in_context(home: DataDirectory, work: Callable[[AdminContext], Any]) -> Any:
    with home.lock():
        async with open_offline(Config(), home) as context:
            return await work(context)


async def add(home: DataDirectory, tag: str) -> int:
    added = await in_context(home, lambda context: context.core.execute(add_game, tag=tag))
    return int(added["game_id"])


async def tags(home: DataDirectory) -> list[str]:
    async def list_tags(context: AdminContext) -> list[str]:
        return [game.tag for game in context.core.query(all_games)]

    return list(await in_context(home, list_tags))


async def counters(home: DataDirectory) -> dict[Counter, int]:
    async def read_counters(context: AdminContext) -> dict[Counter, int]:
        return dict(context.core.state.counters)

    return dict(await in_context(home, read_counters))


async def backup(home: DataDirectory, file: Path) -> Any:
    return await in_context(home, lambda context: backups.backup(context.home, context.store, file))


async def restore(home: DataDirectory, file: Path) -> Any:
    with home.lock():
        return await backups.restore(home, file)


def all_files(home: DataDirectory) -> dict[str, bytes]:
    """Return all files of a data directory except the lock, which has only a process id."""
    files = (path for path in home.path.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(home.path)): path.read_bytes() for path in files}


def write_archive(file: Path, manifest: Any, **files: bytes) -> Path:
    """Write a tar with this manifest and these files; `__` in their names is a slash."""
    with tarfile.open(file, "w") as tar:
        dumped = json.dumps(manifest).encode()
        for name, content in {"manifest.json": dumped, **files}.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file
