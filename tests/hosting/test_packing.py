"""Packing the folder of a world that may change meanwhile, and reading the archive back."""

import errno
import os
import socket
import threading
import zipfile
from pathlib import Path

import pytest

from coalserver.hosting import packing
from coalserver.hosting.archives import Limits, open_archive, unpack
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.packing import pack, verify
from coalserver.hosting.save_errors import SaveFailed, Stopped
from tests.hosting.full_disk import full_disk
from tests.hosting.zips import SAVED_FILES, files_in, make_server


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return make_server(tmp_path)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "a.zip.part"


def names_in(part: Path) -> set[str]:
    with zipfile.ZipFile(part) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert len(names) == len(set(names))
    return set(names)


def test_archive_holds_the_world_and_what_belongs_to_it(server, part):
    packed = pack(server, part, "world", Progress())
    assert names_in(part) == SAVED_FILES
    assert (packed.left_out, packed.changing) == ((), ())
    assert packed.files == len(SAVED_FILES) - 1
    verified = verify(part, "world", Progress())
    assert verified.level.version == "1.20.1"
    assert verified.unpacked == packed.unpacked
    assert verified.size == part.stat().st_size
    assert part.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("level_name", ["logs", "cache/deep", "libraries", "a.jar"])
def test_folder_of_the_world_is_packed_whatever_its_name(server, part, level_name):
    target = server / level_name
    target.parent.mkdir(exist_ok=True)
    if target.exists():
        (target / "latest.log").unlink(missing_ok=True)
        for path in sorted(target.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        target.rmdir()
    (server / "world").rename(target)
    (target / "more.jar").write_text("of the world")
    pack(server, part, level_name, Progress())
    names = names_in(part)
    assert {f"{level_name}/level.dat", f"{level_name}/more.jar"} <= names
    assert not names & {"server.jar", "cache/mojang.bin", "versions/1/server.jar"}
    verify(part, level_name, Progress())


def test_only_files_and_folders_are_packed(server, part, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (server / "world/link").symlink_to(tmp_path / "secret")
    (server / "world/folder_link").symlink_to(tmp_path)
    (server / "plugins/session.lock").write_text("lock")
    os.mkfifo(server / "world/fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(server / "world/socket"))
        pack(server, part, "world", Progress())
    assert names_in(part) == SAVED_FILES


def test_names_that_no_archive_may_have_are_left_out(server, part):
    for name in (b"\xff\xfe", b"a\\b", b"line\nbreak"):
        (Path(os.fsdecode(os.fsencode(server) + b"/world/" + name))).write_text("x")
    packed = pack(server, part, "world", Progress())
    assert names_in(part) == SAVED_FILES
    assert len(packed.left_out) == 3
    assert all(name.encode() for name in packed.left_out)


def test_names_in_any_script_are_packed(server, part):
    name = "Wörld 北亰 🏰.txt"
    (server / "world" / name).write_text("x")
    pack(server, part, "world", Progress())
    assert f"world/{name}" in names_in(part)


@pytest.mark.parametrize("at", [-(10**9), 0, 10**10])
def test_times_that_no_archive_can_state_are_moved(server, part, at):
    os.utime(server / "ops.json", (at, at))
    pack(server, part, "world", Progress())
    assert names_in(part) == SAVED_FILES


def change_while_copied(monkeypatch: pytest.MonkeyPatch, path: Path, times: int) -> list[bytes]:
    """Let a file change in the middle of each of its first copies; return what is written to it."""
    real, written = packing._Packer._copy_content, []

    def copy_content(self, descriptor, size, out):
        copied = real(self, descriptor, size, out)
        if os.fstat(descriptor).st_ino == path.stat().st_ino and len(written) < times:
            written.append(b"change %d" % len(written) * 500)
            path.write_bytes(written[-1])
        return copied

    monkeypatch.setattr(packing._Packer, "_copy_content", copy_content)
    return written


@pytest.mark.parametrize(("times", "changing"), [(1, False), (3, False), (4, True)])
def test_file_that_changes_while_copied_is_copied_again(server, part, monkeypatch, times, changing):
    path = server / "world/region/r.0.0.mca"
    written = change_while_copied(monkeypatch, path, times)
    packed = pack(server, part, "world", Progress())
    assert names_in(part) == SAVED_FILES
    assert packed.changing == (("world/region/r.0.0.mca",) if changing else ())
    with zipfile.ZipFile(part) as archive:
        # After the last attempt there is no further one.
        assert archive.read("world/region/r.0.0.mca") == written[-1 if not changing else -2]
    verify(part, "world", Progress())


def test_file_that_grows_all_the_time_ends(server, part):
    """As a log does. Each attempt reads no more than there was at its beginning."""
    stop, path = threading.Event(), server / "plugins/growing.log"
    path.write_bytes(b"x" * 1_000)

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.wait(0.001):
                file.write(b"x" * 1_000)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        pack(server, part, "world", Progress())
    finally:
        stop.set()
        thread.join()
    assert "plugins/growing.log" in names_in(part)


def vanish_at(monkeypatch: pytest.MonkeyPatch, path: Path, error: int = errno.ENOENT) -> None:
    """Let the opening or reading of a file fail."""
    real = os.open

    def fake_open(name, flags, *args, **options):
        if name == path.name and options.get("dir_fd") is not None:
            raise OSError(error, os.strerror(error))
        return real(name, flags, *args, **options)

    monkeypatch.setattr(os, "open", fake_open)


@pytest.mark.parametrize("path", ["world/region", "ops.json", "world/region/r.0.0.mca"])
def test_what_vanishes_meanwhile_is_left_out(server, part, monkeypatch, path):
    vanish_at(monkeypatch, server / path)
    packed = pack(server, part, "world", Progress())
    assert names_in(part) == {name for name in SAVED_FILES if not name.startswith(path)}
    assert packed.left_out == ()


def test_file_that_becomes_a_link_meanwhile_is_left_out(server, part, monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("secret")
    real = packing._Packer._copy

    def copy(self, archive, found):
        if found.name == "ops.json":
            (server / "ops.json").unlink()
            (server / "ops.json").symlink_to(tmp_path / "secret")
        return real(self, archive, found)

    monkeypatch.setattr(packing._Packer, "_copy", copy)
    packed = pack(server, part, "world", Progress())
    assert names_in(part) == SAVED_FILES - {"ops.json"}
    assert packed.left_out == ("ops.json",)


@pytest.mark.parametrize("error", [errno.EACCES, errno.EIO])
def test_unreadable_file_of_the_world_fails_the_save(server, part, monkeypatch, error):
    vanish_at(monkeypatch, server / "world/region/r.0.0.mca", error)
    with pytest.raises(SaveFailed) as caught:
        pack(server, part, "world", Progress())
    assert str(caught.value) == f"world/region/r.0.0.mca cannot be read: {os.strerror(error)}"
    assert not part.exists()


def test_unreadable_dimension_beside_the_world_fails_the_save(server, part, monkeypatch):
    (server / "world_nether").mkdir()
    (server / "world_nether" / "level.dat_old").write_text("x")
    vanish_at(monkeypatch, server / "world_nether" / "level.dat_old", errno.EIO)
    with pytest.raises(SaveFailed, match="world_nether/level.dat_old cannot be read"):
        pack(server, part, "world", Progress())


@pytest.mark.parametrize("path", ["ops.json", "plugins"])
def test_other_unreadable_file_is_named(server, part, monkeypatch, path):
    vanish_at(monkeypatch, server / path, errno.EACCES)
    packed = pack(server, part, "world", Progress())
    assert names_in(part) == {name for name in SAVED_FILES if not name.startswith(path)}
    assert packed.left_out == (path,)


def test_read_error_in_the_middle_of_another_file_leaves_nothing_of_it(server, part, monkeypatch):
    real = os.read

    def fake_read(descriptor, size):
        if os.fstat(descriptor).st_ino == inode:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, size)

    inode = (server / "ops.json").stat().st_ino
    monkeypatch.setattr(os, "read", fake_read)
    packed = pack(server, part, "world", Progress())
    assert names_in(part) == SAVED_FILES - {"ops.json"}
    assert packed.left_out == ("ops.json",)


def test_missing_folder_is_an_error(tmp_path, part):
    with pytest.raises(SaveFailed, match="there is no folder server"):
        pack(tmp_path / "server", part, "world", Progress())
    assert not part.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no level.dat"),
        (b"", "does not open"),
        (b"torn", "does not open"),
    ],
)
def test_archive_without_a_readable_level_is_no_saved_game(server, part, content, reason):
    level = server / "world/level.dat"
    level.unlink() if content is None else level.write_bytes(content)
    pack(server, part, "world", Progress())
    with pytest.raises(SaveFailed, match=reason):
        verify(part, "world", Progress())


def test_damaged_archive_is_noticed(server, part):
    pack(server, part, "world", Progress())
    content = bytearray(part.read_bytes())
    content[60] ^= 0xFF
    part.write_bytes(content)
    with pytest.raises(SaveFailed, match="could not be read back"):
        verify(part, "world", Progress())


def test_sparse_file_is_streamed(server, part):
    """64 MiB of nothing; the memory that is needed does not follow the size."""
    with (server / "world/sparse").open("wb") as file:
        file.truncate(64 << 20)
    pack(server, part, "world", Progress())
    assert part.stat().st_size < 2 << 20
    assert verify(part, "world", Progress()).unpacked > 64 << 20


def test_file_above_4_gib_is_packed_as_zip64(server, part, monkeypatch):
    """The limit is lowered: what matters is that the size is known before the copy begins."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1_000)
    pack(server, part, "world", Progress())
    with part.open("rb") as file, open_archive(file, Limits()) as archive:
        entry = archive.find("world/region/r.0.0.mca")
        assert entry is not None and entry.info.extract_version == zipfile.ZIP64_VERSION
        archive.read_through(Progress())


def test_full_disk_at_any_write_leaves_nothing(server, part):
    """Each write in turn is the first that finds no room."""
    before = files_in(server)
    for writes in range(1_000):
        with full_disk(writes) as disk:
            try:
                pack(server, part, "world", Progress())
            except SaveFailed as error:
                assert str(error) == "no space is left on the disk"
        if not disk.full:
            break
        assert not part.exists(), writes
        assert files_in(server) == before
    assert writes > 20
    assert names_in(part) == SAVED_FILES


def test_packing_stops_when_asked_and_leaves_nothing(server, part):
    seen: list[int] = []

    def report(percent: int) -> None:
        seen.append(percent)
        progress.stop()

    progress = Progress(report)
    with pytest.raises(Stopped):
        pack(server, part, "world", progress)
    assert len(seen) == 1
    assert not part.exists()


def test_percents_rise_to_100(server, part):
    seen: list[int] = []
    pack(server, part, "world", Progress(seen.append))
    assert seen == sorted(set(seen))
    assert seen[-1] == 100


def test_thousand_files_survive_the_round_trip(tmp_path, part):
    server = make_server(tmp_path)
    contents = {
        f"world/playerdata/{number % 37}/{number}.dat": os.urandom(number % 300)
        for number in range(1_000)
    }
    for name, content in contents.items():
        path = server / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    pack(server, part, "world", Progress())
    with part.open("rb") as file, open_archive(file, Limits()) as archive:
        unpack(archive, tmp_path / "new", Progress())
    assert files_in(tmp_path / "new") == SAVED_FILES | contents.keys()
    for name, content in contents.items():
        assert (tmp_path / "new" / name).read_bytes() == content


def test_folder_that_is_too_deep_is_left_out(server, part):
    deep = server / "plugins" / "/".join("d" * 100)
    deep.mkdir(parents=True)
    packed = pack(server, part, "world", Progress())
    assert len(packed.left_out) == 1
    assert len(names_in(part)) == len(SAVED_FILES)
