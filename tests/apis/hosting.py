"""Hosting for tests: a machine with room for worlds, whose processes are reported by the tests."""

from dataclasses import dataclass, replace

from coalserver.core.commands.hosting import MachineFacts, save_run
from coalserver.core.commands.hosting_settings import add_version, agree_to_eula, set_properties
from coalserver.core.engine import Core
from coalserver.core.queries.hosting import get_run
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.minecraft.hosting.crash import Crash
from coalserver.domain.minecraft.hosting.hosted_world import Wanted
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.hosting.segments import ConsoleLine
from tests.apis.saved_games import SampleSaves

ROOM = MachineFacts(budget=16_000, disk_free=50_000)


class SampleHosting(SampleSaves):
    """Hosting that starts no process; `machine` is what every order is checked against."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.machine = ROOM
        self.console_lines: list[ConsoleLine] = []
        self.last_crash: Crash | None = None

    @property
    def enabled(self) -> bool:
        return self.machine.enabled

    async def facts(self, run: Run, *, starts: bool) -> MachineFacts:
        return self.machine

    async def crash(self, world_id: int) -> Crash | None:
        return self.last_crash

    async def console(
        self, world_id: int, after: int | None, size: int
    ) -> tuple[list[ConsoleLine], int]:
        lines = self.console_lines
        found = (
            lines[-size:] if after is None else [one for one in lines if one.number > after][:size]
        )
        return found, found[-1].number if found else after or 0


def sample_version(name: str = "1.7.4", **kwargs: object) -> Version:
    """Return a version to be added."""
    return Version(0, name, VersionKind.URL, 0.0, url="https://example.com/server.jar", **kwargs)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Stage:
    """A state of a hosted world as a test wants it."""

    status: WorldStatus
    wanted: Wanted = Wanted.PAUSE


def set_stage(uow: UnitOfWork, *, world_id: int, stage: Stage) -> Run:
    """Put a hosted world into a state, as its processes would."""
    before = get_run(uow, world_id)
    after = replace(before, hosted=replace(before.hosted, wanted=stage.wanted))
    return save_run(uow, before, after.to(stage.status, uow.now))


async def make_startable(core: Core, world_id: int, version: str = "1.7.4") -> None:
    """Define a version for a world and agree to the EULA."""
    if core.query(lambda reader: reader.first(Version, "name", version)) is None:
        await core.execute(add_version, version=sample_version(version))
    await core.execute(set_properties, world_id=world_id, changes={"version": version})
    await core.execute(agree_to_eula, world_id=world_id, actor_id=0, agree=True)
