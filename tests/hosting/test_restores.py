"""Restores: the old folder or the new one, whatever happens in between."""

import errno
import logging
import os
import shutil
from pathlib import Path

import pytest

from coalserver.hosting import restores
from coalserver.hosting.archives import Archive
from coalserver.hosting.level import read_level
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.restores import Restored, delete_old, recover_restore, restore
from coalserver.hosting.save_errors import NoSpace, SaveFailed, Stopped, UnknownSave
from coalserver.hosting.saves import SavedGame, SavedGames, SaveKind, SaveRequest
from tests.hosting.full_disk import full_disk
from tests.hosting.test_saves import crash_at_every_step, make, upload
from tests.hosting.zips import (
    LEFT_OUT,
    SAVED_FILES,
    Part,
    files_in,
    level_dat,
    make_server,
    make_zip,
)


@pytest.fixture
def games(tmp_path: Path) -> SavedGames:
    folder = tmp_path / "w"
    folder.mkdir()
    make_server(folder)
    return SavedGames(folder)


@pytest.fixture
def saved(games: SavedGames) -> SavedGame:
    """A saved game, after which the world has gone on."""
    saved = make(games)
    (games.server / "world/region/r.0.0.mca").write_text("later")
    (games.server / "later").write_text("later")
    return saved


def put_back(games: SavedGames, saved: SavedGame, **options: object) -> Restored:
    return restore(games, saved.id, Progress(), **{"disk_free": 0, **options})


def is_old(server: Path) -> bool:
    """Whether the folder of a server is that from before a restore, whole; fails if it is neither that nor the new."""
    found = files_in(server)
    region = (server / "world/region/r.0.0.mca").read_text()
    if found == SAVED_FILES:
        assert region == "region" * 1_000
        assert read_level(server / "world").version == "1.20.1"
        return False
    assert found > SAVED_FILES and "later" in found
    assert region == "later"
    return True


def test_restore_replaces_the_folder_and_keeps_the_old_one(games, saved):
    assert put_back(games, saved) == Restored(saved.id, "world")
    assert not is_old(games.server)
    [old] = (games.folder / "old").iterdir()
    assert is_old(old)
    assert {path.name for path in games.folder.iterdir()} == {"server", "saves", "old"}


def test_restore_to_a_world_that_never_ran(games, saved):
    shutil.rmtree(games.server)
    put_back(games, saved)
    assert not is_old(games.server)
    assert not (games.folder / "old").exists()


def test_two_restores_within_a_day_keep_two_old_folders(games, saved):
    put_back(games, saved)
    put_back(games, saved)
    assert len(list((games.folder / "old").iterdir())) == 2


def test_percents_of_a_restore_rise_to_100(games, saved):
    seen: list[int] = []
    restore(games, saved.id, Progress(seen.append), disk_free=0)
    assert seen == sorted(set(seen))
    assert seen[-1] == 100


def test_old_folders_stay_for_a_day(games, saved, monkeypatch):
    for at in (1_000_000, 1_080_000):
        monkeypatch.setattr(restores.time, "time", lambda at=at: at)
        put_back(games, saved)
    old = games.folder / "old"
    for now, left in ((1_086_400, 2), (1_086_401, 1), (1_166_400, 1), (1_166_401, 0)):
        delete_old(games.folder, now)
        assert len(list(old.iterdir())) == left
    delete_old(games.folder / "missing")


