"""Reading zip archives that nobody has checked: what is refused, and unpacking without a way out.

Prescribed by hosting.md, section 9. Everything that a reader of zip files could understand in two ways is refused:
the end record, the central directory and the local headers must agree. Everything here blocks; call it in a thread.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from coalserver.hosting.level import LEVEL
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.save_errors import NotAWorld, UnsafeArchive

MAX_ENTRIES = 200_000
#: Unpacked bytes above which an archive may not be packed better than MAX_RATIO to 1.
RATIO_BYTES, MAX_RATIO = 100 << 20, 100
#: The central directory is read into memory.
MAX_DIRECTORY_BYTES = 64 << 20
#: Bytes of a path and of each of its names, and folders within one another.
MAX_PATH_BYTES, MAX_NAME_BYTES, MAX_DEPTH = 1_024, 255, 64
CHUNK_SIZE = 1 << 18

END, END_SIGNATURE = struct.Struct("<4s4H2LH"), b"PK\x05\x06"
LOCATOR, LOCATOR_SIGNATURE = struct.Struct("<4sLQL"), b"PK\x06\x07"
END64, END64_SIGNATURE = struct.Struct("<4sQ2H2L4Q"), b"PK\x06\x06"
HEADER, HEADER_SIGNATURE = struct.Struct("<4s5H3L2H"), b"PK\x03\x04"
#: Sizes and offsets in a field of 16 or 32 bits that stand in a record of zip64 instead.
ELSEWHERE_16, ELSEWHERE = 0xFFFF, 0xFFFFFFFF
#: Flags of entries: encrypted in three ways; sizes follow on the content; names are UTF-8.
ENCRYPTED, SIZES_FOLLOW, UTF_8 = 0x1 | 0x40 | 0x2000, 0x8, 0x800
#: The others need memory that the archive decides, or are not read by Python.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What zipfile raises for archives that are damaged or not understood.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    OverflowError,
    EOFError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)
#: Bukkit servers keep the other dimensions of a world in folders beside it, with a level.dat each.
DIMENSIONS = ("_nether", "_the_end")
DRIVE = re.compile(r"[A-Za-z]:")
#: Control characters and, since they cannot be encoded, halves of surrogate pairs.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may unpack to. `max_bytes` None: it was packed here, and may be as large as its world."""

    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of an archive. `path` is relative, with `/` between its names."""

    path: str
    is_folder: bool
    info: zipfile.ZipInfo


@dataclass(frozen=True, slots=True)
class _Directory:
    """Where the central directory lies, and how many entries it has."""

    offset: int
    size: int
    count: int


class Archive:
    """A zip archive whose structure is checked: nothing of it has been unpacked yet."""

    def __init__(self, file: IO[bytes], zip_file: zipfile.ZipFile, limits: Limits) -> None:
        self.size = os.fstat(file.fileno()).st_size
        self.limits = limits
        self.comment = zip_file.comment
        self._zip = zip_file
        self.entries = _checked_entries(zip_file)
        self._by_path = {entry.path: entry for entry in self.entries}
        self.check_size(sum(entry.info.file_size for entry in self.entries))

    def check_size(self, unpacked: int) -> None:
        """Raise UnsafeArchive if this number of unpacked bytes is too large."""
        limit = self.limits.max_bytes
        if limit is None:
            return
        if unpacked > limit:
            raise UnsafeArchive("unpacked it is larger than {limit} MiB", limit=limit >> 20)
        if unpacked > RATIO_BYTES and unpacked > MAX_RATIO * self.size:
            raise UnsafeArchive("unpacked it is more than {ratio} times as large", ratio=MAX_RATIO)

    def find(self, path: str) -> Entry | None:
        """Return the entry with a path, or None."""
        return self._by_path.get(path)

    @contextmanager
    def open(self, entry: Entry) -> Iterator[IO[bytes]]:
        """Open the content of a file. Raises UnsafeArchive where it is damaged."""
        try:
            with self._zip.open(entry.info) as content:
                yield content
        except ZIP_ERRORS as error:
            raise UnsafeArchive("{name} is damaged", name=shown(entry.path)) from error

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Yield the content of a file. Raises UnsafeArchive where it is damaged or has another size."""
        size = 0
        with self.open(entry) as content:
            while chunk := content.read(CHUNK_SIZE):
                size += len(chunk)
                yield chunk
        if size != entry.info.file_size:
            raise UnsafeArchive("{name} is damaged", name=shown(entry.path))

    def read_through(self, progress: Progress) -> int:
        """Unpack everything without keeping it, and return how many bytes there are.

        Raises UnsafeArchive where a checksum is wrong or there are too many bytes.
        """
        unpacked, packed = 0, 0
        for entry in self.files():
            for chunk in self.chunks(entry):
                unpacked += len(chunk)
                self.check_size(unpacked)
                progress.check()
            packed += entry.info.compress_size
            progress.update(packed, self.size)
        progress.update(1, 1)
        return unpacked

    def files(self) -> Iterator[Entry]:
        """Yield the entries that are files."""
        return (entry for entry in self.entries if not entry.is_folder)

    def world_folder(self) -> str:
        """Return the folder of the world in an archive of any origin; empty: the archive itself.

        That is the only folder with a level.dat. The other dimensions that a Bukkit server keeps beside a world, and
        what lies within a world, do not count. Raises NotAWorld.
        """
        paths = (entry.path.rpartition("/") for entry in self.files())
        found = {folder for folder, _, name in paths if name == LEVEL}
        worlds = [folder for folder in found if not _belongs_to_another(folder, found)]
        if not worlds:
            raise NotAWorld("there is no level.dat")
        if len(worlds) > 1:
            raise NotAWorld("there are {count} folders with a level.dat", count=len(worlds))
        return worlds[0]


