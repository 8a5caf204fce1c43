"""Deletion of the files of a world. Everything here blocks."""

import os
import shutil
from pathlib import Path

from coalserver.hosting.world_files import FOLDER_MODE
from coalserver.media.files import sync_directory


def delete_folder(folder: Path) -> None:
    """Delete a folder with all that is in it, if it is there. A link is removed and not followed. Raises OSError."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        try:
            shutil.rmtree(folder)
        except PermissionError:
            if os.geteuid() == 0:
                raise
            # The process may have removed permissions from its own folders.
            for parent, _, _ in os.walk(folder, onerror=None):
                for entry in os.scandir(parent):
                    if entry.is_dir(follow_symlinks=False):
                        os.chmod(entry.path, FOLDER_MODE)
            shutil.rmtree(folder)
    else:
        return
    sync_directory(folder.parent)
