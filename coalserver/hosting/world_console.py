"""The console of a running world as a save of it uses it."""

import asyncio
import re
from collections import deque

from coalserver.hosting.keeper_client import KeeperError, KeeperGone
from coalserver.hosting.save_errors import SaveFailed, WorldKilled
from coalserver.hosting.segments import ConsoleLine, ConsoleReader
from coalserver.hosting.world_process import MAX_SEARCHED, WorldProcess

#: Lines that are kept until they are looked at.
MAX_LINES = 2_000
#: The end of a process is noticed within so many seconds.
LOOK_SECONDS = 0.2
GONE = "the world has ended"


class WorldConsole:
    """Implements `save_commands.Console` for the process of a world. Close it after use."""

    def __init__(self, process: WorldProcess) -> None:
        self._process = process
        self._lines: deque[ConsoleLine] = deque(maxlen=MAX_LINES)
        self._news = asyncio.Event()
        self._reader = ConsoleReader(process.folder)
        self._after = 0
        process.listeners.append(self._hear)

    def close(self) -> None:
        """Stop listening."""
        self._process.listeners.remove(self._hear)

    def _hear(self, line: ConsoleLine) -> None:
        self._lines.append(line)
        self._news.set()

    async def send(self, text: str) -> None:
        # Lines that are on disk already cannot be an answer, even if they are taken in later.
        self._after = await asyncio.to_thread(self._reader.last_number)
        if self._process.ended or not await self._process.write(text):
            exit = self._process.state.exit
            raise WorldKilled(GONE) if exit and exit.signal == "SIGKILL" else SaveFailed(GONE)

    async def wait_for(self, pattern: re.Pattern[str], seconds: float) -> str | None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            self._news.clear()
            while self._lines:
                line = self._lines.popleft()
                text = line.text[:MAX_SEARCHED]
                if line.number > self._after and line.stream == "out" and pattern.search(text):
                    return line.text
            left = deadline - loop.time()
            if left <= 0:
                return None
            if self._process.ended:
                raise SaveFailed(GONE)
            try:
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def mark(self, name: str, on: bool) -> None:
        client = self._process.client
        if client is None:
            raise SaveFailed(GONE)
        try:
            await client.mark(name, on or None)
        except (KeeperError, KeeperGone, TimeoutError) as error:
            raise SaveFailed(GONE) from error
