"""The task of one hosted world: it drives the world's process to the state that is wanted.

Prescribed by hosting.md, sections 2, 3, 6 and 10. Everything that the task learns goes to the core as a command, and
each step looks at the stored state anew, so that it does not matter in which order things happen.
"""

import asyncio
import json
import logging
import os
import secrets
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from coalserver.core.commands.consoles import finish_console_commands
from coalserver.core.commands.hosting import (
    give_order,
    record_crash,
    record_exit,
    resume_start,
    retry_with_next_port,
    start_wanted,
    update_run,
)
from coalserver.core.queries.hosting import (
    get_run,
    idle_seconds_left,
    runs_to_drive,
    version_of_world,
)
from coalserver.core.queries.worlds import count_online, queued_commands
from coalserver.core.state import Reader
from coalserver.domain.audit import TIME
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting import transitions
from coalserver.domain.minecraft.hosting.hosted_world import (
    AT_REST,
    ENDING,
    WITH_PROCESS,
    HostedWorld,
    Trouble,
    TroubleCode,
    Wanted,
    cost_mib,
)
from coalserver.domain.minecraft.hosting.minecraft_versions import choose_version
from coalserver.domain.minecraft.hosting.properties_file import FileSettings, game_rules
from coalserver.domain.minecraft.hosting.refusals import trouble_text
from coalserver.domain.minecraft.hosting.transitions import Order, Run
from coalserver.domain.minecraft.server_properties import effective_properties
from coalserver.domain.minecraft.visitor import ConsoleCommand, hosted_say_command
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.hosting.cgroups import Cgroup, Limits
from coalserver.hosting.cgroups import remove as remove_cgroup
from coalserver.hosting.console import Console
from coalserver.hosting.context import HostingContext
from coalserver.hosting.keeper_client import (
    KeeperClient,
    KeeperError,
    KeeperGone,
    Launch,
    RunState,
    Situation,
    adopt_keeper,
    read_run,
    start_keeper,
)
from coalserver.hosting.log_texts import end_text
from coalserver.hosting.processes import boot_id, cgroup_members, end_processes
from coalserver.hosting.save_commands import SAVE_OFF_MARK
from coalserver.hosting.saves import SaveKind
from coalserver.hosting.saving import SavingService
from coalserver.hosting.status_ping import count_players
from coalserver.hosting.versions.catalog import Place, Program
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.world_files import WorldFiles
from coalserver.hosting.world_process import WorldProcess

log = logging.getLogger(__name__)

#: A running world's `last_ping` is never older than a minute.
PING_SECONDS = 25.0
MAX_COMMAND_LENGTH = 4096
#: A keeper that does not answer at the start is given up after so many attempts.
ADOPT_ATTEMPTS = 3
EMPTY_STATE = RunState("", "", (), "stop", 0.0, {"pid": 0, "start": 0}, None, None, 0, 0, 0, 0)


#: Codes of troubles by those of versions; what is left counts as not fetched, with its reason.
_TROUBLES = {
    VersionErrorCode.CHECKSUM: TroubleCode.CHECKSUM,
    VersionErrorCode.BAD_JAR: TroubleCode.BAD_JAR,
    VersionErrorCode.FILES_MISSING: TroubleCode.FILES_MISSING,
}


