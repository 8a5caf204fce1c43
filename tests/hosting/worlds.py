"""Hosted worlds of a test: a core with the service that hosts worlds, in this process, and fake children."""

import asyncio
import random
import shlex
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from coalserver.core.commands.consoles import CONSOLE
from coalserver.core.commands.hosting_settings import (
    add_version,
    agree_to_eula,
    configure_hosting,
    set_properties,
)
from coalserver.core.commands.worlds import create_world
from coalserver.core.engine import Core
from coalserver.core.queries.hosting import get_run
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.audit import COMMAND_LINE, AuditEntry
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld
from coalserver.domain.minecraft.hosting.transitions import Answer, Order, Run
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.hosting.cgroups import CgroupPlaces
from coalserver.hosting.keeper_client import RunState, read_run
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.processes import end_processes, reap
from coalserver.hosting.segments import ConsoleLine, ConsoleReader
from coalserver.hosting.service import WorldHosting
from coalserver.hosting.world_files import WorldFiles
from coalserver.storage.memory import MemoryStore
from tests.hosting.keepers import FAKE_CHILD
from tests.processes import TIMEOUT_SECONDS

PORTS = 4


def free_ports(count: int) -> int:
    """Return the first of some consecutive ports that nothing is bound to, below those of outgoing connections."""
    while True:
        first = random.SystemRandom().randrange(15_000, 32_000)
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first


def fake_command(*args: str) -> str:
    """Return the command of a version that runs the fake child. Its saves are as fast as can be."""
    return shlex.join((sys.executable, str(FAKE_CHILD), *args))


