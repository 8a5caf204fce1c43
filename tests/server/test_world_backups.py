"""Saved games of hosted worlds in backups of the whole server (hosting.md, 9)."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coalserver.config import Config
from coalserver.core.commands.worlds import create_world
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.saves import SavedGames, SaveKind, SaveRequest
from coalserver.hosting.world_files import WorldFiles
from coalserver.server import world_backups
from coalserver.server.admin import AdminContext, open_offline
from coalserver.server.app import build_backup_service
from coalserver.server.hosting_options import hosting_options
from coalserver.server.restore_request import RestoreRequest
from coalserver.server.world_backups import (
    check_no_process,
    check_worlds_at_rest,
    newest_saves,
    restore_worlds,
)
from coalserver.storage import backup as backups
from coalserver.storage.data_directory import DataDirectory, OperatorError
from tests.apis.hosting import Stage, set_stage
from tests.hosting.zips import level_dat


async def in_context(home: DataDirectory, work: Any) -> Any:
    with home.lock():
        async with open_offline(Config(data=home.path), home) as context:
            return await work(context)


def save(folder: Path, content: bytes = b"built") -> SavedGames:
    """Make a saved game of a world, whose files are created."""
    games = SavedGames(folder)
    (games.server / "world").mkdir(parents=True, exist_ok=True)
    (games.server / "world" / "level.dat").write_bytes(level_dat())
    (games.server / "world" / "house").write_bytes(content)
    progress = Progress()
    games.finish(games.copy(SaveRequest(SaveKind.MANUAL), progress), progress)
    return games


async def make_backup(home: DataDirectory, file: Path) -> int:
    """Create a hosted world with two saved games and back everything up; return its id."""

    async def make(context: AdminContext) -> int:
        world = await context.core.execute(create_world, name="World", hosted=True)
        folder = context.hosting_folder / "worlds" / str(world.id)
        folder.mkdir(parents=True)
        save(folder, b"old")
        save(folder, b"new")
        await backups.backup(
            context.home, context.store, file, lambda: newest_saves(context.hosting_folder)
        )
        return int(world.id)

    return int(await in_context(home, make))


@pytest.fixture
def home(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


async def restore(home: DataDirectory, file: Path, options: HostingOptions) -> None:
    with home.lock_or_leave_nothing():
        await backups.restore(home, file)
    await restore_worlds(home, options)


def options_of(home: DataDirectory, folder: Path | None = None) -> HostingOptions:
    config = replace(Config(data=home.path), hosting_folder=str(folder or ""))
    return hosting_options(config, home)


async def test_backup_without_worlds_has_no_saved_games(home: DataDirectory, tmp_path: Path):
    await make_backup(home, tmp_path / "with.tar")
    file = tmp_path / "without.tar"
    await in_context(home, lambda context: backups.backup(home, context.store, file))
    assert backups.restored_worlds(backups.read_manifest(file)) == []


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_newest_saved_game_comes_back_on_an_empty_machine(
    home: DataDirectory, tmp_path: Path, elsewhere: bool
):
    file = tmp_path / "backup.tar"
    world = await make_backup(home, file)
    assert backups.restored_worlds(backups.read_manifest(file)) == [world]
    other = DataDirectory(tmp_path / "other")
    options = options_of(other, tmp_path / "hosting" if elsewhere else None)
    await restore(other, file, options)
    folder = options.folder / "worlds" / str(world)
    games = SavedGames(folder)
    assert len(games.all()) == 1
    assert (games.server / "world" / "house").read_bytes() == b"new"
    assert not (other.path / backups.RESTORED_WORLDS).exists()
    if elsewhere:
        assert list(other.hosting.glob("worlds/*/saves/*")) == []
    # Nothing is left to do at the next start.
    (games.server / "world" / "house").write_bytes(b"newer")
    await restore_worlds(other, options)
    assert (games.server / "world" / "house").read_bytes() == b"newer"


async def test_interrupted_restore_of_a_world_is_done_again(home: DataDirectory, tmp_path: Path):
    file = tmp_path / "backup.tar"
    world = await make_backup(home, file)
    other = DataDirectory(tmp_path / "other")
    options = options_of(other)
    files = WorldFiles(options.folder, world)
    with other.lock_or_leave_nothing():
        await backups.restore(other, file)
    # So far the first attempt came.
    files.create(None)
    await restore_worlds(other, options)
    assert (files.server / "world" / "house").read_bytes() == b"new"


async def test_restore_leaves_the_files_of_a_world(home: DataDirectory, tmp_path: Path):
    file = tmp_path / "backup.tar"
    world = await make_backup(home, file)
    games = SavedGames(home.hosting / "worlds" / str(world))
    (games.server / "world" / "house").write_bytes(b"newer")
    newest = games.all()[0]
    games.delete(newest.id)
    await restore(home, file, options_of(home))
    assert (games.server / "world" / "house").read_bytes() == b"newer"
    assert games.all()[0] == newest


async def test_saved_game_that_is_deleted_meanwhile_is_looked_for_again(
    home: DataDirectory, tmp_path: Path
):
    file = tmp_path / "backup.tar"
    world = await make_backup(home, tmp_path / "first.tar")
    folder = home.hosting
    games = SavedGames(folder / "worlds" / str(world))
    calls = []

    def saves() -> Any:
        found = newest_saves(folder)
        calls.append(found)
        if len(calls) == 1:
            games.delete(games.all()[0].id)
        return found

    await in_context(home, lambda context: backups.backup(home, context.store, file, saves))
    names = set(backups.read_manifest(file)["files"])
    assert set(calls[1]) <= names
    assert not set(calls[0]) & names


def test_running_process_forbids_the_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "worlds" / "7").mkdir(parents=True)
    check_no_process(tmp_path)
    state = SimpleNamespace(situation=world_backups.Situation.KEPT)
    monkeypatch.setattr(world_backups, "read_run", lambda folder: state)
    with pytest.raises(OperatorError, match="^Stop all worlds first.$"):
        check_no_process(tmp_path)


async def test_world_that_is_not_at_rest_forbids_the_restore(home: DataDirectory):
    async def check(context: AdminContext) -> None:
        world = await context.core.execute(create_world, name="World", hosted=True)
        context.core.query(check_worlds_at_rest)
        stage = Stage(WorldStatus.QUEUED_START)
        await context.core.execute(set_stage, world_id=world.id, stage=stage)
        with pytest.raises(DomainError) as caught:
            context.core.query(check_worlds_at_rest)
        assert caught.value.details["refusal"].text == "Stop all worlds first."

    await in_context(home, check)


async def test_site_refuses_the_restore_while_a_world_runs(home: DataDirectory, tmp_path: Path):
    file = tmp_path / "backup.tar"
    world = await make_backup(home, file)

    async def try_to_restore(context: AdminContext) -> None:
        request = RestoreRequest(home)
        config = Config(data=home.path)
        service = build_backup_service(config, home, request, context.store, context.core)
        stage = Stage(WorldStatus.RUNNING)
        await context.core.execute(set_stage, world_id=world, stage=stage)
        with pytest.raises(DomainError) as caught:
            await service.restore(file, 0, "", lambda: None)
        assert caught.value.details["refusal"].text == "Stop all worlds first."
        assert not request.requested.is_set()
        stage = Stage(WorldStatus.STOPPED)
        await context.core.execute(set_stage, world_id=world, stage=stage)
        await service.restore(file, 0, "", lambda: None)
        assert request.requested.is_set()
        request.discard()

    await in_context(home, try_to_restore)
