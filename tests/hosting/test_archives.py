"""Archives of any origin: what is refused, and that nothing gets out of the folder they are unpacked to."""

import gzip
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from coalserver.hosting import archives
from coalserver.hosting.archives import Archive, Limits, open_archive, unpack
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.save_errors import NotAWorld, Stopped, UnsafeArchive
from tests.hosting.zips import (
    FIFO,
    FILE,
    FOLDER,
    LINK,
    Part,
    deflate,
    files_in,
    level_dat,
    make_zip,
    world_zip,
)

LIMITS = Limits(1 << 30)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "upload.zip"
    path.write_bytes(content)
    return path


def check(folder: Path, content: bytes, limits: Limits = LIMITS) -> int:
    """Open an archive and read it to the end."""
    with write(folder, content).open("rb") as file, open_archive(file, limits) as archive:
        return archive.read_through(Progress())


def world_of(folder: Path, content: bytes) -> str:
    with write(folder, content).open("rb") as file, open_archive(file, LIMITS) as archive:
        return archive.world_folder()


def refused(folder: Path, content: bytes, limits: Limits = LIMITS) -> str:
    """Return why an archive is refused."""
    with pytest.raises(UnsafeArchive) as caught:
        check(folder, content, limits)
    assert str(caught.value) == f"This archive is not safe: {caught.value.reason}."
    assert caught.value.reason.isprintable()
    return caught.value.reason


SAFE = world_zip()
BAD_NAMES = {
    "absolute": (b"/etc/passwd", "absolute"),
    "parent": (b"world/../../x", "leads out"),
    "only_parent": (b"..", "leads out"),
    "backslash": (b"world\\..\\x", "backslash"),
    "drive": (b"C:/x", "drive"),
    "nul": (b"world/x\0.txt", "control"),
    "newline": (b"world/x\n", "control"),
    "escape": (b"world/\x1b[2J", "control"),
    "c1": ("world/\x9b".encode(), "control"),
    "empty": (b"", "no name"),
    "long": (b"x" * 256, "too long"),
    "65_kb": (b"a/" * 32_700, "too long"),
    "deep": (b"a/" * 65 + b"x", "too many folders"),
}


@pytest.mark.parametrize("case", BAD_NAMES)
def test_unsafe_name_is_refused(tmp_path, case):
    name, reason = BAD_NAMES[case]
    assert reason in refused(tmp_path, world_zip("world/", Part(name, b"x")))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((b"a/x", b"a/x"), "comes twice"),
        ((b"a/x", b"a/./x"), "comes twice"),
        ((b"a/x", b"a//x"), "comes twice"),
        ((b"a/", b"a/"), "comes twice"),
        ((b"a", b"a/x"), "a file and a folder"),
        ((b"a/b/c", b"a"), "a file and a folder"),
        ((b"a", b"a/"), "comes twice"),
    ],
)
def test_names_that_collide_are_refused(tmp_path, names, reason):
    parts = [Part(name, mode=FOLDER if name.endswith(b"/") else FILE) for name in names]
    assert reason in refused(tmp_path, make_zip(parts))


def test_names_that_differ_in_case_are_two_files(tmp_path):
    """Old worlds have player files named by players, and the disk tells them apart."""
    parts = (Part(b"world/players/Steve.dat", b"1"), Part(b"world/players/steve.dat", b"2"))
    assert check(tmp_path, world_zip("world/", *parts)) == len(level_dat()) + 2


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (Part(b"x", b"/etc/passwd", mode=LINK), "symbolic link"),
        (Part(b"x/", b"", mode=LINK), "symbolic link"),
        (Part(b"x", mode=FIFO), "special file"),
        (Part(b"x", mode=0o60600), "special file"),
        (Part(b"x", mode=0o20600), "special file"),
        (Part(b"x/", b"content", mode=FOLDER), "a file and a folder"),
        (Part(b"x", b"content", mode=FOLDER), "a file and a folder"),
        (Part(b"x/", mode=FILE), "a file and a folder"),
        (Part(b"x", b"c", flags=0x801), "encrypted"),
        (Part(b"x", b"c", flags=0x841), "encrypted"),
        (Part(b"x", b"c", method=12), "unknown way"),
        (Part(b"x", b"c", method=14), "unknown way"),
        (Part(b"x", b"c", method=9), "unknown way"),
        (Part(b"x", b"c", local_name=b"y"), "two ways"),
        (Part(b"x", b"c", local_size=2), "two ways"),
        (Part(b"x", b"c", local_method=0), "two ways"),
        (Part(b"x", b"content", packed=b"\xff\xff\xff"), "damaged"),
        (Part(b"x", b"content", packed=deflate(b"another")), "damaged"),
        (Part(b"x", b"content", packed=deflate(b"cont")), "damaged"),
        (Part(b"\xff", b"c"), "damaged"),
    ],
)
def test_unsafe_entry_is_refused(tmp_path, part, reason):
    assert reason in refused(tmp_path, world_zip("world/", part))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a zip archive"),
        (b"text", "not a zip archive"),
        (gzip.compress(b"x" * 100, mtime=0), "not a zip archive"),
        (SAFE[:-1], "not a zip archive"),
        (SAFE[:-30], "not a zip archive"),
        (SAFE[: len(SAFE) // 2], "not a zip archive"),
        (SAFE[100:], "before its beginning"),
        (b"#!/bin/sh\n" + SAFE, "before its beginning"),
        (SAFE + b"more", "behind its end"),
        (make_zip([Part(b"x", b"c")], count=2), "directory is damaged"),
        (make_zip([Part(b"x", b"c"), Part(b"y", b"c")], count=1), "directory is damaged"),
    ],
)
def test_archive_of_another_shape_is_refused(tmp_path, content, reason):
    assert reason in refused(tmp_path, content)


