"""Restores of damaged, truncated and foreign files change nothing."""

import pytest

from coalserver.storage import backup as backups
from coalserver.storage.data_directory import OperatorError
from tests.storage.backups import add, all_files, backup, file, home, restore, tags, write_archive

__all__ = ["file", "home"]


async def test_restore_that_cannot_copy_the_old_data_changes_nothing(home, file):
    await add(home, "chess")
    await backup(home, file)
    (home.keys / "dangling").symlink_to("/no/such/key")
    before = await tags(home)
    with pytest.raises(OperatorError, match="was not restored"):
        await restore(home, file)
    (home.keys / "dangling").unlink()
    assert await tags(home) == before
    assert not list(home.path.glob("replaced-*"))


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, 0.8])
async def test_truncated_backup_changes_nothing(home, file, share):
    await add(home, "chess")
    await backup(home, file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    before = all_files(home)
    with pytest.raises(OperatorError, match="damaged|not a backup"):
        await restore(home, file)
    assert all_files(home) == before


async def test_backup_with_a_flipped_bit_changes_nothing(home, file):
    await add(home, "chess")
    await backup(home, file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    before = all_files(home)
    with pytest.raises(OperatorError, match=r"damaged at coalserver\.sqlite3"):
        await restore(home, file)
    assert all_files(home) == before


@pytest.mark.parametrize(
    ("manifest", "files", "message"),
    [
        (None, {}, "is not a backup of coalserver"),
        ([], {}, "is not a backup of coalserver"),
        ({"format": 1}, {}, "is not a backup of coalserver"),
        ({"format": 1, "made": "", "files": {}}, {}, "it has no database"),
        ({"format": 2, "made": "", "files": {}}, {}, "created by a newer version"),
        ({"format": 1, "made": "", "files": {"../x": {}}}, {}, "created by a newer version"),
        ({"format": 1, "made": "", "files": {"keys/../x": {}}}, {}, "created by a newer version"),
        ({"format": 1, "made": "", "files": {"/etc/x": {}}}, {}, "created by a newer version"),
        ({"format": 1, "made": "", "files": {"coalserver.sqlite3": {}}}, {}, "is missing"),
        (
            {"format": 1, "made": "", "files": {"coalserver.sqlite3": {}}},
            {"keys__x": b"not named"},
            "damaged at keys/x",
        ),
        (
            {"format": 1, "made": "", "files": {"coalserver.sqlite3": {"bytes": 1}}},
            {"coalserver.sqlite3": b"x"},
            "damaged at coalserver.sqlite3",
        ),
    ],
)
async def test_foreign_archive_changes_nothing(home, file, manifest, files, message):
    await add(home, "chess")
    before = all_files(home)
    with pytest.raises(OperatorError, match=message):
        await restore(home, write_archive(file, manifest, **files))
    assert all_files(home) == before


async def test_archive_with_an_invalid_database_changes_nothing(home, file):
    await add(home, "chess")
    no_database = home.path.parent / "none"
    no_database.write_bytes(b"x")
    row = {"bytes": 1, "sha256": backups.digest(no_database)}
    files = {"coalserver.sqlite3": row}
    write_archive(file, {"format": 1, "made": "", "files": files}, **{"coalserver.sqlite3": b"x"})
    before = all_files(home)
    with pytest.raises(OperatorError, match="The database in .* cannot be used"):
        await restore(home, file)
    assert all_files(home) == before


async def test_missing_backup_raises(home, file):
    with pytest.raises(OperatorError, match="cannot be read: No such file or directory"):
        await restore(home, file)
