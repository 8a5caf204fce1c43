"""Putting a saved game in the place of a world's folder, so that a crash leaves the old one or the new one.

Prescribed by hosting.md, section 9: the saved game is unpacked to `server.new`; when that is whole and on disk the file
`complete` is written; `server` moves to a folder in `old`; `server.new` becomes `server`; `complete` is deleted. What
was interrupted is undone where `complete` is missing, and finished where it exists. Everything here blocks.
"""

import calendar
import json
import logging
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coalserver.hosting.archives import Archive, Limits, open_archive, unpack
from coalserver.hosting.disk import check_space, measure
from coalserver.hosting.level import InvalidLevel, read_level
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.packing import copy_rest, read_level_of
from coalserver.hosting.save_errors import SaveFailed, UnsafeArchive, failed
from coalserver.hosting.saves import DEFAULT_LEVEL_NAME, SavedGame, SavedGames, SaveKind
from coalserver.media.files import sync_directory, write_private

log = logging.getLogger(__name__)

NEW, OLD, COMPLETE = "server.new", "old", "complete"
#: How long the folders that restores have replaced stay at least, in seconds.
OLD_SECONDS = 86_400
OLD_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Restored:
    """A saved game that is now a world's folder. `level_name`: the folder of the world in it."""

    save_id: str
    level_name: str


def restore(
    games: SavedGames,
    save_id: str,
    progress: Progress,
    *,
    disk_free: int,
    level_name: str = DEFAULT_LEVEL_NAME,
    owner: tuple[int, int] | None = None,
) -> Restored:
    """Replace the folder `server` of a world at rest by a saved game. `disk_free`: bytes that stay free.

    What it replaces stays in `old` for a day at least. An uploaded world replaces only the folder `level_name`, that
    of the world until now: properties, player lists, plug-ins and mods are copied. `owner`: (uid, gid) of all
    files. Raises UnknownSave, NoSpace, Stopped, and SaveFailed if
    the archive is damaged or the disk is full; then the folder is as before.
    """
    saved = games.get(save_id)
    recover_restore(games.folder)
    try:
        with games.open(save_id) as file, open_archive(file, Limits()) as archive:
            _unpack(games, saved, archive, progress, disk_free, level_name, owner)
        restored = Restored(save_id, saved.level_name)
        if games.server.is_dir():
            (games.folder / OLD).mkdir(mode=0o700, exist_ok=True)
        sync_directory(games.folder)
        write_private(games.folder / COMPLETE, json.dumps(_document(restored)).encode())
    except BaseException as error:
        # What cannot be undone is undone at the next start.
        with suppress(OSError):
            _undo(games.folder)
        if isinstance(error, UnsafeArchive):
            raise SaveFailed(f"the saved game is damaged: {error.reason}") from error
        if isinstance(error, InvalidLevel):
            raise SaveFailed(str(error)) from error
        if isinstance(error, OSError):
            raise failed(error) from error
        raise
    try:
        return _swap(games.folder) or restored
    except OSError as error:
        # `complete` exists: the next start, or the next restore, finishes the renames.
        raise failed(error) from error


def recover_restore(folder: Path) -> Restored | None:
    """Finish or undo an interrupted restore in the folder of a world; return what was finished, if anything.

    Call it before a world is started. Raises OSError.
    """
    if (folder / COMPLETE).exists():
        return _swap(folder)
    if os.path.lexists(folder / NEW):
        log.info("An interrupted restore in %s is undone", folder)
        _undo(folder)
    return None


def delete_old(folder: Path, now: float | None = None) -> None:
    """Delete what restores have replaced more than a day ago. Raises nothing: what stays is tried again next time."""
    old = folder / OLD
    now = time.time() if now is None else now
    for path in old.iterdir() if old.is_dir() else ():
        with suppress(OSError, RecursionError):
            # The time of the folder's last change says nothing about when it was replaced.
            if now - _replaced_at(path) > OLD_SECONDS:
                _discard(path)


def _unpack(
    games: SavedGames,
    saved: SavedGame,
    archive: Archive,
    progress: Progress,
    disk_free: int,
    level_name: str,
    owner: tuple[int, int] | None,
) -> None:
    """Unpack a saved game to `server.new`, durably. Raises SaveError, OSError."""
    read_level_of(archive, saved.level_name)
    progress.part(0, 40)
    needed = archive.read_through(progress)
    keeps_rest = saved.kind is SaveKind.UPLOAD and games.server.is_dir()
    rest = measure(games.server, progress.check).bytes if keeps_rest else 0
    check_space(games.folder, needed + rest, disk_free)
    progress.part(40, 90)
    new = games.folder / NEW
    unpack(archive, new, progress, owner, total=needed)
    progress.part(90, 100)
    if keeps_rest:
        copy_rest(games.server, new, (level_name, saved.level_name), progress, owner)
    progress.update(1, 1)
    read_level(new / saved.level_name)


def _swap(folder: Path) -> Restored | None:
    """Do what is left of the renames, and return what is restored. Raises OSError."""
    complete, new, server = folder / COMPLETE, folder / NEW, folder / "server"
    restored = _read_complete(complete)
    if new.is_dir():
        if os.path.lexists(server):
            server.rename(_old_folder(folder))
            sync_directory(folder / OLD)
            sync_directory(folder)
        new.rename(server)
        sync_directory(folder)
    complete.unlink(missing_ok=True)
    sync_directory(folder)
    return restored


def _old_folder(folder: Path) -> Path:
    """Return a new path in `old`, which is named for the time."""
    old = folder / OLD
    old.mkdir(mode=0o700, exist_ok=True)
    at = time.time()
    while os.path.lexists(path := old / time.strftime(OLD_STAMP, time.gmtime(at))):
        at += 1
    return path


def _replaced_at(path: Path) -> float:
    """Return when a folder in `old` was replaced, by its name. Raises OSError."""
    try:
        return calendar.timegm(time.strptime(path.name, OLD_STAMP))
    except ValueError:
        return path.stat(follow_symlinks=False).st_mtime


def _document(restored: Restored) -> dict[str, str]:
    return {"save": restored.save_id, "level_name": restored.level_name}


def _read_complete(path: Path) -> Restored | None:
    try:
        document = json.loads(path.read_bytes())
        return Restored(str(document["save"]), str(document["level_name"]))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        # The file counts, not its content: it is written after everything else is on disk.
        return None


def _undo(folder: Path) -> None:
    """Delete `server.new`. Raises OSError."""
    if (folder / COMPLETE).exists():
        # First: while it exists, what is left of `server.new` counts as whole.
        (folder / COMPLETE).unlink()
        sync_directory(folder)
    (folder / f".{COMPLETE}.part").unlink(missing_ok=True)
    _discard(folder / NEW)


def _discard(path: Path) -> None:
    """Delete a folder, a file or a link, also if some of it cannot be deleted."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
