"""Every kind of store, in a place that can be opened again and again."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from coalserver.core.ports import Known, Store
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite.store import SqliteStore


class Place:
    """Where things are kept: a restart lets go of the store and opens one there again."""

    def __init__(self, make: Callable[[], Store]) -> None:
        self._make = make
        self.store = make()

    async def restart(self) -> Known:
        await self.store.close()
        self.store = self._make()
        return await self.store.open()


@pytest.fixture(params=["memory", "sqlite"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    memory = MemoryStore()
    kinds: Mapping[str, Callable[[], Store]] = {
        "memory": lambda: memory,
        "sqlite": lambda: SqliteStore(tmp_path / "kept.sqlite3"),
    }
    place = Place(kinds[request.param])
    await place.store.open()
    yield place
    await place.store.close()


@pytest.fixture
def store(place: Place) -> Store:
    """A store that is open, for tests in which nothing restarts."""
    return place.store
