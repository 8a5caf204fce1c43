"""Missing, damaged and emptied files of a data directory: nothing is created anew without a message."""

import os
import secrets
import shutil
import sqlite3
from pathlib import Path

import pytest

from coalserver.storage.data_directory import DataDirectory, OperatorError
from coalserver.storage.sqlite.schema import NotAStore
from tests.storage.backups import add, backup, home, restore, tags

__all__ = ["home"]


def overwrite_pages(database: Path, count: int = 12) -> None:
    """Overwrite pages in the middle of a database with noise."""
    size = 4096
    with database.open("r+b") as file:
        pages = os.path.getsize(database) // size
        file.seek((pages - count) // 2 * size)
        file.write(secrets.token_bytes(count * size))


@pytest.mark.parametrize("name", ["passwords", "oauth"])
async def test_missing_key_beside_rows_is_named_and_not_created(home, name):
    await add(home, "chess")
    key = (home.keys / name).read_bytes()
    (home.keys / name).unlink()
    with pytest.raises(OperatorError, match=rf"keys/{name} is missing.*restore a backup"):
        await tags(home)
    assert not (home.keys / name).exists()
    (home.keys / name).write_bytes(key)
    assert await tags(home) == ["chess"]


async def test_all_keys_missing_are_not_created(home):
    await add(home, "chess")
    shutil.rmtree(home.keys)
    with pytest.raises(OperatorError, match="is missing"):
        await tags(home)
    assert not home.keys.exists()


async def test_other_key_is_refused_and_kept(home):
    await add(home, "chess")
    (home.keys / "oauth").write_bytes(b"k" * 32)
    with pytest.raises(OperatorError, match="is not the key with which"):
        await tags(home)
    assert (home.keys / "oauth").read_bytes() == b"k" * 32


async def test_key_that_cannot_be_read_is_named_with_the_remedy(home):
    await add(home, "chess")
    (home.keys / "oauth").unlink()
    (home.keys / "oauth").mkdir()
    with pytest.raises(
        OperatorError, match="keys/oauth cannot be read: Is a directory. .*restore a backup"
    ):
        await tags(home)
    (home.keys / "oauth").rmdir()
    (home.keys / "oauth").write_bytes(b"short")
    with pytest.raises(OperatorError, match="keys/oauth is damaged.*restore a backup"):
        await tags(home)


async def test_key_that_is_needed_later_is_created_beside_rows(home):
    await add(home, "chess")
    with home.lock():
        assert len(home.load_key("coal")) == 32
    (home.keys / "coal").unlink()
    with home.lock(), pytest.raises(OperatorError, match="keys/coal is missing"):
        home.load_key("coal")


async def test_keys_of_a_version_without_digests_are_recorded_at_the_next_start(home):
    await add(home, "chess")
    with sqlite3.connect(home.database) as db:
        db.execute("DELETE FROM key_file")
    db.close()
    assert await tags(home) == ["chess"]
    (home.keys / "oauth").unlink()
    with pytest.raises(OperatorError, match="keys/oauth is missing"):
        await tags(home)


async def test_server_data_of_a_version_without_digests_needs_all_keys(home):
    await add(home, "chess")
    with home.lock():
        home.load_key("pictures")
    with sqlite3.connect(home.database) as db:
        db.execute("DELETE FROM key_file")
    db.close()
    with pytest.raises(OperatorError, match="keys/coal is missing"):
        await tags(home)


@pytest.mark.parametrize("problem", ["empty", "missing"])
async def test_database_without_content_beside_keys_is_refused_with_the_newest_backup(
    home, problem
):
    await add(home, "chess")
    file = home.path / "backups" / "backup-20261129T120000Z.tar"
    file.parent.mkdir()
    await backup(home, file)
    home.database.unlink()
    if problem == "empty":
        home.database.write_bytes(b"")
    with pytest.raises(OperatorError, match=rf"is {problem}, but .*coalserver restore {file}`"):
        await tags(home)
    await restore(home, file)
    assert await tags(home) == ["chess"]


async def test_interrupted_first_start_can_be_repeated(home):
    with home.lock():
        home.check_data()
    assert await tags(home) == []


async def test_damaged_database_is_refused_without_content_of_rows(home):
    await add(home, "chess")
    with sqlite3.connect(home.database) as db:
        db.executemany(
            "INSERT INTO event VALUES (?, 0, 'secret words', '[]', ?)",
            [(number, "secret words" * 50) for number in range(1000, 3000)],
        )
    db.close()
    overwrite_pages(home.database)
    before = home.database.read_bytes()
    with pytest.raises(OperatorError, match="cannot be used: .*Restore a backup") as error:
        await tags(home)
    assert "secret words" not in str(error.value)
    assert home.database.read_bytes() == before


async def test_copy_that_fails_its_check_is_no_backup(home, tmp_path, monkeypatch):
    def fail(path: Path) -> int:
        raise NotAStore("the file is damaged: page 7")

    await add(home, "chess")
    monkeypatch.setattr("coalserver.storage.backup.check_file", fail)
    with pytest.raises(OperatorError, match="was not written, since .* page 7"):
        await backup(home, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


def test_data_directory_of_another_program_is_refused(tmp_path):
    home = DataDirectory(tmp_path)
    with sqlite3.connect(home.database) as db:
        db.execute("CREATE TABLE theirs (id)")
    db.close()
    with home.lock(), pytest.raises(OperatorError, match="belongs to another program"):
        home.check_data()
