"""Backups: one file with all data of a server, and its restore.

The file is a tar archive, uncompressed: `manifest.json` first, then the files it names, with their
paths in the data directory. A later version can add kinds of files; an earlier one then rejects the
archive.
"""

import asyncio
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from coalserver import __version__
from coalserver.core.ports import ENTRY_COUNTER, GAP_COUNTER_PREFIX, Batch, Counter, StoreFailed
from coalserver.domain.audit import COMMAND_LINE, AuditAction, AuditEntry
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import one_line
from coalserver.media.files import sync_directory, write_private
from coalserver.media.images import FILE_PATTERN
from coalserver.storage.codec import COUNTER_NAMES
from coalserver.storage.data_directory import (
    KEY_NAME,
    KEY_SIZE,
    DataDirectory,
    OperatorError,
    find_key_problem,
)
from coalserver.storage.sqlite.schema import (
    NotAStore,
    StoreTooNew,
    StoreUnusable,
    check_file,
    migrate_file,
)
from coalserver.storage.sqlite.store import SqliteStore

FORMAT = 1
LINK_ATTEMPTS = 5
MANIFEST, MANIFEST_SIZE = "manifest.json", 2**27
#: Files in a backup besides the database; no path can lead out of the data directory.
MEMBER_PATTERN = re.compile(
    rf"keys/{KEY_NAME.pattern}|screenshots/(?:{FILE_PATTERN.pattern})"
    r"|hosting/worlds/\d{1,18}/saves/\d{8}T\d{6}Z-[a-z]{1,20}\.(?:zip|json)"
)
#: Saved games of hosted worlds in a backup begin with this.
WORLDS_PREFIX = "hosting/"
#: Written beside restored saved games: a JSON list of the ids of their worlds.
RESTORED_WORLDS = "hosting/restored-worlds.json"
#: Added to counters if the replaced database is missing or unreadable: more than can have been counted since
#: the backup, and few enough that clients with 32-bit ids survive several restores.
COUNTER_LEAP, ENTRIES_LEAP = 10**6, 10**8
#: The position of a line has 18 bits for its world: see log_lines.py.
WORLDS_LEAP = 1000


#: What tarfile raises for files that are no archive or are damaged.
TAR_ERRORS = (tarfile.TarError, EOFError, OverflowError, ValueError)