class _NotPrepared(Exception):
    """The world cannot be prepared, for a trouble."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class WorldTask:
    """Drives one world."""

    def __init__(self, context: HostingContext, world_id: int, saving: SavingService) -> None:
        self.world_id = world_id
        self._saving = saving
        self.files = WorldFiles(context.options.folder, world_id)
        self.console = Console(context.core, world_id, self.files.run, context.zone)
        self.process: WorldProcess | None = None
        self._context, self._core = context, context.core
        #: Set when it is known what is left of an earlier run.
        self.recovered = asyncio.Event()
        self._news = asyncio.Event()
        self._port_retried = False
        #: Properties that the files of the present start were written from, and the world at that time.
        self._written: tuple[bytes, HostedWorld] | None = None
        self._pinged_at = self._asked_at = self._answered_at = 0.0
        self._has_answered = False

    def wake(self) -> None:
        """Look at the world again: something has changed."""
        self._news.set()

    @property
    def _run(self) -> Run:
        return self._core.query(get_run, world_id=self.world_id, archived=True)

    @property
    def _now(self) -> float:
        """Seconds of the monotonic clock."""
        return asyncio.get_running_loop().time()

    async def _wait(self, seconds: float | None) -> None:
        """Wait for news, or for some seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    async def _update(self, transition: Callable[[Run, float], Run]) -> Run:
        return await self._core.execute(update_run, world_id=self.world_id, transition=transition)

    async def run(self) -> None:
        """Drive the world until coalserver ends."""
        try:
            await self._recover()
        finally:
            self.recovered.set()
        while not self._context.leaving:
            status = self._run.status
            if self.process is not None and status not in WITH_PROCESS:
                await self._end_stray(self.process)
            elif status in WITH_PROCESS:
                await self._attend()
            elif self._context.ending:
                break
            elif status in AT_REST:
                await self._rest()
            elif not self._context.options.enabled:
                await self._update(partial(_apply, Order.PAUSE))
            elif status is WorldStatus.QUEUED_START:
                await self._queue()
            elif status is WorldStatus.LOADING:
                await self._load()
            else:
                self._saving.begin(self.world_id, SaveKind.PAUSE)
                await self._wait(self._context.options.look_seconds)
        if self.process is not None:
            await self.process.detach()

    async def _rest(self) -> None:
        run = self._run
        if run.hosted.wanted is not Wanted.PLAY or not self._context.options.enabled:
            await self._wait(None)
        elif run.hosted.port is not None:
            await self._core.execute(resume_start, world_id=self.world_id)
        else:
            # Ordered while the server was not running, so that nothing is checked or reserved yet.
            facts = await self._context.start_facts(run)
            run = await self._core.execute(start_wanted, world_id=self.world_id, facts=facts)
            if run.status in AT_REST and run.hosted.trouble is not None:
                log.warning("World %d: %s", self.world_id, trouble_text(run.hosted.trouble))

    # What is left of an earlier run

    async def _recover(self) -> None:
        """Find out what became of the world while coalserver was away, and take its process over."""
        if self._run.hosted.saving and not self._saving.has_job(self.world_id):
            await self._update(transitions.save_interrupted)
        await self._recover_process()
        if self.process is None:
            await self._recover_restore()

    async def _recover_restore(self) -> None:
        try:
            await self._saving.recover_restore(self.world_id)
        except OSError as error:
            # It is tried again before the world starts.
            log.warning("A restore of world %d cannot be finished: %s", self.world_id, error)

    async def _recover_process(self) -> None:
        for _ in range(ADOPT_ATTEMPTS):
            state = await asyncio.to_thread(read_run, self.files.run)
            if state is None:
                break
            situation = await asyncio.to_thread(lambda one: one.situation, state)
            if situation is not Situation.KEPT:
                await self._recover_without_keeper(state, situation)
                return
            try:
                client = await adopt_keeper(self.files.run, state.run)
            except (KeeperGone, KeeperError):
                continue
            except TimeoutError:
                log.warning("The keeper of world %d does not answer; it is ended", self.world_id)
                with suppress(ProcessLookupError):
                    os.kill(state.keeper["pid"], signal.SIGKILL)
                continue
            await self._take_over(WorldProcess(client, state, self.console, self.files.run))
            return
        status = self._run.status
        if status in WITH_PROCESS:
            await self._update(transitions.after_reboot)
        elif status is WorldStatus.LOADING:
            await self._update(transitions.queue_start)

    async def _take_over(self, process: WorldProcess) -> None:
        run = self._run
        self._equip(process, run)
        if run.status is WorldStatus.LOADING:
            # coalserver was killed between the start of the process and its record.
            run = await self._record_spawned(process)
        if run.hosted.run_id != process.state.run and run.status in WITH_PROCESS:
            # Of another time: a backup was restored since.
            await self._update(transitions.after_reboot)
            return
        await process.see_again()
        if process.state.marks.get(SAVE_OFF_MARK) and await process.write("save-on"):
            with suppress(KeeperError, KeeperGone, TimeoutError):
                assert process.client is not None
                await process.client.mark(SAVE_OFF_MARK, None)
        process.start_following()
        log.info(
            "World %d goes on as process %s", self.world_id, (process.state.child or {}).get("pid")
        )

    async def _recover_without_keeper(self, state: RunState, situation: Situation) -> None:
        run = self._run
        process = WorldProcess(None, state, self.console, self.files.run)
        process.port = run.hosted.port
        if situation is Situation.ORPHANED:
            if run.status in WITH_PROCESS:
                run = await self._update(transitions.keeper_lost)
            term_seconds = self._context.options.term_seconds
            await end_processes(state.members, term_seconds=term_seconds, cgroup=state.cgroup)
        await asyncio.to_thread(remove_cgroup, state.cgroup)
        await process.see_again()
        await self.console.take_in(process.see)
        if run.status is WorldStatus.LOADING:
            await self._update(transitions.queue_start)
        elif run.status in WITH_PROCESS:
            await self._recover_end(run, process)

    async def _recover_end(self, run: Run, process: WorldProcess) -> None:
        state = process.state
        is_told = state.exit is not None or process.seen.stopping or run.status in ENDING
        if state.run != run.hosted.run_id or (state.exit is None and state.boot != boot_id()):
            await self._update(transitions.after_reboot)
        else:
            await self._record_end(process, as_crash=not is_told)

    async def _end_stray(self, process: WorldProcess) -> None:
        """End a process that no longer belongs to the state of its world."""
        await self._climb_down(process, lambda: self._context.leaving, warn=False)
        if process.ended:
            await process.end_rest(self._context.options.term_seconds)
            self.process = None

    # Start

    async def _queue(self) -> None:
        """Wait for the world's turn, and take it."""
        waiting_since = self._now
        while True:
            run = self._run
            options = self._context.options
            if run.status is not WorldStatus.QUEUED_START or self._context.ending:
                return
            left = (run.hosted.starts_at or 0.0) - self._core.now
            if left > 0:
                waiting_since = self._now
                # A clock that is set back does not make the wait longer than it can be.
                await self._wait(min(left, options.crash_wait * 4))
                continue
            files = self._saving.files(self.world_id)
            if files.locked():
                # A saved game is being copied or restored.
                await self._wait(options.look_seconds)
                continue
            patience = waiting_since + options.turn_seconds - self._now
            if patience <= 0 or not self._core.query(
                _has_others_before, run=run, now=self._core.now
            ):
                async with files:
                    await self._update(transitions.take_turn)
                self._context.wake_all()
                return
            await self._wait(min(patience, self._context.options.look_seconds))

    async def _load(self) -> None:
        """Prepare the program and the files, then start the process."""
        preparing = asyncio.create_task(self._prepare())
        preparing.add_done_callback(lambda _: self.wake())
        try:
            while not preparing.done():
                if self._run.status is not WorldStatus.LOADING or self._context.ending:
                    return
                await self._wait(self._context.options.look_seconds)
            program, port = preparing.result()
        except VersionError as error:
            await self._fail(self._trouble_of(error))
            return
        except _NotPrepared as error:
            await self._fail(error.trouble)
            return
        except OSError as error:
            log.warning("The files of world %d cannot be written: %s", self.world_id, error)
            await self._fail(Trouble(TroubleCode.START_FAILED, self._core.now))
            return
        finally:
            if not preparing.done():
                preparing.cancel()
                await asyncio.wait([preparing])
        if self._run.status is WorldStatus.LOADING and not self._context.ending:
            await self._spawn(program, port)
        self._context.wake_all()

    async def _fail(self, trouble: Trouble) -> None:
        await self._update(lambda run, now: transitions.preparing_failed(run, trouble, now))
        self._context.wake_all()

    async def _prepare(self) -> tuple[Program, int]:
        """Make the files and the program of the world ready. Raises VersionError, _NotPrepared and OSError."""
        run, context = self._run, self._context
        version = self._core.query(version_of_world, world=run.world)
        port = run.hosted.port
        if version is None or port is None:
            raise _NotPrepared(Trouble(TroubleCode.START_FAILED, self._core.now))
        facts = await context.facts(starts=False)
        kept = context.settings.disk_free
        if facts.disk_free < kept:
            raise _NotPrepared(
                Trouble(TroubleCode.DISK, self._core.now, (str(facts.disk_free), str(kept)))
            )
        properties = effective_properties(run.world.properties)
        place = Place(
            self.files.server,
            run.world.short_name or run.world.name,
            port,
            str(properties["memory"]),
            minecraft=run.hosted.minecraft,
            group=context.user[1] if context.user else None,
        )
        await self._saving.recover_restore(self.world_id)
        # A restore may have brought a world in another folder.
        run = self._run
        await asyncio.to_thread(self.files.create, context.user)
        progress = partial(context.record_progress, self.world_id)
        program = await context.catalog.prepare(version, place, progress)
        settings = FileSettings(
            minecraft=program.minecraft,
            port=port,
            bind=context.options.bind,
            level_name=run.hosted.level_name,
            further=json.loads(run.hosted.further),
            removed=json.loads(run.hosted.removed),
            newest_first=context.catalog.lists.newest_first,
        )
        await asyncio.to_thread(self.files.write_eula, run.hosted.eula is not None)
        await asyncio.to_thread(self.files.write_properties, properties, settings)
        self._written = json.dumps(properties).encode(), run.hosted
        return program, port

    def _trouble_of(self, error: VersionError) -> Trouble:
        """Return the trouble of a version that cannot be run."""
        name = str(effective_properties(self._run.world.properties)["version"])
        code = _TROUBLES.get(error.code, TroubleCode.NOT_FETCHED)
        values = (error.reason,) if code is TroubleCode.FILES_MISSING else (name, error.reason)
        return Trouble(code, self._core.now, values)

    async def _spawn(self, program: Program, port: int) -> None:
        run, options = self._run, self._context.options
        version = self._core.query(version_of_world, world=run.world)
        run_id = secrets.token_hex(8)
        cgroup = await asyncio.to_thread(self._create_cgroup, run, run_id)
        launch = Launch(
            run=run_id,
            argv=program.argv,
            cwd=self.files.server,
            timezone=self._context.zone,
            java_home=program.java_home,
            stop=version.stop if version else "stop",
            after=self.console.stored,
            user=self._context.user,
            cgroup=cgroup.path if cgroup else None,
            term_seconds=options.term_seconds,
        )
        client: KeeperClient | None = None
        state: RunState | None = None
        try:
            client = await start_keeper(self.files.run, launch)
            state = (await client.status()).state
        except KeeperGone:
            # It has ended already.
            client, state = None, await asyncio.to_thread(read_run, self.files.run)
        except (KeeperError, OSError) as error:
            # A keeper that was connected has its child in the cgroup.
            if cgroup is not None and client is None:
                await asyncio.to_thread(cgroup.delete)
            if not isinstance(error, KeeperError):
                # The task fails; the next one finds out what there is.
                raise
            await self._not_spawned(error)
            return
        finally:
            if cgroup is not None:
                await asyncio.to_thread(cgroup.release)
        if state is None or state.run != launch.run:
            state = replace(EMPTY_STATE, run=launch.run, cgroup=launch.document()["cgroup"])
        process = WorldProcess(client, state, self.console, self.files.run)
        self._equip(process, run)
        await self._record_spawned(process)
        if client is not None:
            process.start_following()
        log.info("World %d starts on port %d", self.world_id, port)

    def _create_cgroup(self, run: Run, run_id: str) -> Cgroup | None:
        """Return a cgroup for a run. That of the last one is removed, if it could not be before."""
        state = read_run(self.files.run)
        if state is not None and not cgroup_members(state.cgroup):
            remove_cgroup(state.cgroup)
        limits = Limits.for_cost(cost_mib(run.world.properties), self._context.settings.cpu_weight)
        return self._context.cgroups.create(run_id, limits)

    async def _not_spawned(self, error: KeeperError) -> None:
        state = await asyncio.to_thread(read_run, self.files.run)
        if error.code == "child_alive" and state is not None:
            term_seconds = self._context.options.term_seconds
            await end_processes(state.members, term_seconds=term_seconds, cgroup=state.cgroup)
            await asyncio.to_thread(remove_cgroup, state.cgroup)
            return
        log.warning("The process of world %d cannot be started: %s", self.world_id, error)
        await self._fail(Trouble(TroubleCode.START_FAILED, self._core.now))

    def _equip(self, process: WorldProcess, run: Run) -> None:
        """Take a process as that of the world."""
        version = self._core.query(version_of_world, world=run.world)
        process.ready_pattern = version.ready if version else ""
        process.port = run.hosted.port
        process.on_news = self.wake
        self.process = process
        self._has_answered = False
        self._answered_at = self._asked_at = self._now

    async def _record_spawned(self, process: WorldProcess) -> Run:
        # What was changed since the files were written is pending. After a restart the files count as current.
        current = json.dumps(effective_properties(self._run.world.properties)).encode()
        applied, written = self._written or (current, None)
        self._written = None

        def record(run: Run, now: float) -> Run:
            further = run.hosted.further if written is None else written.further
            run = replace(run, hosted=replace(run.hosted, applied_further=further))
            if written is not None and run.hosted.removed == written.removed:
                run = replace(run, hosted=replace(run.hosted, removed=b"[]"))
            return transitions.spawned(run, process.state.run, applied, now)

        return await self._update(record)

    # A process that runs

    async def _attend(self) -> None:
        """Attend to the process until it has ended, or is left to its keeper."""
        process = self.process
        if process is None:
            await self._update(transitions.after_reboot)
            return
        while not self._context.leaving:
            if process.ended:
                await self._finish(process)
                return
            run = self._run
            if run.status not in WITH_PROCESS:
                return
            if run.status in ENDING:
                await self._stop(process)
            elif self._context.stopping:
                await self._update(transitions.ends_with_coalserver)
            elif not self._context.options.enabled:
                await self._update(partial(_apply, Order.PAUSE))
            elif run.status is WorldStatus.LOADED:
                await self._attend_start(run, process)
            else:
                await self._attend_running(process)

    async def _attend_start(self, run: Run, process: WorldProcess) -> None:
        started_at = run.hosted.spawned_at or self._core.now
        left = started_at + self._context.options.start_seconds - self._core.now
        if process.seen.ready:
            await self._become_ready(process)
        elif left <= 0:
            await self._update(transitions.start_timed_out)
        else:
            await self._wait(min(left, self._context.options.look_seconds))

    async def _become_ready(self, process: WorldProcess) -> None:
        run = await self._record_ready(process)
        self._pinged_at = self._now
        self._context.wake_all()
        log.info("World %d is ready", self.world_id)
        await self._send_first_commands(run, process)

    async def _record_ready(self, process: WorldProcess) -> Run:
        run = self._run
        self._port_retried = False
        address = await self._context.address(run.hosted.port or 0)
        minecraft = process.seen.minecraft or run.hosted.minecraft

        def transition(run: Run, now: float) -> Run:
            return transitions.ready(transitions.started_as(run, minecraft), address, now)

        return await self._update(transition)

    async def _send_first_commands(self, run: Run, process: WorldProcess) -> None:
        """Send what the file of properties cannot say: operators and the allow list once, game rules each time."""
        properties = effective_properties(run.world.properties)
        version = self._core.query(version_of_world, world=run.world)
        operator = str(properties.get("operator") or "")
        if operator and not run.hosted.set_up:
            await process.write(f"op {operator}", "op")
            if properties.get("white_list"):
                await process.write(f"whitelist add {operator}", "whitelist")
            await self._update(lambda run, _: transitions.set_up(run))
        if version is not None and not version.no_eula:
            minecraft = choose_version(version.minecraft, run.hosted.minecraft, version.name)
            newest_first = self._context.catalog.lists.newest_first
            for rule, value in game_rules(properties, minecraft, newest_first):
                await process.write(f"gamerule {rule} {str(value).lower()}", f"rule-{rule}")

    async def _attend_running(self, process: WorldProcess) -> None:
        now, hurry = self._now, self._context.options.look_seconds
        if now - self._pinged_at >= PING_SECONDS:
            self._pinged_at = now
            await self._update(transitions.pinged)
        if process.seen.played:
            process.seen.played = False
            await self._update(lambda run, _: transitions.played(run))
        await self._write_commands(process)
        run = self._run
        if not self._core.query(count_online, world=self.world_id):
            if run.world.empty_since is None and run.status is WorldStatus.RUNNING:
                await self._update(transitions.emptied)
            left = self._core.query(idle_seconds_left, run=self._run, now=self._core.now)
            if left == 0:
                await self._pause_idle(process)
            elif left is not None:
                hurry = min(hurry, left)
        await self._ask(process)
        if not process.ended and not self._core.query(queued_commands, world=self.world_id):
            await self._wait(hurry)
        elif not process.ended:
            # The process does not read at present.
            await self._wait(1.0)

    async def _write_commands(self, process: WorldProcess) -> None:
        """Write what waits for the console, in its order, each once in a run."""
        written: list[ConsoleCommand] = []
        dropped: list[int] = []
        for command in self._core.query(queued_commands, world=self.world_id):
            text = command.text.removeprefix("/")
            waited = self._core.now - command.created
            if command.account:
                if waited > self._context.options.chat_seconds:
                    dropped.append(command.id)
                    continue
                text = hosted_say_command(text)
            if not text or len(text) > MAX_COMMAND_LENGTH:
                dropped.append(command.id)
                continue
            if not await process.write(text, f"command-{command.id}"):
                break
            shown = ConsoleCommand(
                command.id, command.world, text, command.created, command.username, command.account
            )
            written.append(shown)
        if written or dropped:
            await self._core.execute(
                finish_console_commands,
                world_id=self.world_id,
                written=written,
                dropped=dropped,
            )

    async def _ask(self, process: WorldProcess) -> None:
        """Ask the program now and then whether it still answers."""
        options, now = self._context.options, self._now
        if process.seen.listed is not None:
            process.seen.listed = None
            await self._hear()
        if now - self._asked_at < options.ask_seconds:
            return
        self._asked_at = now
        port = self._run.hosted.port
        if port is not None and await count_players(options.bind or "127.0.0.1", port) is not None:
            await self._hear()
            return
        await process.ask_for_players()
        # A program that has never answered has neither.
        if self._has_answered and now - self._answered_at > options.hang_seconds:
            await self._report_hang(process)

    async def _hear(self) -> None:
        self._has_answered, self._answered_at = True, self._now
        trouble = self._run.hosted.trouble
        if trouble is not None and trouble.code is TroubleCode.HUNG:
            await self._update(lambda run, _: transitions.with_trouble(run, None))

    async def _report_hang(self, process: WorldProcess) -> None:
        trouble = self._run.hosted.trouble
        if trouble is None or trouble.code is not TroubleCode.HUNG:
            log.warning("World %d does not answer", self.world_id)
            hung = Trouble(TroubleCode.HUNG, self._core.now)
            await self._update(lambda run, _: transitions.with_trouble(run, hung))
        if self._context.settings.kill_hung:
            await process.send_signal(signal.SIGKILL, "all")

    async def _pause_idle(self, process: WorldProcess) -> None:
        """Pause the world that nobody is in, unless the program says otherwise."""
        port, bind = self._run.hosted.port or 0, self._context.options.bind or "127.0.0.1"
        if await count_players(bind, port):
            await self._update(transitions.occupied)
            return
        facts = await self._context.facts(starts=False)
        if self._core.query(idle_seconds_left, run=self._run, now=self._core.now) == 0:
            log.info("World %d is paused: nobody is there", self.world_id)
            with suppress(DomainError):
                await self._core.execute(
                    give_order, world_id=self.world_id, order=Order.PAUSE, actor=TIME, facts=facts
                )

    # Stop

    async def _stop(self, process: WorldProcess) -> None:
        """End the process, as its world's state asks for."""

        def is_interrupted() -> bool:
            return self._run.hosted.killed or self._context.leaving

        files = self._saving.files(self.world_id)
        while files.locked() and not (process.ended or is_interrupted()):
            # The game has written everything and keeps still while it is copied.
            await self._wait(self._context.options.look_seconds)
        await self._climb_down(process, is_interrupted, warn=True)

    async def _climb_down(
        self, process: WorldProcess, is_interrupted: Callable[[], bool], *, warn: bool
    ) -> None:
        """End a process step by step: warning, stop text, SIGTERM, SIGKILL (hosting.md, 6).

        Returns when it has ended, or is left to its keeper. `is_interrupted`: the next step is SIGKILL, or none.
        """
        options, warning = self._context.options, self._context.settings.stop_warning
        players = self._core.query(count_online, world=self.world_id)
        if warn and warning and players and process.seen.ready and not is_interrupted():
            await process.write(f"say Stopping in {warning} seconds")
            await self._wait_for_end(process, warning, is_interrupted)
        if not (process.ended or is_interrupted()):
            await process.send_stop()
            await self._wait_for_end(process, options.stop_seconds, is_interrupted)
        if not (process.ended or is_interrupted()):
            await process.send_signal(signal.SIGTERM)
            await self._wait_for_end(process, options.term_seconds, is_interrupted)
        if process.ended or self._context.leaving:
            return
        if not self._run.hosted.killed:
            log.warning("World %d did not stop and is killed", self.world_id)
            trouble = Trouble(TroubleCode.STOP_IGNORED, self._core.now)
            await self._update(lambda run, _: transitions.with_trouble(run, trouble))
        await process.send_signal(signal.SIGKILL, "all")
        await self._wait_for_end(process, None, lambda: self._context.leaving)

    async def _wait_for_end(
        self, process: WorldProcess, seconds: float | None, is_interrupted: Callable[[], bool]
    ) -> None:
        deadline = None if seconds is None else self._now + seconds
        while not (process.ended or is_interrupted()):
            left = self._context.options.look_seconds if deadline is None else deadline - self._now
            if left <= 0:
                return
            await self._wait(left)

    async def _finish(self, process: WorldProcess) -> None:
        """Record the end of the process, once nothing of it is left and its lines are taken in."""
        await process.end_rest(self._context.options.term_seconds)
        await self._record_end(process, as_crash=process.state.exit is None)
        self.process = None
        self._context.wake_all()

    async def _record_end(self, process: WorldProcess, *, as_crash: bool) -> None:
        run = before = self._run
        seen = process.seen
        if run.status is WorldStatus.LOADED and seen.ready:
            # It has ended before that was recorded.
            run = await self._record_ready(process)
        if seen.played:
            seen.played = False
            run = await self._update(lambda run, _: transitions.played(run))
        crash_wait = self._context.options.crash_wait
        if as_crash and run.status not in ENDING:
            params = {"world_id": self.world_id, "crash_wait": crash_wait}
            self._log_end(before, await self._core.execute(record_crash, **params))
            return
        if run.status is WorldStatus.LOADED and await self._retry_port(seen.cause):
            return
        after = await self._core.execute(
            record_exit,
            world_id=self.world_id,
            stopping_seen=seen.stopping,
            cause=seen.cause,
            crash_wait=crash_wait,
            server_ending=self._context.ending,
        )
        await self._saving.record_level(self.world_id)
        self._log_end(before, after)

    def _log_end(self, before: Run, after: Run) -> None:
        text = end_text(before, after, server_ending=self._context.ending)
        log.info("World %d %s", self.world_id, text)

    async def _retry_port(self, cause: Trouble | None) -> bool:
        """Start again with the next automatic port, once, if the world's own was taken meanwhile."""
        if cause is None or cause.code is not TroubleCode.PORT_TAKEN or self._port_retried:
            return False
        self._port_retried = True
        facts = await self._context.facts(starts=True)
        try:
            await self._core.execute(retry_with_next_port, world_id=self.world_id, facts=facts)
        except DomainError:
            return False
        return True


def _apply(order: Order, run: Run, now: float) -> Run:
    return transitions.apply_order(run, order, now)


def _has_others_before(reader: Reader, *, run: Run, now: float) -> bool:
    """Return whether another world is starting, or has waited longer for that."""
    own = (run.world.pending_since or now, run.world.id)
    for other in runs_to_drive(reader):
        if other.world.id == run.world.id:
            continue
        if other.status in (WorldStatus.LOADING, WorldStatus.LOADED):
            return True
        waits = other.status is WorldStatus.QUEUED_START and (other.hosted.starts_at or 0.0) <= now
        if waits and (other.world.pending_since or now, other.world.id) < own:
            return True
    return False
