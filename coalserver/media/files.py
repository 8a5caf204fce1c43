"""Durable files: after a crash a file is there whole, or is not there at all."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file atomically and durably, readable by its owner only (mode 0600).

    The content is written beside the target first; an existing file is replaced. Raises OSError; then
    the target is as before, and nothing stays beside it.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names that were added to or removed from a directory durable. Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