class InvalidBackup(OperatorError):
    """A file that cannot be restored. `code`: unreadable, foreign, newer or damaged."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class StagedBackup:
    """A verified backup, unpacked in the data directory next to the data that it will replace."""

    file: Path
    directory: Path
    manifest: Mapping[str, Any]

    def discard(self) -> None:
        """Delete the unpacked files."""
        shutil.rmtree(self.directory, ignore_errors=True)


async def backup(
    home: DataDirectory,
    store: SqliteStore,
    file: Path,
    saves: Callable[[], Mapping[str, Path]] = dict,
) -> dict[str, Any]:
    """Write all data to a new file, check its database and return its path and size.

    `saves` returns saved games of hosted worlds to be included: name in the backup -> file.

    Raises OperatorError if the file exists, cannot be written or would hold a damaged database; then it is
    not created.
    """
    if file.exists():
        raise OperatorError(f"{file} exists already. Choose another name.")
    with home.temp_directory() as scratch:
        try:
            # Before and after the database, so that every image that it names is included.
            await asyncio.to_thread(_link, home.screenshots, scratch / "screenshots")
            await store.backup(scratch / home.database.name)
            await asyncio.to_thread(check_file, scratch / home.database.name)
            await asyncio.to_thread(_link, home.screenshots, scratch / "screenshots")
            await asyncio.to_thread(_copy_keys, home, scratch)
            await asyncio.to_thread(_link_saves, saves, scratch)
            size = await asyncio.to_thread(_pack, home, scratch, file)
        except NotAStore as error:
            raise OperatorError(
                f"{file} was not written, since {home.database} is damaged: {error}. Restore an earlier backup."
            ) from error
        except (OSError, sqlite3.Error) as error:
            raise OperatorError(f"{file} cannot be written: {_error_text(error)}.") from error
    return {"file": str(file), "bytes": size}


async def restore(home: DataDirectory, file: Path) -> dict[str, Any]:
    """Replace all data with a backup; see `apply_backup`. The caller must hold the lock."""
    return await apply_backup(home, await stage(home, file))


async def stage(home: DataDirectory, file: Path) -> StagedBackup:
    """Unpack and verify a backup. A server can run meanwhile.

    Raises InvalidBackup, or OperatorError if the files cannot be written.
    """
    scratch = home.create_temp_directory()
    try:
        manifest = await asyncio.to_thread(_unpack, file, scratch)
        await asyncio.to_thread(_check, scratch, manifest, file)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return StagedBackup(file, scratch, manifest)


async def apply_backup(
    home: DataDirectory, staged: StagedBackup, by: int = COMMAND_LINE, name: str = ""
) -> dict[str, Any]:
    """Replace all data with a staged backup; the replaced data is kept in a directory.

    The caller must hold the lock, and the database must be closed. The change is one rename; if the
    process dies, the next lock completes it. Counters stay above those of the replaced database, or are
    raised by far if there is none, so that ids are never issued twice. The restored data gets an audit
    entry for the account `by` with this `name`. Raises OperatorError; then nothing has changed.
    """
    file, scratch = staged.file, staged.directory
    audit_entry = AuditEntry(
        0,
        time.time(),
        by,
        name,
        AuditAction.BACKUP_RESTORED,
        str(file) if by == COMMAND_LINE else file.name,
    )
    try:
        try:
            replaced = await asyncio.to_thread(_copy_replaced, home, scratch / "kept")
            await _prepare(
                scratch / home.database.name,
                await _counters(home) if replaced else None,
                audit_entry,
            )
            restored = scratch / "restored"
            for part in staged.manifest["files"]:
                target = restored / part
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (scratch / part).rename(target)
                sync_directory(target.parent)
            if worlds := restored_worlds(staged.manifest):
                write_private(restored / RESTORED_WORLDS, json.dumps(worlds).encode())
            if replaced is not None:
                (scratch / "kept").rename(replaced)
        except (OSError, StoreFailed, StoreUnusable) as error:
            raise OperatorError(f"{file} was not restored: {_error_text(error)}.") from error
        home.swap_in(restored)
    finally:
        staged.discard()
    return {
        "restored": str(file),
        "made": staged.manifest["made"],
        "kept": None if replaced is None else str(replaced),
    }


def read_manifest(file: Path) -> Mapping[str, Any]:
    """Return the manifest of a backup without verifying its files. Raises InvalidBackup."""
    try:
        with tarfile.open(file, "r:") as tar:
            return _manifest(tar, file)
    except OSError as error:
        raise InvalidBackup(
            "unreadable", f"{file} cannot be read: {_error_text(error)}."
        ) from error
    except TAR_ERRORS as error:
        raise InvalidBackup(
            "foreign", f"{file} is not a backup, or is damaged: {error}."
        ) from error


def restored_worlds(manifest: Mapping[str, Any]) -> list[int]:
    """Return the ids of the hosted worlds whose saved games are in a backup."""
    names = (name for name in manifest["files"] if name.startswith(WORLDS_PREFIX))
    return sorted({int(name.split("/")[2]) for name in names})


def _pack(home: DataDirectory, scratch: Path, file: Path) -> int:
    parts = {home.database.name: scratch / home.database.name}
    parts |= {f"keys/{key.name}": key for key in sorted((scratch / "keys").iterdir())}
    shots = sorted((scratch / "screenshots").glob("[!.]*"))
    parts |= {f"screenshots/{shot.name}": shot for shot in shots}
    worlds = sorted((scratch / "hosting").glob("worlds/*/saves/*"))
    parts |= {path.relative_to(scratch).as_posix(): path for path in worlds}
    rows = {
        name: {"bytes": path.stat().st_size, "sha256": digest(path)} for name, path in parts.items()
    }
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    manifest = {"format": FORMAT, "coalserver": __version__, "made": created, "files": rows}
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    try:
        with open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                head = json.dumps(manifest, indent=1).encode()
                tar.addfile(_member(MANIFEST, len(head)), io.BytesIO(head))
                for name, path in parts.items():
                    with path.open("rb") as content:
                        tar.addfile(_member(name, path.stat().st_size), content)
            out.flush()
            os.fsync(out.fileno())
        part.rename(file)
    finally:
        part.unlink(missing_ok=True)
    sync_directory(file.parent)
    return file.stat().st_size


def _copy_keys(home: DataDirectory, scratch: Path) -> None:
    """Copy the keys next to the copy of the database. Raises OperatorError if no server would start with the two.

    Files of another name or size are no keys: the directory belongs to the operator, who may keep copies in it.
    """
    problem = find_key_problem(scratch / home.database.name, home.keys)
    if problem:
        raise OperatorError(
            f"No backup was written, since no server would start with it: {problem}."
        )
    copies = scratch / "keys"
    copies.mkdir(mode=0o700)
    for name in home.key_names():
        key = (home.keys / name).read_bytes()
        if len(key) == KEY_SIZE:
            (copies / name).write_bytes(key)


def _link(folder: Path, copy: Path) -> None:
    """Hard-link all images of a folder into another one. Image files never change."""
    if not folder.is_dir():
        return
    copy.mkdir(mode=0o700, exist_ok=True)
    for path in folder.iterdir():
        target = copy / path.name
        if not FILE_PATTERN.fullmatch(path.name) or target.exists():
            continue
        with suppress(FileNotFoundError):
            _link_file(path, target)


def _link_file(path: Path, target: Path) -> None:
    """Hard-link a file that never changes. Raises OSError, FileNotFoundError if it was deleted."""
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        # Some file systems have no hard links, and none leads to another file system.
        shutil.copy2(path, target)


def _link_saves(saves: Callable[[], Mapping[str, Path]], scratch: Path) -> None:
    """Hard-link saved games. Where one is deleted meanwhile, all are looked for again. Raises OSError."""
    for left in range(LINK_ATTEMPTS, -1, -1):
        shutil.rmtree(scratch / "hosting", ignore_errors=True)
        try:
            for name, path in saves().items():
                target = scratch / name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _link_file(path, target)
            return
        except FileNotFoundError:
            if not left:
                raise


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    return member


def _unpack(file: Path, scratch: Path) -> Mapping[str, Any]:
    """Unpack a backup into a directory, verify its digests and return the manifest."""
    manifest = read_manifest(file)
    try:
        with tarfile.open(file, "r:") as tar:
            tar.next()
            missing = dict(manifest["files"])
            while member := tar.next():
                if member.name not in missing:
                    raise _damaged(
                        file, member.name, "the manifest does not list it, or lists it once"
                    )
                expected = missing.pop(member.name)
                if not _is_valid_row(expected):
                    raise _damaged(file, member.name, "the manifest has no size or digest of it")
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse:
                    raise _damaged(file, member.name, "it is not a regular file")
                if member.size != expected["bytes"]:
                    raise _damaged(file, member.name, "its size differs from the manifest")
                content = tar.extractfile(member)
                if content is None or _copy(content, scratch / member.name) != expected["sha256"]:
                    raise _damaged(file, member.name, "its content differs from the manifest")
    except OSError as error:
        raise OperatorError(f"{file} cannot be unpacked: {_error_text(error)}.") from error
    except TAR_ERRORS as error:
        raise InvalidBackup("damaged", f"{file} is damaged: {error}.") from error
    if missing:
        raise InvalidBackup("damaged", f"{file} is damaged: {', '.join(missing)} is missing.")
    return manifest


def _manifest(tar: tarfile.TarFile, file: Path) -> Mapping[str, Any]:
    first = tar.next()
    regular = first is not None and first.name == MANIFEST and first.isreg() and not first.sparse
    content = tar.extractfile(first) if first and regular else None
    try:
        manifest: dict[str, Any] = json.loads(content.read(MANIFEST_SIZE) if content else b"{}")
        format, files = manifest["format"], set(manifest["files"])
        if not (isinstance(manifest["made"], str) and isinstance(manifest["files"], dict)):
            raise TypeError("a member has another type")
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidBackup("foreign", f"{file} is not a backup of coalserver.") from None
    if format != FORMAT or not all(map(MEMBER_PATTERN.fullmatch, files - {DataDirectory.DATABASE})):
        raise InvalidBackup(
            "newer", f"{file} was created by a newer version of coalserver; this is {__version__}."
        )
    if DataDirectory.DATABASE not in files:
        raise InvalidBackup("foreign", f"{file} is not a backup of coalserver: it has no database.")
    return {**manifest, "made": one_line(manifest["made"])}


def _is_valid_row(row: Any) -> bool:
    """Return whether a row of the manifest has a size and a digest."""
    return (
        isinstance(row, dict)
        and isinstance(row.get("bytes"), int)
        and isinstance(row.get("sha256"), str)
    )


def _damaged(file: Path, member: str, cause: str) -> InvalidBackup:
    return InvalidBackup("damaged", f"{file} is damaged at {one_line(member)}: {cause}.")


def _copy(content: IO[bytes], path: Path) -> str:
    """Write a file durably and return its SHA-256 in hexadecimal."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        shutil.copyfileobj(content, out)
        out.flush()
        os.fsync(out.fileno())
    return digest(path)


