"""Packing the folder of a world into a zip archive, while its process may go on writing.

Prescribed by hosting.md, section 9, and minecraft.md 1.16. Everything here blocks; call it in a thread.
"""

import errno
import hashlib
import os
import stat
import time
import zipfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from coalserver.hosting.archives import (
    CHUNK_SIZE,
    DIMENSIONS,
    Archive,
    Entry,
    Limits,
    NewTree,
    open_archive,
    unsafe_name,
)
from coalserver.hosting.level import LEVEL, InvalidLevel, LevelFacts, parse_level
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.save_errors import SaveFailed, UnsafeArchive, failed

#: Left out where they stand directly in the packed folder, unless the world lies in them.
LEFT_OUT_FOLDERS = frozenset(("logs", "libraries", "versions", "cache"))
LEFT_OUT_SUFFIX = ".jar"
#: Left out everywhere.
LOCK = "session.lock"
#: A file that changes while it is copied is copied again this often.
COPY_RETRIES = 3
#: Two writes within this time may leave the same time of change.
CLOCK_TICK_SECONDS = 0.02
#: Most of what is packed is compressed already: more effort costs time and gains little.
COMPRESSION = 3
#: Times that a zip archive can state.
EARLIEST, LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
#: Names that a message or a warning lists.
MAX_LISTED = 20
#: What the system answers for what was there a moment ago.
GONE = frozenset((errno.ENOENT, errno.ESTALE, errno.ENOTDIR))


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive that was written. Files are named by their paths in the packed folder, the first 20 of each kind."""

    files: int
    #: Bytes of the packed files, and thus of the unpacked archive.
    unpacked: int
    #: Files that could not be read or have names that no archive may have. None of them belongs to the world.
    left_out: tuple[str, ...] = ()
    #: Files that changed during each copy: the last copy is in the archive.
    changing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading an archive back has shown. `size` of the archive and `unpacked` are in bytes."""

    size: int
    sha256: str
    unpacked: int
    level: LevelFacts