def test_old_folder_is_deleted_without_following_links(games, saved, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("x")
    (games.server / "link").symlink_to(outside)
    put_back(games, saved)
    (games.folder / "old" / "link").symlink_to(outside)
    delete_old(games.folder, 10**10)
    assert files_in(outside) == {"x"}
    assert files_in(games.folder / "old") == set()


def test_uploaded_world_replaces_the_world_only(games):
    (games.server / "eula.txt").symlink_to("/etc/hostname")
    (games.server / "world_nether").mkdir()
    (games.server / "world_nether" / "x").write_text("x")
    (games.server / "plugins" / "empty").mkdir()
    uploaded = upload(games, make_zip([Part(b"Mine/level.dat", level_dat())]))
    assert put_back(games, uploaded) == Restored(uploaded.id, "Mine")
    assert files_in(games.server) == {
        "Mine/level.dat",
        "server.properties",
        "ops.json",
        "plugins/Essentials.jar",
        "plugins/empty/",
    }
    assert (games.server / "ops.json").read_text() == "[]"
    assert (games.server / "ops.json").stat().st_mode & 0o777 == 0o600
    again = upload(games, make_zip([Part(b"Mine/level.dat", level_dat()), Part(b"Mine/x", b"x")]))
    put_back(games, again, level_name="Mine")
    assert files_in(games.server) >= {"Mine/level.dat", "Mine/x", "plugins/Essentials.jar"}


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO, errno.ENOENT])
def test_unreadable_file_beside_the_world_fails_the_restore_of_an_upload(games, monkeypatch, error):
    uploaded = upload(games, make_zip([Part(b"Mine/level.dat", level_dat())]))
    real = os.open

    def fake_open(name, flags, *args, **options):
        if name == "ops.json" and not flags & os.O_CREAT:
            raise OSError(error, os.strerror(error))
        return real(name, flags, *args, **options)

    with monkeypatch.context() as patch, pytest.raises(SaveFailed, match="ops.json cannot be read"):
        patch.setattr(os, "open", fake_open)
        put_back(games, uploaded)
    assert files_in(games.server) == SAVED_FILES | LEFT_OUT
    assert not (games.folder / "server.new").exists()


def test_unknown_saved_game_changes_nothing(games, saved):
    with pytest.raises(UnknownSave):
        restore(games, "20200101T000000Z-manual", Progress(), disk_free=0)
    assert is_old(games.server)


def test_restore_without_room_changes_nothing(games, saved):
    with pytest.raises(NoSpace):
        put_back(games, saved, disk_free=1 << 60)
    assert is_old(games.server)
    assert not (games.folder / "server.new").exists()