@contextmanager
def open_archive(file: IO[bytes], limits: Limits) -> Iterator[Archive]:
    """Open and check an archive. Raises UnsafeArchive.

    Names, kinds of entries, their places in the file, their number and the sizes that it states are checked here,
    checksums and the true sizes by `Archive.read_through`. Nothing is written.
    """
    directory = _find_directory(file)
    if limits.max_bytes is not None:
        if directory.count > MAX_ENTRIES:
            raise UnsafeArchive("it has more than {entries:,} entries", entries=MAX_ENTRIES)
        if directory.size > MAX_DIRECTORY_BYTES:
            raise UnsafeArchive("its names are too long")
    try:
        zip_file = zipfile.ZipFile(file)
    except ZIP_ERRORS as error:
        raise UnsafeArchive("it is damaged") from error
    with zip_file:
        if len(zip_file.filelist) != directory.count or zip_file.start_dir != directory.offset:
            raise UnsafeArchive("its directory is damaged")
        _check_places(file, zip_file.filelist, directory)
        yield Archive(file, zip_file, limits)


def unsafe_name(name: str) -> str:
    """Return what is wrong with the path of an entry, empty if nothing is."""
    parts = name.split("/")
    if not name:
        return "has no name"
    if CONTROL.search(name):
        return "has a name with control characters"
    if name.startswith("/"):
        return "has an absolute name"
    if "\\" in name:
        return "has a backslash in its name"
    if DRIVE.match(name):
        return "names a drive"
    if ".." in parts:
        return "leads out of its folder"
    raw = [part.encode() for part in parts]
    if len(name.encode()) > MAX_PATH_BYTES or any(len(part) > MAX_NAME_BYTES for part in raw):
        return "has a name that is too long"
    return "lies in too many folders" if len(parts) > MAX_DEPTH else ""


def shown(name: str) -> str:
    """Return a name for a message: short, and without control characters."""
    name = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)
    return f"“{name[:59]}…”" if len(name) > 60 else f"“{name}”"


def unpack(
    archive: Archive,
    target: Path,
    progress: Progress,
    owner: tuple[int, int] | None = None,
    total: int = 0,
) -> int:
    """Unpack into a new folder, durably, and return how many bytes that were. `total`: expected bytes.

    Folders have the mode 0700, files 0600, whatever the archive says; `owner` is the (uid, gid) that they get.
    Each name is created anew beneath an open folder, so that a link that is put in its place meanwhile is not
    followed. Raises UnsafeArchive and OSError; what was written until then stays.
    """
    os.mkdir(target, 0o700)
    root = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    tree = NewTree(root, owner)
    try:
        written = 0
        for entry in archive.entries:
            if entry.is_folder:
                tree.enter(entry.path.split("/"))
                continue
            with tree.create(entry.path) as out:
                for chunk in archive.chunks(entry):
                    written += len(chunk)
                    archive.check_size(written)
                    out.write(chunk)
                    progress.update(written, total)
        tree.sync()
    finally:
        tree.close()
    return written


