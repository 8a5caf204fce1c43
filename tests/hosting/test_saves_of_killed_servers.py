"""Kill -9 of coalserver while saved games are made and restored (the table of hosting.md, 9)."""

import os
from pathlib import Path

import pytest

from tests.hosting.machine import Machine
from tests.processes import wait_until

#: Of zeros: it takes a moment to be packed, and hardly any room.
LARGE = 1 << 30
#: Packed to its end.
SMALLER = 1 << 27


def add_large_file(box: Machine, size: int = LARGE) -> Path:
    path = box.files.server / "large"
    with path.open("wb") as file:
        os.truncate(file.fileno(), size)
    return path


def parts(box: Machine) -> list[str]:
    return [path.name for path in box.files.folder.rglob("*.part")]


def start(box: Machine) -> None:
    assert box.order("play") == 202
    box.wait_for("RUNNING")


def assert_saves_again(box: Machine) -> None:
    """Check that nothing of the saved game is left, and that the world saves by itself again."""
    box.wait_for("RUNNING")
    box.wait_for_text("Automatic saving is now enabled")
    wait_until(lambda: box.state.marks == {})
    # Listed only once all is in order.
    assert box.call("saves") == (200, {"saves": []})
    assert parts(box) == []
    assert box.hosting["saving"] is False


async def test_server_killed_while_the_game_writes(box: Machine) -> None:
    await box.prepare("--save-seconds", "3")
    with box.serve():
        start(box)
        assert box.order("save") == 202
        box.wait_for_text("Automatic saving is now disabled")
        assert box.state.marks == {"save_off": True}
    with box.serve():
        assert_saves_again(box)
        assert box.order("save") == 202
        wait_until(lambda: not box.hosting["saving"])
        assert box.hosting["saved_games"] == 1


async def test_server_killed_while_files_are_copied(box: Machine) -> None:
    await box.prepare()
    with box.serve():
        start(box)
        add_large_file(box)
        assert box.order("save") == 202
        wait_until(lambda: parts(box))
    with box.serve():
        assert_saves_again(box)


async def test_server_killed_while_an_archive_is_read_back(box: Machine) -> None:
    await box.prepare()
    with box.serve():
        start(box)
        add_large_file(box, SMALLER)
        assert box.order("save") == 202
        box.wait_for_text("Automatic saving is now enabled")
        wait_until(lambda: box.state.marks == {})
    with box.serve():
        box.wait_for("RUNNING")
        # Whole or absent.
        status, document = box.call("saves")
        assert status == 200 and len(document["saves"]) <= 1
        assert parts(box) == []
        assert box.hosting["saving"] is False


@pytest.mark.parametrize("wanted", ["pause", "play"])
async def test_server_killed_in_saving(box: Machine, wanted: str) -> None:
    await box.prepare("--then", "join Ada", "--then", "leave Ada")
    with box.serve():
        start(box)
        box.wait_for_text("Ada left")
        add_large_file(box)
        assert box.order("pause") == 202
        box.wait_for("SAVING")
        wait_until(lambda: parts(box))
        if wanted == "play":
            assert box.order("play") == 202
    with box.serve():
        box.wait_for("RUNNING" if wanted == "play" else "STOPPED")
        assert box.call("saves") == (200, {"saves": []})
        assert parts(box) == []


async def test_server_killed_in_a_restore(box: Machine) -> None:
    await box.prepare()
    with box.serve():
        start(box)
        box.order("pause")
        box.wait_for("STOPPED")
        add_large_file(box, SMALLER)
        assert box.order("save") == 202
        wait_until(lambda: not box.hosting["saving"])
        [saved] = box.call("saves")[1]["saves"]
        assert box.call(f"saves/{saved['id']}/restore", "POST")[0] == 202
        new = box.files.folder / "server.new"
        # It may be over already.
        wait_until(lambda: new.exists() or (box.files.folder / "old").exists())
    with box.serve():
        whole = not new.exists() and (box.files.folder / "old").exists()
        assert not new.exists() and not (box.files.folder / "complete").exists()
        trouble = box.hosting["trouble"]
        assert (trouble is None) is whole
        if trouble:
            assert trouble["code"] == "restore_failed"
        start(box)
