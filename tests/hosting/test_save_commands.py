"""Saving of a running world: the order of its commands, and that saving is switched on again whatever happens."""

import asyncio
import re

import pytest

from coalserver.hosting import save_commands
from coalserver.hosting.keeper_client import KeeperError, KeeperGone
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.save_commands import (
    NOT_SAVED,
    SAVE_ALL_ANSWER,
    SAVED,
    SAVING_IS_OFF,
    saving_off,
)
from coalserver.hosting.save_errors import SaveFailed, WorldKilled
from coalserver.hosting.saves import SavedGames, SaveKind, SaveRequest, save_world
from tests.hosting.zips import make_server


class FakeConsole:
    """A world that notes what it is told. `answers`: its line for each command; an exception is raised."""

    def __init__(self, **answers: str | Exception) -> None:
        self.answers: dict[str, str | Exception] = {
            "save-off": "[12:00:00] [Server thread/INFO]: Automatic saving is now disabled",
            "save-all flush": "[12:00:00] [Server thread/INFO]: Saved the game",
            **{name.replace("_", "-"): answer for name, answer in answers.items()},
        }
        if "save-all" in self.answers:
            self.answers["save-all flush"] = self.answers.pop("save-all")
        self.calls: list[str] = []
        self.waits: list[float] = []

    async def send(self, text: str) -> None:
        self.calls.append(text)
        self._raise(text)

    async def wait_for(self, pattern: re.Pattern[str], seconds: float) -> str | None:
        self.waits.append(seconds)
        answer = self.answers.get(self.calls[-1], "")
        return answer if isinstance(answer, str) and pattern.search(answer) else None

    async def mark(self, name: str, on: bool) -> None:
        self.calls.append(f"mark {name} {on}")
        self._raise(f"mark-{on}")

    def _raise(self, name: str) -> None:
        answer = self.answers.get(name)
        if isinstance(answer, Exception):
            raise answer


ALL = ["mark save_off True", "save-off", "save-all flush", "save-on", "mark save_off False"]


async def copy_nothing() -> str:
    return "copied"


async def test_commands_come_in_order_and_the_copy_in_between():
    console = FakeConsole()

    async def copy() -> list[str]:
        return list(console.calls)

    assert await saving_off(console, copy) == ALL[:3]
    assert console.calls == ALL
    assert console.waits == [5, 120]


async def test_missing_answer_to_save_off_is_no_failure():
    console = FakeConsole(save_off="")
    assert await saving_off(console, copy_nothing) == "copied"


@pytest.mark.parametrize(
    ("answers", "reason", "calls"),
    [
        ({"save_all": ""}, "did not say in time", ALL),
        (
            {"save_all": "[x]: Unable to save the game (is there enough disk space?)"},
            "could not save",
            ALL,
        ),
        ({"save_all": KeeperGone()}, "world is gone", ALL),
        (
            {"save_off": KeeperError("gone", "the child has ended.")},
            "ended",
            [ALL[0], ALL[1], *ALL[3:]],
        ),
        ({"mark_True": KeeperError("disk", "the disk is full")}, "disk", ALL[:1]),
        ({"mark_True": OSError("gone")}, "gone", ALL[:1]),
    ],
    ids=range(6),
)
async def test_failure_is_a_reason_and_saving_is_switched_on_again(answers, reason, calls):
    console = FakeConsole(**answers)
    with pytest.raises(SaveFailed, match=reason) as caught:
        await saving_off(console, copy_nothing)
    assert not str(caught.value).endswith(".")
    assert console.calls == calls


async def test_failed_copy_switches_saving_on_again():
    async def copy() -> None:
        raise SaveFailed("no space is left on the disk")

    console = FakeConsole()
    with pytest.raises(SaveFailed, match="no space"):
        await saving_off(console, copy)
    assert console.calls == ALL


async def test_copy_of_a_world_that_has_ended_meanwhile_is_not_trusted(caplog):
    """It may have written while it was copied, since it saves when it ends."""
    console = FakeConsole(save_on=KeeperGone())
    with pytest.raises(SaveFailed):
        await saving_off(console, copy_nothing)
    assert console.calls == ALL[:4]
    assert "could not be switched on" in caplog.text


