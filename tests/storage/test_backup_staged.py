"""Staged restores: verification, audit entry and a kill at every step."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from coalserver.core.queries.admin import list_audit_entries
from coalserver.domain.audit import AuditAction
from coalserver.server.admin import AdminContext
from coalserver.storage import backup as backups
from coalserver.storage.data_directory import OperatorError
from tests.processes import ROOT
from tests.storage.backups import (
    add,
    all_files,
    backup,
    file,
    home,
    in_context,
    restore,
    tags,
    write_archive,
)

__all__ = ["file", "home"]


async def audit_entries(context: AdminContext) -> Any:
    return context.core.query(list_audit_entries, limit=10)[0]


async def test_restored_data_has_an_audit_entry_with_the_actor(home, file):
    await add(home, "chess")
    await backup(home, file)
    await restore(home, file)
    with home.lock():
        await backups.apply_backup(home, await backups.stage(home, file), by=7, name="Ann")
    found = await in_context(home, audit_entries)
    assert [(one.id, one.actor, one.actor_name, one.action, one.subject) for one in found] == [
        (2, 7, "Ann", AuditAction.BACKUP_RESTORED, file.name)
    ]


async def test_discarded_staged_backup_leaves_nothing(home, file):
    await add(home, "chess")
    await backup(home, file)
    before = all_files(home)
    (await backups.stage(home, file)).discard()
    assert all_files(home) == before


async def test_manifest_is_read_without_unpacking(home, file):
    await add(home, "chess")
    await backup(home, file)
    manifest = backups.read_manifest(file)
    assert manifest["made"].endswith("Z") and "coalserver.sqlite3" in manifest["files"]


def rewrite_keys(file: Path, keys: Mapping[str, bytes | None]) -> None:
    """Replace keys of a backup, or leave them out."""
    with tarfile.open(file) as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    manifest = json.loads(content.pop("manifest.json"))
    content |= {f"keys/{name}": key for name, key in keys.items()}
    files = {name: part for name, part in content.items() if part is not None}
    manifest["files"] = {
        name: {"bytes": len(part), "sha256": hashlib.sha256(part).hexdigest()}
        for name, part in files.items()
    }
    write_archive(file, manifest, **files)


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        (b"short", "keys/oauth is not a key"),
        (b"k" * 32, "keys/oauth is not the key with which the database was written"),
        (None, "keys/oauth is missing"),
    ],
)
async def test_invalid_key_is_found_before_anything_changes(home, file, key, cause):
    await add(home, "chess")
    await backup(home, file)
    rewrite_keys(file, {"oauth": key})
    before = all_files(home)
    with pytest.raises(backups.InvalidBackup, match=cause) as caught:
        await restore(home, file)
    assert caught.value.code == "damaged" and all_files(home) == before


async def test_backup_without_any_key_changes_nothing(home, file):
    await add(home, "chess")
    await backup(home, file)
    rewrite_keys(file, dict.fromkeys(home.key_names()))
    with pytest.raises(backups.InvalidBackup, match="keys/oauth is missing"):
        await restore(home, file)
    assert await tags(home) == ["chess"]


async def test_other_files_beside_the_keys_are_not_backed_up(home, file):
    await add(home, "chess")
    keys = home.key_names()
    shutil.copy(home.keys / "oauth", home.keys / "oauth.bak")
    (home.keys / "notes").write_bytes(b"short")
    (home.keys / "old").mkdir()
    await backup(home, file)
    with tarfile.open(file) as tar:
        assert {name for name in tar.getnames() if "keys" in name} == {
            f"keys/{name}" for name in keys
        }
    await restore(home, file)
    assert await tags(home) == ["chess"]


async def test_backup_with_another_key_than_the_database_has_is_not_written(home, file):
    await add(home, "chess")
    await backup(home, file)

    async def back_up_changed(context: AdminContext) -> None:
        (home.keys / "oauth").write_bytes(b"k" * 32)
        await backups.backup(home, context.store, file.with_name("second.tar"))

    with pytest.raises(OperatorError, match="keys/oauth is not the key with which"):
        await in_context(home, back_up_changed)
    assert not file.with_name("second.tar").exists()


async def test_control_characters_of_a_manifest_are_not_printed(home, file):
    await add(home, "chess")
    await backup(home, file)
    with tarfile.open(file) as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    manifest = json.loads(content.pop("manifest.json"))
    write_archive(file, {**manifest, "made": "\x1b[31mnow\n"}, **content)
    assert backups.read_manifest(file)["made"] == " [31mnow "
    write_archive(file, manifest, **{"\x1b[31m": b"x"})
    with pytest.raises(backups.InvalidBackup, match=r"damaged at  \[31m: "):
        await restore(home, file)


async def test_killed_restore_leaves_old_or_new_data(home, file, tmp_path):
    await add(home, "chess")
    (home.keys / "mark").write_bytes(b"new" + bytes(29))
    await backup(home, file)
    await add(home, "go")
    (home.keys / "mark").write_bytes(b"old" + bytes(29))
    command = [
        sys.executable,
        "-m",
        "tests.storage.kill_restore",
        str(home.path),
        str(file),
        str(tmp_path / "try"),
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found = result.stdout.split()
    switch = found.index("new")
    assert switch > 10 and found == ["old"] * switch + ["new"] * (len(found) - switch)
