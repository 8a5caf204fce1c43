"""The programs of `node/`, which use npm packages."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.clients.followers import Follower
from tests.minecraft.programs import require_npm_packages
from tests.processes import environment

HERE = Path(__file__).parent / "node"


@asynccontextmanager
async def run_program(
    package: str, url: str, headers: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the program of a package on a URL; it is killed at the end."""
    require_npm_packages(package)
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / f"{package}.mjs"),
        json.dumps({"url": url, "headers": headers}),
        stdin=PIPE,
        stdout=PIPE,
        env=environment(),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class ProgramFollower(Follower):
    """A program of Node; it prints a JSON document for each message, the end of a connection, and a refusal."""

    #: The npm package, which is also the name of its program.
    package = ""

    async def follow(self) -> None:
        while self.refused is None:
            async with run_program(self.package, self.feed_url, self.headers) as process:
                assert process.stdout
                async for line in process.stdout:
                    message = json.loads(line)
                    if "ended" in message:
                        self.endings.append(message["ended"])
                    elif "refused" in message:
                        self.refused = message["refused"]
                    elif "id" in message["message"]:
                        await self.record(message["message"])
                    await self._notify()

    @property
    def feed_url(self) -> str:
        """The URL of the feed after the cursor."""
        return f"{self.url}?after-event-id={self.cursor}"
