"""The programs of hosted worlds: what a version needs before it can run, and its command line."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coalserver.domain.minecraft.hosting.hosted_world import Trouble, TroubleCode
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.keeper_client import PROGRAM_PATH
from coalserver.hosting.versions.command_line import check_program, program_command
from coalserver.hosting.versions.errors import VersionError

#: Called with the percent of a preparation, 0 to 100.
Progress = Callable[[int], None]


class ProgramError(Exception):
    """A program cannot be prepared: the code of a trouble, and the values of its sentence."""

    def __init__(self, code: TroubleCode, *values: str) -> None:
        super().__init__(code, *values)
        self.code, self.values = code, values

    def trouble(self, now: float) -> Trouble:
        return Trouble(self.code, now, self.values)


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is ready to be run, and the JAVA_HOME that it gets."""

    argv: tuple[str, ...]
    java_home: str | None = None


@dataclass(frozen=True, slots=True)
class ProgramFacts:
    """What stands against the start of a version, as MachineFacts have it."""

    missing_java: tuple[str, str, str] | None = None
    fetch_error: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What a command line is filled in with."""

    folder: Path
    name: str
    port: int
    #: The property, such as `2G`.
    memory: str
    #: Minecraft version of the world, if it is known.
    minecraft: str = ""


class Programs:
    """The programs of versions of kind *command*."""

    async def check(self, version: Version) -> ProgramFacts:
        """Return what stands against a start."""
        if version.kind is not VersionKind.COMMAND:
            return ProgramFacts(fetch_error="this server cannot fetch it")
        try:
            await asyncio.to_thread(check_program, version.command, PROGRAM_PATH)
        except VersionError as error:
            return ProgramFacts(fetch_error=error.reason)
        return ProgramFacts()

    async def prepare(self, version: Version, place: Place, progress: Progress) -> Program:
        """Return the program of a version, ready to be run. Raises ProgramError."""
        facts = await self.check(version)
        if facts.fetch_error:
            raise ProgramError(TroubleCode.NOT_FETCHED, version.name, facts.fetch_error)
        progress(100)
        argv = program_command(
            version.command,
            port=place.port,
            memory=place.memory,
            folder=place.folder,
            name=place.name,
        )
        return Program(argv)
