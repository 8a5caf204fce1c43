"""A server for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalserver.stores.sqlite import SqliteStore
from tests.dialects.house import House, a_house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A server that keeps everything in memory, also across a restart."""
    async with a_house() as one:
        yield one


@pytest.fixture
async def stone_house(tmp_path: Path) -> AsyncIterator[House]:
    """A server that keeps everything in a file, which a restart reads again."""
    path = tmp_path / "data.sqlite"
    async with a_house(SqliteStore(path), reopened=lambda store: SqliteStore(path)) as one:
        yield one
