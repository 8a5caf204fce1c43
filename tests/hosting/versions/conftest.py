"""Fixtures of versions: a stand-in for the servers of jars and lists, and an empty folder of jars."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coalserver.hosting.versions.jars import JarStore
from tests.hosting.versions.stand_in import StandIn, run_stand_in


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with run_stand_in() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> JarStore:
    return JarStore(tmp_path / "hosting" / "versions")