def _check(scratch: Path, manifest: Mapping[str, Any], file: Path) -> None:
    """Check keys and database of an unpacked backup. Raises InvalidBackup."""
    for name in manifest["files"]:
        if name.startswith("keys/") and (scratch / name).stat().st_size != KEY_SIZE:
            raise InvalidBackup("damaged", f"{file} is damaged: {name} is not a key.")
    try:
        check_file(scratch / DataDirectory.DATABASE, max_bytes=0)
        # Migrated before it is checked as a whole: see `check_file`.
        migrate_file(scratch / DataDirectory.DATABASE, keep_copy=False)
        check_file(scratch / DataDirectory.DATABASE)
    except StoreUnusable as error:
        code = "newer" if isinstance(error, StoreTooNew) else "damaged"
        raise InvalidBackup(code, f"The database in {file} cannot be used: {error}.") from error
    problem = find_key_problem(scratch / DataDirectory.DATABASE, scratch / "keys")
    if problem:
        raise InvalidBackup("damaged", f"{file} cannot be restored: {problem}.")


def _copy_replaced(home: DataDirectory, copy: Path) -> Path | None:
    """Copy the data that will be replaced and return the path that the copy will get."""
    old = [path for path in home.database_files() if path.exists()]
    if not old:
        return None
    copy.mkdir(mode=0o700)
    for path in old:
        shutil.copy2(path, copy)
    if home.keys.is_dir():
        shutil.copytree(home.keys, copy / "keys")
    _link(home.screenshots, copy / "screenshots")
    name = time.strftime("replaced-%Y%m%dT%H%M%SZ", time.gmtime())
    existing = len(list(home.path.glob(f"{name}*")))
    return home.path / (f"{name}-{existing}" if existing else name)


