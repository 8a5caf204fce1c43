"""Space on disks, and sizes of folders. Everything here blocks; call it in a thread."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coalserver.hosting.save_errors import NoSpace

#: A folder with more entries is not measured to the end.
MAX_ENTRIES = 2_000_000


@dataclass(frozen=True, slots=True)
class FolderSize:
    """The size of a folder: bytes and number of its regular files. Not `complete` if it has too many."""

    bytes: int
    files: int
    complete: bool = True


def free_bytes(path: Path) -> int:
    """Return what this process may still write on the disk of a path, in bytes. The path need not exist yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def check_space(path: Path, needed: int, kept: int) -> None:
    """Raise NoSpace unless `needed` bytes can be written, so that `kept` stay free."""
    free = free_bytes(path)
    if free < needed + kept:
        raise NoSpace(free, needed, kept)


def measure(
    folder: Path, check: Callable[[], None] | None = None, max_entries: int = MAX_ENTRIES
) -> FolderSize:
    """Return the size of a folder, 0 if there is none. Links are not followed; what vanishes is not counted.

    `check` is called for each folder; it may raise to end the walk.
    """
    size = files = entries = 0
    waiting = [os.fspath(folder)]
    while waiting:
        if check:
            check()
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    if entries > max_entries:
                        return FolderSize(size, files, complete=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                        continue
                    status = _status(entry)
                    if status and stat.S_ISREG(status.st_mode):
                        size += status.st_size
                        files += 1
        except OSError:
            continue
    return FolderSize(size, files)


def _status(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
