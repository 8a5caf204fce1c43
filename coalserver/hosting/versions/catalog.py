"""The programs of versions, from their definition to a command line.

`check` tells before a start what stands against it, `prepare` returns the command line and fetches the jar if need be.
Two worlds that start with one version share one fetch.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from coalserver.core.commands.hosting_settings import update_version
from coalserver.core.engine import Core
from coalserver.core.queries.hosting import version_by_name
from coalserver.domain.minecraft.hosting.minecraft_versions import choose_version
from coalserver.domain.minecraft.hosting.version import FETCHED_KINDS, Version, VersionKind
from coalserver.hosting.versions.command_line import (
    JarProgram,
    check_program,
    jar_command,
    program_command,
)
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.fetch import Fetcher, Progress, Source
from coalserver.hosting.versions.jars import Expected, Jar, JarStore, in_thread
from coalserver.hosting.versions.java import (
    INSTEAD_OF_8,
    JavaFinder,
    choose_java,
    describe,
    require_java,
)
from coalserver.hosting.versions.lists import VersionLists

log = logging.getLogger(__name__)

#: Kinds whose source is a list.
LISTED_KINDS = FETCHED_KINDS - {VersionKind.URL}


@dataclass(frozen=True, slots=True)
class Obstacles:
    """What stands against the start of a version, in the form of MachineFacts; None and empty: nothing."""

    #: Minecraft version, the Java version it needs, and those that are there.
    missing_java: tuple[str, str, str] | None = None
    fetch_error: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What a command line is filled in with: the world's folder, name, port and memory, such as `2G`."""

    folder: Path
    name: str
    port: int
    memory: str
    #: Minecraft version of the world's last run; empty: not known.
    minecraft: str = ""
    #: Id of the group of the process, if it is another user's: that group is allowed to read the jar.
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is ready to be run: its command line, and JAVA_HOME if Java runs it."""

    argv: tuple[str, ...]
    java_home: str | None = None
    #: Minecraft version; empty if nothing tells it, which counts as the newest.
    minecraft: str = ""


@dataclass(slots=True)
class _Fetching:
    """A fetch with those that wait for it."""

    task: asyncio.Task[Jar] = field(init=False)
    percent: int = 0
    listeners: list[Progress] = field(default_factory=list)

    def report(self, percent: int) -> None:
        self.percent = percent
        for listener in self.listeners:
            listener(percent)


class VersionCatalog:
    """Prepares versions for worlds. What is learned of a jar is stored with its version."""

    def __init__(
        self,
        core: Core,
        store: JarStore,
        fetcher: Fetcher,
        lists: VersionLists,
        javas: JavaFinder,
        *,
        log_settings: Path,
        program_path: str,
    ) -> None:
        """`log_settings` is the folder `static/mc`, `program_path` the PATH of programs."""
        self.store, self.lists, self.javas = store, lists, javas
        self._core, self._fetcher = core, fetcher
        self._log_settings, self._program_path = log_settings, program_path
        self._fetching: dict[int, _Fetching] = {}
        #: By id of the version, why its last fetch failed.
        self._failures: dict[int, str] = {}
        # The hash of a jar is known when it has come, and then no version has it yet. So none is deleted while one
        # is received.
        self._receiving = 0
        self._unused: set[str] = set()
        self._deleting = asyncio.Lock()

    def percent(self, version: Version) -> int | None:
        """Return the percentage of a version's jar that has arrived; None if it is not being fetched."""
        fetching = self._fetching.get(version.id)
        return None if fetching is None else fetching.percent

    def failure(self, version: Version) -> str:
        """Return why the last fetch of a version failed, as in VersionError; empty if it did not."""
        return self._failures.get(version.id, "")

    async def check_source(self, version: Version) -> None:
        """Ask the list or the address of a version for its jar, or look for the program of a command.

        Raises NOT_FETCHED, CHECKSUM and BAD_COMMAND, within some seconds.
        """
        if version.kind is VersionKind.COMMAND:
            await in_thread(lambda: check_program(version.command, self._program_path))
        else:
            await self._check_source(version)

    async def check(self, version: Version) -> Obstacles:
        """Return what stands against a start, within some seconds. A jar that is there is not asked for again."""
        if version.kind is VersionKind.COMMAND:
            return await self._check_command(version)
        version = self._known(version)
        needed, minecraft, fetch_error = version.java_version, version.minecraft, ""
        if version.id not in self._fetching and not await in_thread(
            lambda: self._is_cached(version)
        ):
            try:
                source = await self._check_source(version)
                needed, minecraft = version.java or source.java, source.minecraft
            except VersionError as error:
                fetch_error = error.reason
        found = await self.javas.find()
        missing = None
        # What is not known yet (0) is known when the jar is there.
        if choose_java(found, needed) is None:
            shown = choose_version(minecraft, version.name) or version.name
            missing = (shown, str(needed or INSTEAD_OF_8[0]), describe(found))
        return Obstacles(missing, fetch_error)

    async def prepare(
        self, version: Version, place: Place, progress: Progress = lambda percent: None
    ) -> Program:
        """Return the program of a version for a world, after fetching and checking its jar. Raises VersionError.

        A caller that is cancelled ends a fetch for which nobody else waits.
        """
        if version.kind is VersionKind.COMMAND:
            return self._prepare_command(version, place)
        jar = await self.ensure_jar(version, progress)
        known = self._known(version)
        minecraft = choose_version(
            known.minecraft, jar.facts.minecraft, place.minecraft, version.name
        )
        needed = known.java_version or jar.facts.java
        java = require_java(await self.javas.find(), needed, minecraft or version.name)
        vanilla = version.kind is VersionKind.MOJANG or jar.facts.is_vanilla
        log_settings, group = self._log_settings, place.group
        if group is not None:
            await in_thread(lambda: self.store.share(jar, group, log_settings))
            log_settings = self.store.folder
        argv = jar_command(
            JarProgram(java.path, jar.path, minecraft, vanilla),
            place.memory,
            log_settings,
            self.lists.newest_first,
        )
        return Program(argv, str(java.home), minecraft)

    async def ensure_jar(self, version: Version, progress: Progress = lambda percent: None) -> Jar:
        """Return the checked jar of a version; it is fetched if it is missing or was changed. Raises VersionError.

        `progress` is called only if it is fetched.
        """
        version = self._known(version)
        try:
            jar = await self._ensure_jar(version, progress)
        except VersionError as error:
            if self._find_stored(version) is not None:
                self._failures[version.id] = error.reason
            raise
        self._failures.pop(version.id, None)
        return jar

    async def _ensure_jar(self, version: Version, progress: Progress) -> Jar:
        if version.jar:
            try:
                return await self.store.check(version.jar, version.size)
            except VersionError as error:
                if version.kind not in FETCHED_KINDS:
                    raise
                log.warning("Version %s is fetched again: %s", version.name, error.reason)
        if version.kind not in FETCHED_KINDS:
            raise VersionError(VersionErrorCode.FILES_MISSING, "its jar is gone")
        return await self._fetch_shared(version, progress)

    async def add_jar(
        self, version: Version, file: Path, add: Callable[[Version], Awaitable[Version]]
    ) -> Version:
        """Store a copy of a file as the jar of a new version of kind JAR, then add the version with `add`.

        Raises VersionError, OSError for the file, and what `add` does; then nothing is kept.
        """
        limit = self._fetcher.limits.jar_bytes
        async with self._receive():
            jar = await self.store.add_file(file, limit, Expected())
            try:
                return await add(replace(version, **_known_of(jar, Source(""))))
            finally:
                # It is kept if the version was added.
                await self._delete_unused(jar.sha256)

    async def delete_jar(self, version: Version) -> None:
        """Delete the jar of a version that was removed, unless another version has the same. Raises VersionError."""
        fetching = self._fetching.get(version.id)
        if fetching is not None:
            await self._cancel(version.id, fetching)
        self._failures.pop(version.id, None)
        if version.jar:
            await self._delete_unused(version.jar)

    async def _check_command(self, version: Version) -> Obstacles:
        try:
            await in_thread(lambda: check_program(version.command, self._program_path))
        except VersionError as error:
            return Obstacles(fetch_error=error.reason)
        return Obstacles()

    def _prepare_command(self, version: Version, place: Place) -> Program:
        check_program(version.command, self._program_path)
        argv = program_command(
            version.command,
            port=place.port,
            memory=place.memory,
            folder=place.folder,
            name=place.name,
        )
        minecraft = choose_version(version.minecraft, place.minecraft, version.name)
        return Program(argv, None, minecraft)

    def _is_cached(self, version: Version) -> bool:
        """Return whether the jar is there, without reading it."""
        if not version.jar:
            return False
        try:
            return self.store.path(version.jar).stat().st_size == version.size
        except OSError:
            return False

    async def _check_source(self, version: Version) -> Source:
        if version.kind not in FETCHED_KINDS:
            raise VersionError(VersionErrorCode.FILES_MISSING, "its jar is gone")
        seconds = self._fetcher.limits.check_seconds
        try:
            async with asyncio.timeout(seconds):
                source = await self._find_source(version)
        except TimeoutError as error:
            reason = f"it took more than {seconds:g} seconds"
            raise VersionError(VersionErrorCode.NOT_FETCHED, reason) from error
        await self._fetcher.check(source.url)
        return source

    async def _find_source(self, version: Version) -> Source:
        if version.kind in LISTED_KINDS:
            return await self.lists.find(version.kind, version.name)
        return Source(version.url, Expected(sha1=version.sha1, sha256=version.sha256))

    async def _fetch_shared(self, version: Version, progress: Progress) -> Jar:
        fetching = self._fetching.get(version.id)
        if fetching is None:
            fetching = self._fetching[version.id] = _Fetching()
            fetching.task = asyncio.create_task(self._fetch(version, fetching.report))
            fetching.task.add_done_callback(partial(self._ended, version.id, fetching))
        fetching.listeners.append(progress)
        progress(fetching.percent)
        try:
            return await asyncio.shield(fetching.task)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise _removed() from error
        finally:
            fetching.listeners.remove(progress)
            if not fetching.listeners and not fetching.task.done():
                await self._cancel(version.id, fetching)

    async def _cancel(self, version_id: int, fetching: _Fetching) -> None:
        """End a fetch. A world that asks for the version from now on starts a new one."""
        if self._fetching.get(version_id) is fetching:
            del self._fetching[version_id]
        fetching.task.cancel()
        await asyncio.wait([fetching.task])

    def _ended(self, version_id: int, fetching: _Fetching, task: asyncio.Task[Jar]) -> None:
        if self._fetching.get(version_id) is fetching:
            del self._fetching[version_id]
        if not task.cancelled():
            # An error that came after the last listener had left is of no interest.
            task.exception()

    async def _fetch(self, version: Version, progress: Progress) -> Jar:
        async with self._receive():
            source = await self._find_source(version)
            jar = await self._fetcher.fetch(source, self.store, progress)
            await self._record(version, jar, source)
        log.info("Version %s was fetched: %d bytes", version.name, jar.size)
        return jar

    async def _record(self, version: Version, jar: Jar, source: Source) -> None:
        """Store what is known of a jar with its version, and delete the jar that it had before."""
        try:
            if self._find_stored(version) is None:
                raise _removed()
            # Nothing can come between the look at the version and this command, which runs at once.
            changes = _known_of(jar, source)
            await self._core.execute(update_version, name=version.name, changes=changes)
        finally:
            # Whatever was recorded: one of them is not used any more.
            await self._delete_unused(jar.sha256, version.jar)

    @asynccontextmanager
    async def _receive(self) -> AsyncIterator[None]:
        """Delete no jars within the context; those that became unused are deleted at its end."""
        async with self._deleting:
            self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1
            try:
                await self._delete_unused()
            except VersionError as error:
                log.warning("A jar that is not used any more cannot be deleted: %s", error.reason)

    async def _delete_unused(self, *hashes: str) -> None:
        """Delete jars that no version has, at the latest when nothing is received any more. Raises DISK."""
        self._unused.update(sha256 for sha256 in hashes if sha256)
        async with self._deleting:
            while self._unused and not self._receiving:
                sha256 = self._unused.pop()
                if not any(one.jar == sha256 for one in self._core.state.all(Version)):
                    await in_thread(partial(self.store.delete, sha256))

    def _known(self, version: Version) -> Version:
        """Return the version as it is stored now, or as it was given if it was removed."""
        return self._find_stored(version) or version

    def _find_stored(self, version: Version) -> Version | None:
        """Return the version as it is stored now, or None if it was removed."""
        stored = version_by_name(self._core.state, version.name)
        return stored if stored is not None and stored.id == version.id else None


def _known_of(jar: Jar, source: Source) -> dict[str, Any]:
    """Return what is stored of a jar with its version."""
    return {
        "jar": jar.sha256,
        "size": jar.size,
        "minecraft": source.minecraft or jar.facts.minecraft,
        "needed_java": source.java or jar.facts.java,
    }


def _removed() -> VersionError:
    return VersionError(VersionErrorCode.NOT_FETCHED, "the version was removed")