async def _counters(home: DataDirectory) -> Mapping[Counter, int] | None:
    """Return the counters of the current database, or None if it cannot be read."""
    store = SqliteStore(home.database)
    try:
        return (await store.open()).counters
    except StoreUnusable:
        return None
    finally:
        await store.close()


async def _prepare(
    database: Path, minimums: Mapping[Counter, int] | None, audit_entry: AuditEntry
) -> None:
    """Raise the counters of a restored database and write the audit entry.

    `minimums` are the counters of the replaced database; None if it is unknown what was counted since the
    backup.
    """
    store = SqliteStore(database)
    try:
        counters = (await store.open()).counters
        if minimums is None:
            # Also of kinds of which the backup has none: ids of them can have been issued since.
            names = {name for name in counters if not str(name).startswith(GAP_COUNTER_PREFIX)}
            names.update(COUNTER_NAMES)
            minimums = {name: counters.get(name, 0) + COUNTER_LEAP for name in names}
            minimums[World] = counters.get(World, 0) + WORLDS_LEAP
            minimums[ENTRY_COUNTER] = counters.get(ENTRY_COUNTER, 0) + ENTRIES_LEAP
        raised = {name: value for name, value in minimums.items() if value > counters.get(name, 0)}
        if ENTRY_COUNTER in raised:
            # One id is skipped, so that the newest cursor after the restore is outside the gap.
            raised[f"{GAP_COUNTER_PREFIX}{raised[ENTRY_COUNTER] - 1}"] = (
                counters.get(ENTRY_COUNTER, 0) - 1
            )
            raised[ENTRY_COUNTER] += 1
        number = max(counters.get(AuditEntry, 0), raised.get(AuditEntry, 0)) + 1
        raised[AuditEntry] = number
        await store.write(
            Batch({(AuditEntry, number): replace(audit_entry, id=number)}, counters=raised)
        )
    finally:
        await store.close()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _error_text(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
