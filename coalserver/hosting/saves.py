"""The saved games of a world on disk: zip archives with a JSON file beside each.

Prescribed by hosting.md, section 9. In the folder `saves` of a world `<UTC>-<kind>.zip` is a copy of its folder
`server`, and `<UTC>-<kind>.json` says how it came about. The files decide: nothing else is stored about saved games.
The zip comment repeats what was known when the archive was made, so that a lost JSON file can be written again.
Everything here but `save_world` blocks; call it through `low_priority.run_in_background`, or short calls in a thread.
"""

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, Any

from coalserver.domain.minecraft.hosting.hosted_world import MAX_NOTE_LENGTH
from coalserver.hosting.archives import Archive, Limits, open_archive
from coalserver.hosting.disk import check_space, measure
from coalserver.hosting.level import InvalidLevel, LevelFacts, read_level
from coalserver.hosting.low_priority import Progress, run_in_background
from coalserver.hosting.packing import Packed, Verified, pack, read_level_of, repack, sha256, verify
from coalserver.hosting.save_commands import Console, saving_off
from coalserver.hosting.save_errors import (
    NotAWorld,
    SaveError,
    UnknownSave,
    failed,
)
from coalserver.media.files import sync_directory, write_private

log = logging.getLogger(__name__)

SERVER, SAVES = "server", "saves"
#: Ends of names: an archive, what is known of it, and what is being written.
ZIP, SIDECAR, PART = ".zip", ".json", ".part"
MAX_SIDECAR_BYTES = 16_384
STAMP = "%Y%m%dT%H%M%SZ"
#: Folder of an uploaded world whose own name cannot be used.
DEFAULT_LEVEL_NAME = "world"
#: Names in the folder of a server that its program gives another meaning.
RESERVED_LEVEL_NAMES = frozenset(
    ("logs", "libraries", "versions", "cache", "plugins", "mods", "config", "crash-reports")
)
#: What a level name may consist of, so that every program can read it in server.properties.
LEVEL_NAME = re.compile(r"[\w+()'!,-][\w .+()'!,-]{0,63}")


class SaveKind(StrEnum):
    """Why a saved game was made."""

    MANUAL = "manual"
    NIGHTLY = "nightly"
    PAUSE = "pause"
    UPLOAD = "upload"


SAVE_ID = re.compile(rf"(\d{{8}}T\d{{6}}Z)-({'|'.join(SaveKind)})")


