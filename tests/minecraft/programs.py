"""The programs of this folder as processes: a Minecraft server and its players.

They need the packages of `tests/package.json`; `npm ci --prefix tests` installs them.
"""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, TIMEOUT_SECONDS, environment

HERE = Path(__file__).parent
MODULES = ROOT / "tests" / "node_modules"


def require_npm_packages(*packages: str) -> Path:
    """Return the folder of npm packages. If one is missing, skip the test, or fail it if REQUIRE_NPM is 1."""
    missing = [name for name in packages if not (MODULES / name).is_dir()]
    if not shutil.which("node"):
        missing.insert(0, "Node")
    if not missing:
        return MODULES
    reason = f"{', '.join(missing)} not found: install Node 18 or newer, then npm ci --prefix tests"
    if os.environ.get("REQUIRE_NPM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class Program:
    """One of the programs, which reports events as lines of output."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()

    async def _start_process(self, program: str, *args: str, **options: Any) -> None:
        require_npm_packages("minecraft-data", "minecraft-protocol", "mineflayer", "prismarine-nbt")
        self._process = await asyncio.create_subprocess_exec(
            "node", str(HERE / program), *args, env=environment(), stdout=PIPE, **options
        )
        self._listening = asyncio.create_task(self._listen())

    async def kill(self) -> None:
        """Kill the process after reading the rest of its output."""
        if self._process.returncode is None:
            self._process.kill()
        await self._listening
        await self._process.wait()

    def handle_line(self, line: str) -> None:
        raise NotImplementedError

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait until a condition holds; it is checked after each line of output."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._news:
            await self._news.wait_for(lambda: holds() or self._listening.done())
        assert holds(), "the program has ended"

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.handle_line(line.decode())
            async with self._news:
                self._news.notify_all()


class Game(Program):
    """A Minecraft server in a folder with a command pipe."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__()
        self.folder, self.port = folder, port
        #: Lines of the console, which equal those of the log.
        self.console: list[str] = []
        self._pipe = folder / "command-fifo"
        os.mkfifo(self._pipe)

    async def start(self) -> None:
        """Start the server and wait until players can join."""
        start = len(self.console)
        # Opened for writing as well: otherwise the game reads end of file when the first writer closes the pipe.
        pipe = os.open(self._pipe, os.O_RDWR)
        try:
            await self._start_process("server.js", str(self.port), cwd=self.folder, stdin=pipe)
        finally:
            os.close(pipe)
        (self.folder / "server.pid").write_text(f"{self._process.pid}\n")
        await self.wait_until(lambda: any("]: Done (" in line for line in self.console[start:]))

    def handle_line(self, line: str) -> None:
        self.console.append(line.rstrip("\n"))

    async def wait_for_console(self, text: str) -> None:
        await self.wait_until(lambda: any(line.endswith(text) for line in self.console))

    def chat_messages(self) -> list[tuple[str, str]]:
        """Return the chat messages as (name, text), in order."""
        spoken = [line.partition("]: [Not Secure] <")[2].partition("> ") for line in self.console]
        return [(name, text) for name, _, text in spoken if name]


class Bots(Program):
    """Bots that play on Minecraft servers."""

    def __init__(self) -> None:
        super().__init__()
        #: Chat that each bot has received.
        self.received: dict[str, list[str]] = defaultdict(list)
        self._joined: set[str] = set()

    async def start(self) -> None:
        await self._start_process("bots.js", stdin=PIPE)

    async def join(self, name: str, game: Game) -> None:
        """Let a bot join a game and wait until it has joined."""
        self._do(name, "join", port=game.port)
        await self.wait_until(lambda: name in self._joined)

    async def leave(self, name: str) -> None:
        self._do(name, "leave")
        await self.wait_until(lambda: name not in self._joined)

    def say(self, name: str, text: str) -> None:
        self._do(name, "say", text=text)

    async def wait_for_message(self, name: str, text: str) -> None:
        await self.wait_until(lambda: text in self.received[name])

    def handle_line(self, line: str) -> None:
        event = json.loads(line)
        if "joined" in event:
            self._joined.add(event["bot"])
        elif "left" in event:
            self._joined.discard(event["bot"])
        else:
            self.received[event["bot"]].append(event["heard"])

    def _do(self, name: str, action: str, **options: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"bot": name, "do": action, **options}).encode() + b"\n"
        )
