"""The data directory: its lock, its paths and its key files."""

import hashlib
import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:
    # Windows: the data directory refuses to open.
    fcntl = None  # type: ignore[assignment]

from coalserver.media.files import sync_directory, write_private
from coalserver.storage.sqlite.key_files import (
    has_rows_without_digests,
    key_digest,
    key_digests,
    required_keys,
    save_key_digest,
)
from coalserver.storage.sqlite.schema import (
    LOCK_WARNING_SECONDS,
    NotAStore,
    StoreUnusable,
    check_file,
    migrate_file,
)

#: Size of a key in bytes.
KEY_SIZE = 32
#: Names of key files. Other files beside them, such as an operator's copies, are none.
KEY_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Larger databases are not checked at the start: about two seconds.
MAX_CHECKED_BYTES = 256 << 20


_KEY_REMEDY = "Put the right file back, or restore a backup with `coalserver restore`."


class OperatorError(Exception):
    """A problem that the operator has to solve. The message is one sentence."""


class DataDirectoryLocked(OperatorError):
    """Another process holds the lock of the data directory."""


class DataDirectory:
    """The directory with all data of a server. Its files are readable by their owner only."""

    DATABASE = "coalserver.sqlite3"

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def database(self) -> Path:
        return self.path / self.DATABASE

    def database_files(self) -> tuple[Path, Path, Path]:
        """Return the database and SQLite's files next to it, which exist while it is open or after a crash."""
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
    def backups(self) -> Path:
        """The backups that admin pages create."""
        return self.path / "backups"

    @property
    def hosting(self) -> Path:
        """The files of hosted worlds, unless the configuration names another folder."""
        return self.path / "hosting"

    @property
    def is_initialized(self) -> bool:
        """Whether the directory has data."""
        return self.database.exists() or self._restored.exists()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the exclusive lock; create the directory if it is missing.

        Raises DataDirectoryLocked if another process holds the lock. The system releases it when
        the process ends. Only `lock_or_leave_nothing` deletes the lock file.
        """
        file = self._open_locked()
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, b"%d\n" % os.getpid(), 0)
            self._clean_up()
            yield
        finally:
            os.close(file)

    @contextmanager
    def lock_or_leave_nothing(self) -> Iterator[None]:
        """Hold the lock; after an exception, delete the directories that were created and are still empty."""
        created = [path for path in (self.path, *self.path.parents) if not path.exists()]
        with self.lock():
            try:
                yield
            except BaseException:
                if created and [path.name for path in self.path.iterdir()] == ["lock"]:
                    (self.path / "lock").unlink()
                    with suppress(OSError):
                        for path in created:
                            path.rmdir()
                raise

    def key_names(self) -> set[str]:
        """Return the names of the key files."""
        return {
            path.name
            for path in self.keys.glob("*")
            if KEY_NAME.fullmatch(path.name) and path.is_file()
        }

    def load_key(self, name: str) -> bytes:
        """Return the key with this name; it is created at first use. Raises OperatorError.

        The database, once `check_data` has created it, has a digest of each key: a key that is missing or
        another one is an error, since what was issued with the key would stop working.
        """
        path = self.keys / name
        with _open_database(self.database) as db:
            known_digest = key_digest(db, name) if db else None
            try:
                key = path.read_bytes()
            except FileNotFoundError:
                if known_digest:
                    raise self._missing_key(name) from None
                key = secrets.token_bytes(KEY_SIZE)
                self.keys.mkdir(mode=0o700, exist_ok=True)
                write_private(path, key)
            except OSError as error:
                raise OperatorError(
                    f"{path} cannot be read: {error.strerror}. {_KEY_REMEDY}"
                ) from None
            if len(key) != KEY_SIZE:
                raise OperatorError(
                    f"{path} is damaged: it has {len(key)} bytes, not {KEY_SIZE}. {_KEY_REMEDY}"
                )
            digest = hashlib.sha256(key).digest()
            if known_digest is None and db:
                save_key_digest(db, name, digest)
            elif known_digest and known_digest != digest:
                raise OperatorError(
                    f"{path} is not the key with which {self.database} was written. {_KEY_REMEDY}"
                )
        return key

    def check_data(self) -> None:
        """Check the database and create or migrate it. The caller must hold the lock.

        Raises OperatorError, with the remedy, for a damaged database and for an empty or missing one beside
        existing keys. A database of more than `MAX_CHECKED_BYTES` is not read as a whole.
        """
        database = self.database
        try:
            # Keys are created after the tables: without keys, an interrupted first start may have left the file.
            if self.key_names():
                if not database.exists() or database.stat().st_size == 0:
                    problem = "empty" if database.exists() else "missing"
                    raise OperatorError(
                        f"{database} is {problem}, but {self.keys} has the keys of a server. {self._remedy()}"
                        f" To start without data, move {self.keys} away."
                    )
                check_file(database, max_bytes=0)
            migrate_file(database)
            check_file(database, MAX_CHECKED_BYTES)
        except NotAStore as error:
            raise OperatorError(f"{database} cannot be used: {error}. {self._remedy()}") from None
        except StoreUnusable as error:
            raise OperatorError(f"{database} cannot be used: {error}.") from error
        with _open_database(database) as db:
            if db and has_rows_without_digests(db):
                self._record_first_digests(db)

    def _record_first_digests(self, db: sqlite3.Connection) -> None:
        """Record the digests of all keys, after checking that none is missing that earlier versions had created."""
        present = self.key_names()
        for name in sorted(required_keys(present) - present):
            raise self._missing_key(name)
        for name in sorted(present):
            save_key_digest(db, name, hashlib.sha256((self.keys / name).read_bytes()).digest())

    def _missing_key(self, name: str) -> OperatorError:
        return OperatorError(
            f"{self.keys / name} is missing, and what was issued with this key would stop working."
            f" {_KEY_REMEDY}"
        )

    def _remedy(self) -> str:
        """Return the sentence that says which backup to restore."""
        newest = max(
            self.backups.glob("*.tar"), key=lambda file: file.stat().st_mtime, default="FILE"
        )
        return f"Restore a backup with `coalserver restore {newest}`."

    @contextmanager
    def temp_directory(self) -> Iterator[Path]:
        """Yield a directory for incomplete files; after a crash the next lock deletes it."""
        path = self.create_temp_directory()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def create_temp_directory(self) -> Path:
        """Return a new directory that the caller has to delete; see `temp_directory`."""
        path = self.path / f"scratch-{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        return path

    def swap_in(self, restored: Path) -> None:
        """Replace files with those of the same names from `restored`.

        After the first rename the change is certain: the next lock completes it.
        """
        restored.rename(self._restored)
        sync_directory(self.path)
        self._finish_swap_in()

    def _open_locked(self) -> int:
        """Return a descriptor of the locked lock file. Raises DataDirectoryLocked."""
        if fcntl is None:
            raise OperatorError("coalserver cannot lock its data directory on this system.")
        path = self.path / "lock"
        while True:
            self._create()
            try:
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # Another process has deleted the directory meanwhile.
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another process may have deleted the file meanwhile; its lock would exclude no process.
                if path.exists() and os.path.samestat(path.stat(), os.fstat(file)):
                    return file
            except BlockingIOError:
                message = self._locked_message(os.pread(file, 20, 0))
                os.close(file)
                raise DataDirectoryLocked(message) from None
            os.close(file)

    def _create(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OperatorError(f"{self.path} cannot be created: {error.strerror}.") from None
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise OperatorError(f"{self.path} is not writable.")

    @property
    def _restored(self) -> Path:
        return self.path / "restored"

    def _finish_swap_in(self) -> None:
        """Move restored files into place. Can be repeated after an interruption."""
        if not self._restored.is_dir():
            return
        _, wal, shm = self.database_files()
        # They belong to the replaced database and would damage the restored one.
        wal.unlink(missing_ok=True)
        shm.unlink(missing_ok=True)
        for file in [path for path in self._restored.rglob("*") if path.is_file()]:
            target = self.path / file.relative_to(self._restored)
            for folder in reversed(target.relative_to(self.path).parents[:-1]):
                (self.path / folder).mkdir(mode=0o700, exist_ok=True)
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
        return f"{self.path} is in use by {holder}."


def find_key_problem(database: Path, keys: Path) -> str | None:
    """Return what keeps a server from starting with a database and the keys in a directory, or None."""
    present = {path.name for path in keys.glob("*") if path.is_file()}
    with _open_database(database) as db:
        if db is None:
            return None
        digests = key_digests(db)
        needed = required_keys(present) if has_rows_without_digests(db) else set(digests)
    for name in sorted(needed):
        if name not in present:
            return f"keys/{name} is missing, and what was issued with this key would stop working"
        if digests and hashlib.sha256((keys / name).read_bytes()).digest() != digests[name]:
            return f"keys/{name} is not the key with which the database was written"
    return None


@contextmanager
def _open_database(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Yield a connection to an existing database, else None."""
    if not path.exists():
        yield None
        return
    db = sqlite3.connect(path, isolation_level=None, timeout=LOCK_WARNING_SECONDS)
    try:
        yield db
    finally:
        db.close()
