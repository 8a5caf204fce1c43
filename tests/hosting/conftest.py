"""Fixtures of hosting: the folders of a world, whose processes are ended after the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hosting.keepers import KeeperFolder
from tests.hosting.worlds import Worlds


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[KeeperFolder]:
    folder = KeeperFolder(tmp_path)
    yield folder
    await folder.end()


@pytest.fixture
async def worlds(tmp_path: Path) -> AsyncIterator[Worlds]:
    """A core whose worlds are hosted in this process."""
    worlds = Worlds(tmp_path / "hosting")
    await worlds.open()
    yield worlds
    await worlds.end()
