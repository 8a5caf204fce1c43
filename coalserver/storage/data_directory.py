"""The data directory: who may use it, where things are in it, and its key files."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coalserver.media.files import sync_directory, write_private

#: Bytes of a key.
KEY_SIZE = 32


class OperatorError(Exception):
    """Something the operator has to see to, in one sentence."""


class DataDirectoryLocked(OperatorError):
    """Another process has the data directory."""


class DataDirectory:
    """Where everything is kept. What is written here is for its owner only."""

    DATABASE = "coalserver.sqlite3"

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def database(self) -> Path:
        return self.path / self.DATABASE

    def database_files(self) -> tuple[Path, Path, Path]:
        """The database and what SQLite may have beside it while it is open, or after a crash."""
        wal, shm = (self.path / f"{self.DATABASE}{end}" for end in ("-wal", "-shm"))
        return self.database, wal, shm

    @property
    def control(self) -> Path:
        """The socket through which the command line reaches a running server."""
        return self.path / "control.sock"

    @property
    def keys(self) -> Path:
        return self.path / "keys"

    @property
    def screenshots(self) -> Path:
        return self.path / "screenshots"

    @property
    def is_initialized(self) -> bool:
        """Whether anything was ever kept here."""
        return self.database.exists() or self._restored.exists()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Have the directory alone, made if need be; InUse if somebody else has it.

        The system lets go of the lock when the process ends, however it ends. The file stays:
        whoever removed it would let two have it.
        """
        self._create()
        file = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DataDirectoryLocked(self._locked_message(os.pread(file, 20, 0))) from None
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)
            self._clean_up()
            yield
        finally:
            os.close(file)

    def load_key(self, name: str) -> bytes:
        """A secret of this directory, made at first use and the same ever after."""
        path = self.keys / name
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = secrets.token_bytes(KEY_SIZE)
            self.keys.mkdir(mode=0o700, exist_ok=True)
            write_private(path, key)
        if len(key) != KEY_SIZE:
            raise OperatorError(f"{path} is damaged: it has {len(key)} bytes, not {KEY_SIZE}.")
        return key

    @contextmanager
    def temp_directory(self) -> Iterator[Path]:
        """A directory for files half made; after a crash the next lock removes it."""
        path = self.create_temp_directory()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def create_temp_directory(self) -> Path:
        """The same for files that somebody else goes on with, who then removes it."""
        path = self.path / f"scratch-{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        return path

    def swap_in(self, restored: Path) -> None:
        """Put these files in the place of those that bear their names.

        From the rename on it will be done, even if this process ends.
        """
        restored.rename(self._restored)
        sync_directory(self.path)
        self._finish_swap_in()

    def _create(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OperatorError(f"{self.path} cannot be made: {error.strerror}.") from None
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise OperatorError(f"{self.path} is not ours to write in.")

    @property
    def _restored(self) -> Path:
        return self.path / "restored"

    def _finish_swap_in(self) -> None:
        """Move what was restored into place; cut off, it is simply done again."""
        if not self._restored.is_dir():
            return
        _, wal, shm = self.database_files()
        # They belong to the file that goes; with the one that comes they would spoil it.
        wal.unlink(missing_ok=True)
        shm.unlink(missing_ok=True)
        for file in [path for path in self._restored.rglob("*") if path.is_file()]:
            target = self.path / file.relative_to(self._restored)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            file.replace(target)
            sync_directory(target.parent)
        shutil.rmtree(self._restored)

    def _clean_up(self) -> None:
        self._finish_swap_in()
        for leftover in self.path.glob("scratch-*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def _locked_message(self, by: bytes) -> str:
        number = by.decode("ascii", "replace").strip()
        holder = f"process {number}" if number.isdigit() else "another process"
        return f"{self.path} is in use by {holder}; two at once would spoil it."
