"""Free pages: new files give them back in small steps, old files are written anew by `compact`."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from coalserver.storage import compaction
from coalserver.storage.compaction import compact
from coalserver.storage.data_directory import DataDirectory, DataDirectoryLocked, OperatorError
from coalserver.storage.sqlite import free_pages
from coalserver.storage.sqlite import store as sqlite_store
from coalserver.storage.sqlite.free_pages import KEPT_PAGES, STEP_PAGES, count_pages, is_incremental
from coalserver.storage.sqlite.store import SqliteStore
from tests.storage.builders import make_batch, make_entry, make_player, write_entries

#: More rows of 1 kB than fit into the pages that stay free.
PLAYERS = 8 * KEPT_PAGES


@pytest.fixture
def home(tmp_path):
    return DataDirectory(tmp_path / "data")


def opened(home):
    return closing(sqlite3.connect(home.database, isolation_level=None))


async def fill(home, *, players=PLAYERS, left=3, incremental=True):
    """Make a database with free pages: players are written, and all but a few are deleted again."""
    store = SqliteStore(home.database)
    home.path.mkdir(exist_ok=True)
    await store.open()
    everybody = [make_player(id, "x" * 1000) for id in range(1, players + 1)]
    await store.write(make_batch(*everybody))
    await store.write(make_batch(deleted=tuple(everybody[left:])))
    await store.close()
    if not incremental:
        make_old(home)


def make_old(home):
    """Make the file one of an earlier version, which keeps its free pages."""
    with opened(home) as db:
        for statement in (
            "PRAGMA journal_mode = DELETE",
            "PRAGMA auto_vacuum = NONE",
            "VACUUM",
            "CREATE TABLE spare (text TEXT)",
            "INSERT INTO spare WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 20000) SELECT hex(zeroblob(500)) FROM n",
            "DROP TABLE spare",
            "PRAGMA journal_mode = WAL",
        ):
            db.execute(statement)


def pages(home):
    with opened(home) as db:
        return count_pages(db)


async def players_in(home):
    store = SqliteStore(home.database)
    try:
        return [value.id for value in (await store.open()).values]
    finally:
        await store.close()


async def test_new_file_gives_free_pages_back(home):
    await fill(home, players=10)
    with opened(home) as db:
        assert is_incremental(db)


async def test_upkeep_gives_free_pages_back_in_small_steps(home, monkeypatch):
    await fill(home)
    before, steps = pages(home), []

    def release(db):
        free = count_pages(db).free
        more = real_release(db)
        steps.append(free - count_pages(db).free)
        return more

    real_release = free_pages.release
    monkeypatch.setattr(free_pages, "release", release)
    store = SqliteStore(home.database)
    await store.open()
    await write_entries(store, make_entry(0))
    await store.delete_expired_entries(before=0.0, keep=0)
    await store.close()
    after = pages(home)
    assert before.free > KEPT_PAGES + STEP_PAGES
    assert after.free <= KEPT_PAGES and after.all < before.all
    assert steps[:-1] == [STEP_PAGES] * (len(steps) - 1) and 0 < steps[-1] <= STEP_PAGES
    assert home.database.stat().st_size == after.all * after.page_bytes
    assert await players_in(home) == [1, 2, 3]


async def test_old_file_keeps_its_free_pages_until_it_is_compacted(home):
    await fill(home, players=10, incremental=False)
    before = pages(home)
    with opened(home) as db:
        assert not free_pages.release(db)
    assert pages(home).free == before.free > KEPT_PAGES
    size = home.database.stat().st_size
    with home.lock():
        result = compact(home)
    assert result == {
        "file": str(home.database),
        "before": size,
        "bytes": home.database.stat().st_size,
    }
    assert result["bytes"] < size / 10
    with opened(home) as db:
        assert is_incremental(db)
    assert await players_in(home) == [1, 2, 3]
    assert {path.name for path in home.path.iterdir()} == {"lock", home.database.name}


async def test_compacted_file_has_the_same_tables_and_version(home):
    await fill(home, players=10)
    statement = "SELECT name, sql FROM sqlite_schema ORDER BY name"
    numbers = ("PRAGMA user_version", "PRAGMA application_id")

    def content():
        with opened(home) as db:
            found = [db.execute(one).fetchall() for one in (statement, *numbers)]
            tables = ("entity", "counter", "sign", "event", "game_size")
            return found, [db.execute(f"SELECT * FROM {name}").fetchall() for name in tables]

    before = content()
    with home.lock():
        compact(home)
    assert content() == before


async def test_what_is_only_in_the_log_of_a_killed_server_is_kept(home):
    await fill(home, players=10)
    program = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('PRAGMA journal_mode = WAL'); db.execute('DELETE FROM entity WHERE id = 2');"
        "db.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(home.database)], check=False)
    assert home.database_files()[1].stat().st_size > 0
    with home.lock():
        compact(home)
    assert await players_in(home) == [1, 3]


async def test_too_little_free_space_is_refused(home, monkeypatch):
    await fill(home, players=10, incremental=False)
    before = home.database.read_bytes()
    monkeypatch.setattr(compaction, "free_space", lambda path: 10)
    with home.lock(), pytest.raises(OperatorError, match="not enough free space.* 10 are free"):
        compact(home)
    assert home.database.read_bytes() == before


async def test_disk_that_fills_up_changes_nothing(home, monkeypatch):
    await fill(home, players=10, incremental=False)

    def copy(db, target):
        target.write_bytes(b"SQLite")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(compaction, "copy", copy)
    with home.lock(), pytest.raises(OperatorError, match="could not be compacted: .* is full"):
        compact(home)
    assert await players_in(home) == [1, 2, 3]
    assert {path.name for path in home.path.iterdir()} == {"lock", home.database.name}


@pytest.mark.parametrize("content", [None, b"?" * 5000], ids=["missing", "damaged"])
def test_missing_or_damaged_database_is_refused(home, content):
    home.path.mkdir()
    if content is not None:
        home.database.write_bytes(content)
    with home.lock(), pytest.raises(OperatorError, match="no data|could not be compacted"):
        compact(home)


def test_lock_of_a_running_server_excludes_compaction(home):
    with home.lock(), pytest.raises(DataDirectoryLocked), home.lock():
        pass


async def test_killed_compaction_leaves_a_whole_file(home, tmp_path):
    await fill(home, players=200, incremental=False)
    program = [sys.executable, "-m", "tests.storage.kill_compact", str(home.path)]
    place = str(tmp_path / "place")
    done = subprocess.run([*program, place], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tries = [line.split() for line in done.stdout.splitlines()]
    assert tries[0] == ["copy", "False", "old"]
    steps = [state for name, _, state in tries if name != "copy"]
    assert steps == sorted(steps, key=["old", "new"].index)
    assert set(steps) == {"old", "new"} and len(steps) > 5


@pytest.mark.parametrize(("incremental", "offered"), [(False, True), (True, False)])
async def test_log_offers_to_compact_an_old_file_with_much_free_space(
    home, monkeypatch, caplog, incremental, offered
):
    await fill(home, incremental=incremental)
    monkeypatch.setattr(sqlite_store, "COMPACTION_BYTES", 1 << 20)
    with caplog.at_level("INFO"):
        await players_in(home)
    assert ("coalserver compact" in caplog.text) is offered