class Worlds:
    """A core and its hosting. `restart` starts another of both over what is stored."""

    def __init__(self, folder: Path, **options: Any) -> None:
        first = free_ports(PORTS)
        self.options = replace(
            HostingOptions(
                folder,
                bind="127.0.0.1",
                memory=10_000,
                first_port=first,
                last_port=first + PORTS - 1,
                start_seconds=30,
                stop_seconds=20,
                term_seconds=10,
                crash_wait=0.05,
                host="127.0.0.1",
                # None but in the tests of cgroups.
                cgroups=CgroupPlaces(root=folder / "no cgroups"),
            ),
            **options,
        )
        self.folder = folder
        self.store = MemoryStore()
        self.ids: list[int] = []
        #: Seconds by which the clock of the core is ahead.
        self.clock_ahead = 0.0
        self.core: Core
        self.hosting: WorldHosting

    def with_ports(self, count: int) -> HostingOptions:
        """Return the options with so many ports."""
        return replace(self.options, last_port=self.options.first_port + count - 1)

    async def open(self) -> None:
        context = CoreContext(lambda: time.time() + self.clock_ahead, signing_key=b"signing key")
        self.core = await Core.recover(self.store, context)
        self._writing = asyncio.create_task(self.core.writer.run())
        self.hosting = WorldHosting(self.core, self.options)
        await self.hosting.start()

    async def close(self, *, leave: bool = True) -> None:
        """Stop the service and the core; worlds go on unless `leave` is False."""
        await self.hosting.stop(leave=leave)
        self.core.writer.close()
        await self._writing

    async def restart(self, **options: Any) -> None:
        """End the service without its worlds, and start another one."""
        await self.close()
        self.options = replace(self.options, **options)
        await self.open()

    async def add(
        self,
        *args: str,
        name: str = "World",
        eula: bool = True,
        properties: dict[str, Any] | None = None,
        **version: Any,
    ) -> int:
        """Add a world that runs a fake child with these arguments; return its id."""
        world = await self.core.execute(create_world, name=name, hosted=True)
        self.ids.append(world.id)
        number = f"fake {world.id}"
        version = {"minecraft": "1.20.4"} | version
        command = Version(
            0, number, VersionKind.COMMAND, 0.0, command=fake_command(*args), **version
        )
        await self.core.execute(add_version, version=command)
        changes = {"version": number, "memory": "256M", "idle_timeout": 0, **(properties or {})}
        await self.core.execute(set_properties, world_id=world.id, changes=changes)
        if eula:
            await self.core.execute(agree_to_eula, world_id=world.id, actor_id=0, agree=True)
        return world.id

    async def configure(self, **changes: Any) -> None:
        await self.core.execute(configure_hosting, changes=changes)

    async def order(self, world: int, order: str) -> Answer:
        return await self.hosting.order(world, Order(order), 0)

    async def play(self, world: int) -> None:
        """Start a world and wait until it is ready."""
        await self.order(world, "play")
        await self.wait_for(world, "running")

    def run(self, world: int) -> Run:
        return self.core.query(get_run, world_id=world, archived=True)

    def status(self, world: int) -> str:
        return str(self.run(world).status)

    def hosted(self, world: int) -> HostedWorld:
        return self.run(world).hosted

    def trouble(self, world: int) -> str | None:
        found = self.hosted(world).trouble
        return found and str(found.code)

    async def wait_for(self, world: int, *states: str) -> Run:
        """Wait until a world is in one of these states."""
        wanted = [WorldStatus(state) for state in states]
        try:
            await self.until(lambda: self.run(world).status in wanted)
        except TimeoutError:
            raise AssertionError(
                f"the world is {self.run(world)}, its console: {self.texts(world)}"
            ) from None
        return self.run(world)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not condition():
                await asyncio.sleep(0.01)

    async def write(self, world: int, text: str) -> None:
        """Send a line to the console of a running world."""
        await self.hosting.send_command(world, text, COMMAND_LINE)

    def audit(self) -> list[AuditEntry]:
        """Return the audit entries, oldest first."""
        return list(self.core.state.all(AuditEntry))

    # What is on disk

    def files(self, world: int) -> WorldFiles:
        return WorldFiles(self.folder, world)

    def state(self, world: int) -> RunState:
        state = read_run(self.files(world).run)
        assert state is not None
        return state

    def child(self, world: int) -> int:
        """Return the id of the main process."""
        child = self.state(world).child
        assert child is not None
        return child["pid"]

    def lines(self, world: int) -> list[ConsoleLine]:
        return ConsoleReader(self.files(world).run).read(0, 1_000_000)

    def texts(self, world: int) -> list[str]:
        return [line.text for line in self.lines(world)]

    async def wait_for_text(self, world: int, part: str, count: int = 1) -> None:
        await self.until(lambda: sum(part in text for text in self.texts(world)) >= count)

    def stored(self, world: int) -> list[LogLine]:
        """Return the lines of the console that are in the history, oldest first."""
        lines = self.store._history.lines.values()
        of_world = (one for one in lines if (one.world, one.source) == (world, CONSOLE))
        return sorted(of_world, key=lambda one: one.sequence)

    async def assert_complete(self, world: int) -> None:
        """Check that every line of the console is stored once, and that nothing of the process is left."""
        assert [stat.pid for stat in self.state(world).members()] == []
        # The keeper ends after it has told the exit.
        await self.until(lambda: not self.state(world).keeper_lives)
        stored = self.stored(world)
        assert [(one.sequence, one.line) for one in stored] == [
            (line.number, line.text) for line in self.lines(world)
        ]

    async def end(self) -> None:
        """End everything that still runs."""
        await self.close()
        for world in self.ids:
            state = read_run(self.files(world).run)
            if state is not None:
                await end_processes(state.members, term_seconds=0)
                reap(state.keeper["pid"])


@asynccontextmanager
async def run_worlds(folder: Path, *, ports: int = PORTS, **options: Any) -> AsyncIterator[Worlds]:
    """Host worlds in this process with so many ports; everything that still runs at the end is ended."""
    worlds = Worlds(folder, **options)
    worlds.options = worlds.with_ports(ports)
    await worlds.open()
    try:
        yield worlds
    finally:
        await worlds.end()
