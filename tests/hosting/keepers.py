"""Keepers of a test: started in a temporary folder, and ended with all their processes after it."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from coalserver.hosting.keeper_client import KeeperClient, Launch, RunState, read_run, start_keeper
from coalserver.hosting.processes import end_processes, read_stat, reap
from coalserver.hosting.segments import ConsoleLine, ConsoleReader
from tests.processes import TIMEOUT_SECONDS

T = TypeVar("T")
FAKE_CHILD = Path(__file__).parent / "fake_child.py"
#: What the tests of keepers do not need of the fake child.
QUIET = ("--no-eula", "--no-port", "--no-world")


def fake_child(*args: str) -> tuple[str, ...]:
    """Return the argv of a fake child without EULA, port and world."""
    return (sys.executable, str(FAKE_CHILD), *QUIET, *args)


def python(code: str) -> tuple[str, ...]:
    """Return the argv of a child that runs some code."""
    return (sys.executable, "-u", "-c", code)


async def wait_until(condition: Callable[[], T]) -> T:
    """Wait until a condition holds, and return its value."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not (value := condition()):
            await asyncio.sleep(0.01)
    return value


class KeeperFolder:
    """The folders of a world, and the keepers that a test starts there."""

    def __init__(self, path: Path) -> None:
        self.server, self.run = path / "server", path / "run"
        self.server.mkdir(parents=True)
        self.clients: list[KeeperClient] = []
        self._runs = 0

    def launch(self, argv: tuple[str, ...], **options: object) -> Launch:
        self._runs += 1
        return Launch(run=f"run{self._runs}", argv=argv, cwd=self.server, **options)

    async def start(self, argv: tuple[str, ...], **options: object) -> KeeperClient:
        """Start a keeper with a new run id."""
        client = await start_keeper(self.run, self.launch(argv, **options))
        self.clients.append(client)
        return client

    @property
    def state(self) -> RunState:
        state = read_run(self.run)
        assert state is not None
        return state

    def kill_keeper(self) -> None:
        """Kill -9 the keeper, and wait for it as the server would."""
        pid = self.state.keeper["pid"]
        os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)

    def lines(self, after: int = 0) -> list[ConsoleLine]:
        """Return all lines, read anew."""
        return ConsoleReader(self.run).read(after, 10_000_000)

    def texts(self, stream: str = "out") -> list[str]:
        return [line.text for line in self.lines() if line.stream == stream]

    async def wait_for_text(self, part: str) -> ConsoleLine:
        """Wait for a line that contains a text."""

        def find() -> ConsoleLine | None:
            return next((line for line in self.lines() if part in line.text), None)

        line = await wait_until(find)
        assert line is not None
        return line

    async def end(self) -> None:
        """Kill everything that still runs."""
        for client in self.clients:
            await client.close()
        state = read_run(self.run)
        if state is None:
            return
        if state.keeper_lives:
            await end_processes(state.members, term_seconds=0)
        stat = read_stat(state.keeper["pid"])
        if stat and stat.start == state.keeper["start"]:
            with suppress(ProcessLookupError):
                os.kill(stat.pid, signal.SIGKILL)
        await end_processes(state.members, term_seconds=0)
        reap(state.keeper["pid"])
