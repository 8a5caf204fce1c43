"""An older backup of the server is restored while its agent and listeners go on."""

import asyncio
import json
import os
import re
import shutil
import signal
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.agent.machine import LINE_PREFIX, Machine, make_lines
from tests.agent.test_real_server import RealServer
from tests.processes import TIMEOUT_SECONDS, CommandLine, wait_until
from tests.server.test_restore_request import Browser

EMAIL, PASSWORD = "root@example.org", "correct horse"


class Pipe:
    """The console of a running game: all commands it was given, in order."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._raw = b""

    @property
    def commands(self) -> list[str]:
        with suppress(BlockingIOError):
            while raw := os.read(self._descriptor, 65536):
                self._raw += raw
        return [line.rpartition(" ")[2] for line in self._raw.decode().splitlines()]


class Setup:
    """A server with an admin, a world and its agent, which monitors a log and a console."""

    def __init__(self, machine: Machine, line: CommandLine, data: Path) -> None:
        self.machine, self.line, self.data = machine, line, data
        line("account", "add", EMAIL, "--password", PASSWORD, "--admin")
        self.token = line("token", "add", EMAIL, "--json").document["access_token"]
        self.world = line("world", "add", "--json", "Home").document["key"]
        self.server = RealServer(data)
        self.server.start()
        code = line("world", "pair", "--json", self.world).document["code"]
        machine.log.path.touch()
        machine.start_process()
        self.pipe = Pipe(machine.open_pipe())
        flags = ("--url", self.server.url, "--pair", code, "--mc_timezone", "UTC")
        self.agent = machine.bare_agent(*flags)

    def call(self, path: str, **body: Any) -> Any:
        """Call the API as the admin; without a body, GET. Returns headers and document."""
        content = json.dumps(body).encode() if body else None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        url = f"{self.server.url}/api/v1/servers/{self.world}{path}"
        request = urllib.request.Request(url, content, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return response.headers, json.loads(response.read() or b"null")

    def say(self, word: str) -> None:
        self.call("/chats", chat=word)

    def wait_for_lines(self) -> None:
        """Wait until the server has exactly the lines of the log."""
        wait_until(lambda: len(self.server.lines) >= len(self.machine.log.lines), seconds=60)
        assert self.server.lines == self.machine.log.lines

    def wait_for_commands(self, *words: str) -> None:
        wait_until(lambda: len(self.pipe.commands) >= len(words))
        assert self.pipe.commands == list(words)


async def hear_after(setup: Setup, cursor: int, transport: str) -> bool:
    """Connect with a cursor from before, and return whether the first message says that events were lost."""
    url = f"{setup.server.url}/api/v1/servers/{setup.world}/events?after-event-id={cursor}"
    headers = {"Authorization": f"Bearer {setup.token}"}
    async with asyncio.timeout(TIMEOUT_SECONDS), aiohttp.ClientSession(headers=headers) as session:
        if transport == "long-poll":
            async with session.get(f"{url}&wait=0") as response:
                return response.headers.get("X-Events-Lost") == "true"
        if transport == "stream":
            async with session.get(url, headers={"Accept": "text/event-stream"}) as response:
                # The first frame.
                frame = b""
                while not re.search(rb"\S\n\n", frame):
                    frame += await response.content.readany()
                return b"event: lost" in frame
        async with session.ws_connect(url) as socket:
            while True:
                message = await socket.receive_json()
                if message.get("type") != "hello":
                    return bool(message.get("type") == "lost")


def restore_by_site(setup: Setup, file: Path) -> None:
    browser = Browser(setup.server.url)
    browser.send_form("/login", "/login", email=EMAIL, password=PASSWORD)
    sent = browser.upload(file.read_bytes())
    name = sent.url.split("/")[-2]
    assert browser.send_form(f"/admin/backups/{name}/restore").status == 200
    wait_until(lambda: list(setup.data.glob("replaced-*")))


def restore_in_place(setup: Setup, file: Path) -> None:
    setup.server.stop()
    assert setup.line("restore", str(file)).status == 0
    setup.server.start()


def restore_on_an_empty_machine(setup: Setup, file: Path) -> None:
    setup.server.stop(signal.SIGKILL)
    shutil.rmtree(setup.data)
    assert setup.line("restore", str(file)).status == 0
    setup.server.start()


@pytest.mark.parametrize(
    "restore", [restore_by_site, restore_in_place, restore_on_an_empty_machine]
)
def test_restored_backup_loses_no_line_and_repeats_no_line_and_no_command(
    machine: Machine,
    line: CommandLine,
    data: Path,
    tmp_path: Path,
    restore: Callable[[Setup, Path], None],
):
    setup = Setup(machine, line, data)
    file = tmp_path / "backup.tar"
    log, agent, server = machine.log, setup.agent, setup.server
    try:
        agent.start()
        wait_until(lambda: "Monitoring" in agent.output)
        log.write(*make_lines(50))
        setup.wait_for_lines()
        setup.say("first")
        setup.wait_for_commands("first")
        # It waits in the backup, and is executed before the restore.
        agent.stop()
        setup.say("second")
        assert line("backup", str(file)).status == 0
        agent.start()
        setup.wait_for_commands("first", "second")
        log.write(*make_lines(50, 50))
        log.write(
            "[12:00:00] [Server thread/INFO]: <bob> of several lines", "the second", "the third"
        )
        setup.wait_for_lines()
        setup.say("third")
        setup.wait_for_commands("first", "second", "third")
        headers, _ = setup.call("")
        cursor = int(headers["X-Event-Cursor"])
        restore(setup, file)
        log.write(*make_lines(50, 100))
        setup.wait_for_lines()
        for transport in ("long-poll", "stream", "socket"):
            assert asyncio.run(hear_after(setup, cursor, transport)), transport
        setup.say("fourth")
        setup.wait_for_commands("first", "second", "third", "fourth")
        # Both are killed while lines come.
        log.write(*make_lines(50, 150))
        # The agent forgets a command just after the game has got it.
        setup.wait_for_lines()
        log.write(*make_lines(50, 250))
        agent.stop(signal.SIGKILL)
        server.stop(signal.SIGKILL)
        log.write(*make_lines(50, 200))
        server.start()
        agent.start()
        log.write(f"{LINE_PREFIX}Stopping server")
        setup.wait_for_lines()
        setup.say("fifth")
        setup.wait_for_commands("first", "second", "third", "fourth", "fifth")
    finally:
        server.stop(signal.SIGKILL)
