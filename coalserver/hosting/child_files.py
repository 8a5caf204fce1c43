"""Reading files that the process of a world can replace at any time.

The process may put a link to a file of coalserver, a pipe or a huge file in the place of each of its files. So no
component of a path is followed if it is a link, only regular files are read, and no more than a limit. Everything
here blocks; call it in a thread.
"""

import os
import stat
from pathlib import Path
from typing import IO


def open_regular(folder: Path, name: str | Path) -> IO[bytes]:
    """Open a regular file below a folder of a world, such as `logs/latest.log`. Raises OSError.

    `name` is relative. The folder itself may not be a link either.
    """
    # Without O_NONBLOCK, opening a pipe without a writer would wait.
    in_file = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    path = Path(name)
    if not path.parts or path.name == "..":
        raise OSError(0, "it is not a name below the folder")
    above = open_folder(folder, path.parent)
    try:
        descriptor = os.open(path.name, in_file, dir_fd=above)
    finally:
        os.close(above)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not a file")
    return os.fdopen(descriptor, "rb")


def open_folder(folder: Path, name: str | Path = "") -> int:
    """Return the descriptor of a folder, or of one below it such as `logs`; the caller closes it. Raises OSError.

    `name` is relative. No part of it may be a link, nor the folder itself.
    """
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise OSError(0, "it is not a name below the folder")
    in_folder = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    above = os.open(folder, in_folder)
    for part in Path(name).parts:
        try:
            below = os.open(part, in_folder, dir_fd=above)
        finally:
            os.close(above)
        above = below
    return above


def read_regular(folder: Path, name: str | Path, limit: int) -> bytes | None:
    """Return the first `limit` bytes of a regular file below a folder of a world, or None if it cannot be read."""
    try:
        with open_regular(folder, name) as file:
            return file.read(limit)
    except OSError:
        return None