async def test_copy_of_a_world_that_was_killed_meanwhile_counts(caplog):
    console = FakeConsole(save_on=WorldKilled("the world has ended"))
    assert await saving_off(console, copy_nothing) == "copied"
    assert console.calls == ALL[:4]
    assert "was killed" in caplog.text


async def test_cancelled_save_switches_saving_on_again():
    """Also if it is cancelled again while `save-on` is being sent."""
    console, copying, sending = FakeConsole(), asyncio.Event(), asyncio.Event()
    go_on = asyncio.Event()
    real = console.send

    async def send(text: str) -> None:
        await real(text)
        if text == "save-on":
            sending.set()
            await go_on.wait()

    console.send = send

    async def copy() -> None:
        copying.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(saving_off(console, copy))
    await copying.wait()
    task.cancel()
    await sending.wait()
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert console.calls == ALL


HEADERS = (
    "[12:00:00] [Server thread/INFO]: ",
    "[12:00:00 INFO]: ",
    "2012-04-01 12:00:00 [INFO] ",
    "[01Jan2026 12:00:00.123] [Server thread/INFO] [minecraft/MinecraftServer]: ",
    "[12:00:00] [Server thread/INFO]: System chat: ",
    "[12:00:00] [Server thread/INFO] [net.minecraft.server.MinecraftServer/]: ",
    "",
)


@pytest.mark.parametrize("header", HEADERS)
def test_answers_of_all_versions_are_recognised(header):
    for answer in ("Saved the game", "Saved the world", "Save complete."):
        assert SAVED.search(header + answer) and SAVE_ALL_ANSWER.search(header + answer)
    for answer in (
        "Automatic saving is now disabled",
        "Turned off world auto-saving",
        "Saving is already turned off",
        "Disabling level saving..",
    ):
        assert SAVING_IS_OFF.search(header + answer)
    assert NOT_SAVED.search(f"{header}Unable to save the game (is there enough disk space?)")
    assert not SAVED.search(f"{header}Saving the game (this may take a moment!)")


@pytest.mark.parametrize(
    "line",
    [
        "[12:00:00] [Server thread/INFO]: <Steve> Saved the game",
        "[12:00:00] [Server thread/INFO]: <Steve> x]: Saved the game",
        "[12:00:00] [Server thread/INFO]: [Not Secure] <Steve> Saved the game",
        "[12:00:00] [Server thread/INFO]: * Steve Saved the game",
        "[12:00:00] [Server thread/INFO]: [Steve] Saved the game",
        "[12:00:00 INFO]: Steve: Saved the game",
        "[12:00:00 INFO]: [VIP] Steve: x] Saved the game",
    ],
)
def test_chat_is_no_answer(line):
    assert not SAVE_ALL_ANSWER.search(line)


async def test_running_world_is_saved_again_before_the_archive_is_read_back(tmp_path, monkeypatch):
    make_server(tmp_path)
    games, console = SavedGames(tmp_path), FakeConsole()
    for name in ("copy", "finish"):
        real = getattr(SavedGames, name)

        def noted(self, what, progress: Progress, name=name, real=real):
            console.calls.append(name)
            return real(self, what, progress)

        monkeypatch.setattr(SavedGames, name, noted)
    request = SaveRequest(SaveKind.MANUAL)
    made = await save_world(games, request, disk_free=0, depth=10, console=console)
    assert games.all() == [made.saved]
    assert console.calls == [*ALL[:3], "copy", *ALL[3:], "finish"]


async def test_failed_save_of_a_running_world_leaves_nothing(tmp_path):
    (make_server(tmp_path) / "world/level.dat").write_bytes(b"torn")
    games, console = SavedGames(tmp_path), FakeConsole()
    request = SaveRequest(SaveKind.MANUAL)
    with pytest.raises(SaveFailed, match=r"level\.dat does not open"):
        await save_world(games, request, disk_free=0, depth=10, console=console)
    assert console.calls == ALL
    assert list(games.saves.iterdir()) == []


def test_mark_is_the_one_that_an_adoption_looks_for():
    assert save_commands.SAVE_OFF_MARK == "save_off"
