"""Saved games as APIs, pages and the command line get them: what a failing disk looks like."""

import asyncio
import errno
from typing import Any

import pytest

from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.hosting import machine
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.saves import SavedGames, SaveKind, SaveRequest
from coalserver.hosting.saving import SavingService
from tests.hosting.full_disk import full_disk
from tests.hosting.worlds import Worlds
from tests.hosting.zips import make_server


def make_save(worlds: Worlds, world: int) -> str:
    """Make a saved game of a world that never ran; return its id."""
    folder = worlds.files(world).folder
    folder.mkdir(parents=True, exist_ok=True)
    make_server(folder)
    games, progress = SavedGames(folder), Progress()
    return games.finish(games.copy(SaveRequest(SaveKind.MANUAL), progress), progress).id


async def test_disk_that_fails_a_change_is_a_refusal_with_its_sentence(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()
    save_id = make_save(worlds, world)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("coalserver.hosting.saves.write_private", fail)
    monkeypatch.setattr(SavedGames, "delete", fail)
    for change in (
        worlds.hosting.change_save(world, save_id, COMMAND_LINE, pinned=True),
        worlds.hosting.remove_save(world, save_id, COMMAND_LINE),
    ):
        with pytest.raises(DomainError) as caught:
            await change
        assert caught.value.code is ErrorCode.ARCHIVE_REFUSED
        sentence = "The saved game could not be changed: Read-only file system."
        assert caught.value.details["text"] == sentence


async def test_disk_without_room_for_the_folder_refuses_an_upload(worlds: Worlds) -> None:
    world = await worlds.add()
    with full_disk(0) as disk, pytest.raises(DomainError) as caught:
        await worlds.hosting.upload_path(world)
    assert disk.full
    assert caught.value.code is ErrorCode.ARCHIVE_REFUSED
    sentence = "The saved game could not be made: no space is left on the disk."
    assert caught.value.details["text"] == sentence


async def test_unknown_free_space_refuses_an_upload(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()

    def fail(_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(machine, "disk_free", fail)
    with pytest.raises(DomainError) as caught:
        await worlds.hosting.upload_path(world)
    sentence = "The saved game could not be made: Input/output error."
    assert caught.value.details["text"] == sentence


async def test_caller_that_is_cancelled_leaves_no_change_half_done(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()
    save_id = make_save(worlds, world)
    recorded, go_on = asyncio.Event(), asyncio.Event()
    real = SavingService._record

    async def record(*args: Any) -> None:
        await real(*args)
        recorded.set()
        await go_on.wait()

    monkeypatch.setattr(SavingService, "_record", record)
    changing = asyncio.create_task(
        worlds.hosting.change_save(world, save_id, COMMAND_LINE, pinned=True)
    )
    await recorded.wait()
    changing.cancel()
    await asyncio.wait([changing])
    go_on.set()
    games = SavedGames(worlds.files(world).folder)
    await worlds.until(lambda: games.get(save_id).pinned)
