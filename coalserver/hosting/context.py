"""What the tasks of all hosted worlds share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from coalserver.core.commands.hosting import MachineFacts, update_run
from coalserver.core.engine import Core
from coalserver.core.queries.hosting import get_run, get_settings, version_of_world
from coalserver.domain.minecraft.hosting import transitions
from coalserver.domain.minecraft.hosting.settings import (
    HostingSettings,
    SettingBounds,
    effective_ports,
)
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.hosting import machine
from coalserver.hosting.cgroups import Cgroups
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.versions.catalog import VersionCatalog


@dataclass(slots=True)
class HostingContext:
    """The core, the options and the state of the service."""

    core: Core
    options: HostingOptions
    catalog: VersionCatalog
    #: Time zone in which processes write times.
    zone: str
    #: Ids of the user and group of the processes, if they are not ours.
    user: tuple[int, int] | None = None
    cgroups: Cgroups = field(default_factory=Cgroups)
    #: coalserver ends: no order is accepted any more, and worlds that wait are not started.
    ending: bool = False
    #: coalserver ends and stops its worlds.
    stopping: bool = False
    #: Worlds are left to their keepers.
    leaving: bool = False
    #: World id -> seconds that its last saved game took.
    save_seconds: dict[int, float] = field(default_factory=dict)
    #: Ports on which coalserver itself answers for worlds that are asleep; it leaves them to whatever starts.
    wake_ports: Callable[[], frozenset[int]] = field(default=frozenset)
    #: Wakes the tasks of all worlds.
    wake_all: Callable[[], None] = field(default=lambda: None)

    @property
    def settings(self) -> HostingSettings:
        """The settings that administrators change while the server runs."""
        return self.core.query(get_settings)

    def record_progress(self, world_id: int, percent: int) -> None:
        """Store, in the background, how much of preparing or saving a world is done: 0 to 100."""
        if self.core.query(get_run, world_id=world_id, archived=True).world.percent == percent:
            return

        async def record() -> None:
            await self.core.execute(
                update_run,
                world_id=world_id,
                transition=lambda run, _: transitions.progress(run, percent),
            )

        task = asyncio.ensure_future(record())
        # A failed write ends coalserver by itself.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def ports(self) -> tuple[int, int]:
        """Return the first and the last port of worlds."""
        options = self.options
        bounds = SettingBounds(first_port=options.first_port, last_port=options.last_port)
        return effective_ports(self.settings.ports, bounds)

    async def facts(self, *, starts: bool) -> MachineFacts:
        """Return what the machine offers, but for what a version needs."""
        first, last = self.ports()
        options = self.options
        facts = MachineFacts(
            enabled=options.enabled,
            ending=self.ending,
            first_port=first,
            last_port=last,
            disk_free=await asyncio.to_thread(machine.disk_free, options.folder),
        )
        if not starts:
            return replace(facts, for_start=False)
        if not options.enabled:
            return facts
        wake_ports = self.wake_ports()
        # Fixed ports may lie outside the range that was set since.
        candidates = {*range(first, last + 1), *range(options.first_port, options.last_port + 1)}
        return replace(
            facts,
            budget=await asyncio.to_thread(
                machine.memory_budget, options.memory, self.settings.budget
            ),
            bound_ports=await asyncio.to_thread(
                machine.bound_ports, sorted(candidates | FIXED_PORTS), options.bind
            )
            - wake_ports,
        )

    async def start_facts(self, run: Run) -> MachineFacts:
        """Return what the machine offers to a world that is to start, with what its version needs."""
        facts = await self.facts(starts=True)
        version = self.core.query(version_of_world, world=run.world)
        if version is None or not facts.enabled:
            return facts
        found = await self.catalog.check(version)
        return replace(facts, missing_java=found.missing_java, fetch_error=found.fetch_error)

    async def address(self, port: int) -> str:
        """Return the address of a world as players type it."""
        options = self.options
        host = await asyncio.to_thread(
            machine.public_host,
            self.settings.public_address,
            options.base_url,
            options.bind,
            options.host,
        )
        return machine.join_address(host, port)


#: What the property `server_port` can be.
FIXED_PORTS = frozenset(range(25565, 25576))
