"""Fixtures of hosting: the folders of a world, whose processes are ended after the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hosting.keepers import KeeperFolder


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[KeeperFolder]:
    folder = KeeperFolder(tmp_path)
    yield folder
    await folder.end()
