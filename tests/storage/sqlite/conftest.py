"""Fixtures for tests of the SQLite store."""

import pytest

from coalserver.storage.sqlite.store import SqliteStore


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


@pytest.fixture
async def store(path):
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()
