"""Fixtures: every kind of store, at a place where it can be opened again."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from coalserver.core.ports import Store, StoredState
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite.store import SqliteStore


class ReopenableStore:
    """Where things are kept: a restart lets go of the store and opens one there again."""

    def __init__(self, make: Callable[[], Store]) -> None:
        self._make = make
        self.store = make()

    async def restart(self) -> StoredState:
        await self.store.close()
        self.store = self._make()
        return await self.store.open()


@pytest.fixture(params=["memory", "sqlite"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReopenableStore]:
    memory = MemoryStore()
    kinds: Mapping[str, Callable[[], Store]] = {
        "memory": lambda: memory,
        "sqlite": lambda: SqliteStore(tmp_path / "kept.sqlite3"),
    }
    place = ReopenableStore(kinds[request.param])
    await place.store.open()
    yield place
    await place.store.close()


@pytest.fixture
def store(place: ReopenableStore) -> Store:
    """A store that is open, for tests in which nothing restarts."""
    return place.store
