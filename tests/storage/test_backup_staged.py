"""Staged restores: verification, audit entry and a kill at every step."""

import subprocess
import sys
from typing import Any

import pytest

from coalserver.core.queries.admin import list_audit_entries
from coalserver.domain.audit import AuditAction
from coalserver.server.admin import AdminContext
from coalserver.storage import backup as backups
from tests.processes import ROOT
from tests.storage.backups import add, all_files, backup, file, home, in_context, restore

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


async def test_invalid_key_is_found_before_anything_changes(home, file):
    await add(home, "chess")
    (home.keys / "odd").write_bytes(b"short")
    await backup(home, file)
    before = all_files(home)
    with pytest.raises(backups.InvalidBackup, match="keys/odd is not a key") as caught:
        await restore(home, file)
    assert caught.value.code == "damaged" and all_files(home) == before


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
