"""Backup and restore: data, keys, counters and interruptions."""

import json
import tarfile
from pathlib import Path

import pytest

from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.worlds import create_world
from coalserver.core.feed import Feed
from coalserver.core.ingest import ingest_lines
from coalserver.core.ports import ENTRY_COUNTER
from coalserver.domain.audit import AuditEntry
from coalserver.domain.minecraft.log.parser import parse_line
from coalserver.domain.minecraft.visitor import ConsoleCommand
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.server.admin import AdminContext
from coalserver.storage.data_directory import DataDirectory, OperatorError
from tests.storage.backups import (
    add,
    all_files,
    backup,
    counters,
    file,
    home,
    in_context,
    restore,
    tags,
)

__all__ = ["file", "home"]


async def test_backup_is_a_tar_with_manifest_database_and_keys(home, file):
    await add(home, "chess")
    result = await backup(home, file)
    assert result == {"file": str(file), "bytes": file.stat().st_size}
    with tarfile.open(file, "r:") as tar:
        names = tar.getnames()
        content = tar.extractfile("manifest.json")
        assert content is not None
        manifest = json.load(content)
    keys = sorted(f"keys/{path.name}" for path in home.keys.iterdir())
    assert "keys/passwords" in keys
    assert names == ["manifest.json", "coalserver.sqlite3", *keys]
    assert list(manifest) == ["format", "coalserver", "made", "files"]
    assert list(manifest["files"]) == names[1:]
    assert file.stat().st_mode & 0o777 == 0o600


async def test_backup_does_not_overwrite_a_file(home, file):
    await add(home, "chess")
    file.write_bytes(b"precious")
    with pytest.raises(OperatorError, match="exists already"):
        await backup(home, file)
    assert file.read_bytes() == b"precious"


async def test_failed_backup_raises_and_leaves_no_file(home, tmp_path):
    await add(home, "chess")
    before = set(all_files(home))
    with pytest.raises(OperatorError, match="cannot be written: No such file or directory"):
        await backup(home, tmp_path / "nowhere" / "b.tar")
    assert set(all_files(home)) == before


async def test_restore_brings_back_data_and_keys_and_keeps_the_replaced(home, file):
    await add(home, "chess")
    key = (home.keys / "passwords").read_bytes()
    await backup(home, file)
    await add(home, "go")
    (home.keys / "passwords").write_bytes(b"x" * 32)
    (home.keys / "newer").write_bytes(b"y" * 32)
    replaced = home.database.read_bytes()
    result = await restore(home, file)
    assert await tags(home) == ["chess"]
    assert (home.keys / "passwords").read_bytes() == key
    assert (home.keys / "newer").read_bytes() == b"y" * 32
    kept = Path(result["kept"])
    assert kept.parent == home.path
    assert (kept / "coalserver.sqlite3").read_bytes() == replaced
    assert (kept / "keys" / "passwords").read_bytes() == b"x" * 32


async def test_each_restore_keeps_the_replaced_data(home, file):
    await add(home, "chess")
    await backup(home, file)
    replaced = {(await restore(home, file))["kept"] for _ in range(3)}
    assert len(replaced) == 3
    assert all((Path(path) / "coalserver.sqlite3").is_file() for path in replaced)


async def test_restore_into_an_empty_directory(home, file, tmp_path):
    await add(home, "chess")
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    assert (await restore(other, file))["kept"] is None
    assert await tags(other) == ["chess"]


async def test_ids_are_not_issued_twice_after_a_restore(home, file):
    await add(home, "chess")
    await backup(home, file)
    last = [await add(home, tag) for tag in ("go", "hex")][-1]
    await restore(home, file)
    assert await add(home, "shogi") == last + 1
    assert await tags(home) == ["chess", "shogi"]


async def test_higher_counters_of_the_backup_are_kept(home, file, tmp_path):
    for tag in ("chess", "go", "hex"):
        await add(home, tag)
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    await add(other, "lone")
    await restore(other, file)
    assert await counters(other) == {**await counters(home), AuditEntry: 1}


async def test_unreadable_replaced_database_is_kept_and_counters_leap(home, file):
    await add(home, "chess")
    before = await counters(home)
    await backup(home, file)
    home.database.write_bytes(b"no database " * 1000)
    result = await restore(home, file)
    assert (Path(result["kept"]) / "coalserver.sqlite3").read_bytes() == b"no database " * 1000
    after = await counters(home)
    assert after[Game] >= before[Game] + 10**6
    assert after[ENTRY_COUNTER] >= 10**8
    assert await tags(home) == ["chess"]


async def test_counters_leap_also_for_kinds_without_rows_and_lines_of_a_new_world_fit(
    home, file, tmp_path
):
    await add(home, "chess")
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    await restore(other, file)
    after = await counters(other)
    assert after[ConsoleCommand] >= 10**6 and after[Player] >= 10**6

    async def log_a_line(context: AdminContext) -> int:
        world = await context.core.execute(create_world, name="New")
        parsed = parse_line("2026-11-20 12:00:00 [INFO] <Ada> hi")
        assert await ingest_lines(context.core, world_id=world.id, parsed_lines=[parsed]) == [True]
        return int(world.id)

    # The position of a line has 18 bits for its world, also after several restores.
    assert 1000 <= await in_context(other, log_a_line) < 2**18 / 100


async def test_wal_of_the_replaced_database_is_deleted(home, file):
    await add(home, "chess")
    await backup(home, file)
    _, wal, shm = home.database_files()
    home.database.write_bytes(b"no database " * 1000)
    wal.write_bytes(b"left over")
    shm.write_bytes(b"left over")
    result = await restore(home, file)
    assert (Path(result["kept"]) / wal.name).read_bytes() == b"left over"
    assert await tags(home) == ["chess"]


@pytest.mark.parametrize("moved", [0, 1, 2])
async def test_interrupted_restore_is_completed_at_the_next_lock(home, file, moved):
    await add(home, "chess")
    await backup(home, file)
    await add(home, "go")
    with home.lock(), tarfile.open(file) as tar:
        tar.extractall(home.path / "restored", filter="data")
    (home.path / "restored" / "manifest.json").unlink()
    for name in ("coalserver.sqlite3", "keys/passwords")[:moved]:
        (home.path / "restored" / name).replace(home.path / name)
    assert await tags(home) == ["chess"]
    assert not (home.path / "restored").exists()


async def test_cursor_from_after_the_backup_reports_a_gap(home, file):
    async def play(context: AdminContext) -> int:
        await context.core.execute(create_guest, name="Ann")
        await context.core.execute(open_lobby, game="chess", player_id=1, name="x")
        return context.core.feed.head

    async def feed(context: AdminContext) -> Feed:
        return context.core.feed

    await add(home, "chess")
    backed_up = await in_context(home, play)
    await backup(home, file)
    await in_context(
        home, lambda context: context.core.execute(members.leave, kind=Lobby, id=1, player_id=1)
    )
    seen = (await in_context(home, feed)).head
    await restore(home, file)
    after = await in_context(home, feed)
    gaps = [cursor for cursor in range(backed_up, after.head + 1) if after.has_gap(cursor)]
    assert gaps == list(range(backed_up + 1, seen + 1))