def test_data_before_the_first_entry_is_refused(tmp_path):
    """The offsets fit: only the directory starts later."""
    hidden = b"#!/bin/sh\n"
    with io.BytesIO() as file:
        file.write(hidden)
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("level.dat", level_dat())
        assert "before its beginning" in refused(tmp_path, file.getvalue())


def test_entries_that_share_their_content_are_refused(tmp_path):
    """The bomb of David Fifield: many entries whose contents are one."""
    content = make_zip(
        [Part(b"a", b"x" * 1_000), Part(b"a", b"x" * 1_000, offset=0)],
    )
    assert "overlaps" in refused(tmp_path, content)
    whole = Part(b"b", b"c")
    inner = make_zip([whole])
    kernel = inner[: 30 + len(whole.name) + len(deflate(whole.content))]
    outer = Part(b"a", kernel, method=0)
    overlapping = make_zip([outer, Part(b"b", b"c", offset=30 + len(outer.name))])
    assert "overlaps" in refused(tmp_path, overlapping)


def test_too_many_entries_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ENTRIES", 3)
    parts = [Part(b"%d" % number) for number in range(4)]
    assert "more than 3 entries" in refused(tmp_path, make_zip(parts))
    check(tmp_path, make_zip(parts[:3]))
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 100)
    assert "names are too long" in refused(tmp_path, make_zip(parts[:3]))


def test_number_of_entries_is_that_of_the_facts():
    assert archives.MAX_ENTRIES == 200_000
    assert (archives.RATIO_BYTES, archives.MAX_RATIO) == (100 << 20, 100)


def test_size_beyond_the_limit_is_refused(tmp_path):
    content = make_zip([Part(b"x", os.urandom(3 << 20), method=0)])
    assert refused(tmp_path, content, Limits(2 << 20)) == "unpacked it is larger than 2 MiB"
    assert check(tmp_path, content, Limits(3 << 20)) == 3 << 20


def test_bytes_are_counted_whatever_the_archive_says(tmp_path):
    """An entry that states less than it holds is damaged; it never unpacks to more than it states."""
    part = Part(b"x", b"\0" * (4 << 20), size=10)
    assert "damaged" in refused(tmp_path, make_zip([part]), Limits(1 << 20))


def test_high_ratio_is_refused_above_100_mib_only(tmp_path, monkeypatch):
    content = make_zip([Part(b"x", b"\0" * (2 << 20))])
    assert check(tmp_path, content) == 2 << 20
    monkeypatch.setattr(archives, "RATIO_BYTES", 1 << 20)
    assert refused(tmp_path, content) == "unpacked it is more than 100 times as large"


def test_archive_in_an_archive_is_a_file(tmp_path):
    inner = make_zip([Part(b"../x", b"c")])
    assert check(tmp_path, world_zip("", Part(b"inner.zip", inner)))


@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_archives_of_usual_programs_are_read(tmp_path, comment):
    """Python's: with and without sizes that follow, with zip64."""
    for target in (io.BytesIO(), _Unseekable()):
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = comment
            archive.writestr("Welt ü/", b"")
            with archive.open("Welt ü/level.dat", "w", force_zip64=True) as out:
                out.write(level_dat())
        assert world_of(tmp_path, target.getvalue()) == "Welt ü"
        assert check(tmp_path, target.getvalue()) == len(level_dat())


def test_archive_with_more_than_65535_entries_is_read(tmp_path):
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for number in range(65_600):
                archive.writestr(zipfile.ZipInfo(f"w/{number}"), b"")
            archive.writestr("w/level.dat", level_dat())
        content = file.getvalue()
    assert world_of(tmp_path, content) == "w"
    changed = bytearray(content)
    # The end record of zip64 states another offset than the directory has.
    changed[-22 - 20 - 56 + 48] ^= 1
    assert refused(tmp_path, bytes(changed))


class _Unseekable(io.BytesIO):
    def seek(self, *_: int) -> int:
        raise OSError("not seekable")

    def tell(self) -> int:
        raise OSError("not seekable")


