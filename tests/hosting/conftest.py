"""Fixtures of hosting. The processes of worlds and bots are ended after the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hosting.keepers import KeeperFolder
from tests.hosting.machine import Machine
from tests.hosting.worlds import Worlds, run_worlds
from tests.minecraft.programs import Bots


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[KeeperFolder]:
    folder = KeeperFolder(tmp_path)
    yield folder
    await folder.end()


@pytest.fixture
async def worlds(tmp_path: Path) -> AsyncIterator[Worlds]:
    """A core whose worlds are hosted in this process."""
    async with run_worlds(tmp_path / "hosting") as worlds:
        yield worlds


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Machine]:
    """A data directory with a hosted world; its servers are processes of their own."""
    machine = Machine(tmp_path)
    yield machine
    await machine.end()


@pytest.fixture
async def bots() -> AsyncIterator[Bots]:
    """Bots that play the game itself."""
    bots = Bots()
    await bots.start()
    yield bots
    await bots.kill()
