"""Backups: what was kept comes back, what is damaged does not, and no id comes twice."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coalserver import archive
from coalserver.config import Config
from coalserver.core.commands.accounts import sign_in_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import leave_lobby, open_lobby
from coalserver.core.feed import Feed
from coalserver.core.queries.games import all_games
from coalserver.core.unit import ENTRIES
from coalserver.desk import Desk, opened
from coalserver.housing import DataDirectory, Trouble


@pytest.fixture
def home(tmp_path: Path) -> DataDirectory:
    return DataDirectory(tmp_path / "data")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup.tar"


async def at_desk(home: DataDirectory, work: Callable[[Desk], Any]) -> Any:
    with home.lock():
        async with opened(Config(), home) as desk:
            return await work(desk)


async def add(home: DataDirectory, tag: str) -> int:
    made = await at_desk(home, lambda desk: desk.core.do(add_game, tag=tag))
    return int(made["game_id"])


async def tags(home: DataDirectory) -> list[str]:
    async def listed(desk: Desk) -> list[str]:
        return [game.tag for game in desk.core.see(all_games)]

    return list(await at_desk(home, listed))


async def counters(home: DataDirectory) -> dict[str, int]:
    async def counted(desk: Desk) -> dict[str, int]:
        return dict(desk.core.state.counters)

    return dict(await at_desk(home, counted))


async def backup(home: DataDirectory, file: Path) -> Any:
    return await at_desk(home, lambda desk: archive.backup(desk.home, desk.store, file))


async def restore(home: DataDirectory, file: Path) -> Any:
    with home.lock():
        return await archive.restore(home, file)


def everything(home: DataDirectory) -> dict[str, bytes]:
    """What lies in a data directory, but for the lock, whose content is only who has it."""
    files = (path for path in home.path.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(home.path)): path.read_bytes() for path in files}


def packed(file: Path, manifest: Any, **parts: bytes) -> Path:
    """A tar with this manifest and these parts, `__` standing for a slash."""
    with tarfile.open(file, "w") as tar:
        head = json.dumps(manifest).encode()
        for name, content in {"manifest.json": head, **parts}.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


async def test_a_backup_is_a_tar_with_a_manifest_the_database_and_the_keys(home, file):
    await add(home, "chess")
    said = await backup(home, file)
    assert said == {"file": str(file), "bytes": file.stat().st_size}
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


async def test_a_backup_replaces_nothing(home, file):
    await add(home, "chess")
    file.write_bytes(b"precious")
    with pytest.raises(Trouble, match="is there already"):
        await backup(home, file)
    assert file.read_bytes() == b"precious"


async def test_a_backup_that_cannot_be_written_says_so_and_leaves_nothing(home, tmp_path):
    await add(home, "chess")
    before = set(everything(home))
    with pytest.raises(Trouble, match="cannot be written: No such file or directory"):
        await backup(home, tmp_path / "nowhere" / "b.tar")
    assert set(everything(home)) == before


async def test_what_was_kept_comes_back_with_its_keys_and_the_old_is_kept(home, file):
    await add(home, "chess")
    key = (home.keys / "passwords").read_bytes()
    await backup(home, file)
    await add(home, "go")
    (home.keys / "passwords").write_bytes(b"x" * 32)
    (home.keys / "newer").write_bytes(b"y" * 32)
    replaced = home.database.read_bytes()
    said = await restore(home, file)
    assert await tags(home) == ["chess"]
    assert (home.keys / "passwords").read_bytes() == key
    assert (home.keys / "newer").read_bytes() == b"y" * 32
    kept = Path(said["kept"])
    assert kept.parent == home.path
    assert (kept / "coalserver.sqlite3").read_bytes() == replaced
    assert (kept / "keys" / "passwords").read_bytes() == b"x" * 32


async def test_each_restore_keeps_what_it_replaced(home, file):
    await add(home, "chess")
    await backup(home, file)
    kept = {(await restore(home, file))["kept"] for _ in range(3)}
    assert len(kept) == 3
    assert all((Path(path) / "coalserver.sqlite3").is_file() for path in kept)


async def test_a_restore_that_cannot_keep_the_old_file_changes_nothing(home, file):
    await add(home, "chess")
    await backup(home, file)
    (home.keys / "dangling").symlink_to("/no/such/key")
    before = await tags(home)
    with pytest.raises(Trouble, match="was not restored"):
        await restore(home, file)
    (home.keys / "dangling").unlink()
    assert await tags(home) == before
    assert not list(home.path.glob("replaced-*"))


async def test_a_backup_comes_back_where_nothing_was(home, file, tmp_path):
    await add(home, "chess")
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    assert (await restore(other, file))["kept"] is None
    assert await tags(other) == ["chess"]


async def test_no_id_comes_twice_after_a_restore(home, file):
    await add(home, "chess")
    await backup(home, file)
    last = [await add(home, tag) for tag in ("go", "hex")][-1]
    await restore(home, file)
    assert await add(home, "shogi") == last + 1
    assert await tags(home) == ["chess", "shogi"]


async def test_counters_of_the_backup_that_are_higher_stay(home, file, tmp_path):
    for tag in ("chess", "go", "hex"):
        await add(home, tag)
    await backup(home, file)
    other = DataDirectory(tmp_path / "other")
    await add(other, "lone")
    await restore(other, file)
    assert await counters(other) == await counters(home)


async def test_a_replaced_file_nobody_can_read_is_kept_and_passed_by_far(home, file):
    await add(home, "chess")
    before = await counters(home)
    await backup(home, file)
    home.database.write_bytes(b"no database " * 1000)
    said = await restore(home, file)
    assert (Path(said["kept"]) / "coalserver.sqlite3").read_bytes() == b"no database " * 1000
    after = await counters(home)
    assert after["Game"] >= before["Game"] + 10**6
    assert after[ENTRIES] >= 10**9
    assert await tags(home) == ["chess"]


async def test_what_a_crash_left_beside_the_replaced_file_does_not_come_along(home, file):
    await add(home, "chess")
    await backup(home, file)
    _, wal, shm = home.database_files()
    home.database.write_bytes(b"no database " * 1000)
    wal.write_bytes(b"left over")
    shm.write_bytes(b"left over")
    said = await restore(home, file)
    assert (Path(said["kept"]) / wal.name).read_bytes() == b"left over"
    assert await tags(home) == ["chess"]


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, 0.8])
async def test_a_backup_that_was_cut_off_changes_nothing(home, file, share):
    await add(home, "chess")
    await backup(home, file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    before = everything(home)
    with pytest.raises(Trouble, match="damaged|not a backup"):
        await restore(home, file)
    assert everything(home) == before


async def test_a_backup_with_one_bit_changed_changes_nothing(home, file):
    await add(home, "chess")
    await backup(home, file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    before = everything(home)
    with pytest.raises(Trouble, match=r"damaged at coalserver\.sqlite3"):
        await restore(home, file)
    assert everything(home) == before


@pytest.mark.parametrize(
    ("manifest", "parts", "said"),
    [
        (None, {}, "is not a backup of coalserver"),
        ([], {}, "is not a backup of coalserver"),
        ({"format": 1}, {}, "is not a backup of coalserver"),
        ({"format": 1, "made": "", "files": {}}, {}, "it has no database"),
        ({"format": 2, "made": "", "files": {}}, {}, "made by a newer coalserver"),
        ({"format": 1, "made": "", "files": {"../x": {}}}, {}, "made by a newer coalserver"),
        ({"format": 1, "made": "", "files": {"keys/../x": {}}}, {}, "made by a newer coalserver"),
        ({"format": 1, "made": "", "files": {"/etc/x": {}}}, {}, "made by a newer coalserver"),
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
async def test_an_archive_that_is_none_of_ours_changes_nothing(home, file, manifest, parts, said):
    await add(home, "chess")
    before = everything(home)
    with pytest.raises(Trouble, match=said):
        await restore(home, packed(file, manifest, **parts))
    assert everything(home) == before


async def test_a_sound_archive_with_a_database_that_is_none_changes_nothing(home, file):
    await add(home, "chess")
    no_database = home.path.parent / "none"
    no_database.write_bytes(b"x")
    row = {"bytes": 1, "sha256": archive.digest(no_database)}
    files = {"coalserver.sqlite3": row}
    packed(file, {"format": 1, "made": "", "files": files}, **{"coalserver.sqlite3": b"x"})
    before = everything(home)
    with pytest.raises(Trouble, match="The database in .* cannot be used"):
        await restore(home, file)
    assert everything(home) == before


async def test_no_file_at_all_is_said(home, file):
    with pytest.raises(Trouble, match="cannot be read: No such file or directory"):
        await restore(home, file)


@pytest.mark.parametrize("moved", [0, 1, 2])
async def test_a_restore_that_was_cut_off_is_finished_at_the_next_lock(home, file, moved):
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


async def test_cursors_from_after_the_backup_are_told_what_they_have_lost(home, file):
    async def played(desk: Desk) -> int:
        await desk.core.do(sign_in_guest, name="Ann")
        await desk.core.do(open_lobby, game="chess", player=1, name="x")
        return desk.core.feed.head

    async def feed(desk: Desk) -> Feed:
        return desk.core.feed

    await add(home, "chess")
    kept = await at_desk(home, played)
    await backup(home, file)
    await at_desk(home, lambda desk: desk.core.do(leave_lobby, lobby_id=1, player=1))
    seen = (await at_desk(home, feed)).head
    await restore(home, file)
    after = await at_desk(home, feed)
    told = [cursor for cursor in range(kept, after.head + 1) if after.lost(cursor)]
    assert told == list(range(kept + 1, seen + 1))
