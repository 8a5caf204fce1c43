"""The agent with the real server; both are killed while the log is written and rotated."""

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
from tests.agent.machine import LINE_PREFIX, Machine, read_lines
from tests.path_proxy import run_path_proxy
from tests.processes import CommandLine, ServerProcess, run_server, wait_until


class RealServer:
    """A server that is restarted on one port, with access to its database."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._stack = ExitStack()
        self._running: ServerProcess | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *flags: str) -> None:
        flags = ("--port", str(self.port), *flags)
        self._running = self._stack.enter_context(run_server(self.data, *flags))

    def stop(self, signal_number: int = signal.SIGTERM) -> None:
        if self._running is not None:
            self._running.stop(signal_number)
            self._stack.close()
            self._running = None

    def queue_command(self, text: str) -> None:
        """Queue a console command for the only world while the server is stopped."""

        async def queue() -> None:
            home = DataDirectory(self.data)
            with home.lock():
                async with open_offline(Config(data=self.data), home) as context:
                    await context.core.execute(queue_console_command, world_id=1, text=text)

        asyncio.run(queue())

    def rows(self, sql: str) -> list[Any]:
        path = self.data / "coalserver.sqlite3"
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    @property
    def lines(self) -> list[str]:
        """All stored lines in order of arrival."""
        return [row[0] for row in self.rows("SELECT line FROM line ORDER BY id")]


@pytest.fixture
def world(line: CommandLine) -> str:
    """The key of a world."""
    return str(line("world", "add", "--json", "Home").document["key"])


@pytest.fixture
def coal(data: Path, world: str) -> Iterator[RealServer]:
    server = RealServer(data)
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def code(line: CommandLine, coal: RealServer, world: str) -> str:
    return str(line("world", "pair", "--json", world).document["code"])


def test_killed_agent_and_server_lose_and_repeat_no_line(
    machine: Machine, coal: RealServer, code: str
):
    rng = random.Random(7)
    log, number = machine.log, 0
    log.path.touch()
    agent = machine.bare_agent("--url", coal.url, "--pair", code, "--mc_timezone", "UTC")
    agent.start()
    wait_until(lambda: "Monitoring" in agent.output)
    for step in range(40):
        for _ in range(rng.randrange(1, 40)):
            log.write(f"{LINE_PREFIX}<bob> {number}")
            number += 1
        if step % 8 == 3:
            log.roll(pack=step % 16 == 3, then=f"{LINE_PREFIX}Stopping server")
        if step % 10 == 5:
            coal.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            log.write(f"{LINE_PREFIX}<bob> while nobody listens {number}")
            coal.start()
        if step % 10 == 8:
            agent.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            log.roll(then=f"{LINE_PREFIX}Starting minecraft server version 1.{step}")
            agent.start()
    wait_until(lambda: len(coal.lines) >= len(log.lines), seconds=90)
    assert coal.lines == log.lines


def test_commands_and_lines_pass_between_world_and_server(
    machine: Machine, coal: RealServer, code: str, line: CommandLine, world: str
):
    process = machine.start_process()
    log = machine.log
    coal.stop()
    coal.queue_command("say hi")
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
    # The agent received the command while the pipe had no reader.
    wait_until(lambda: "A command waits" in agent.output)
    agent.stop(signal.SIGKILL)
    pipe = machine.open_pipe()
    agent.start()
    assert next(read_lines(pipe)) == "say hi"
    os.close(pipe)
    process.kill()
    process.wait()
    wait_until(lambda: status() == "STOPPED")


@pytest.mark.parametrize("keeps", [True, False])
def test_agent_uses_a_server_below_a_path(
    machine: Machine, coal: RealServer, line: CommandLine, world: str, keeps: bool
):
    with run_path_proxy("/coal", keeps=keeps) as proxy:
        proxy.target_port = coal.port
        coal.stop()
        coal.start("--base-url", proxy.url)
        pairing = line("world", "pair", "--json", world).document
        assert pairing["url"] == proxy.url
        machine.log.write(f"{LINE_PREFIX}<bob> hello")
        machine.log.roll()
        agent = machine.bare_agent(
            *("--url", pairing["url"], "--pair", pairing["code"]),
            *("--parse_mc_history", "--mc_timezone", "UTC"),
        )
        assert agent.run_once() == 0, agent.output
        assert coal.lines == machine.log.lines
        assert proxy.outside == []


def test_history_of_packed_logs_is_dated_by_file_names(
    machine: Machine, coal: RealServer, code: str
):
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
        assert agent.run_once() == 0, agent.output
    days = [row[0] for row in coal.rows("SELECT date(at, 'unixepoch') FROM line ORDER BY id")]
    assert days == ["2026-09-23", "2026-09-24", "2026-09-24", "2026-09-25"]
    assert coal.lines == machine.log.lines
