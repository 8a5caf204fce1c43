"""The programs of this folder as processes: a Minecraft server, and its players.

They need what `package.json` above names; `npm ci --prefix tests` installs it.
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
    """Where these are. A test is skipped without them, or fails if REQUIRE_NPM is 1."""
    missing = [name for name in packages if not (MODULES / name).is_dir()]
    if not shutil.which("node"):
        missing.insert(0, "Node")
    if not missing:
        return MODULES
    reason = (
        f"There is no {', '.join(missing)}: install Node 18 or newer, then npm ci --prefix tests"
    )
    if os.environ.get("REQUIRE_NPM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


class Program:
    """One of these programs; it tells what happens, line by line."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()

    async def begin(self, program: str, *args: str, **options: Any) -> None:
        require_npm_packages("minecraft-data", "minecraft-protocol", "mineflayer", "prismarine-nbt")
        self._process = await asyncio.create_subprocess_exec(
            "node", str(HERE / program), *args, env=environment(), stdout=PIPE, **options
        )
        self._listening = asyncio.create_task(self._listen())

    async def kill(self) -> None:
        """All that it has told is heard."""
        if self._process.returncode is None:
            self._process.kill()
        await self._listening
        await self._process.wait()

    def told(self, line: str) -> None:
        raise NotImplementedError

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for what it tells."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._news:
            await self._news.wait_for(lambda: holds() or self._listening.done())
        assert holds(), "the program has ended"

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.told(line.decode())
            async with self._news:
                self._news.notify_all()


class Game(Program):
    """A Minecraft server in a folder of its own, which reads commands from a pipe there."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__()
        self.folder, self.port = folder, port
        #: Its console, which says what its log says.
        self.console: list[str] = []
        self._pipe = folder / "command-fifo"
        os.mkfifo(self._pipe)

    async def start(self) -> None:
        """It is ready for players then."""
        begin = len(self.console)
        # Open for writing too, or the game saw the end when the first who writes has gone.
        pipe = os.open(self._pipe, os.O_RDWR)
        try:
            await self.begin("server.js", str(self.port), cwd=self.folder, stdin=pipe)
        finally:
            os.close(pipe)
        (self.folder / "server.pid").write_text(f"{self._process.pid}\n")
        await self.until(lambda: any("]: Done (" in line for line in self.console[begin:]))

    def told(self, line: str) -> None:
        self.console.append(line.rstrip("\n"))

    async def writes(self, text: str) -> None:
        await self.until(lambda: any(line.endswith(text) for line in self.console))

    def said(self) -> list[tuple[str, str]]:
        """Who has said what, all of it and in order."""
        spoken = [line.partition("]: [Not Secure] <")[2].partition("> ") for line in self.console]
        return [(who, text) for who, _, text in spoken if who]


class Bots(Program):
    """Players of games."""

    def __init__(self) -> None:
        super().__init__()
        #: What each has read in the game.
        self.heard: dict[str, list[str]] = defaultdict(list)
        self._there: set[str] = set()

    async def start(self) -> None:
        await self.begin("bots.js", stdin=PIPE)

    async def joins(self, name: str, game: Game) -> None:
        """It is in the game then."""
        self._do(name, "join", port=game.port)
        await self.until(lambda: name in self._there)

    async def leaves(self, name: str) -> None:
        self._do(name, "leave")
        await self.until(lambda: name not in self._there)

    def says(self, name: str, text: str) -> None:
        self._do(name, "say", text=text)

    async def reads(self, name: str, text: str) -> None:
        await self.until(lambda: text in self.heard[name])

    def told(self, line: str) -> None:
        news = json.loads(line)
        if "joined" in news:
            self._there.add(news["bot"])
        elif "left" in news:
            self._there.discard(news["bot"])
        else:
            self.heard[news["bot"]].append(news["heard"])

    def _do(self, name: str, action: str, **options: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"bot": name, "do": action, **options}).encode() + b"\n"
        )