LEVEL_PART = level_dat()


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        (["level.dat"], ""),
        (["World of A/level.dat"], "World of A"),
        (["server/world/level.dat"], "server/world"),
        (["world/level.dat", "world_nether/level.dat", "world_the_end/level.dat"], "world"),
        (["world/level.dat", "world/backups/old/level.dat"], "world"),
        (["level.dat", "x/level.dat"], ""),
        (["world/level.dat", "__MACOSX/world/._level.dat"], "world"),
    ],
)
def test_world_is_the_folder_with_level_dat(tmp_path, names, folder):
    assert world_of(tmp_path, make_zip([Part(one.encode(), LEVEL_PART) for one in names])) == folder


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "Not a Minecraft world: there is no level.dat."),
        (["x"], "Not a Minecraft world: there is no level.dat."),
        (["level.dat/x"], "Not a Minecraft world: there is no level.dat."),
        (["LEVEL.DAT"], "Not a Minecraft world: there is no level.dat."),
        (
            ["a/level.dat", "b/level.dat"],
            "Not a Minecraft world: there are 2 folders with a level.dat.",
        ),
    ],
)
def test_archive_without_exactly_one_world_is_none(tmp_path, names, sentence):
    with pytest.raises(NotAWorld) as caught:
        world_of(tmp_path, make_zip([Part(one.encode(), LEVEL_PART) for one in names]))
    assert str(caught.value) == sentence


def unpack_to(folder: Path, content: bytes, limits: Limits = LIMITS) -> Path:
    target = folder / "new"
    with write(folder, content).open("rb") as file, open_archive(file, limits) as archive:
        unpack(archive, target, Progress())
    return target


def test_unpacked_files_have_content_and_no_rights_beyond_their_owner(tmp_path):
    content = make_zip(
        [
            Part(b"world/level.dat", LEVEL_PART),
            Part(b"world/start.sh", b"#!/bin/sh", mode=0o106777),
            Part(b"world/empty/", mode=0o40777),
            Part(b"./world//a/b", b"deep", mode=0),
        ]
    )
    target = unpack_to(tmp_path, content)
    assert files_in(target) == {"world/level.dat", "world/start.sh", "world/empty/", "world/a/b"}
    assert (target / "world/level.dat").read_bytes() == LEVEL_PART
    modes = {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in target.rglob("*") if path.is_dir()} == {
        0o700
    }


def test_target_that_exists_is_not_unpacked_to(tmp_path):
    (tmp_path / "new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        unpack_to(tmp_path, SAFE)
    assert not (tmp_path / "elsewhere").exists()


def test_link_put_in_the_way_meanwhile_is_not_followed(tmp_path, monkeypatch):
    """While the first file is read, another process replaces the folder of the second by a link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    real = Archive.chunks

    def chunks(self, entry):
        if entry.path == "first":
            (tmp_path / "new" / "world").symlink_to(outside)
        yield from real(self, entry)

    monkeypatch.setattr(Archive, "chunks", chunks)
    with pytest.raises(OSError):
        unpack_to(tmp_path, make_zip([Part(b"first", b"1"), Part(b"world/x", b"2")]))
    assert files_in(outside) == set()


def test_bytes_are_counted_while_unpacking(tmp_path):
    with pytest.raises(UnsafeArchive):
        unpack_to(tmp_path, make_zip([Part(b"x", b"\0" * 5_000)]), Limits(4_000))


def test_unpacking_stops_when_asked(tmp_path):
    progress = Progress()
    progress.stop()
    with (
        write(tmp_path, SAFE).open("rb") as file,
        open_archive(file, LIMITS) as archive,
        pytest.raises(Stopped),
    ):
        unpack(archive, tmp_path / "new", progress)


def usual_archive() -> bytes:
    """Return a small archive with most of what the format has."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = b"comment"
            archive.writestr(zipfile.ZipInfo("ü/"), b"")
            with archive.open(zipfile.ZipInfo("ü/level.dat"), "w", force_zip64=True) as out:
                out.write(level_dat())
            archive.writestr(zipfile.ZipInfo("ü/x"), b"x" * 100)
        return file.getvalue()


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_archive_with_any_byte_damaged_is_refused_or_unpacks_within_its_folder(tmp_path, bits):
    content = usual_archive()
    refusals = 0
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= bits
        folder = tmp_path / str(at)
        folder.mkdir()
        try:
            check(folder, bytes(damaged))
            world_of(folder, bytes(damaged))
            unpack_to(folder, bytes(damaged))
        except (UnsafeArchive, NotAWorld):
            refusals += 1
        assert {path.name for path in folder.iterdir()} <= {"upload.zip", "new"}
    assert refusals > len(content) // 2


def test_archive_cut_anywhere_is_refused(tmp_path):
    content = usual_archive()
    for size in range(len(content)):
        refused(tmp_path, content[:size])


def test_reason_has_its_parts_for_translations(tmp_path):
    with pytest.raises(UnsafeArchive) as caught:
        check(tmp_path, make_zip([Part(b"a{0}/x", mode=LINK)]))
    error = caught.value
    assert error.template == "{name} is a symbolic link"
    assert error.reason == error.template.format(**error.values)
