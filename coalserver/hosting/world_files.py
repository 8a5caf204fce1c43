"""The files of a hosted world that coalserver writes: folders, eula.txt, server.properties. Everything here blocks.

Prescribed by hosting.md, section 5.
"""

import os
import stat
from pathlib import Path

from coalserver.domain.minecraft.hosting.properties_file import (
    FileSettings,
    decode,
    write_properties,
)
from coalserver.domain.minecraft.server_properties import PropertyValue
from coalserver.hosting.child_files import read_regular

FOLDER_MODE = 0o700
EULA = "eula.txt"
PROPERTIES = "server.properties"
#: What is kept of a file that the process has filled. Those of the game have 3 KiB.
MAX_PROPERTIES_BYTES = 1 << 20


class WorldFiles:
    """The folders of one world."""

    def __init__(self, hosting_folder: Path, world_id: int) -> None:
        self.folder = hosting_folder / "worlds" / str(world_id)
        #: The working folder of the process.
        self.server = self.folder / "server"
        #: What its keeper writes.
        self.run = self.folder / "run"

    def create(self, owner: tuple[int, int] | None = None) -> None:
        """Create the folders, for their owner only. `owner`: ids of the user and group of the process."""
        for folder in (self.folder.parent.parent, self.folder.parent, self.folder):
            folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        for folder in (self.server, self.run):
            folder.mkdir(FOLDER_MODE, exist_ok=True)
        if owner is not None:
            # The user may pass through the folders above.
            for folder in (self.folder.parent.parent, self.folder.parent, self.folder):
                folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o111)
            _give(self.server, owner)

    def write_eula(self, agreed: bool) -> None:
        """Write eula.txt if somebody has agreed; otherwise it must not say so."""
        path = self.server / EULA
        if agreed:
            _write(path, "# Agreed to in coalserver.\neula=true\n")
        elif os.path.lexists(path):
            _write(path, "eula=false\n")

    def write_properties(
        self, properties: dict[str, PropertyValue], settings: FileSettings
    ) -> None:
        """Write server.properties whole. Lines that are not managed stay."""
        path = self.server / PROPERTIES
        existing = read_regular(self.server, PROPERTIES, MAX_PROPERTIES_BYTES)
        _write(path, write_properties(properties, settings, decode(existing or b"")))


def _write(path: Path, text: str) -> None:
    """Replace a file. A link in its place is replaced and not followed."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(
        temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _give(folder: Path, owner: tuple[int, int]) -> None:
    """Give a folder and all in it to a user, where it is another's.

    A file with several names may also lie elsewhere, where it is not the world's: it stays as it is.
    """
    if folder.stat().st_uid == owner[0]:
        return
    for _, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in folders:
            os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
        for name in files:
            if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_nlink == 1:
                os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
    # Last: until then it is tried again at the next start.
    os.chown(folder, *owner)
