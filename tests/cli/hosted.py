"""A machine with a hosted world, for tests of the command line."""

import asyncio
from dataclasses import replace
from pathlib import Path

from coalserver.core.commands.hosting import update_run
from coalserver.domain.audit import COMMAND_LINE, AuditEntry
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld, Trouble
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.world import World
from coalserver.server.admin import open_offline
from coalserver.storage.data_directory import DataDirectory
from tests.hosting.machine import Machine
from tests.processes import TIMEOUT_SECONDS, CliResult, CommandLine

WAIT = ("--wait", str(TIMEOUT_SECONDS))


class Hosted(Machine):
    """A machine with one hosted world and the command line."""

    def __init__(self, folder: Path, line: CommandLine) -> None:
        super().__init__(folder)
        self._line = line

    def __call__(self, *args: str) -> CliResult:
        return self._line(*args, "--config", str(self.settings))

    def key_of_world(self) -> str:
        return str(self("world", "list", "--json").document["worlds"][0]["key"])

    def refusal(self, *args: str) -> str:
        """Return the sentence with which a command is refused, the same for people and programs."""
        result = self(*args, "--json")
        assert result.status == 1, result
        people = self(*args)
        assert people.status == 1 and str(result.document["error"]) in people.err
        return str(result.document["error"])

    async def read(self) -> tuple[World, HostedWorld, list[AuditEntry]]:
        """Return the world, its run and the audit entries, while no server runs."""
        home = DataDirectory(self.data)
        with home.lock():
            async with open_offline(self.config, home) as context:
                state = context.core.state
                world, hosted = state.get(World, self.world), state.get(HostedWorld, self.world)
                assert world is not None and hosted is not None
                return world, hosted, list(state.all(AuditEntry))

    def set_trouble(self, trouble: Trouble) -> None:
        """Record a trouble of the world, while no server runs."""

        def fail(run: Run, _: float) -> Run:
            return replace(run, hosted=replace(run.hosted, trouble=trouble))

        async def record() -> None:
            home = DataDirectory(self.data)
            with home.lock():
                async with open_offline(self.config, home) as context:
                    params = {"world_id": self.world, "transition": fail}
                    await context.core.execute(update_run, **params)

        asyncio.run(record())

    def actions(self) -> list[tuple[str, str]]:
        return [
            (str(entry.action), entry.subject)
            for entry in asyncio.run(self.read())[2]
            if entry.actor == COMMAND_LINE
        ]
