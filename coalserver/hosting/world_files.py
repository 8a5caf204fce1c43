"""The files of a hosted world that coalserver writes: folders, eula.txt, server.properties. Everything here blocks.

Prescribed by hosting.md, section 5.
"""

import os
from pathlib import Path

from coalserver.domain.minecraft.hosting.properties_file import (
    FileSettings,
    decode,
    write_properties,
)
from coalserver.domain.minecraft.server_properties import PropertyValue

FOLDER_MODE = 0o700
EULA = "eula.txt"
PROPERTIES = "server.properties"


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
            # The user may pass through the folders above, and list none of them.
            for folder in (self.folder.parent.parent, self.folder.parent, self.folder):
                folder.chmod(0o711)
            _give(self.server, owner)

    def write_eula(self, agreed: bool) -> None:
        """Write eula.txt if somebody has agreed; otherwise it must not say so."""
        path = self.server / EULA
        if agreed:
            _write(path, "# Agreed to in coalserver.\neula=true\n")
        elif path.exists():
            _write(path, "eula=false\n")

    def write_properties(
        self, properties: dict[str, PropertyValue], settings: FileSettings
    ) -> None:
        """Write server.properties whole. Lines that are not managed stay."""
        path = self.server / PROPERTIES
        existing = decode(path.read_bytes()) if path.exists() else ""
        _write(path, write_properties(properties, settings, existing))


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
            os.fsync(file.fileno())
        owner = path.parent.stat()
        if os.geteuid() == 0:
            os.chown(temporary, owner.st_uid, owner.st_gid)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _give(folder: Path, owner: tuple[int, int]) -> None:
    """Give a folder and all in it to a user, where it is another's."""
    if folder.stat().st_uid == owner[0]:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(parent, name), *owner, follow_symlinks=False)
    os.chown(folder, *owner)
