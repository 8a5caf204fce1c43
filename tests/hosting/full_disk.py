"""A disk that is full after some writes, injected between the code and the system."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest


class FullDisk:
    """Let the n-th write, and all after it, fail. Reading, renaming and deleting work."""

    def __init__(self, writes: int) -> None:
        self.left = writes
        #: Whether a write has failed.
        self.full = False

    def use(self) -> None:
        """Count a write. Raises OSError if the disk is full."""
        if self.left <= 0:
            self.full = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.left -= 1

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace what writes in `os`."""
        real_open, real_fdopen, real_fsync, real_mkdir = os.open, os.fdopen, os.fsync, os.mkdir

        def fake_open(path: Any, flags: int, *args: Any, **options: Any) -> int:
            if flags & os.O_CREAT:
                self.use()
            return real_open(path, flags, *args, **options)

        def fake_fdopen(descriptor: int, mode: str = "r", *args: Any, **options: Any) -> Any:
            file = real_fdopen(descriptor, mode, *args, **options)
            return _File(file, self) if set(mode) & set("wa+") else file

        def fake_fsync(descriptor: int) -> None:
            self.use()
            real_fsync(descriptor)

        def fake_mkdir(*args: Any, **options: Any) -> None:
            self.use()
            real_mkdir(*args, **options)

        monkeypatch.setattr(os, "open", fake_open)
        monkeypatch.setattr(os, "fdopen", fake_fdopen)
        monkeypatch.setattr(os, "fsync", fake_fsync)
        monkeypatch.setattr(os, "mkdir", fake_mkdir)


class _File:
    """A file whose writes may find no room."""

    def __init__(self, file: IO[bytes], disk: FullDisk) -> None:
        self._file, self._disk = file, disk

    def write(self, content: bytes) -> int:
        self._disk.use()
        return self._file.write(content)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def full_disk(writes: int) -> Iterator[FullDisk]:
    """Let the disk be full after some writes."""
    disk = FullDisk(writes)
    with pytest.MonkeyPatch.context() as monkeypatch:
        disk.patch(monkeypatch)
        yield disk
