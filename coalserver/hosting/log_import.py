"""Import of old logs into the history of a hosted world (hosting.md, 7 and 12).

Lines that the console will deliver are left to it: those of the last minute while its process runs, and those that
are not taken in yet. Answers to coalserver's own polls are left out, as they are from the console.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coalserver.core.commands.audit import check_admin, record_audit_entry
from coalserver.core.commands.consoles import CONSOLE
from coalserver.core.commands.hosting import refuse
from coalserver.core.commands.ingest import stored_sequence
from coalserver.core.engine import Core
from coalserver.core.log_import import FileImport, ImportedFile
from coalserver.core.queries.hosting import get_run
from coalserver.domain.audit import AuditAction
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.log.parser import ParsedLine
from coalserver.hosting.keeper_client import read_run
from coalserver.hosting.log_files import LogFile, LogFileReader, find_files, own_files
from coalserver.hosting.segments import ConsoleReader
from coalserver.hosting.ticks import is_tick_answer
from coalserver.hosting.world_files import WorldFiles
from coalserver.hosting.world_process import LIST_ANSWER
from coalserver.storage.data_directory import OperatorError

#: Lines that a running process has written since may be on their way through its console.
CONSOLE_SECONDS = 60.0


@dataclass(slots=True)
class LogImporter:
    """Imports logs, one after another."""

    core: Core
    #: The folder of hosted worlds, and the time zone in which their processes write times.
    folder: Path
    zone: str
    is_ending: Callable[[], bool] = lambda: False
    _importing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def import_logs(
        self, world_id: int, paths: Sequence[Path], zone: str, actor: int
    ) -> list[ImportedFile]:
        """Import files or folders, or the world's own logs; see `Hosting.import_logs`."""
        world = self.core.query(get_run, world_id=world_id).world
        self.core.query(check_admin, actor=actor)
        files = WorldFiles(self.folder, world_id)
        async with self._importing:
            done: list[ImportedFile] = []
            previous = 0.0
            for file in await self._find(files, paths):
                one = _FileTask(self, file, files, world_id, world.created, zone or self.zone)
                previous = await one.run(previous)
                done.append(one.result)
            names = ", ".join(one.name for one in done) or "-"
            await self.core.execute(
                record_audit_entry,
                actor=actor,
                action=AuditAction.LOG_IMPORTED,
                subject=world.name,
                detail=names,
            )
        return done

    async def _find(self, files: WorldFiles, paths: Sequence[Path]) -> list[LogFile]:
        try:
            if not paths:
                return await asyncio.to_thread(own_files, files.server)
            return await asyncio.to_thread(find_files, paths)
        except OSError as error:
            raise _unreadable(Path(error.filename or paths[0]), error) from error


class _FileTask:
    """The import of one file."""

    def __init__(
        self,
        importer: LogImporter,
        file: LogFile,
        files: WorldFiles,
        world_id: int,
        hosted_since: float,
        zone: str,
    ) -> None:
        self._importer, self._core = importer, importer.core
        self._file, self._files, self._zone = file, files, zone
        self._world_id, self._hosted_since = world_id, hosted_since
        self._import = FileImport(world_id)
        self._is_damaged = False

    @property
    def result(self) -> ImportedFile:
        return ImportedFile(str(self._file.path), self._import.counts, self._is_damaged)

    async def run(self, previous: float) -> float:
        """Import the file; return the time of its last line, or else `previous`. Raises OperatorError."""
        stored = self._core.query(stored_sequence, world_id=self._world_id, source=CONSOLE)
        until = await asyncio.to_thread(self._console_begins, stored)
        try:
            reader = await asyncio.to_thread(
                LogFileReader, self._file, self._zone, self._core.now, previous
            )
        except OSError as error:
            raise _unreadable(self._file.path, error) from error
        try:
            while lines := await self._read(reader):
                if self._importer.is_ending():
                    refuse(RefusalCode.ENDING)
                left_out = [self._is_left_out(one, until) for one in lines]
                await self._import.add(self._core, lines, left_out)
                previous = next((one.at for one in reversed(lines) if one.at), previous)
        finally:
            self._is_damaged = reader.is_damaged
            reader.close()
        return previous

    async def _read(self, reader: LogFileReader) -> list[ParsedLine]:
        try:
            return await asyncio.to_thread(reader.batch)
        except OSError as error:
            raise _unreadable(self._file.path, error) from error

    def _console_begins(self, stored: int) -> float:
        """Return the time from which on lines are left to the console, with the number of its last stored line."""
        begins = float("inf")
        state = read_run(self._files.run)
        if state is not None and state.members():
            begins = self._core.now - CONSOLE_SECONDS
        waiting = ConsoleReader(self._files.run).read(stored, 1)
        return min(begins, *(line.at - 1 for line in waiting), float("inf"))

    def _is_left_out(self, parsed: ParsedLine, until: float) -> bool:
        if parsed.at is None:
            return False
        if parsed.at >= until:
            return True
        is_polled = parsed.at >= self._hosted_since
        return is_polled and bool(LIST_ANSWER.match(parsed.text) or is_tick_answer(parsed.text))


def _unreadable(path: Path, error: OSError) -> OperatorError:
    return OperatorError(f"{path} cannot be read: {error.strerror or error}.")
