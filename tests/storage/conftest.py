"""Fixtures: every kind of store, which can be opened again."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from coalserver.core.ports import Store, StoredState
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite.store import SqliteStore


class ReopenableStore:
    """A store that can be closed and opened again at the same location."""

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
        "sqlite": lambda: SqliteStore(tmp_path / "store.sqlite3"),
    }
    place = ReopenableStore(kinds[request.param])
    await place.store.open()
    yield place
    await place.store.close()


@pytest.fixture
def store(place: ReopenableStore) -> Store:
    """An open store, for tests without restarts."""
    return place.store
