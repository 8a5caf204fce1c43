"""Saved games of all hosted worlds: makes, restores and changes them.

Prescribed by hosting.md, section 9. One saved game at a time is made, restored or uploaded, for all worlds together;
the others wait for their turn. While files of a world are copied or replaced, its process is neither started nor asked
to stop: both wait for the lock that `files` returns.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from coalserver.core.commands.audit import check_admin
from coalserver.core.commands.hosting import (
    begin_restore,
    check_disk,
    check_server_open,
    end_restore,
    record_level,
    record_saved,
    record_saved_game_action,
    refuse,
)
from coalserver.core.queries.hosting import all_hosted_worlds, get_run, version_of_world
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import AT_REST, Trouble, TroubleCode
from coalserver.domain.minecraft.hosting.refusals import RefusalCode, trouble_text
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.world import Ping, WorldStatus
from coalserver.hosting.context import HostingContext
from coalserver.hosting.keeper_client import read_run
from coalserver.hosting.level import InvalidLevel, LevelFacts, read_level
from coalserver.hosting.low_priority import Progress, run_in_background
from coalserver.hosting.machine import MIB
from coalserver.hosting.restores import Restored, delete_old, recover_restore, restore
from coalserver.hosting.save_errors import (
    NoSpace,
    NotAWorld,
    SaveError,
    SaveFailed,
    UnknownSave,
    UnsafeArchive,
)
from coalserver.hosting.saves import PART, SavedGame, SavedGames, SaveKind, SaveRequest, save_world
from coalserver.hosting.world_console import WorldConsole
from coalserver.hosting.world_files import WorldFiles
from coalserver.hosting.world_process import WorldProcess

log = logging.getLogger(__name__)

T = TypeVar("T")
#: A save waits for a world that is neither running nor at rest; it looks again this often.
LOOK_SECONDS = 1.0
#: States of a world whose files nothing changes.
_WITHOUT_PROCESS = AT_REST | {WorldStatus.SAVING}
#: Signals on which a process saves before it ends; every other one may leave its files damaged.
_ORDERLY = ("SIGTERM", "SIGINT", "SIGHUP")
STOPPED_BEFORE = "coalserver was stopped before"
UNEXPECTED = "it was ended by an error in coalserver"


@dataclass(slots=True)
class Job:
    """A save or a restore that was accepted. It has `begun` when it has got its turn."""

    task: "asyncio.Task[None]"
    begun: bool = False


@dataclass(slots=True)
class _Hold:
    """A lock that is released at the end of a context, or before."""

    lock: asyncio.Lock
    on_release: Callable[[], None]
    held: bool = True

    def release(self) -> None:
        if self.held:
            self.held = False
            self.lock.release()
            self.on_release()


class SavingService:
    """Makes, restores and changes saved games."""

    def __init__(
        self, context: HostingContext, find_process: Callable[[int], WorldProcess | None]
    ) -> None:
        """`find_process` returns the process of a world, or None."""
        self._context, self._core = context, context.core
        self._find_process = find_process
        self._turn = asyncio.Lock()
        self._files: dict[int, asyncio.Lock] = {}
        self._games: dict[int, SavedGames] = {}
        self._recoveries: dict[int, asyncio.Task[None]] = {}
        #: Saves and restores by world, until their end is recorded, and the tasks of all.
        self._jobs: dict[int, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._counts: dict[int, int] = {}
        self._changed = asyncio.Event()

    # What tasks of worlds use

    def files(self, world_id: int) -> asyncio.Lock:
        """Return the lock of a world's files. A start takes it when it leaves the state of rest."""
        return self._files.setdefault(world_id, asyncio.Lock())

    def has_job(self, world_id: int) -> bool:
        """Return whether a saved game of a world is being made or restored, or waits for that."""
        return world_id in self._jobs

    def wake(self) -> None:
        """Look again: a world has changed."""
        self._changed.set()

    def begin(self, world_id: int, kind: SaveKind, actor: int = 0) -> None:
        """Make a saved game of a world that is reserved for it, unless that has begun already."""
        if world_id not in self._jobs:
            self._start_job(world_id, self._save(world_id, kind, max(actor, 0)))

    async def recover_restore(self, world_id: int) -> None:
        """Finish or undo a restore that was interrupted. Call it before a world is started. Raises OSError."""
        if self.has_job(world_id):
            return
        folder = self._folder(world_id)

        def finish(_: Progress) -> Restored | None:
            return recover_restore(folder)

        finished = await run_in_background(finish)
        run = self._run(world_id)
        if not (run.hosted.restoring or finished):
            return
        trouble = None
        if finished is None:
            trouble = self._trouble(TroubleCode.RESTORE_FAILED, f"{STOPPED_BEFORE} it was done")
        await self._end_restore(world_id, finished, trouble)

    async def record_level(self, world_id: int) -> None:
        """Record day, time and weather as a world's files have them now."""
        level_name = self._run(world_id).hosted.level_name
        folder = self._folder(world_id) / "server" / level_name
        with suppress(InvalidLevel):
            await self._record_facts(world_id, await asyncio.to_thread(read_level, folder))

    # The life of the service

    def start(self) -> None:
        """Make the files of all worlds agree, in the background."""
        for world in self._core.query(all_hosted_worlds):
            self._recovery(world.id)

    @property
    def jobs(self) -> "set[asyncio.Task[None]]":
        """The saves and restores that are not over."""
        return set(self._tasks)

    async def finished(self) -> None:
        """Wait until everything that was accepted is over."""
        while self.jobs:
            await asyncio.wait(self.jobs)

    def cancel_waiting(self) -> None:
        """Give up what has not begun: coalserver ends."""
        for job in self._jobs.values():
            if not job.begun:
                job.task.cancel()

    async def stop(self) -> None:
        """Give up everything, and return when saving is on again in all worlds."""
        tasks = self.jobs | {task for task in self._recoveries.values() if not task.done()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def delete_old(self) -> None:
        """Delete what restores have replaced more than a day ago."""
        for world in self._core.query(all_hosted_worlds):
            folder = self._folder(world.id)
            # What stays is tried again the next day.
            with suppress(OSError):
                await run_in_background(partial(_delete_old, folder))

    # Actions of admins on saved games. The errors are those of `Hosting`.

    def count(self, world_id: int) -> int:
        """Return how many saved games of a world there are, as far as they were counted."""
        return self._counts.get(world_id, 0)

    async def all(self, world_id: int) -> list[SavedGame]:
        self._core.query(get_run, world_id=world_id)
        await self.recovered(world_id)
        return await self._count(world_id)

    async def download(self, world_id: int, save_id: str, actor: int) -> Path:
        games, _ = await self._find(world_id, save_id, actor)
        await self._record(world_id, actor, AuditAction.SAVED_GAME_DOWNLOADED, save_id)
        return games.path(save_id)

    async def change(
        self, world_id: int, save_id: str, actor: int, pinned: bool | None, note: str | None
    ) -> SavedGame:
        games, saved = await self._find(world_id, save_id, actor)
        if pinned is not None and pinned is not saved.pinned:
            await self._record(world_id, actor, AuditAction.SAVED_GAME_PINNED, save_id)
        try:
            return await asyncio.to_thread(partial(games.update, save_id, pinned=pinned, note=note))
        except UnknownSave:
            raise DomainError(ErrorCode.SAVE_NOT_FOUND) from None
        except SaveFailed as error:
            await self._refuse_for(error)
            raise

    async def remove(self, world_id: int, save_id: str, actor: int) -> None:
        games, _ = await self._find(world_id, save_id, actor)
        await self._record(world_id, actor, AuditAction.SAVED_GAME_REMOVED, save_id)
        with suppress(UnknownSave):
            await asyncio.to_thread(games.delete, save_id)
        await self._count(world_id)

    async def upload_path(self, world_id: int) -> Path:
        self._core.query(get_run, world_id=world_id)
        await self._check_room()
        await self.recovered(world_id)
        folder = self._games_of(world_id).saves
        await asyncio.to_thread(self._create_folder, world_id)
        return folder / f"upload-{secrets.token_hex(8)}{PART}"

    async def upload(self, world_id: int, path: Path, actor: int) -> SavedGame:
        self._core.query(get_run, world_id=world_id)
        self._core.query(check_admin, actor=actor)
        await self._check_room()
        await self.recovered(world_id)
        games, settings = self._games_of(world_id), self._context.settings
        async with self._turn:
            await self._check_room()
            with path.open("rb") as file:
                adding = partial(
                    games.add_upload,
                    file,
                    max_bytes=settings.world_limit * MIB,
                    disk_free=settings.disk_free * MIB,
                    by=max(actor, 0),
                )
                try:
                    saved = await run_in_background(adding)
                except (UnsafeArchive, NotAWorld) as error:
                    raise DomainError(ErrorCode.ARCHIVE_REFUSED, text=str(error)) from error
                except (NoSpace, SaveFailed) as error:
                    await self._refuse_for(error)
                    text = f"The saved game could not be made: {error}."
                    raise DomainError(ErrorCode.ARCHIVE_REFUSED, text=text) from error
        await self._record(world_id, actor, AuditAction.SAVED_GAME_UPLOADED, saved.id)
        await self._count(world_id)
        return saved

    async def begin_restore(self, world_id: int, save_id: str, actor: int) -> None:
        await self._find(world_id, save_id, actor)
        facts = await self._context.facts(starts=False)
        params = {"world_id": world_id, "saved_game": save_id, "actor": actor, "facts": facts}
        await self._core.execute(begin_restore, **params)
        self._start_job(world_id, self._restore(world_id, save_id))

    async def recovered(self, world_id: int) -> None:
        """Wait until what an earlier coalserver left of saved games is in order."""
        await asyncio.shield(self._recovery(world_id))

    # Saves

    async def _save(self, world_id: int, kind: SaveKind, by: int) -> None:
        trouble: Trouble | None = self._trouble(TroubleCode.SAVE_FAILED, UNEXPECTED)
        played = False
        try:
            await self.recovered(world_id)
            try:
                played = await self._save_in_turn(world_id, kind, by)
            finally:
                # Before the record: whoever sees the end of the save also sees the new number.
                with suppress(OSError):
                    await self._count(world_id)
            trouble = None
        except (SaveError, OSError, asyncio.CancelledError) as error:
            trouble = self._trouble_of(TroubleCode.SAVE_FAILED, error)
        finally:
            if trouble is not None:
                log.warning("World %d: %s", world_id, trouble_text(trouble))
            params = {"world_id": world_id, "trouble": trouble, "played": played}
            # From the record on, another one can be accepted.
            self._jobs.pop(world_id, None)
            await self._core.execute(record_saved, **params)

    async def _save_in_turn(self, world_id: int, kind: SaveKind, by: int) -> bool:
        """Make a saved game as soon as it is its turn; return whether a player came meanwhile. Raises SaveError."""
        while True:
            self._changed.clear()
            async with self._turn, self._holding(world_id) as hold:
                run = self._run(world_id)
                process = self._find_process(world_id)
                is_up = run.status is WorldStatus.RUNNING and process is not None
                if is_up or run.status in _WITHOUT_PROCESS:
                    self._jobs[world_id].begun = True
                    return await self._make(run, process if is_up else None, hold, kind, by)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()

    async def _make(
        self, run: Run, process: WorldProcess | None, hold: _Hold, kind: SaveKind, by: int
    ) -> bool:
        world_id, settings = run.world.id, self._context.settings
        request = SaveRequest(
            kind,
            run.hosted.level_name,
            by,
            run.hosted.minecraft,
            after_kill=process is None and await self._ended_by_force(world_id),
        )
        logins = process.logins if process else 0
        version = self._core.query(version_of_world, world=run.world)
        # Without save commands the files are copied as they lie.
        has_commands = process is not None and not (version is not None and version.no_save)
        console = WorldConsole(process) if process is not None and has_commands else None
        begun = asyncio.get_running_loop().time()
        try:
            saved = await save_world(
                self._games_of(world_id),
                request,
                disk_free=settings.disk_free * MIB,
                depth=settings.backup_depth,
                console=console,
                report=partial(self._report, world_id),
                on_copied=hold.release,
            )
        finally:
            if console is not None:
                console.close()
        self._context.save_seconds[world_id] = asyncio.get_running_loop().time() - begun
        log.info("World %d was saved as %s", world_id, saved.saved.id)
        if saved.level is not None:
            await self._record_facts(world_id, saved.level)
        return process is not None and process.logins != logins

    async def _ended_by_force(self, world_id: int) -> bool:
        """Return whether the last process of a world was killed, or its end is unknown."""
        state = await asyncio.to_thread(read_run, self._world_files(world_id).run)
        if state is None:
            return False
        end = state.exit
        return end is None or (end.signal is not None and end.signal not in _ORDERLY)

    def _report(self, world_id: int, percent: int) -> None:
        if self._run(world_id).status is WorldStatus.SAVING:
            self._context.record_progress(world_id, percent)

    # Restores

    async def _restore(self, world_id: int, save_id: str) -> None:
        trouble: Trouble | None = self._trouble(TroubleCode.RESTORE_FAILED, UNEXPECTED)
        restored = None
        try:
            await self.recovered(world_id)
            restored = await self._restore_in_turn(world_id, save_id)
            trouble = None
        except (SaveError, OSError, asyncio.CancelledError) as error:
            trouble = self._trouble_of(TroubleCode.RESTORE_FAILED, error)
        finally:
            if trouble is not None:
                log.warning("World %d: %s", world_id, trouble_text(trouble))
            self._jobs.pop(world_id, None)
            await self._end_restore(world_id, restored, trouble)

    async def _restore_in_turn(self, world_id: int, save_id: str) -> Restored:
        async with self._turn, self._holding(world_id):
            self._jobs[world_id].begun = True
            run = self._run(world_id)
            if run.status not in AT_REST:
                raise SaveFailed("the world is not stopped")
            restoring = partial(
                restore,
                self._games_of(world_id),
                save_id,
                disk_free=self._context.settings.disk_free * MIB,
                level_name=run.hosted.level_name,
                owner=self._context.user,
            )
            restored = await run_in_background(restoring)
        log.info("World %d was restored from %s", world_id, save_id)
        return restored

    async def _end_restore(
        self, world_id: int, restored: Restored | None, trouble: Trouble | None
    ) -> None:
        level_name = restored.level_name if restored else ""
        params = {"world_id": world_id, "level_name": level_name, "trouble": trouble}
        await self._core.execute(end_restore, **params)
        if restored:
            await self.record_level(world_id)

    # Locks, files and records

    def _start_job(self, world_id: int, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._jobs[world_id] = Job(task)
        self._tasks.add(task)

        def on_done(done: "asyncio.Task[None]") -> None:
            self._tasks.discard(done)
            if not done.cancelled() and (error := done.exception()):
                log.error("A saved game of world %d failed", world_id, exc_info=error)
            self.wake()
            self._context.wake_all()

        task.add_done_callback(on_done)

    @asynccontextmanager
    async def _holding(self, world_id: int) -> AsyncIterator[_Hold]:
        """Hold the files of a world."""
        lock = self.files(world_id)
        await lock.acquire()
        hold = _Hold(lock, self._context.wake_all)
        try:
            yield hold
        finally:
            hold.release()

    def _recovery(self, world_id: int) -> "asyncio.Task[None]":
        if world_id not in self._recoveries:
            self._recoveries[world_id] = asyncio.ensure_future(self._recover(world_id))
        return self._recoveries[world_id]

    async def _recover(self, world_id: int) -> None:
        try:
            await run_in_background(self._games_of(world_id).recover)
            await self._count(world_id)
        except OSError as error:
            log.warning("The saved games of world %d cannot be read: %s", world_id, error)

    async def _find(self, world_id: int, save_id: str, actor: int) -> tuple[SavedGames, SavedGame]:
        self._core.query(get_run, world_id=world_id)
        self._core.query(check_admin, actor=actor)
        await self.recovered(world_id)
        games = self._games_of(world_id)
        try:
            return games, await asyncio.to_thread(games.get, save_id)
        except UnknownSave:
            raise DomainError(ErrorCode.SAVE_NOT_FOUND) from None

    async def _count(self, world_id: int) -> list[SavedGame]:
        found = await asyncio.to_thread(self._games_of(world_id).all)
        self._counts[world_id] = len(found)
        return found

    async def _record(self, world_id: int, actor: int, action: AuditAction, save_id: str) -> None:
        params = {"world_id": world_id, "actor": actor, "action": action, "saved_game": save_id}
        await self._core.execute(record_saved_game_action, **params)

    async def _record_facts(self, world_id: int, facts: LevelFacts) -> None:
        ping = Ping(
            day=facts.day,
            time=facts.time_of_day,
            raining=facts.raining,
            thundering=facts.thundering,
        )
        await self._core.execute(record_level, world_id=world_id, ping=ping)

    async def _check_room(self) -> None:
        """Raise ORDER_REFUSED where hosting is off, coalserver ends or the disk is full."""
        facts = await self._context.facts(starts=False)
        check_server_open(facts)
        self._core.query(check_disk, facts=facts)

    async def _refuse_for(self, error: SaveError) -> None:
        """Raise ORDER_REFUSED if an error means that the disk is full."""
        facts = await self._context.facts(starts=False)
        self._core.query(check_disk, facts=facts)
        if isinstance(error, NoSpace):
            kept = self._context.settings.disk_free
            refuse(RefusalCode.DISK, free=str(facts.disk_free), kept=str(kept))

    def _trouble_of(self, code: TroubleCode, error: BaseException) -> Trouble:
        """Return the trouble that an error of a save or a restore is, with a code unless the disk is full."""
        match error:
            case NoSpace():
                values = (str(error.free // MIB), str(error.kept // MIB))
                return Trouble(TroubleCode.DISK, self._core.now, values)
            case UnknownSave():
                return self._trouble(code, "it was deleted")
            case asyncio.CancelledError():
                return self._trouble(code, f"{STOPPED_BEFORE} it was done")
            case _:
                return self._trouble(code, str(error))

    def _trouble(self, code: TroubleCode, cause: str) -> Trouble:
        return Trouble(code, self._core.now, (cause.rstrip("."),))

    def _run(self, world_id: int) -> Run:
        return self._core.query(get_run, world_id=world_id, archived=True)

    def _world_files(self, world_id: int) -> WorldFiles:
        return WorldFiles(self._context.options.folder, world_id)

    def _folder(self, world_id: int) -> Path:
        return self._world_files(world_id).folder

    def _games_of(self, world_id: int) -> SavedGames:
        return self._games.setdefault(world_id, SavedGames(self._folder(world_id)))

    def _create_folder(self, world_id: int) -> None:
        self._world_files(world_id).create(self._context.user)
        self._games_of(world_id).saves.mkdir(mode=0o700, exist_ok=True)


def _delete_old(folder: Path, _: Progress) -> None:
    delete_old(folder)
