"""Saved games of a fake Minecraft server that runs under a keeper and writes its world in steps."""

import asyncio
import re

import pytest

from coalserver.hosting.archives import Limits, open_archive, unpack
from coalserver.hosting.keeper_client import KeeperClient
from coalserver.hosting.level import read_level
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.save_errors import SaveFailed
from coalserver.hosting.saves import SavedGames, SaveKind, SaveRequest, save_world
from tests.hosting.fake_child import is_torn
from tests.hosting.keepers import FAKE_CHILD, KeeperFolder, python, wait_until

READY = "Done ("


class KeeperConsole:
    """The console of a world whose lines are read from its keeper's files."""

    def __init__(self, folder: KeeperFolder, client: KeeperClient) -> None:
        self._folder, self._client = folder, client
        self._after = 0

    async def send(self, text: str) -> None:
        self._after = max((line.number for line in self._folder.lines()), default=0)
        await self._client.write(text)

    async def wait_for(self, pattern: re.Pattern[str], seconds: float) -> str | None:
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for line in self._folder.lines(self._after):
                        if line.stream == "out" and pattern.search(line.text):
                            return line.text
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return None

    async def mark(self, name: str, on: bool) -> None:
        await self._client.mark(name, on or None)


def child(*args: str) -> tuple[str, ...]:
    [program] = python("")[:1]
    return (program, str(FAKE_CHILD), "--no-eula", "--no-port", *args)


async def save(games: SavedGames, console: KeeperConsole) -> SavedGames:
    request = SaveRequest(SaveKind.MANUAL)
    await save_world(games, request, disk_free=0, depth=10, console=console)
    return games


@pytest.mark.parametrize("style", ["1.2.5", "1.7", "1.12", "1.16", "1.20", "26", "paper", "forge"])
async def test_saved_game_of_a_running_world_is_whole(world, tmp_path, style):
    client = await world.start(child("--style", style))
    await world.wait_for_text(READY)
    games = SavedGames(world.server.parent)
    await save(games, KeeperConsole(world, client))
    assert world.state.marks == {}
    [saved] = games.all()
    with games.open(saved.id) as file, open_archive(file, Limits()) as archive:
        unpack(archive, tmp_path / "new", Progress())
    assert not is_torn(tmp_path / "new" / "world")
    assert not (tmp_path / "new" / "world" / "session.lock").exists()
    assert read_level(tmp_path / "new" / "world").age is not None
    # Saving is on again: the world goes on writing.
    region = world.server / "world" / "region"
    before = {path.name: path.stat().st_mtime_ns for path in region.iterdir()}
    await wait_until(
        lambda: before != {path.name: path.stat().st_mtime_ns for path in region.iterdir()}
    )


async def test_world_that_ends_during_its_save_fails_with_a_reason(world, monkeypatch):
    client = await world.start(child("--style", "1.20"))
    await world.wait_for_text(READY)
    games, console = SavedGames(world.server.parent), KeeperConsole(world, client)
    real = console.wait_for

    async def wait_for(pattern: re.Pattern[str], seconds: float) -> str | None:
        answer = await real(pattern, seconds)
        world.kill_keeper()
        return answer

    monkeypatch.setattr(console, "wait_for", wait_for)
    with pytest.raises(SaveFailed):
        await save(games, console)
    assert games.all() == []
    assert world.state.marks == {"save_off": True}
