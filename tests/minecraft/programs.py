"""The programs of this folder as processes: a Minecraft server, and its players.

They need what `package.json` above names; `npm ci --prefix tests` installs it.
"""

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE, ROOT, environment

HERE = Path(__file__).parent
MODULES = ROOT / "tests" / "node_modules"


def npm_has(*packages: str) -> Path:
    """Where these are. A test is skipped without them, or fails if REQUIRE_NPM is 1."""
    lacking = [name for name in packages if not (MODULES / name).is_dir()]
    if not shutil.which("node"):
        lacking.insert(0, "Node")
    if not lacking:
        return MODULES
    reason = f"There is no {', '.join(lacking)}: install Node 18 or newer, then npm ci --prefix tests"
    if os.environ.get("REQUIRE_NPM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


async def begun(program: str, *args: str, **how: Any) -> Process:
    npm_has("minecraft-data", "minecraft-protocol", "mineflayer", "prismarine-nbt")
    return await asyncio.create_subprocess_exec(
        "node", str(HERE / program), *args, env=environment(), **how
    )


async def ended(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


class Game:
    """A Minecraft server in a folder of its own, which reads commands from a pipe there."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.log = folder / "logs" / "latest.log"
        self.pipe = folder / "command-fifo"
        os.mkfifo(self.pipe)

    async def start(self) -> None:
        """It is ready for players then."""
        # Open for writing too, or the game saw the end when the first who writes has gone.
        pipe = os.open(self.pipe, os.O_RDWR)
        try:
            self._process = await begun("server.js", str(self.port), cwd=self.folder, stdin=pipe)
        finally:
            os.close(pipe)
        (self.folder / "server.pid").write_text(f"{self._process.pid}\n")
        await self.writes("Done (")

    async def kill(self) -> None:
        await ended(self._process)

    async def writes(self, text: str) -> None:
        """Wait until this is in its log."""
        async with asyncio.timeout(PATIENCE):
            while not self.log.exists() or text not in self.log.read_text("utf-8"):
                assert self._process.returncode is None, "the game has ended"
                await asyncio.sleep(0.02)

    def said(self) -> list[tuple[str, str]]:
        """Who has said what, all of it and in order."""
        spoken = [
            line.partition("]: [Not Secure] <")[2]
            for line in self.log.read_text("utf-8").splitlines()
        ]
        return [(who, text) for who, _, text in (line.partition("> ") for line in spoken) if who]


class Bots:
    """Players of a game."""

    def __init__(self, process: Process) -> None:
        self._process = process
        #: What each has read in the game.
        self.heard: dict[str, list[str]] = defaultdict(list)
        self._there: set[str] = set()
        self._news = asyncio.Condition()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def begun(cls) -> "Bots":
        return cls(await begun("bots.js", stdin=PIPE, stdout=PIPE))

    async def joins(self, name: str, game: Game) -> None:
        """It is in the game then."""
        self._do(name, "join", port=game.port)
        await self._until(lambda: name in self._there)

    async def leaves(self, name: str) -> None:
        self._do(name, "leave")
        await self._until(lambda: name not in self._there)

    def says(self, name: str, text: str) -> None:
        self._do(name, "say", text=text)

    async def reads(self, name: str, text: str) -> None:
        await self._until(lambda: text in self.heard[name])

    async def end(self) -> None:
        await ended(self._process)
        await self._listening

    def _do(self, name: str, deed: str, **how: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"bot": name, "do": deed, **how}).encode() + b"\n")

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: holds() or self._listening.done())
        assert holds(), "the bots have ended"

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "joined" in told:
                self._there.add(told["bot"])
            elif "left" in told:
                self._there.discard(told["bot"])
            else:
                self.heard[told["bot"]].append(told["heard"])
            async with self._news:
                self._news.notify_all()
