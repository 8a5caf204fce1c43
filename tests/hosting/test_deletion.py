"""Deletion of hosted worlds: their files, what is stored of them, and interruptions (hosting.md, 10 and 12)."""

import os
from pathlib import Path

import pytest

from coalserver.core.commands.hosting import begin_delete
from coalserver.core.queries.hosting import all_hosted_worlds, worlds_in_deletion
from coalserver.core.queries.worlds import active_worlds
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld
from coalserver.hosting.deletion import delete_folder
from tests.hosting.worlds import Worlds


async def test_deleted_world_leaves_no_file_and_no_list(worlds: Worlds) -> None:
    world, other = await worlds.add(), await worlds.add(name="Other")
    for one in (world, other):
        await worlds.play(one)
        await worlds.order(one, "kill")
        await worlds.wait_for(one, "stopped")
    kept = sorted(worlds.files(other).folder.rglob("*"))
    await worlds.hosting.delete_world(world, COMMAND_LINE)
    assert not worlds.files(world).folder.exists()
    assert sorted(worlds.files(other).folder.rglob("*")) == kept
    assert [one.name for one in worlds.core.query(active_worlds)] == ["Other"]
    assert worlds.core.state.get(HostedWorld, world) is None
    assert str(worlds.audit()[-1].action) == "world_deleted"
    with pytest.raises(DomainError) as refused:
        await worlds.order(world, "play")
    assert refused.value.code is ErrorCode.WORLD_NOT_FOUND


async def test_running_world_is_not_deleted(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    with pytest.raises(DomainError) as refused:
        await worlds.hosting.delete_world(world, COMMAND_LINE)
    assert refused.value.details["refusal"].text == "Stop the world first."
    assert worlds.status(world) == "running" and worlds.files(world).server.exists()


async def test_interrupted_deletion_is_finished_at_the_next_start(worlds: Worlds) -> None:
    world = await worlds.add()
    worlds.files(world).create()
    (worlds.files(world).server / "level.dat").write_bytes(b"x")
    # As if the process had been killed before the files were deleted.
    await worlds.core.execute(begin_delete, world_id=world, actor=COMMAND_LINE)
    assert worlds.core.query(worlds_in_deletion) == [world]
    await worlds.restart()
    await worlds.until(lambda: not worlds.core.query(worlds_in_deletion))
    assert not worlds.files(world).folder.exists()
    assert not worlds.core.query(all_hosted_worlds)


async def test_files_that_cannot_be_deleted_are_tried_again(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()
    worlds.files(world).create()

    def fail(_: Path) -> None:
        raise OSError("read-only")

    with monkeypatch.context() as patch:
        patch.setattr("coalserver.hosting.service.delete_folder", fail)
        await worlds.hosting.delete_world(world, COMMAND_LINE)
    assert worlds.core.query(worlds_in_deletion) == [world]
    await worlds.restart()
    await worlds.until(lambda: not worlds.files(world).folder.exists())


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "worlds" / "1"
    outside.mkdir()
    (outside / "key").write_text("secret")
    (folder / "server").mkdir(parents=True)
    (folder / "server" / "link").symlink_to(outside, target_is_directory=True)
    os.mkfifo(folder / "server" / "pipe")
    delete_folder(folder)
    assert not folder.exists() and (outside / "key").read_text() == "secret"
    folder.symlink_to(outside, target_is_directory=True)
    delete_folder(folder)
    assert not folder.is_symlink() and (outside / "key").read_text() == "secret"
    delete_folder(folder)