#: What a JSON file of another origin raises when it is read.
INVALID_JSON = (ValueError, TypeError, KeyError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class SavedGame:
    """A saved game. `id` is the name of its files, `made` a unixtime, `size` that of the zip in bytes."""

    id: str
    made: float
    kind: SaveKind
    size: int = 0
    sha256: str = ""
    #: Id of the account that asked for it; 0: the command line or the time.
    by: int = 0
    #: Version of Minecraft, as far as known.
    version: str = ""
    pinned: bool = False
    #: Whether the world was ended by force before, so that it may be damaged.
    after_kill: bool = False
    note: str = ""
    #: Bytes that a restore unpacks.
    needs: int = 0
    #: The world's folder in the archive.
    level_name: str = DEFAULT_LEVEL_NAME
    #: Grows from save to save of a world, whatever the clock does.
    number: int = 0


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """What a saved game is made of. `level_name`: the world's folder in `server`, as in server.properties."""

    kind: SaveKind
    level_name: str = DEFAULT_LEVEL_NAME
    by: int = 0
    #: Version of Minecraft; empty: as level.dat says.
    version: str = ""
    after_kill: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """An archive that is written but not read back: a file that ends with `.part`."""

    saved: SavedGame
    part: Path
    packed: Packed | None = None

    def discard(self) -> None:
        """Delete it."""
        self.part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class MadeSave:
    """A saved game that was made, and what the world's files said when they were copied."""

    saved: SavedGame
    level: LevelFacts | None = None


class SavedGames:
    """The saved games in the folder of a world. Methods may be called from several threads.

    One saved game at a time is made, restored or uploaded; the caller sees to that, for all worlds together.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server, self.saves = folder / SERVER, folder / SAVES
        self._lock = threading.Lock()

    def recover(self, progress: Progress | None = None) -> None:
        """Make the files agree after a start: nothing half-written, and beside each zip its JSON file.

        A zip file that cannot be read is left alone and is not listed. Raises OSError, Stopped.
        """
        if not self.saves.is_dir():
            return
        with self._lock:
            for path in self.saves.iterdir():
                if path.name.endswith(PART):
                    path.unlink(missing_ok=True)
                elif path.suffix == SIDECAR and SAVE_ID.fullmatch(path.stem):
                    if not path.with_suffix(ZIP).exists():
                        path.unlink(missing_ok=True)
            for path in self._zips():
                if self._read_sidecar(path) is None:
                    self._write_missing_sidecar(path, progress or Progress())
            sync_directory(self.saves)

    def all(self) -> list[SavedGame]:
        """Return the saved games, newest first."""
        found = (self._read_sidecar(path) for path in self._zips())
        return sorted(filter(None, found), key=_age, reverse=True)

    def get(self, save_id: str) -> SavedGame:
        """Return a saved game. Raises UnknownSave."""
        if SAVE_ID.fullmatch(save_id) and (saved := self._read_sidecar(self.path(save_id))):
            return saved
        raise UnknownSave(save_id)

    def path(self, save_id: str) -> Path:
        """Return the path of the zip of a saved game."""
        return self.saves / f"{save_id}{ZIP}"

    def open(self, save_id: str) -> IO[bytes]:
        """Open the zip of a saved game; it can be read to the end although it is deleted meanwhile.

        Raises UnknownSave.
        """
        self.get(save_id)
        try:
            return self.path(save_id).open("rb")
        except FileNotFoundError as error:
            raise UnknownSave(save_id) from error

    def newest(self) -> SavedGame | None:
        """Return the newest saved game, or None."""
        return next(iter(self.all()), None)

    def copy(self, request: SaveRequest, progress: Progress) -> Draft:
        """Pack the world's folder `server` (step 5). Raises SaveFailed, Stopped; then nothing is left."""
        saved = self._reserve(request)
        part = self._part(saved)
        level_name = clean_level_name(request.level_name)
        packed = pack(self.server, part, level_name, progress, _encode(saved))
        return Draft(replace(saved, level_name=level_name, needs=packed.unpacked), part, packed)

    def finish(self, draft: Draft, progress: Progress) -> SavedGame:
        """Read an archive back and give it its name (step 7). Raises SaveFailed, Stopped; then nothing is left."""
        try:
            verified = verify(draft.part, draft.saved.level_name, progress)
            return self._publish(draft, verified)
        except OSError as error:
            draft.discard()
            raise failed(error) from error
        except BaseException:
            draft.discard()
            raise

    def add_upload(
        self,
        file: IO[bytes],
        progress: Progress,
        *,
        max_bytes: int,
        disk_free: int,
        by: int = 0,
        note: str = "",
    ) -> SavedGame:
        """Add an uploaded archive as a saved game. `max_bytes`: the largest world, `disk_free`: bytes to keep free.

        The whole archive is checked before anything is written. Only the world in it is taken: its folder, packed
        anew, and the dimensions that a Bukkit server keeps beside it. Raises UnsafeArchive, NotAWorld, NoSpace,
        SaveFailed, Stopped.
        """
        request = SaveRequest(SaveKind.UPLOAD, by=by, note=note)
        try:
            with open_archive(file, Limits(max_bytes)) as archive:
                folder = archive.world_folder()
                level = _checked_level(archive, folder)
                progress.part(0, 40)
                check_space(self.folder, archive.read_through(progress), disk_free)
                level_name = uploaded_level_name(folder)
                saved = replace(self._reserve(request), level_name=level_name, version=level)
                part = self._part(saved)
                needs = repack(archive, folder, level_name, part, progress, _encode(saved))
        except OSError as error:
            raise failed(error) from error
        progress.part(40, 100)
        return self.finish(Draft(replace(saved, needs=needs), part), progress)

    def update(
        self, save_id: str, *, pinned: bool | None = None, note: str | None = None
    ) -> SavedGame:
        """Pin a saved game or write its note, cut at 100 characters. Raises UnknownSave, SaveFailed."""
        with self._lock:
            saved = self.get(save_id)
            if pinned is not None:
                saved = replace(saved, pinned=pinned)
            if note is not None:
                saved = replace(saved, note=clean_note(note))
            try:
                self._write_sidecar(saved)
            except OSError as error:
                raise failed(error) from error
            return saved

    def delete(self, save_id: str) -> None:
        """Delete a saved game. Raises UnknownSave, OSError."""
        with self._lock:
            self.get(save_id)
            self._delete(save_id)

    def rotate(self, depth: int) -> list[SavedGame]:
        """Delete the saved games that are no longer kept, and return them (step 8). Raises OSError."""
        with self._lock:
            expired = expired_saves(self.all(), depth)
            for saved in expired:
                self._delete(saved.id)
            return expired

    def _reserve(self, request: SaveRequest) -> SavedGame:
        """Return a saved game whose name is free: of those within a second each gets a second of its own."""
        with self._lock:
            if not self.saves.is_dir():
                self.saves.mkdir(mode=0o700, parents=True)
                sync_directory(self.folder)
            taken = {path.name[: len("20000101T000000Z")] for path in self.saves.iterdir()}
            made = int(time.time())
            while _stamp(made) in taken:
                made += 1
            number = max((saved.number for saved in self.all()), default=0) + 1
        return SavedGame(
            f"{_stamp(made)}-{request.kind}",
            made,
            request.kind,
            by=request.by,
            version=request.version,
            after_kill=request.after_kill,
            note=clean_note(request.note),
            level_name=clean_level_name(request.level_name),
            number=number,
        )

    def _publish(self, draft: Draft, verified: Verified) -> SavedGame:
        """Rename an archive that was read back, then its JSON file. Raises OSError."""
        saved = replace(
            draft.saved,
            size=verified.size,
            sha256=verified.sha256,
            needs=verified.unpacked,
            version=draft.saved.version or verified.level.version,
        )
        beside = self.saves / f"{saved.id}{SIDECAR}{PART}"
        target = self.path(saved.id)
        with self._lock:
            try:
                write_private(beside, _encode(saved))
                draft.part.rename(target)
                sync_directory(self.saves)
                beside.rename(target.with_suffix(SIDECAR))
                sync_directory(self.saves)
            except OSError:
                for path in (beside, target, target.with_suffix(SIDECAR)):
                    path.unlink(missing_ok=True)
                raise
        return saved

    def _zips(self) -> list[Path]:
        if not self.saves.is_dir():
            return []
        return [path for path in self.saves.glob(f"*{ZIP}") if SAVE_ID.fullmatch(path.stem)]

    def _part(self, saved: SavedGame) -> Path:
        return self.saves / f"{saved.id}{ZIP}{PART}"

    def _delete(self, save_id: str) -> None:
        # In this order: a JSON file without a zip is deleted at the next start.
        self.path(save_id).unlink(missing_ok=True)
        sync_directory(self.saves)
        self.path(save_id).with_suffix(SIDECAR).unlink(missing_ok=True)
        sync_directory(self.saves)

    def _write_sidecar(self, saved: SavedGame) -> None:
        write_private(self.saves / f"{saved.id}{SIDECAR}", _encode(saved))

    def _read_sidecar(self, path: Path) -> SavedGame | None:
        """Return what the JSON file of a zip says, or None if it is missing or speaks of another file."""
        try:
            size = path.stat().st_size
            with path.with_suffix(SIDECAR).open("rb") as file:
                document = json.loads(file.read(MAX_SIDECAR_BYTES))
            saved = _decode(path.stem, document)
        except (OSError, *INVALID_JSON):
            return None
        return saved if saved.size == size else None

    def _write_missing_sidecar(self, path: Path, progress: Progress) -> None:
        try:
            saved = _describe(path, progress)
        except (SaveError, OSError) as error:
            progress.check()
            log.warning("%s is left alone, since it is not a saved game: %s", path, error)
            return
        self._write_sidecar(saved)
        log.info("%s had no description; it has one now", path)


async def save_world(
    games: SavedGames,
    request: SaveRequest,
    *,
    disk_free: int,
    depth: int,
    console: Console | None = None,
    report: Callable[[int], None] | None = None,
    on_copied: Callable[[], None] = lambda: None,
) -> MadeSave:
    """Make a saved game of a world, and delete those that are no longer kept.

    `disk_free`: bytes that stay free; `depth`: unpinned saved games that are kept besides the newest. `console`: that
    of a running world that has save commands, None for one at rest. `report` gets percents. `on_copied` is called
    when the files of the world are no longer needed. Raises NoSpace, and SaveFailed with the cause; then nothing is
    left, and saving is switched on again in the world.
    """
    drafts: list[Draft] = []
    levels: list[LevelFacts] = []

    def check(progress: Progress) -> None:
        check_space(games.folder, measure(games.server, progress.check).bytes, disk_free)

    def copy(progress: Progress) -> Draft:
        progress.part(0, 70)
        drafts.append(games.copy(request, progress))
        with suppress(InvalidLevel):
            levels.append(read_level(games.server / drafts[0].saved.level_name))
        return drafts[0]

    def finish(progress: Progress) -> SavedGame:
        progress.part(71, 100)
        return games.finish(drafts[0], progress)

    try:
        await run_in_background(check)
        copying = partial(run_in_background, copy, report)
        draft = await (saving_off(console, copying) if console else copying())
        on_copied()
        _log_packed(games, draft)
        saved = await run_in_background(finish, report)
    except BaseException:
        # A copy may have been finished although its caller was cancelled.
        for draft in drafts:
            draft.discard()
        raise
    try:
        await run_in_background(lambda _: games.rotate(depth))
    except OSError as error:
        # The next save deletes them.
        log.warning("Old saved games in %s could not be deleted: %s", games.saves, error)
    return MadeSave(saved, levels[0] if levels else None)


def expired_saves(saves: Iterable[SavedGame], depth: int) -> list[SavedGame]:
    """Return the saved games that rotation deletes, of those given newest first (hosting.md, section 9).

    It keeps the newest and `depth` more unpinned ones; pinned ones and the newest that was not made after a kill
    stay in any case.
    """
    saves = list(saves)
    clean = next((saved for saved in saves if not saved.after_kill), None)
    rest = [saved for saved in saves[1:] if not saved.pinned]
    return [saved for saved in rest[depth:] if saved is not clean]


def clean_level_name(name: str) -> str:
    """Return a level name of server.properties without what does not change its meaning; `world` if it is empty."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "/".join(parts) or DEFAULT_LEVEL_NAME


def uploaded_level_name(folder: str) -> str:
    """Return the level name of an uploaded world: the name of its folder where a server can use it, else `world`."""
    name = folder.rpartition("/")[2].strip()
    usable = LEVEL_NAME.fullmatch(name) and not name.endswith((".jar", "."))
    if not usable or name.lower() in RESERVED_LEVEL_NAMES:
        return DEFAULT_LEVEL_NAME
    return name


def clean_note(note: str) -> str:
    """Return a note in one line of at most 100 characters."""
    text = "".join(one if one.isprintable() else " " for one in note)
    return " ".join(text.split())[:MAX_NOTE_LENGTH].rstrip()


def _checked_level(archive: Archive, folder: str) -> str:
    """Return the version that the level.dat of an upload names. Raises NotAWorld, if it does not open."""
    try:
        return read_level_of(archive, folder).version
    except InvalidLevel as error:
        raise NotAWorld("{reason}", reason=str(error)) from error


def _describe(path: Path, progress: Progress) -> SavedGame:
    """Return what can be found out about a zip without a JSON file. Raises SaveError, OSError."""
    stamp, kind = path.stem[:16], SaveKind(path.stem[17:])
    made = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).timestamp()
    # Unknown counts as made after a kill: it must not displace the newest that was not.
    saved = SavedGame(path.stem, made, kind, after_kill=True)
    with path.open("rb") as file, open_archive(file, Limits()) as archive:
        with suppress(*INVALID_JSON):
            saved = replace(_decode(path.stem, json.loads(archive.comment)), kind=kind)
        level_name = saved.level_name
        if not archive.find(f"{level_name}/level.dat"):
            level_name = archive.world_folder()
        with suppress(InvalidLevel):
            version = read_level_of(archive, level_name).version
            saved = replace(saved, version=saved.version or version)
        needs = sum(entry.info.file_size for entry in archive.entries)
        file.seek(0)
        digest = sha256(file, progress)
        return replace(saved, level_name=level_name, needs=needs, size=archive.size, sha256=digest)


def _encode(saved: SavedGame) -> bytes:
    """Return the content of a JSON file. Its member names are names on disk: they never change."""
    document = {
        "made": datetime.fromtimestamp(saved.made, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "size": saved.size,
        "sha256": saved.sha256,
        "kind": saved.kind,
        "by": saved.by,
        "version": saved.version,
        "pinned": saved.pinned,
        "after_kill": saved.after_kill,
        "note": saved.note,
        "needs": saved.needs,
        "level_name": saved.level_name,
        "number": saved.number,
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _decode(save_id: str, document: Any) -> SavedGame:
    """Return the saved game that a JSON file describes. Raises ValueError, TypeError, KeyError."""
    made = datetime.strptime(document["made"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return SavedGame(
        save_id,
        made.timestamp(),
        SaveKind(document["kind"]),
        int(document["size"]),
        str(document["sha256"]),
        int(document["by"]),
        str(document["version"]),
        bool(document["pinned"]),
        bool(document["after_kill"]),
        clean_note(str(document["note"])),
        int(document["needs"]),
        clean_level_name(str(document["level_name"])),
        int(document["number"]),
    )


def _age(saved: SavedGame) -> tuple[int, float]:
    return saved.number, saved.made


def _stamp(made: float) -> str:
    return time.strftime(STAMP, time.gmtime(made))


def _log_packed(games: SavedGames, draft: Draft) -> None:
    packed = draft.packed
    if packed and packed.left_out:
        log.warning("%s: not saved, since unreadable: %s", games.server, ", ".join(packed.left_out))
    if packed and packed.changing:
        log.warning("%s: changed while saved: %s", games.server, ", ".join(packed.changing))