@pytest.mark.parametrize("damage", ["content", "end", "no_level", "level"])
def test_damaged_saved_game_changes_nothing(games, saved, damage):
    path = games.path(saved.id)
    content = bytearray(path.read_bytes())
    if damage == "content":
        content[len(content) // 2 - 300] ^= 0xFF
        content[60] ^= 0xFF
    elif damage == "end":
        content[-len(content) // 4 :] = b"\0" * (len(content) // 4)
    else:
        level = b"world/level.dat" if damage == "level" else b"world/other"
        content = bytearray(make_zip([Part(level, b"torn")]))
    path.write_bytes(content)
    _claim_size(games, saved)
    with pytest.raises(SaveFailed):
        put_back(games, saved)
    assert is_old(games.server)
    assert {one.name for one in games.folder.iterdir()} == {"server", "saves"}


def _claim_size(games: SavedGames, saved: SavedGame) -> None:
    """Let the JSON file fit the damaged zip."""
    path = games.path(saved.id)
    sidecar = path.with_suffix(".json")
    size = path.stat().st_size
    sidecar.write_text(sidecar.read_text().replace(f'"size": {saved.size}', f'"size": {size}'))


def test_stopped_restore_changes_nothing(games, saved, monkeypatch):
    progress = Progress()
    real = Archive.chunks

    def chunks(self, entry):
        if (games.folder / "server.new").exists():
            progress.stop()
        yield from real(self, entry)

    monkeypatch.setattr(Archive, "chunks", chunks)
    with pytest.raises(Stopped):
        restore(games, saved.id, progress, disk_free=0)
    assert is_old(games.server)
    assert not (games.folder / "server.new").exists()


def test_crash_at_any_step_leaves_the_old_folder_or_the_new_one(games, saved, tmp_path):
    folders = crash_at_every_step("put_back", games.folder, tmp_path / "crashed")
    results, finished = [], []
    for folder in folders:
        finished.append(recover_restore(folder))
        results.append(is_old(folder / "server"))
        old = folder / "old"
        if not results[-1]:
            assert [is_old(path) for path in old.iterdir()] == [True]
        elif old.exists():
            assert list(old.iterdir()) == []
        assert {path.name for path in folder.iterdir()} - {"old"} == {"server", "saves"}
        assert recover_restore(folder) is None
    # First always the old one, then always the new one.
    assert results == sorted(results, reverse=True)
    assert (results[0], results[-1]) == (True, False)
    assert Restored(saved.id, "world") in finished
    assert {one for one, old in zip(finished, results, strict=True) if old} == {None}


def test_crash_in_the_recovery_is_recovered_from(games, saved, tmp_path):
    """The states in which a restore was interrupted, each with a crash at every step of its recovery."""
    crashed = crash_at_every_step("put_back", games.folder, tmp_path / "first")
    states: dict[tuple[str, ...], Path] = {}
    for folder in crashed:
        names = sorted(path.name for path in folder.iterdir())
        states.setdefault(tuple(names), folder)
    interesting = [
        path for names, path in states.items() if {"server.new", "complete"} & set(names)
    ]
    assert len(interesting) >= 3
    for number, state in enumerate(interesting):
        wanted = (state / "complete").exists()
        for folder in crash_at_every_step("recover", state, tmp_path / f"second{number}"):
            recover_restore(folder)
            assert is_old(folder / "server") is not wanted
            assert not {"server.new", "complete"} & {path.name for path in folder.iterdir()}


def test_full_disk_at_any_write_changes_nothing(games, saved):
    for writes in range(1_000):
        with full_disk(writes) as disk:
            try:
                put_back(games, saved)
            except SaveFailed as error:
                assert str(error) == "no space is left on the disk"
        if not disk.full:
            break
        recover_restore(games.folder)
        if not is_old(games.server):
            # Everything was on disk: the renames were finished.
            shutil.rmtree(games.folder / "old")
            (games.server / "later").write_text("later")
            (games.server / "world/region/r.0.0.mca").write_text("later")
        assert not (games.folder / "server.new").exists()
    assert writes > 20
    assert not is_old(games.server)


def test_full_disk_at_any_write_of_an_uploads_restore_changes_nothing(games):
    uploaded = upload(games, make_zip([Part(b"Mine/level.dat", level_dat())]))
    for writes in range(1_000):
        with full_disk(writes) as disk:
            try:
                put_back(games, uploaded)
            except SaveFailed as error:
                assert str(error) == "no space is left on the disk"
        recover_restore(games.folder)
        if not disk.full or (games.server / "Mine").exists():
            break
        assert files_in(games.server) == SAVED_FILES | LEFT_OUT
        assert not (games.folder / "server.new").exists()
    assert writes > 15
    assert files_in(games.server) >= {"Mine/level.dat", "plugins/Essentials.jar", "ops.json"}


def test_undone_restore_is_logged(games, saved, caplog):
    (games.folder / "server.new" / "world").mkdir(parents=True)
    with caplog.at_level(logging.INFO):
        assert recover_restore(games.folder) is None
    assert "is undone" in caplog.text
    assert is_old(games.server)


def test_completed_restore_is_finished_although_its_note_is_unreadable(games, saved):
    (games.folder / "server.new").mkdir()
    (games.folder / "server.new" / "new").write_text("x")
    (games.folder / "complete").write_bytes(b"")
    assert recover_restore(games.folder) is None
    assert files_in(games.server) == {"new"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_files_belong_to_the_account_of_the_worlds(games):
    uploaded = upload(games, make_zip([Part(b"w/level.dat", level_dat()), Part(b"w/a/b", b"c")]))
    put_back(games, uploaded, owner=(12_345, 12_346))
    paths = [games.server, *games.server.rglob("*")]
    assert len(paths) > 5
    assert {(path.stat().st_uid, path.stat().st_gid) for path in paths} == {(12_345, 12_346)}


def test_restored_world_can_be_saved_again(games, saved):
    put_back(games, saved)
    progress = Progress()
    again = games.finish(games.copy(SaveRequest(SaveKind.MANUAL), progress), progress)
    assert again.needs == saved.needs
