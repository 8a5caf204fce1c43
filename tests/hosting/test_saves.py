"""Saved games on disk: what is listed, kept, rotated, uploaded, and what a crash leaves."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from coalserver.hosting import saves as saves_module
from coalserver.hosting.archives import Limits, open_archive
from coalserver.hosting.disk import FolderSize, check_space, free_bytes, measure
from coalserver.hosting.level import read_level
from coalserver.hosting.low_priority import Progress, run_in_background
from coalserver.hosting.save_errors import (
    NoSpace,
    NotAWorld,
    SaveFailed,
    Stopped,
    UnknownSave,
    UnsafeArchive,
)
from coalserver.hosting.saves import (
    SavedGame,
    SavedGames,
    SaveKind,
    SaveRequest,
    expired_saves,
    save_world,
    uploaded_level_name,
)
from tests.hosting.full_disk import full_disk
from tests.hosting.zips import LINK, SAVED_FILES, Part, files_in, level_dat, make_server, make_zip
from tests.processes import TIMEOUT_SECONDS

CRASH_SAVES = Path(__file__).parent / "crash_saves.py"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def games(tmp_path: Path) -> SavedGames:
    (tmp_path / "w").mkdir()
    make_server(tmp_path / "w")
    return SavedGames(tmp_path / "w")


def make(games: SavedGames, kind: SaveKind = SaveKind.MANUAL, **options: object) -> SavedGame:
    progress = Progress()
    return games.finish(games.copy(SaveRequest(kind, **options), progress), progress)


def ids(saves: list[SavedGame]) -> list[str]:
    return [saved.id for saved in saves]


def crash_at_every_step(operation: str, template: Path, target: Path) -> list[Path]:
    """Return the folders that crashes have left, and one where there was none."""
    target.mkdir()
    run = subprocess.run(
        [sys.executable, str(CRASH_SAVES), operation, str(template), str(target)],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS * 4,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    folders = sorted(target.iterdir(), key=lambda path: int(path.name))
    assert len(folders) == len(run.stdout.splitlines()) + 1 > 3
    return folders


def test_saved_game_has_what_is_known_of_it(games):
    request = {"by": 7, "after_kill": True, "note": " a\nnote \x1b" + "x" * 200}
    saved = make(games, SaveKind.PAUSE, **request)
    content = games.path(saved.id).read_bytes()
    assert saved.id.endswith("Z-pause")
    assert (saved.kind, saved.by, saved.after_kill, saved.pinned) == ("pause", 7, True, False)
    assert (saved.version, saved.level_name) == ("1.20.1", "world")
    assert saved.size == len(content)
    assert len(saved.note) == 100 and saved.note.startswith("a note x")
    assert saved.needs == sum(
        (games.server / name).stat().st_size for name in SAVED_FILES if name[-1] != "/"
    )
    assert games.all() == [saved]
    assert games.get(saved.id) == saved
    document = json.loads(games.path(saved.id).with_suffix(".json").read_text())
    assert document.keys() == {
        *("made", "size", "sha256", "kind", "by", "version", "pinned", "after_kill", "note"),
        *("needs", "level_name", "number"),
    }
    assert {path.stat().st_mode & 0o777 for path in games.saves.iterdir()} == {0o600}


def test_saves_within_a_second_are_several_and_in_order(games):
    made = [make(games, kind) for kind in (SaveKind.MANUAL, SaveKind.PAUSE, SaveKind.MANUAL)]
    assert len({saved.made for saved in made}) == 3
    assert ids(games.all()) == ids(made[::-1])


def test_clock_that_steps_back_changes_no_order(games, monkeypatch):
    first = make(games)
    monkeypatch.setattr(saves_module.time, "time", lambda: first.made - 86_400)
    second = make(games)
    assert second.made < first.made
    assert ids(games.all()) == [second.id, first.id]
    assert ids(games.rotate(0)) == [first.id]


def test_pin_note_and_delete(games):
    saved = make(games)
    assert games.update(saved.id, pinned=True).pinned
    assert games.update(saved.id, note="x" * 101).note == "x" * 100
    assert games.get(saved.id) == replace(saved, pinned=True, note="x" * 100)
    assert not games.update(saved.id, pinned=False).pinned
    games.delete(saved.id)
    assert (games.all(), list(games.saves.iterdir())) == ([], [])


@pytest.mark.parametrize(
    "save_id", ["", "20260101T000000Z-manual", "../x", "20260101T000000Z-manual/../..", "x" * 5_000]
)
def test_unknown_saved_game_is_an_error(games, save_id):
    make(games)
    for call in (games.get, games.delete, games.update, games.open):
        with pytest.raises(UnknownSave):
            call(save_id)


def test_download_goes_on_although_the_saved_game_is_deleted(games):
    saved = make(games)
    with games.open(saved.id) as file:
        games.delete(saved.id)
        assert len(file.read()) == saved.size


def test_zip_without_json_file_gets_one(games):
    saved = make(games, by=3)
    path = games.path(saved.id).with_suffix(".json")
    for content in (None, "", "[]", "{}", "[" * 10_000, '{"made": 1e999}'):
        path.unlink() if content is None else path.write_text(content)
        assert games.all() == []
        games.recover()
        assert games.all() == [saved]


def test_zip_of_another_origin_counts_as_made_after_a_kill(games):
    games.saves.mkdir()
    content = make_zip([Part(b"w/level.dat", level_dat())], comment=b"[[[")
    (games.saves / "20200102T030405Z-nightly.zip").write_bytes(content)
    games.recover()
    [saved] = games.all()
    assert (saved.made, saved.kind, saved.after_kill) == (1577934245.0, "nightly", True)
    assert (saved.level_name, saved.version, saved.number) == ("w", "1.20.1", 0)


def test_zip_that_another_file_has_replaced_is_described_anew(games):
    saved = make(games)
    games.path(saved.id).write_bytes(make_zip([Part(b"w/level.dat", level_dat())]))
    games.recover()
    assert games.get(saved.id).level_name == "w"


def test_start_deletes_what_belongs_to_nothing(games, caplog):
    saved = make(games)
    for name in ("a.zip.part", "20260101T000000Z-manual.json", ".x.json.part"):
        (games.saves / name).write_text("x")
    for name in ("notes.txt", "20260102T000000Z-manual.zip"):
        (games.saves / name).write_text("of the operator")
    with caplog.at_level(logging.WARNING):
        games.recover()
    assert {path.name for path in games.saves.iterdir()} == {
        f"{saved.id}.zip",
        f"{saved.id}.json",
        "notes.txt",
        "20260102T000000Z-manual.zip",
    }
    assert games.all() == [saved]
    assert "is not a saved game" in caplog.text


def test_world_without_saved_games_has_none(tmp_path):
    games = SavedGames(tmp_path / "world")
    games.recover()
    assert (games.all(), games.newest(), games.rotate(1)) == ([], None, [])


def shorthand(text: str) -> list[SavedGame]:
    """Return saved games, newest first: p is pinned, k after a kill, P both, o neither."""
    return [
        SavedGame(str(number), 0.0, SaveKind.MANUAL, pinned=one in "pP", after_kill=one in "kP")
        for number, one in enumerate(text)
    ]


@pytest.mark.parametrize(
    ("saves", "depth", "kept"),
    [
        ("", 1, ""),
        ("o", 1, "0"),
        ("ooooo", 1, "01"),
        ("ooooo", 3, "0123"),
        ("oo", 10, "01"),
        # The newest stays, and `depth` more that are not pinned.
        ("poooo", 1, "01"),
        ("opooo", 1, "012"),
        ("oppoo", 2, "01234"),
        ("ooppo", 1, "0123"),
        # The newest that was not made after a kill stays.
        ("kkkko", 1, "014"),
        ("kkkkoo", 1, "014"),
        ("kkkkk", 1, "01"),
        ("kokkk", 1, "01"),
        ("kkPkpo", 1, "0124"),
        ("kkPko", 1, "0124"),
        ("okkk", 1, "01"),
        ("o" * 14, 10, "012345678910"),
    ],
)
def test_rotation_keeps(saves, depth, kept):
    listed = shorthand(saves)
    expired = expired_saves(listed, depth)
    assert "".join(saved.id for saved in listed if saved not in expired) == kept


def test_rotation_deletes_files(games):
    made = [make(games) for _ in range(4)]
    games.update(made[0].id, pinned=True)
    assert ids(games.rotate(1)) == [made[1].id]
    assert ids(games.all()) == ids([made[3], made[2], made[0]])
    assert len(list(games.saves.iterdir())) == 6


# Crashes and full disks


def check_after_crash(folder: Path, before: list[SavedGame]) -> list[SavedGame]:
    """Recover as at a start; each saved game is whole, and none from before is lost. Return the new ones."""
    games = SavedGames(folder)
    games.recover()
    found = games.all()
    assert not list(games.saves.glob("*.part")) and not list(games.saves.glob(".*.part"))
    assert {path.stem for path in games.saves.iterdir()} == set(ids(found))
    assert set(ids(before)) <= set(ids(found))
    for saved in found:
        with games.open(saved.id) as file, open_archive(file, Limits()) as archive:
            assert archive.size == saved.size
            assert archive.read_through(Progress()) == saved.needs
    return [saved for saved in found if saved.id not in ids(before)]


def test_crash_at_any_step_leaves_a_saved_game_whole_or_absent(games, tmp_path):
    before = [make(games)]
    folders = crash_at_every_step("make", games.folder, tmp_path / "crashed")
    new = [check_after_crash(folder, before) for folder in folders]
    counts = [len(one) for one in new]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 1)
    # One that a crash left without its JSON file is described as the others.
    assert {(one[0].kind, one[0].after_kill, one[0].number) for one in new if one} == {
        ("manual", False, 2)
    }


def test_crash_at_any_step_of_an_upload_leaves_it_whole_or_absent(games, tmp_path):
    before = [make(games)]
    (games.folder / "upload.zip").write_bytes(make_zip([Part(b"My World/level.dat", level_dat())]))
    folders = crash_at_every_step("upload", games.folder, tmp_path / "crashed")
    counts = [len(check_after_crash(folder, before)) for folder in folders]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 1)


def test_crash_at_any_step_of_a_rotation_loses_nothing_that_is_kept(games, tmp_path):
    made = [make(games) for _ in range(3)]
    for folder in crash_at_every_step("rotate", games.folder, tmp_path / "crashed"):
        older = check_after_crash(folder, made[2:])
        assert ids(SavedGames(folder).all()) == ids([made[2], *older])
    assert older == []


def test_crash_at_any_step_of_a_pin_keeps_the_saved_game(games, tmp_path):
    made = [make(games)]
    pinned = []
    for folder in crash_at_every_step("pin", games.folder, tmp_path / "crashed"):
        assert check_after_crash(folder, made) == []
        pinned.append(SavedGames(folder).all()[0].pinned)
    assert pinned == sorted(pinned) and pinned[-1]


def test_full_disk_at_any_write_leaves_no_half_saved_game(games):
    kept = make(games)
    for writes in range(1_000):
        with full_disk(writes) as disk:
            try:
                make(games)
            except SaveFailed as error:
                assert str(error) == "no space is left on the disk"
        if not disk.full:
            break
        assert {path.name for path in games.saves.iterdir()} == {
            f"{kept.id}.zip",
            f"{kept.id}.json",
        }
    assert len(games.all()) == 2


def test_full_disk_keeps_pin_and_note(games):
    saved = make(games)
    for writes in range(1_000):
        with full_disk(writes) as disk:
            try:
                games.update(saved.id, pinned=True)
            except SaveFailed:
                pass
        if not disk.full:
            break
        assert len(list(games.saves.iterdir())) == 2
    assert games.get(saved.id).pinned


def test_files_are_on_disk_before_their_names(games, monkeypatch):
    """A power cut may lose what was not synchronised: content comes before name, zip before JSON file."""
    calls: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def name_of(descriptor: int) -> str:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}")).name

    def fsync(descriptor: int) -> None:
        calls.append(f"sync {name_of(descriptor)}")
        real_fsync(descriptor)

    def rename(source, target) -> None:
        calls.append(f"rename {Path(target).name}")
        real_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    saved = make(games)
    assert calls == [
        "sync w",
        f"sync {saved.id}.zip.part",
        f"sync .{saved.id}.json.part.part",
        "sync saves",
        f"rename {saved.id}.zip",
        "sync saves",
        f"rename {saved.id}.json",
        "sync saves",
    ]


# Uploads


def upload(games: SavedGames, content: bytes, max_bytes: int = 1 << 30, kept: int = 0) -> SavedGame:
    path = games.folder / "upload.zip"
    path.write_bytes(content)
    with path.open("rb") as file:
        return games.add_upload(file, Progress(), max_bytes=max_bytes, disk_free=kept, by=5)


def names_of(games: SavedGames, saved: SavedGame) -> set[str]:
    with games.open(saved.id) as file, open_archive(file, Limits()) as archive:
        return {entry.path for entry in archive.files()}


def test_upload_becomes_a_saved_game_with_the_world_only(games):
    parts = [
        Part(b"game/My World/level.dat", level_dat()),
        Part(b"game/My World/session.lock", b"x"),
        Part(b"game/My World/region/r.0.0.mca", b"region"),
        Part(b"game/My World/datapacks/pack.zip", b"pack"),
        Part(b"game/My World_nether/level.dat", level_dat()),
        Part(b"game/My World_nether/DIM-1/region/r.0.0.mca", b"nether"),
        Part(b"game/My World 2", b"another"),
        Part(b"game/server.properties", b"enable-rcon=true"),
        Part(b"game/server.jar", b"jar"),
        Part(b"game/start.sh", b"#!/bin/sh"),
        Part(b"game/mods/mod.jar", b"jar"),
    ]
    saved = upload(games, make_zip(parts))
    assert (saved.kind, saved.by, saved.version) == ("upload", 5, "1.20.1")
    assert saved.level_name == "My World"
    assert names_of(games, saved) == {
        "My World/level.dat",
        "My World/region/r.0.0.mca",
        "My World/datapacks/pack.zip",
        "My World_nether/level.dat",
        "My World_nether/DIM-1/region/r.0.0.mca",
    }


def test_upload_with_the_world_at_the_top_is_called_world(games):
    saved = upload(games, make_zip([Part(b"level.dat", level_dat()), Part(b"data/", mode=0o40755)]))
    assert saved.level_name == "world"
    assert names_of(games, saved) == {"world/level.dat"}


def test_own_download_can_be_uploaded(games):
    saved = make(games)
    again = upload(games, games.path(saved.id).read_bytes())
    assert names_of(games, again) == {
        name for name in SAVED_FILES if name.startswith("world/") and not name.endswith("/")
    }


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("", "world"),
        ("My World", "My World"),
        ("a/b/Wörld (2)", "Wörld (2)"),
        ("Plugins", "world"),
        ("libraries", "world"),
        ("server.jar", "world"),
        (".hidden", "world"),
        ("a=b", "world"),
        ("x" * 65, "world"),
        ("trailing.", "world"),
    ],
)
def test_name_of_an_uploaded_world(folder, name):
    assert uploaded_level_name(folder) == name


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"text", UnsafeArchive),
        (make_zip([Part(b"level.dat", level_dat()), Part(b"../x", b"x")]), UnsafeArchive),
        (make_zip([Part(b"level.dat", level_dat()), Part(b"x", b"x", mode=LINK)]), UnsafeArchive),
        (
            make_zip([Part(b"level.dat", level_dat()), Part(b"x", b"x" * 9, packed=b"no")]),
            UnsafeArchive,
        ),
        (make_zip([Part(b"level.dat", level_dat()), Part(b"x", b"\0" * (2 << 20))]), UnsafeArchive),
        (make_zip([Part(b"x", b"x")]), NotAWorld),
        (make_zip([Part(b"a/level.dat", level_dat()), Part(b"b/level.dat", b"")]), NotAWorld),
        (make_zip([Part(b"level.dat", b"torn")]), NotAWorld),
    ],
    ids=range(8),
)
def test_refused_upload_writes_nothing(games, content, error):
    before = files_in(games.folder)
    with pytest.raises(error):
        upload(games, content, max_bytes=1 << 20)
    assert files_in(games.folder) - {"upload.zip"} == before
    assert not games.saves.exists()


def test_upload_without_room_writes_nothing(games):
    with pytest.raises(NoSpace):
        upload(games, make_zip([Part(b"level.dat", level_dat())]), kept=1 << 60)
    assert not games.saves.exists()


# The whole order


def save_options(**options: object) -> dict[str, object]:
    return {"disk_free": 0, "depth": 10, **options}


async def test_save_of_a_world_at_rest(games):
    percents: list[int] = []
    options = save_options(report=percents.append)
    made = await save_world(games, SaveRequest(SaveKind.MANUAL), **options)
    assert games.all() == [made.saved]
    assert made.level == read_level(games.server / "world")
    assert percents == sorted(set(percents))
    assert percents[-1] == 100


async def test_save_rotates(games):
    first = await save_world(games, SaveRequest(SaveKind.NIGHTLY), **save_options(depth=1))
    for _ in range(2):
        await save_world(games, SaveRequest(SaveKind.NIGHTLY), **save_options(depth=1))
    assert first.saved not in games.all() and len(games.all()) == 2


async def test_save_without_room_is_refused_and_asks_nothing_of_the_world(games):
    with pytest.raises(NoSpace) as caught:
        await save_world(games, SaveRequest(SaveKind.MANUAL), **save_options(disk_free=1 << 60))
    assert caught.value.kept == 1 << 60
    assert not games.saves.exists()


async def test_save_warns_of_files_that_are_left_out(games, caplog):
    (games.server / "plugins" / "a\\b").write_text("x")
    await save_world(games, SaveRequest(SaveKind.MANUAL), **save_options())
    assert "plugins/a\\b" in caplog.text


@pytest.mark.parametrize("step", ["copy", "finish"])
async def test_cancelled_save_leaves_nothing(games, monkeypatch, step):
    began, real = threading.Event(), getattr(SavedGames, step)

    def slow(self, what, progress):
        result = real(self, what, progress) if step == "copy" else None
        began.set()
        progress._stopped.wait(TIMEOUT_SECONDS)
        if step == "copy":
            # Finished in the moment in which it is cancelled.
            return result
        return real(self, what, progress)

    monkeypatch.setattr(SavedGames, step, slow)
    task = asyncio.ensure_future(save_world(games, SaveRequest(SaveKind.MANUAL), **save_options()))
    await asyncio.to_thread(began.wait, TIMEOUT_SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(games.saves.iterdir()) == []


async def test_background_work_has_low_priority_and_does_not_stop_the_loop():
    def work(progress: Progress) -> tuple[int, str]:
        ready.wait(TIMEOUT_SECONDS)
        own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        return own, threading.current_thread().name

    ready = threading.Event()
    task = asyncio.ensure_future(run_in_background(work))
    await asyncio.sleep(0)
    ready.set()
    niceness, name = await task
    assert niceness == 19
    assert name != threading.current_thread().name
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < 19


async def test_cancelled_background_work_stops_and_its_error_is_dropped():
    def work(progress: Progress) -> None:
        began.set()
        while True:
            progress.check()

    began = threading.Event()
    task = asyncio.ensure_future(run_in_background(work))
    await asyncio.to_thread(began.wait, TIMEOUT_SECONDS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Sizes


def test_size_of_a_folder_counts_files_and_follows_no_links(games, tmp_path):
    (games.server / "link").symlink_to("/usr")
    os.mkfifo(games.server / "fifo")
    size = measure(games.server)
    paths = [path for path in games.server.rglob("*") if path.is_file() and not path.is_symlink()]
    assert size == FolderSize(sum(path.stat().st_size for path in paths), len(paths))
    assert measure(tmp_path / "missing") == FolderSize(0, 0)


def test_size_of_a_folder_with_too_many_files_is_incomplete(games):
    size = measure(games.server, max_entries=3)
    assert not size.complete and size.files <= 3


def test_measuring_stops_when_asked(games):
    progress = Progress()
    progress.stop()
    with pytest.raises(Stopped):
        measure(games.server, progress.check)


def test_space_is_that_of_the_disk_of_the_nearest_folder(tmp_path):
    disk = os.statvfs(tmp_path)
    assert abs(free_bytes(tmp_path / "a/b") - disk.f_bavail * disk.f_frsize) < 1 << 30
    check_space(tmp_path / "a", 1, 1)
    with pytest.raises(NoSpace, match="MiB are free"):
        check_space(tmp_path, 1 << 60, 0)