class _Unreadable(Exception):
    """A source file cannot be read."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class _Source:
    """A file, or an empty folder, in an open folder. `path` is that in the archive."""

    path: str
    name: str
    folder: int
    status: os.stat_result


def pack(
    source: Path, part: Path, level_name: str, progress: Progress, comment: bytes = b""
) -> Packed:
    """Pack a folder into a new file; the file is durable when this returns. `level_name`: the world's folder in it.

    Nothing is left of the file if this raises: SaveFailed where the disk is full, or a file of the world cannot be
    read; Stopped.
    """
    packer = _Packer(level_name, progress)
    try:
        root = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise SaveFailed(f"there is no folder {source.name}") from error
    try:
        files = (one.status for one in packer.walk(root) if stat.S_ISREG(one.status.st_mode))
        packer.total = sum(status.st_size for status in files)
        packer.left_out.clear()
        with new_zip(part, comment) as archive:
            for found in packer.walk(root):
                packer.add(archive, found)
    except OSError as error:
        raise failed(error) from error
    finally:
        os.close(root)
    return packer.result()


def repack(
    archive: Archive,
    folder: str,
    level_name: str,
    part: Path,
    progress: Progress,
    comment: bytes = b"",
) -> int:
    """Pack the world in a checked archive anew: what lies in `folder` gets into the folder `level_name`.

    The folders of other dimensions that a Bukkit server keeps beside it are taken along, and nothing else. Returns
    the number of unpacked bytes. Nothing is left of the file if this raises: UnsafeArchive, SaveFailed, Stopped.
    """
    unpacked = 0
    try:
        with new_zip(part, comment) as target:
            for entry, path in _selected(archive.entries, folder, level_name):
                info = _zip_info(path, entry.info.date_time, entry.info.file_size, entry.is_folder)
                if entry.is_folder:
                    target.writestr(info, b"")
                    continue
                with target.open(info, "w") as out:
                    for chunk in archive.chunks(entry):
                        unpacked += len(chunk)
                        archive.check_size(unpacked)
                        out.write(chunk)
                        progress.check()
    except OSError as error:
        raise failed(error) from error
    return unpacked


def copy_rest(
    source: Path,
    target: Path,
    level_names: Iterable[str],
    progress: Progress,
    owner: tuple[int, int] | None = None,
) -> None:
    """Copy what is packed of a folder, but for worlds with these names, into another folder, durably.

    The worlds' dimensions in folders beside them are not copied either. Raises SaveFailed if a file cannot be read,
    OSError if one cannot be written, Stopped.
    """
    skipped = {name.split("/")[0] for name in level_names}
    skipped |= {name + end for name in skipped for end in DIMENSIONS}
    packer = _Packer("", progress)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    root, tree = os.open(source, flags), NewTree(os.open(target, flags), owner)
    try:
        for found in packer.walk(root, skipped):
            if stat.S_ISDIR(found.status.st_mode):
                tree.enter(found.path.split("/"))
            else:
                packer.copy_to(tree, found)
        tree.sync()
    finally:
        tree.close()
        os.close(root)


def verify(part: Path, level_name: str, progress: Progress) -> Verified:
    """Read an archive back: every checksum, and level.dat. Raises SaveFailed, Stopped."""
    try:
        with part.open("rb") as file, open_archive(file, Limits()) as archive:
            level = read_level_of(archive, level_name)
            unpacked = archive.read_through(progress)
            file.seek(0)
            digest = sha256(file, progress)
            return Verified(archive.size, digest, unpacked, level)
    except UnsafeArchive as error:
        raise SaveFailed(f"it could not be read back: {error.reason}") from error
    except InvalidLevel as error:
        raise SaveFailed(str(error)) from error
    except OSError as error:
        raise failed(error) from error


def read_level_of(archive: Archive, level_name: str) -> LevelFacts:
    """Return the facts of the world in an archive. Raises InvalidLevel, UnsafeArchive."""
    entry = archive.find(f"{level_name}/{LEVEL}" if level_name else LEVEL)
    if entry is None or entry.is_folder:
        raise InvalidLevel("there is no level.dat")
    with archive.open(entry) as content:
        return parse_level(content)


def sha256(file: IO[bytes], progress: Progress) -> str:
    """Return the SHA-256 of the rest of a file, in hexadecimal. Raises Stopped."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_SIZE):
        digest.update(chunk)
        progress.check()
    return digest.hexdigest()


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Create a file, readable by its owner only; it is durable after the context, or absent after an error."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def new_zip(path: Path, comment: bytes = b"") -> Iterator[zipfile.ZipFile]:
    """Create an archive; it is durable after the context, or absent after an error."""
    with new_file(path) as file:
        archive = zipfile.ZipFile(
            file, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=COMPRESSION
        )
        try:
            archive.comment = comment
            yield archive
            archive.close()
        finally:
            # After an error it must not write its directory: the disk may be full.
            archive.fp = None


