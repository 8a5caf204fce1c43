"""The agent and the real server, both of which are killed while Minecraft writes and rolls its log."""

import asyncio
import os
import random
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from coalserver.config import Config
from coalserver.core.commands.worlds import queue_console_command
from coalserver.server.admin import open_offline
from coalserver.storage.data_directory import DataDirectory
from tests.agent.machine import DATED, Machine, read_lines, wait_until
from tests.processes import CommandLine, ServerProcess, run_server


class Coal:
    """A server that is restarted under its address, and what it has on disk."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as any_one:
            any_one.bind(("127.0.0.1", 0))
            self.port = any_one.getsockname()[1]
        self._stack = ExitStack()
        self._running: ServerProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        flags = ("--port", str(self.port))
        self._running = self._stack.enter_context(run_server(self.data, *flags))

    def end(self, how: int = signal.SIGTERM) -> None:
        if self._running is not None:
            self._running.stop(how)
            self._stack.close()
            self._running = None

    def tell(self, text: str) -> None:
        """Leave a command for the only world, while no server runs."""

        async def told() -> None:
            home = DataDirectory(self.data)
            with home.lock():
                async with open_offline(Config(data=self.data), home) as desk:
                    await desk.core.execute(queue_console_command, world_id=1, text=text)

        asyncio.run(told())

    def rows(self, sql: str) -> list[Any]:
        path = self.data / "coalserver.sqlite3"
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return base.execute(sql).fetchall()
        finally:
            base.close()

    @property
    def lines(self) -> list[str]:
        """In the order they were taken."""
        return [row[0] for row in self.rows("SELECT line FROM line ORDER BY id")]


@pytest.fixture
def world(line: CommandLine) -> str:
    """The key of a world."""
    return str(line("world", "add", "--json", "Home").document["key"])


@pytest.fixture
def coal(data: Path, world: str) -> Iterator[Coal]:
    one = Coal(data)
    one.start()
    yield one
    one.end(signal.SIGKILL)


@pytest.fixture
def code(line: CommandLine, coal: Coal, world: str) -> str:
    return str(line("world", "pair", "--json", world).document["code"])


def test_killed_agent_and_server_lose_and_repeat_no_line(
    machine: Machine, coal: Coal, code: str
):
    chance = random.Random(7)
    log, number = machine.log, 0
    log.path.touch()
    agent = machine.bare_agent("--url", coal.url, "--pair", code, "--mc_timezone", "UTC")
    agent.start()
    wait_until(lambda: "Monitoring" in agent.said)
    for step in range(40):
        for _ in range(chance.randrange(1, 40)):
            log.write(f"{DATED}<bob> {number}")
            number += 1
        if step % 8 == 3:
            log.roll(pack=step % 16 == 3, then=f"{DATED}Stopping server")
        if step % 10 == 5:
            coal.end(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            log.write(f"{DATED}<bob> while nobody listens {number}")
            coal.start()
        if step % 10 == 8:
            agent.stop(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            log.roll(then=f"{DATED}Starting minecraft server version 1.{step}")
            agent.start()
    wait_until(lambda: len(coal.lines) >= len(log.lines), seconds=90)
    assert coal.lines == log.lines


def test_commands_and_lines_pass_between_world_and_server(
    machine: Machine, coal: Coal, code: str, line: CommandLine, world: str
):
    process = machine.running()
    log = machine.log
    coal.end()
    coal.tell("say hi")
    coal.start()
    log.write("[12:00:00] [Server thread/INFO]: Starting minecraft server version 1.20.1")
    flags = ("--parse_mc_history", "--mc_timezone", "Europe/Berlin")
    agent = machine.bare_agent("--url", coal.url, "--pair", code, *flags)
    agent.start()

    def status() -> str:
        (row,) = line("world", "list", "--json").document["worlds"]
        return str(row["status"])

    wait_until(lambda: status() == "RUNNING")
    log.write("[12:00:01] [Server thread/INFO]: bob joined the game", "\tat a.stack.trace")
    wait_until(lambda: len(coal.lines) == 3)
    (row,) = coal.rows("SELECT at, zone, source, sequence FROM line WHERE line LIKE '%bob joined%'")
    assert datetime.fromtimestamp(row[0]).astimezone().second == 1
    assert row[1] == "Europe/Berlin" and row[2] and row[3] == 2
    # It was given to the agent when nobody read the pipe.
    wait_until(lambda: "A command waits" in agent.said)
    agent.stop(signal.SIGKILL)
    pipe = machine.fifo()
    agent.start()
    assert next(read_lines(pipe)) == "say hi"
    os.close(pipe)
    process.kill()
    process.wait()
    wait_until(lambda: status() == "STOPPED")


def test_history_of_packed_logs_is_dated_by_file_names(machine: Machine, coal: Coal, code: str):
    for day in ("2026-09-23", "2026-09-24"):
        machine.log.write(
            "[23:30:00] [Server thread/INFO]: <bob> late",
            "[00:30:00] [Server thread/INFO]: <bob> early",
        )
        machine.log.roll(day=day)
    agent = machine.bare_agent(
        "--url", coal.url, "--pair", code, "--parse_mc_history", "--mc_timezone", "UTC"
    )
    for _ in range(2):
        assert agent.once() == 0, agent.said
    days = [row[0] for row in coal.rows("SELECT date(at, 'unixepoch') FROM line ORDER BY id")]
    assert days == ["2026-09-23", "2026-09-24", "2026-09-24", "2026-09-25"]
    assert coal.lines == machine.log.lines
