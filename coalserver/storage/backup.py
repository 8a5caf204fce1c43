"""Backups: one file with all that a server keeps, and how it is put back.

The file is a tar archive, uncompressed: `manifest.json` first, then the files it names, with their
paths in the data directory. A later version may add kinds of files; an earlier one then refuses the
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
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from coalserver import __version__
from coalserver.core.ports import ENTRIES, GAP, Batch, Counter, StoreFailed
from coalserver.domain.audit import COMMAND_LINE, Deed, What
from coalserver.media.files import sync_directory
from coalserver.media.images import FILE
from coalserver.storage.data_directory import KEY_SIZE, DataDirectory, Trouble
from coalserver.storage.sqlite.schema import StoreTooNew, StoreUnusable, check_file
from coalserver.storage.sqlite.store import SqliteStore

FORMAT = 1
MANIFEST, MANIFEST_SIZE = "manifest.json", 2**27
#: What may be in a backup besides the database: nothing that leads out of the data directory.
PART = re.compile(rf"keys/[A-Za-z0-9_-]{{1,64}}|screenshots/(?:{FILE.pattern})")
#: More than can have been counted since a backup, for a replaced file that nobody can read.
LEAP, ENTRIES_LEAP = 10**6, 10**9


class Unsound(Trouble):
    """A file that is no backup which could be put back; `why` is for those who have words of their own."""

    def __init__(self, why: str, said: str) -> None:
        super().__init__(said)
        self.why = why


@dataclass(frozen=True, slots=True)
class Staged:
    """A backup that has proved sound, unpacked beside what it is to replace."""

    file: Path
    scratch: Path
    manifest: Mapping[str, Any]

    def drop(self) -> None:
        """Remove what was unpacked, or what is left of it."""
        shutil.rmtree(self.scratch, ignore_errors=True)


async def backup(home: DataDirectory, store: SqliteStore, file: Path) -> dict[str, Any]:
    """Write everything, as it is now, into a new file: whole or not at all."""
    if file.exists():
        raise Trouble(f"{file} is there already; a backup replaces nothing.")
    with home.scratch() as scratch:
        try:
            # Before and after: all that the database names is there, whatever comes and goes meanwhile.
            await asyncio.to_thread(_link, home.screenshots, scratch / "screenshots")
            await store.backup(scratch / home.database.name)
            await asyncio.to_thread(_link, home.screenshots, scratch / "screenshots")
            size = await asyncio.to_thread(_pack, home, scratch, file)
        except (OSError, sqlite3.Error) as fault:
            raise Trouble(f"{file} cannot be written: {_said(fault)}.") from fault
    return {"file": str(file), "bytes": size}


async def restore(home: DataDirectory, file: Path) -> dict[str, Any]:
    """Put a backup in the place of what is there, which is kept. Needs the lock."""
    return await put_back(home, await stage(home, file))


async def stage(home: DataDirectory, file: Path) -> Staged:
    """Unpack a backup beside what is there, and prove it; Unsound if it is none. A server may go on meanwhile."""
    scratch = home.new_scratch()
    try:
        manifest = await asyncio.to_thread(_unpack, file, scratch)
        await asyncio.to_thread(_check, scratch, manifest, file)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return Staged(file, scratch, manifest)


async def put_back(
    home: DataDirectory, staged: Staged, by: int = COMMAND_LINE, name: str = ""
) -> dict[str, Any]:
    """Put what was staged in the place of what is there, which is kept. Needs the lock, and a file nobody has open.

    The change itself is one rename, finished at the next lock if it is cut off. Counters stay above those of the
    replaced file: ids that clients have seen since the backup was made do not come again with another meaning. Who
    has asked for it, `by` an account of that `name`, is a deed in what comes back.
    """
    file, scratch = staged.file, staged.scratch
    deed = Deed(
        0,
        time.time(),
        by,
        name,
        What.BACKUP_RESTORED,
        str(file) if by == COMMAND_LINE else file.name,
    )
    try:
        try:
            kept = await asyncio.to_thread(_keep, home, scratch / "kept")
            await _prepare(
                scratch / home.database.name, await _counters(home) if kept else {}, deed
            )
            restored = scratch / "restored"
            for part in staged.manifest["files"]:
                place = restored / part
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (scratch / part).rename(place)
                sync_directory(place.parent)
            if kept is not None:
                (scratch / "kept").rename(kept)
        except (OSError, StoreFailed, StoreUnusable) as fault:
            raise Trouble(f"{file} was not restored: {_said(fault)}.") from fault
        home.adopt(restored)
    finally:
        staged.drop()
    return {
        "restored": str(file),
        "made": staged.manifest["made"],
        "kept": None if kept is None else str(kept),
    }


def described(file: Path) -> Mapping[str, Any]:
    """What a backup says of itself, its files not looked at: Unsound if it is none."""
    try:
        with tarfile.open(file, "r:") as tar:
            return _manifest(tar, file)
    except OSError as fault:
        raise Unsound("unreadable", f"{file} cannot be read: {_said(fault)}.") from fault
    except tarfile.TarError as fault:
        raise Unsound("foreign", f"{file} is not a backup, or is damaged: {fault}.") from fault


def _pack(home: DataDirectory, scratch: Path, file: Path) -> int:
    parts = {home.database.name: scratch / home.database.name}
    parts |= {f"keys/{key.name}": key for key in sorted(home.keys.glob("[!.]*"))}
    shots = sorted((scratch / "screenshots").glob("[!.]*"))
    parts |= {f"screenshots/{shot.name}": shot for shot in shots}
    rows = {
        name: {"bytes": path.stat().st_size, "sha256": digest(path)} for name, path in parts.items()
    }
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    manifest = {"format": FORMAT, "coalserver": __version__, "made": made, "files": rows}
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


def _link(folder: Path, copy: Path) -> None:
    """Have the pictures of a folder in another one, too. No file of a picture ever changes."""
    if not folder.is_dir():
        return
    copy.mkdir(mode=0o700, exist_ok=True)
    for path in folder.iterdir():
        place = copy / path.name
        if not FILE.fullmatch(path.name) or place.exists():
            continue
        try:
            os.link(path, place)
        except FileNotFoundError:
            continue
        except OSError:
            # Not every file system has links.
            shutil.copy2(path, place)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    return member


def _unpack(file: Path, scratch: Path) -> Mapping[str, Any]:
    """Write a backup's files, proved, into the scratch directory; gives the manifest."""
    manifest = described(file)
    try:
        with tarfile.open(file, "r:") as tar:
            tar.next()
            missing = dict(manifest["files"])
            while member := tar.next():
                row = missing.pop(member.name, None)
                content = tar.extractfile(member)
                if row is None or content is None or _copy(content, scratch / member.name) != row:
                    raise Unsound("damaged", f"{file} is damaged at {member.name}.")
    except OSError as fault:
        raise Trouble(f"{file} cannot be unpacked: {_said(fault)}.") from fault
    except tarfile.TarError as fault:
        raise Unsound("damaged", f"{file} is damaged: {fault}.") from fault
    if missing:
        raise Unsound("damaged", f"{file} is damaged: {', '.join(missing)} is missing.")
    return manifest


