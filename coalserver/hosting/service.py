"""The service that hosts worlds: a task for each world, started before the server listens and stopped first."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from coalserver.core.commands.hosting import MachineFacts, update_run
from coalserver.core.commands.hosting_settings import define_configured_versions
from coalserver.core.engine import Core
from coalserver.core.log_import import ImportedFile
from coalserver.core.queries.hosting import all_hosted_worlds, get_run, worlds_in_deletion
from coalserver.domain.audit import TIME
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting import transitions
from coalserver.domain.minecraft.hosting.crash import Crash, failed_at, reports_since
from coalserver.domain.minecraft.hosting.hosted_world import (
    BEFORE_PROCESS,
    UP,
    Figures,
    HostedWorld,
    Trouble,
    TroubleCode,
)
from coalserver.domain.minecraft.hosting.settings import SettingBounds
from coalserver.domain.minecraft.hosting.transitions import Answer, Order, Run
from coalserver.domain.minecraft.visitor import ConsoleCommand
from coalserver.domain.minecraft.world import World
from coalserver.hosting import keeper_client
from coalserver.hosting.cgroups import Cgroups
from coalserver.hosting.context import HostingContext
from coalserver.hosting.crash_report import find_reports
from coalserver.hosting.deletion import delete_folder
from coalserver.hosting.log_import import LogImporter
from coalserver.hosting.machine import machine_zone
from coalserver.hosting.measuring import Measuring
from coalserver.hosting.nightly import NightlySaves
from coalserver.hosting.offline import setting_bounds
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.save_hosting import SaveHosting
from coalserver.hosting.saves import SaveKind
from coalserver.hosting.saving import SavingService
from coalserver.hosting.segments import ConsoleLine
from coalserver.hosting.sizes import WorldSizes
from coalserver.hosting.version_hosting import VersionHosting
from coalserver.hosting.wake import (
    WakePorts,
    find_sleeping_worlds,
    hosted_wake_fields,
    wake_fields,
)
from coalserver.hosting.world_files import WorldFiles
from coalserver.hosting.world_process import WorldProcess
from coalserver.hosting.world_task import WorldTask
from coalserver.hosting.world_user import find_user

log = logging.getLogger(__name__)

#: Between two measurements.
MEASURE_SECONDS = 10.0
#: After at most this many seconds the server listens, whatever earlier processes do.
RECOVER_SECONDS = 5.0
#: After a failure of a world's task it starts anew.
RETRY_SECONDS = 5.0
#: Last lines of a process that has crashed.
CRASH_LINES = 20
#: What restores have replaced is looked at this often.
CLEAN_SECONDS = 86_400.0
#: Seconds that tasks may take to leave their worlds to the keepers.
LEAVE_SECONDS = 10.0


class WorldHosting(SaveHosting, VersionHosting):
    """Hosting of worlds on this machine."""

    def __init__(self, core: Core, options: HostingOptions) -> None:
        #: Worlds are to be hosted, and this system cannot.
        self._is_unsupported = options.enabled and not keeper_client.SUPPORTED
        if self._is_unsupported:
            options = replace(options, enabled=False)
        super().__init__(core, options)
        self._context = HostingContext(
            core,
            options,
            self.catalog,
            machine_zone(),
            cgroups=Cgroups(options.cgroups),
        )
        self._context.wake_all = self.wake_all
        self._saving = SavingService(self._context, self.process)
        self._nightly = NightlySaves(self._context, self.save)
        self._wake_ports = WakePorts(options.bind, self._wake_up)
        self._context.wake_ports = lambda: self._wake_ports.ports
        self._worlds: dict[int, WorldTask] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._importer = LogImporter(
            core, options.folder, machine_zone(), lambda: self._context.ending
        )
        self._measures = Measuring(self._context, self._worlds)
        self._sizes = WorldSizes(self._context, self._worlds)
        self._measuring: asyncio.Task[None] | None = None
        self._sizing: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._started = False

    @property
    def enabled(self) -> bool:
        return self._options.enabled

    # The life of the service

    async def start(self) -> None:
        """Find the processes that a former coalserver left, and drive all worlds from now on.

        Call it before the server listens. Raises OperatorError.
        """
        if self._is_unsupported:
            log.warning("World hosting needs Linux; it is switched off.")
        await self._define_versions()
        self._context.user = find_user(self._options)
        await asyncio.to_thread(self._context.catalog.store.delete_parts)
        self._started = True
        state = self._core.state
        state.watch(World, self._on_world)
        state.watch(HostedWorld, self._on_hosted)
        state.watch(ConsoleCommand, self._on_command)
        for world in self._core.query(all_hosted_worlds):
            self._drive(world.id)
        for world_id in self._core.query(worlds_in_deletion):
            self.start_deletion(world_id)
        # A process that has to be ended may take longer; its world waits for that by itself.
        with suppress(TimeoutError):
            async with asyncio.timeout(RECOVER_SECONDS):
                for one in [*self._worlds.values()]:
                    await one.recovered.wait()
        if self._worlds and os.geteuid() == 0 and self._context.user is None:
            log.warning("Hosted worlds run as root; hosting_user names another user for them.")
        self._saving.start()
        self._update_wake_ports()
        self._measuring = asyncio.create_task(self._measure_forever())
        self._sizing = asyncio.create_task(self._sizes.run())
        self._keeping = asyncio.create_task(self._keep_saves())

    async def _keep_saves(self) -> None:
        """Make the nightly saved games, and delete what restores have replaced."""
        cleaned_at: float | None = None
        while True:
            now = asyncio.get_running_loop().time()
            try:
                if cleaned_at is None or now - cleaned_at >= CLEAN_SECONDS:
                    cleaned_at = now
                    await self._saving.delete_old()
                await self._nightly.run_due()
            except OSError as error:
                # The next round may succeed.
                log.warning("The nightly saved games are not made now: %s", error)
            await asyncio.sleep(self._nightly.seconds_left())

    async def _define_versions(self) -> None:
        left_out = await self._core.execute(
            define_configured_versions, versions=self._options.versions
        )
        for name in left_out:
            log.warning("[version %s] is not used: there is another version of that name.", name)

    async def stop(self, *, leave: bool = False, leave_now: asyncio.Event | None = None) -> None:
        """Stop all worlds at once, each by its own ladder, and take in the last of their consoles.

        They stay wanted, so that they start with the next server. `leave`, the option of that name and the event
        `leave_now` leave them to their keepers instead.
        """
        if not self._started:
            return
        self._context.ending = True
        self._context.stopping = not (leave or self._options.leave)
        self._saving.cancel_waiting()
        self.wake_all()
        await self._wake_ports.wait_closed()
        await self.stop_fetches()
        if self._context.stopping:
            await self._wait_for_tasks(leave_now)
        # Before its world is left to itself, `save-on` is sent.
        await self._saving.stop()
        self._context.leaving = True
        self.wake_all()
        tasks = set(self._tasks.values())
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)
        if self.deletions:
            # What is left of one is deleted at the next start.
            await asyncio.wait(self.deletions, timeout=LEAVE_SECONDS)
        self._started = False
        for task in filter(None, (self._measuring, self._sizing, self._keeping)):
            task.cancel()
            await asyncio.wait([task])
        if self._measuring is not None:
            await self._measures.finish()

    async def _wait_for_tasks(self, leave_now: asyncio.Event | None) -> None:
        leaving = asyncio.create_task((leave_now or asyncio.Event()).wait())
        try:
            while tasks := self._running_tasks():
                await asyncio.wait({*tasks, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if leaving.done():
                    return
        finally:
            leaving.cancel()

    def _running_tasks(self) -> "set[asyncio.Task[None]]":
        tasks = {task for task in self._tasks.values() if not task.done()}
        return tasks | self._saving.jobs

    async def _wake_up(self, world_id: int) -> Answer:
        """Start a world that a player wants to join. Raises DomainError."""
        return await self.order(world_id, Order.PLAY, TIME)

    def _update_wake_ports(self) -> None:
        """Answer on the ports of worlds that are asleep; the ports of others are free when this returns."""
        if self._started and self.enabled and not self._context.ending:
            self._wake_ports.update(
                self._core.query(find_sleeping_worlds, folder=self._options.folder)
            )

    def _on_world(self, before: World | None, after: World | None) -> None:
        if after is not None and after.hosted:
            # Most changes of a world are signs of life.
            if before is None or wake_fields(before) != wake_fields(after):
                self._update_wake_ports()
            self._wake(after.id)

    def _on_hosted(self, before: HostedWorld | None, after: HostedWorld | None) -> None:
        if not before or not after or hosted_wake_fields(before) != hosted_wake_fields(after):
            self._update_wake_ports()
        if after is not None:
            self._wake(after.id)

    def _on_command(self, _: ConsoleCommand | None, after: ConsoleCommand | None) -> None:
        if after is not None and after.world in self._worlds:
            self._wake(after.world)

    def _wake(self, world_id: int) -> None:
        self._saving.wake()
        if world_id in self._worlds:
            self._worlds[world_id].wake()
        elif self._started:
            self._drive(world_id)

    def wake_all(self) -> None:
        """Look at all worlds again."""
        for world in self._worlds.values():
            world.wake()

    def _drive(self, world_id: int) -> None:
        world = self._worlds[world_id] = WorldTask(self._context, world_id, self._saving)
        task = asyncio.create_task(world.run(), name=f"world {world_id}")
        self._tasks[world_id] = task
        task.add_done_callback(lambda done: self._on_done(world_id, done))

    def _on_done(self, world_id: int, task: "asyncio.Task[None]") -> None:
        """Drive a world anew after a failure. If nothing can be written any more, the server ends by itself."""
        error = None if task.cancelled() else task.exception()
        if error is None or self._context.ending:
            return
        log.error("The task of world %d failed", world_id, exc_info=error)
        process = self._worlds[world_id].process
        loop = asyncio.get_running_loop()

        def start_again() -> None:
            if self._started and not self._context.ending:
                self._drive(world_id)

        async def detach() -> None:
            if process is not None:
                await process.detach()
            loop.call_later(RETRY_SECONDS, start_again)

        self._tasks[world_id] = asyncio.create_task(detach())

    # What APIs and pages use

    async def facts(self, run: Run, *, starts: bool) -> MachineFacts:
        if starts:
            return await self._context.start_facts(run)
        return await self._context.facts(starts=False)

    async def delete_files(self, world_id: int) -> None:
        async with self._saving.files(world_id):
            await asyncio.to_thread(
                delete_folder, WorldFiles(self._options.folder, world_id).folder
            )

    async def bounds(self) -> SettingBounds:
        return await setting_bounds(self._options)

    async def save(self, world_id: int, actor: int) -> Answer:
        return await asyncio.shield(self._save(world_id, actor))

    async def _save(self, world_id: int, actor: int) -> Answer:
        answer = await super().save(world_id, actor)
        if answer is Answer.ACCEPTED:
            kind = SaveKind.NIGHTLY if actor == TIME else SaveKind.MANUAL
            self._saving.begin(world_id, kind, actor)
        return answer

    def figures(self, world_id: int) -> Figures:
        process = self.process(world_id)
        child = process.living_child if process is not None else None
        pid = child["pid"] if child is not None else None
        figures = self._measures.figures(world_id, pid)
        return replace(
            figures,
            saved_games=self._saving.count(world_id),
            excess=self._sizes.excess(world_id),
        )

    async def console(
        self, world_id: int, after: int | None, size: int
    ) -> tuple[list[ConsoleLine], int]:
        world = self._worlds.get(world_id)
        if world is None:
            return [], after or 0
        return await world.console.lines(after, size)

    async def crash(self, world_id: int) -> Crash | None:
        hosted = self._core.query(get_run, world_id=world_id).hosted
        at = failed_at(hosted)
        if at is None:
            return None
        folder = WorldFiles(self._options.folder, world_id).server
        files = await asyncio.to_thread(find_reports, folder, reports_since(hosted, at), at)
        world = self._worlds.get(world_id)
        lines = [] if world is None else await world.console.lines_before(at, CRASH_LINES)
        return Crash(at, files, lines)

    async def import_logs(
        self, world_id: int, paths: Sequence[Path], zone: str, actor: int
    ) -> Sequence[ImportedFile]:
        return await self._importer.import_logs(world_id, paths, zone, actor)

    def process(self, world_id: int) -> WorldProcess | None:
        """Return the process of a world, or None if it has none."""
        world = self._worlds.get(world_id)
        return world.process if world is not None else None

    # Measuring

    async def _measure_forever(self) -> None:
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            try:
                await self._check_disk()
            except OSError as error:
                log.warning("The free space of hosted worlds is not known: %s", error)
            try:
                await self._measures.measure()
            except OSError as error:
                # For example too many open files: the next measurement may succeed.
                log.warning("Hosted worlds cannot be measured: %s", error)
            # A port that another program had may be free now.
            self._update_wake_ports()

    async def _check_disk(self) -> None:
        """Stop worlds while there is less than half of the space that is kept free."""
        facts = await self._context.facts(starts=False)
        kept = self._context.settings.disk_free
        if facts.disk_free * 2 >= kept:
            return
        trouble = Trouble(TroubleCode.DISK, self._core.now, (str(facts.disk_free), str(kept)))
        for world_id in self._worlds:
            with suppress(DomainError):
                if self._core.query(get_run, world_id=world_id).status in BEFORE_PROCESS | UP:
                    log.warning("World %d is stopped: %d MiB are free", world_id, facts.disk_free)
                    await self._core.execute(
                        update_run, world_id=world_id, transition=_stop_for(trouble)
                    )


def _stop_for(trouble: Trouble) -> Callable[[Run, float], Run]:
    return lambda run, now: transitions.stop_for_trouble(run, trouble, now)