class NewTree:
    """Folders and files that are created beneath an open folder. Closing closes that too."""

    def __init__(self, root: int, owner: tuple[int, int] | None) -> None:
        self._owner = owner
        #: The folders that are open, from the root to the current one, with their names.
        self._open: list[tuple[str, int]] = [("", root)]
        self._give(root)

    def enter(self, names: list[str]) -> int:
        """Make a folder the current one, creating what is missing, and return its descriptor."""
        shared = 0
        for (name, _), wanted in zip(self._open[1:], names, strict=False):
            if name != wanted:
                break
            shared += 1
        self._leave(shared)
        for name in names[shared:]:
            above = self._open[-1][1]
            try:
                os.mkdir(name, 0o700, dir_fd=above)
                created = True
            except FileExistsError:
                created = False
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            self._open.append((name, os.open(name, flags, dir_fd=above)))
            if created:
                self._give(self._open[-1][1])
        return self._open[-1][1]

    @contextmanager
    def create(self, path: str) -> Iterator[IO[bytes]]:
        """Create a file; it is on disk when the context ends."""
        *folders, name = path.split("/")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = self.enter(folders)
        try:
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
        except FileExistsError as error:
            # Only where the disk takes two different names for the same.
            raise UnsafeArchive("{name} comes twice", name=shown(path)) from error
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            self._give(out.fileno())
            os.fsync(out.fileno())

    def sync(self) -> None:
        """Make the names of all folders durable."""
        self._leave(0)
        for folder, _, _, descriptor in os.fwalk(".", dir_fd=self._open[0][1]):
            del folder
            os.fsync(descriptor)

    def close(self) -> None:
        """Close all folders."""
        self._leave(0)
        os.close(self._open.pop()[1])

    def _leave(self, depth: int) -> None:
        while len(self._open) > depth + 1:
            os.close(self._open.pop()[1])

    def _give(self, descriptor: int) -> None:
        if self._owner:
            os.fchown(descriptor, *self._owner)