def _manifest(tar: tarfile.TarFile, file: Path) -> Mapping[str, Any]:
    first = tar.next()
    content = tar.extractfile(first) if first and first.name == MANIFEST else None
    try:
        manifest: dict[str, Any] = json.loads(content.read(MANIFEST_SIZE) if content else b"{}")
        format, files = manifest["format"], set(manifest["files"])
        manifest["made"]
    except (ValueError, TypeError, KeyError):
        raise Unsound("foreign", f"{file} is not a backup of coalserver.") from None
    if format != FORMAT or not all(map(PART.fullmatch, files - {DataDirectory.DATABASE})):
        raise Unsound("newer", f"{file} was made by a newer coalserver; this one is {__version__}.")
    if DataDirectory.DATABASE not in files:
        raise Unsound("foreign", f"{file} is not a backup of coalserver: it has no database.")
    return manifest


def _copy(content: IO[bytes], place: Path) -> dict[str, Any]:
    """Write a file, durably; gives its row of the manifest."""
    place.parent.mkdir(mode=0o700, exist_ok=True)
    with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        shutil.copyfileobj(content, out)
        out.flush()
        os.fsync(out.fileno())
    return {"bytes": place.stat().st_size, "sha256": digest(place)}


def _check(scratch: Path, manifest: Mapping[str, Any], file: Path) -> None:
    """What could not be begun with, although it came as it was packed."""
    for name in manifest["files"]:
        if name.startswith("keys/") and (scratch / name).stat().st_size != KEY_SIZE:
            raise Unsound("damaged", f"{file} is damaged: {name} is no key.")
    try:
        check_file(scratch / DataDirectory.DATABASE)
    except StoreUnusable as fault:
        why = "newer" if isinstance(fault, StoreTooNew) else "damaged"
        raise Unsound(why, f"The database in {file} cannot be used: {fault}.") from fault


def _keep(home: DataDirectory, copy: Path) -> Path | None:
    """Copy what is about to be replaced, bit by bit; gives the name the copy is to have."""
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
    taken = len(list(home.path.glob(f"{name}*")))
    return home.path / (f"{name}-{taken}" if taken else name)


async def _counters(home: DataDirectory) -> Mapping[Counter, int] | None:
    """The counters of the file in place, or None if it cannot be read."""
    store = SqliteStore(home.database)
    try:
        return (await store.open()).counters
    except StoreUnusable:
        return None
    finally:
        await store.close()


async def _prepare(database: Path, least: Mapping[Counter, int] | None, deed: Deed) -> None:
    """Make the next ids of a file higher than any of the replaced one, and keep in it that it was put back."""
    store = SqliteStore(database)
    try:
        counters = (await store.open()).counters
        if least is None:
            least = {name: value + LEAP for name, value in counters.items()}
            least[ENTRIES] = counters.get(ENTRIES, 0) + ENTRIES_LEAP
        raised = {name: value for name, value in least.items() if value > counters.get(name, 0)}
        if ENTRIES in raised:
            # One id is left out, so that the newest cursor after the restore stands outside the gap.
            raised[f"{GAP}{raised[ENTRIES] - 1}"] = counters.get(ENTRIES, 0) - 1
            raised[ENTRIES] += 1
        number = max(counters.get(Deed, 0), raised.get(Deed, 0)) + 1
        raised[Deed] = number
        await store.write(Batch({(Deed, number): replace(deed, id=number)}, counters=raised))
    finally:
        await store.close()


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _said(fault: Exception) -> str:
    return getattr(fault, "strerror", None) or str(fault)
