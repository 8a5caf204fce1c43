"""Saved games of hosted worlds in backups of the whole server (hosting.md, 9)."""

import asyncio
import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from coalserver.core.commands.hosting import refuse
from coalserver.core.queries.hosting import runs_to_drive
from coalserver.core.state import Reader
from coalserver.domain.minecraft.hosting.refusals import REFUSAL_SENTENCES, RefusalCode
from coalserver.hosting.keeper_client import Situation, read_run
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.restores import restore
from coalserver.hosting.save_errors import SaveError
from coalserver.hosting.saves import SAVES, SIDECAR, SavedGames
from coalserver.hosting.world_files import WorldFiles
from coalserver.hosting.world_user import find_user
from coalserver.media.files import sync_directory
from coalserver.storage.backup import RESTORED_WORLDS
from coalserver.storage.data_directory import DataDirectory, OperatorError

log = logging.getLogger(__name__)


def newest_saves(folder: Path) -> Mapping[str, Path]:
    """Return the files of the newest saved game of each world: name in a backup -> path. Blocks."""
    found: dict[str, Path] = {}
    for world in sorted(_world_ids(folder)):
        games = SavedGames(WorldFiles(folder, world).folder)
        newest = games.newest()
        if newest is None:
            continue
        path = games.path(newest.id)
        for file in (path, path.with_suffix(SIDECAR)):
            found[f"hosting/worlds/{world}/{SAVES}/{file.name}"] = file
    return found


def check_no_process(folder: Path) -> None:
    """Raise OperatorError if a process of a hosted world runs. Blocks."""
    for world in _world_ids(folder):
        state = read_run(WorldFiles(folder, world).run)
        if state is not None and state.situation is not Situation.ENDED:
            raise OperatorError(REFUSAL_SENTENCES[RefusalCode.WORLDS_RUNNING])


def check_worlds_at_rest(reader: Reader) -> None:
    """Raise ORDER_REFUSED if a hosted world is not at rest, or is to be started."""
    if runs_to_drive(reader):
        refuse(RefusalCode.WORLDS_RUNNING)


async def restore_worlds(home: DataDirectory, options: HostingOptions) -> None:
    """Move the saved games of a restored backup to their worlds. Call it before the supervisor starts.

    A world without files, as on an empty machine, gets those of its saved game.
    """
    marker = home.path / RESTORED_WORLDS
    if not marker.exists():
        return
    try:
        await asyncio.to_thread(_restore_saves, home, options, marker)
    except (OSError, ValueError) as error:
        log.error("The saved games of the restored backup are not in place: %s", error)


def _restore_saves(home: DataDirectory, options: HostingOptions, marker: Path) -> None:
    user = find_user(options)
    for world in map(int, json.loads(marker.read_bytes())):
        files, source = WorldFiles(options.folder, world), WorldFiles(home.hosting, world)
        # An interrupted attempt leaves the folder empty.
        has_files = files.server.is_dir() and any(files.server.iterdir())
        files.create(user)
        games = SavedGames(files.folder)
        if source.folder != files.folder:
            _move(source.folder / SAVES, games.saves)
        newest = games.newest()
        if newest is None or has_files:
            continue
        files.server.rmdir()
        try:
            restore(games, newest.id, Progress(), disk_free=0, owner=user)
        except SaveError as error:
            log.error("Saved game %s of world %d was not restored: %s", newest.id, world, error)
    marker.unlink()
    sync_directory(marker.parent)


def _move(source: Path, target: Path) -> None:
    """Move the files of a folder, also to another file system."""
    if not source.is_dir():
        return
    target.mkdir(mode=0o700, exist_ok=True)
    # JSON files last: without its zip one is deleted.
    for path in sorted(source.iterdir(), key=lambda one: one.suffix == SIDECAR):
        part = target / f"{path.name}.part"
        shutil.copyfile(path, part)
        part.chmod(0o600)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target / path.name)
        sync_directory(target)
    shutil.rmtree(source)


def _world_ids(folder: Path) -> list[int]:
    worlds = folder / "worlds"
    if not worlds.is_dir():
        return []
    return [int(path.name) for path in worlds.iterdir() if path.name.isdecimal()]
