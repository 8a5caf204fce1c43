"""Restores of damaged, truncated and foreign files change nothing."""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def write_members(file: Path, members: list[tarfile.TarInfo], rows: Mapping[str, Any]) -> None:
    """Write a tar with a manifest and members without content."""
    manifest = json.dumps({"format": 1, "made": "", "files": rows}).encode()
    with tarfile.open(file, "w") as tar:
        head = tarfile.TarInfo("manifest.json")
        head.size = len(manifest)
        tar.addfile(head, io.BytesIO(manifest))
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE],
)
async def test_member_that_is_no_regular_file_changes_nothing(home, file, kind):
    await add(home, "chess")
    member = tarfile.TarInfo("coalserver.sqlite3")
    member.type, member.linkname = kind, "/etc/passwd"
    write_members(file, [member], {member.name: {"bytes": 0, "sha256": "0" * 64}})
    before = all_files(home)
    with pytest.raises(OperatorError, match="damaged at coalserver.sqlite3: it is not a regular"):
        await restore(home, file)
    assert all_files(home) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 36)},
        {"GNU.sparse.size": str(1 << 36), "GNU.sparse.map": "0,1"},
    ],
)
async def test_sparse_member_is_not_unpacked(home, file, headers):
    await add(home, "chess")
    member = tarfile.TarInfo("coalserver.sqlite3")
    member.size, member.pax_headers = 1024, headers
    write_members(file, [member], {member.name: {"bytes": 1 << 36, "sha256": "0" * 64}})
    before = all_files(home)
    with pytest.raises(OperatorError, match="damaged|not a backup"):
        await restore(home, file)
    assert all_files(home) == before


async def test_member_of_another_size_is_not_unpacked(home, file):
    await add(home, "chess")
    member = tarfile.TarInfo("coalserver.sqlite3")
    member.size = 2048
    write_members(file, [member], {member.name: {"bytes": 1, "sha256": "0" * 64}})
    with pytest.raises(OperatorError, match="its size differs from the manifest"):
        await restore(home, file)


@pytest.mark.parametrize(
    "row", [None, 1, [], "x", {"bytes": "1"}, {"bytes": 1}, {"bytes": None, "sha256": None}]
)
async def test_manifest_row_of_another_shape_changes_nothing(home, file, row):
    await add(home, "chess")
    write_members(file, [tarfile.TarInfo("coalserver.sqlite3")], {"coalserver.sqlite3": row})
    with pytest.raises(OperatorError, match="the manifest has no size or digest of it"):
        await restore(home, file)


@pytest.mark.parametrize(
    "manifest",
    [
        "text",
        1,
        {"format": 1, "made": 1, "files": {"coalserver.sqlite3": {}}},
        {"format": 1, "made": "", "files": ["coalserver.sqlite3"]},
        {"format": 1, "made": "", "files": "coalserver.sqlite3"},
        {"format": [], "made": "", "files": {}},
        {"format": 1, "made": "", "files": [[]]},
    ],
)
async def test_manifest_of_another_shape_changes_nothing(home, file, manifest):
    await add(home, "chess")
    with pytest.raises(OperatorError, match="not a backup|newer version"):
        await restore(home, write_archive(file, manifest))


async def test_deeply_nested_manifest_changes_nothing(home, file):
    await add(home, "chess")
    content = b"[" * 100_000
    with tarfile.open(file, "w") as tar:
        head = tarfile.TarInfo("manifest.json")
        head.size = len(content)
        tar.addfile(head, io.BytesIO(content))
    with pytest.raises(OperatorError, match="not a backup"):
        await restore(home, file)