class _Packer:
    def __init__(self, level_name: str, progress: Progress) -> None:
        self._level = [part for part in level_name.split("/") if part not in ("", ".")]
        self._progress = progress
        #: Names left out, and names copied while they changed.
        self.left_out: list[str] = []
        self.changing: list[str] = []
        self.total = self._files = self._unpacked = self._done = 0

    def result(self) -> Packed:
        return Packed(
            self._files,
            self._unpacked,
            tuple(self.left_out[:MAX_LISTED]),
            tuple(self.changing[:MAX_LISTED]),
        )

    def walk(self, root: int, skipped: Container[str] = ()) -> Iterator[_Source]:
        """Yield the files beneath an open folder that are to be packed, and its empty folders.

        `skipped`: paths that are not looked at.
        """
        with _OpenFolders() as folders:
            folders.push("", os.dup(root))
            self._list(folders)
            while folders:
                self._progress.check()
                prefix, descriptor, names = folders.current
                if not names:
                    folders.pop()
                    continue
                name = names.pop()
                if prefix + name in skipped:
                    continue
                status = self._status(prefix + name, name, descriptor)
                if status is None:
                    continue
                found = _Source(prefix + name, name, descriptor, status)
                if not stat.S_ISDIR(status.st_mode):
                    yield found
                    continue
                inner = self._open_folder(found)
                if inner is None:
                    continue
                folders.push(f"{found.path}/", inner)
                if not self._list(folders):
                    yield _Source(found.path, "", inner, found.status)

    def add(self, archive: zipfile.ZipFile, found: _Source) -> None:
        """Add a file or an empty folder. A file that changes meanwhile is copied again, 3 times at most."""
        if stat.S_ISDIR(found.status.st_mode):
            archive.writestr(_zip_info(found.path, _date(found.status), 0, True), b"")
            return
        for attempt in range(COPY_RETRIES + 1):
            try:
                whole, size = self._copy(archive, found)
            except _Unreadable as unreadable:
                if unreadable.error.errno not in GONE:
                    self._leave_out(found.path, unreadable.error)
                return
            if whole or attempt == COPY_RETRIES:
                break
            _drop_last(archive)
        if not whole:
            self.changing.append(found.path)
        self._files += 1
        self._unpacked += size
        self._done += found.status.st_size
        self._progress.update(self._done, self.total)

    def copy_to(self, tree: NewTree, found: _Source) -> None:
        """Copy a file of a world at rest. Raises SaveFailed if it cannot be read, OSError."""
        try:
            with _reading():
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                descriptor = os.open(found.name, flags, dir_fd=found.folder)
            try:
                with tree.create(found.path) as out:
                    self._copy_content(descriptor, found.status.st_size, out)
            finally:
                os.close(descriptor)
        except _Unreadable as unreadable:
            self._leave_out(found.path, unreadable.error)

    def _copy(self, archive: zipfile.ZipFile, found: _Source) -> tuple[bool, int]:
        """Copy a file; return whether it was the same all the time, and its size. Raises _Unreadable."""
        with _reading():
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(found.name, flags, dir_fd=found.folder)
        try:
            with _reading():
                before = _settled(descriptor)
            if not stat.S_ISREG(before.st_mode):
                raise _Unreadable(OSError(errno.ENOENT, "it is no file any more"))
            info = _zip_info(found.path, _date(before), before.st_size, False)
            try:
                with archive.open(info, "w") as out:
                    size = self._copy_content(descriptor, before.st_size, out)
            except _Unreadable:
                _drop_last(archive)
                raise
            with _reading():
                after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        return same and size == before.st_size, size

    def _copy_content(self, descriptor: int, size: int, out: IO[bytes]) -> int:
        """Copy at most `size` bytes: what is added meanwhile is read by the next attempt."""
        copied = 0
        while copied < size:
            with _reading():
                chunk = os.read(descriptor, min(CHUNK_SIZE, size - copied))
            if not chunk:
                break
            out.write(chunk)
            copied += len(chunk)
            self._progress.update(self._done + copied, self.total)
        return copied

    def _status(self, path: str, name: str, folder: int) -> os.stat_result | None:
        """Return the status of what is to be packed, or None."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in GONE:
                self._leave_out(path, error)
            return None
        packed = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        if not packed or name == LOCK or self._is_left_out(path, status):
            return None
        if error_text := unsafe_name(path):
            # No archive may have such a name: it could not be unpacked.
            self._leave_out(path, OSError(errno.EILSEQ, f"it {error_text}"))
            return None
        return status

    def _is_left_out(self, path: str, status: os.stat_result) -> bool:
        parts = path.split("/")
        if self._level and parts[: len(self._level)] == self._level[: len(parts)]:
            # The world's folder, what lies in it, or a folder on the way to it.
            return False
        if stat.S_ISDIR(status.st_mode) or len(parts) > 1:
            return parts[0] in LEFT_OUT_FOLDERS
        return path.endswith(LEFT_OUT_SUFFIX)

    def _open_folder(self, found: _Source) -> int | None:
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(found.name, flags, dir_fd=found.folder)
        except OSError as error:
            if error.errno not in GONE:
                self._leave_out(found.path, error)
            return None

    def _list(self, folders: "_OpenFolders") -> int:
        """Note what is in the current folder, and return how much that is."""
        prefix, folder, names = folders.current
        try:
            names += sorted(os.listdir(folder), reverse=True)
        except OSError as error:
            self._leave_out(prefix.rstrip("/"), error)
        return len(names)

    def _leave_out(self, path: str, error: OSError) -> None:
        """Note that a file is left out. Raises SaveFailed if it belongs to the world or one of its dimensions."""
        parts = path.split("/")[: len(self._level)]
        in_world = any(
            parts == self._level[:-1] + [name + end]
            for name in self._level[-1:]
            for end in ("", *DIMENSIONS)
        )
        readable = path.encode("utf-8", "replace").decode()
        if (in_world or not self._level) and error.errno != errno.EILSEQ:
            raise SaveFailed(f"{readable} cannot be read: {error.strerror}") from error
        self.left_out.append(readable)


class _OpenFolders:
    """The folders from the root of a walk to the current one, with the names in them that are still to be seen."""

    def __init__(self) -> None:
        self._stack: list[tuple[str, int, list[str]]] = []

    def __enter__(self) -> "_OpenFolders":
        return self

    def __exit__(self, *_: object) -> None:
        while self._stack:
            self.pop()

    def __bool__(self) -> bool:
        return bool(self._stack)

    @property
    def current(self) -> tuple[str, int, list[str]]:
        return self._stack[-1]

    def push(self, prefix: str, descriptor: int) -> None:
        self._stack.append((prefix, descriptor, []))

    def pop(self) -> None:
        os.close(self._stack.pop()[1])


@contextmanager
def _reading() -> Iterator[None]:
    """Tell errors of the source from those of the archive."""
    try:
        yield
    except OSError as error:
        raise _Unreadable(error) from error


def _settled(descriptor: int) -> os.stat_result:
    """Return the status of a file whose last change is so old that a further one would show."""
    status = os.fstat(descriptor)
    age = time.time() - status.st_mtime
    if 0 <= age < CLOCK_TICK_SECONDS:
        time.sleep(CLOCK_TICK_SECONDS)
        status = os.fstat(descriptor)
    return status


def _drop_last(archive: zipfile.ZipFile) -> None:
    """Take the last entry out of an archive that is being written."""
    info = archive.filelist.pop()
    del archive.NameToInfo[info.filename]
    archive.start_dir = info.header_offset
    if archive.fp:
        archive.fp.seek(info.header_offset)
        archive.fp.truncate()


def _zip_info(
    path: str, date: tuple[int, int, int, int, int, int], size: int, is_folder: bool
) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{path}/" if is_folder else path, date)
    info.compress_type = zipfile.ZIP_STORED if is_folder else zipfile.ZIP_DEFLATED
    # `compresslevel` of the archive holds only for what it writes without a ZipInfo.
    info._compresslevel = COMPRESSION  # type: ignore[attr-defined]
    mode = stat.S_IFDIR | 0o700 if is_folder else stat.S_IFREG | 0o600
    # 3 is Unix: only there the upper half of the attributes is a mode.
    info.create_system, info.external_attr = 3, mode << 16 | (0x10 if is_folder else 0)
    info.file_size = size
    return info


def _date(status: os.stat_result) -> tuple[int, int, int, int, int, int]:
    """Return a time of change in UTC, within what an archive can state."""
    try:
        date = time.gmtime(status.st_mtime)[:6]
    except (OverflowError, ValueError, OSError):
        return LATEST
    return min(max(EARLIEST, date), LATEST)


def _selected(
    entries: Iterable[Entry], folder: str, level_name: str
) -> Iterator[tuple[Entry, str]]:
    """Yield the entries of a world and of the dimensions beside it, with their new paths."""
    moves: list[tuple[str, str]] = [(f"{folder}/" if folder else "", f"{level_name}/")]
    if folder:
        moves += [(f"{folder}{end}/", f"{level_name}{end}/") for end in DIMENSIONS]
    for entry in entries:
        path = f"{entry.path}/" if entry.is_folder else entry.path
        for start, new in moves:
            rest = path.removeprefix(start)
            if path.startswith(start) and rest:
                if rest.rpartition("/")[2] != LOCK:
                    yield entry, (new + rest).rstrip("/")
                break