def _find_directory(file: IO[bytes]) -> _Directory:
    """Return what the end record says. Raises UnsafeArchive unless it ends the file and fits the rest."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - END.size - ELSEWHERE_16)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(END_SIGNATURE)
    if at < 0 or len(tail) - at < END.size:
        raise UnsafeArchive("it is not a zip archive, or is cut off")
    _, disk, first_disk, here, count, length, offset, comment = END.unpack_from(tail, at)
    if len(tail) - at - END.size != comment:
        raise UnsafeArchive("there is something behind its end")
    end = start + at
    file.seek(max(0, end - LOCATOR.size))
    if end >= LOCATOR.size and file.read(4) == LOCATOR_SIGNATURE:
        end -= LOCATOR.size + END64.size
        disk, first_disk, here, count, length, offset = _read_end64(file, end)
    if disk or first_disk or here != count:
        raise UnsafeArchive("it is only a part of an archive")
    if offset + length != end:
        raise UnsafeArchive("there is something before its beginning, or it is cut off")
    return _Directory(offset, length, count)


def _read_end64(file: IO[bytes], at: int) -> tuple[int, int, int, int, int, int]:
    """Return disk, first disk, entries of this disk, all entries, size and offset of the directory."""
    if at < 0:
        raise UnsafeArchive("its end is damaged")
    file.seek(at)
    record = END64.unpack(file.read(END64.size))
    _, disk, place, disks = LOCATOR.unpack(file.read(LOCATOR.size))
    if record[0] != END64_SIGNATURE or record[1] != END64.size - 12 or (disk, place) != (0, at):
        raise UnsafeArchive("its end is damaged")
    if disks > 1:
        raise UnsafeArchive("it is only a part of an archive")
    return record[4], record[5], record[6], record[7], record[8], record[9]


def _check_places(file: IO[bytes], infos: list[zipfile.ZipInfo], directory: _Directory) -> None:
    """Compare the local headers with the central directory. Raises UnsafeArchive where entries overlap."""
    end = 0
    for number, info in enumerate(sorted(infos, key=lambda one: one.header_offset)):
        if info.header_offset < end:
            raise UnsafeArchive("{name} overlaps another entry", name=shown(info.filename))
        if not number and info.header_offset:
            raise UnsafeArchive("there is something before its beginning")
        end = _check_header(file, info)
        if end > directory.offset:
            raise UnsafeArchive("{name} is cut off", name=shown(info.filename))


def _check_header(file: IO[bytes], info: zipfile.ZipInfo) -> int:
    """Return where the content of an entry ends. Raises UnsafeArchive if its local header says something else."""
    file.seek(info.header_offset)
    raw = file.read(HEADER.size)
    if len(raw) < HEADER.size or raw[:4] != HEADER_SIGNATURE:
        raise UnsafeArchive("{name} is damaged", name=shown(info.filename))
    _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = HEADER.unpack(raw)
    encoding = "utf-8" if info.flag_bits & UTF_8 else "cp437"
    name = file.read(name_length)
    same = (
        name == info.orig_filename.encode(encoding)
        and flags & UTF_8 == info.flag_bits & UTF_8
        and flags & ENCRYPTED == info.flag_bits & ENCRYPTED
        and method == info.compress_type
        and _same(flags, crc, info.CRC)
        and _same(flags, packed, info.compress_size, ELSEWHERE)
        and _same(flags, size, info.file_size, ELSEWHERE)
    )
    if not same:
        raise UnsafeArchive("{name} is described in two ways", name=shown(info.filename))
    end: int = info.header_offset + HEADER.size + name_length + extra_length + info.compress_size
    return end


def _same(flags: int, value: int, expected: int, *others: int) -> bool:
    return value == expected or value in others or (bool(flags & SIZES_FOLLOW) and not value)


def _checked_entries(zip_file: zipfile.ZipFile) -> list[Entry]:
    """Return the entries. Raises UnsafeArchive for the first that is not safe."""
    entries: list[Entry] = []
    kinds: dict[str, bool] = {}
    for info in zip_file.infolist():
        entry = _checked_entry(info)
        if not entry.path:
            continue
        if entry.path in kinds:
            raise UnsafeArchive("{name} comes twice", name=shown(entry.path))
        kinds[entry.path] = entry.is_folder
        entries.append(entry)
    seen: set[str] = set()
    for entry in entries:
        above = entry.path.rpartition("/")[0]
        while above and above not in seen:
            seen.add(above)
            if not kinds.get(above, True):
                raise UnsafeArchive("{name} is a file and a folder", name=shown(above))
            above = above.rpartition("/")[0]
    return entries


def _checked_entry(info: zipfile.ZipInfo) -> Entry:
    # Python cuts the name at a NUL, and may take it from an extra field.
    for name in {info.orig_filename, info.filename}:
        if error := unsafe_name(name):
            raise UnsafeArchive(f"{{name}} {error}", name=shown(name))
    name = info.filename
    if info.flag_bits & ENCRYPTED:
        raise UnsafeArchive("{name} is encrypted", name=shown(name))
    if info.compress_type not in METHODS:
        raise UnsafeArchive("{name} is compressed in an unknown way", name=shown(name))
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise UnsafeArchive("{name} is a symbolic link", name=shown(name))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnsafeArchive("{name} is a special file", name=shown(name))
    is_folder = name.endswith("/") or kind == stat.S_IFDIR
    if is_folder and (info.file_size or kind == stat.S_IFREG):
        raise UnsafeArchive("{name} is a file and a folder", name=shown(name))
    path = "/".join(part for part in name.split("/") if part not in ("", "."))
    if not path and not is_folder:
        raise UnsafeArchive("{name} has no name", name=shown(name))
    return Entry(path, is_folder, info)


def _belongs_to_another(folder: str, worlds: set[str]) -> bool:
    """Return whether a folder with a level.dat is a dimension of another world, or lies in one."""
    for end in DIMENSIONS:
        if folder.endswith(end) and folder != end and folder.removesuffix(end) in worlds:
            return True
    above = folder
    while above:
        above = above.rpartition("/")[0]
        if above in worlds:
            return True
    return False
