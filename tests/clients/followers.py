"""Programs that follow a feed with a client library as it comes from its registry.

Each reads one connection after another. It resumes from the last event that it has received, after a clean end, a lost
connection and an unavailable server, and gives up when the server refuses it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Any

from tests.processes import TIMEOUT_SECONDS

#: Seconds between two connections.
RETRY_SECONDS = 0.05
#: What a proxy answers while the server restarts.
UNAVAILABLE = frozenset(
    (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
)
#: How a connection has ended that the server has ended properly.
CLEAN_END = "end"
#: An event with its id, as the feed sends it.
Entry = dict[str, Any]


class Refused(Exception):
    """The server refuses the feed with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = int(status)


class Follower:
    """A program that follows one feed. Subclasses read one connection with one library."""

    #: The exceptions of the library for a connection that fails or is lost.
    lost: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, url: str, headers: dict[str, str], cursor: int) -> None:
        self.url = url
        self.headers = headers
        #: Id of the last event received.
        self.cursor = cursor
        self.entries: list[Entry] = []
        #: How each connection has ended: CLEAN_END, or the error.
        self.endings: list[str] = []
        #: The status with which the server has refused the feed.
        self.refused: int | None = None
        #: Whether the program shall end with its connection, and whether it has ended.
        self.stopped = self.has_ended = False
        self._changed = asyncio.Condition()

    @property
    def texts(self) -> list[str]:
        """The texts of the events, which are chat messages or commands."""
        events = [entry.get("event", entry) for entry in self.entries]
        return [event.get("text") or event.get("chat") or event["data"] for event in events]

    async def run(self) -> None:
        """Follow the feed, and let no test wait for a program that has failed."""
        try:
            await self.follow()
        finally:
            self.has_ended = True
            await self._notify()

    async def follow(self) -> None:
        """Read one connection after another until the feed is refused or the program is stopped."""
        while not self.stopped:
            try:
                await self.read_connection()
                ending = CLEAN_END
            except Refused as refused:
                if refused.status not in UNAVAILABLE:
                    self.refused = refused.status
                    return
                ending = f"HTTP {refused.status}"
            except self.lost as error:
                ending = repr(error)
            self.endings.append(ending)
            await self._notify()
            await asyncio.sleep(RETRY_SECONDS)

    async def read_connection(self) -> None:
        """Open the feed after the cursor and record its events until the connection ends.

        Raises Refused, or one of `lost`.
        """
        raise NotImplementedError

    async def record(self, entry: Entry) -> None:
        assert entry["id"] > self.cursor, "ids ascend"
        self.cursor = entry["id"]
        self.entries.append(entry)
        await self._notify()

    async def wait_for_texts(self, texts: list[str]) -> None:
        """Wait until as many events are received as there are texts, and compare them."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.entries) >= len(texts) or self.has_ended)
        assert self.texts == texts, (self.refused, self.endings)

    async def wait_until_ended(self, count: int) -> None:
        """Wait until this many connections have ended."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.endings) >= count or self.has_ended)
        assert not self.has_ended, self.refused

    async def wait_until_refused(self) -> int:
        """Return the status with which the server refuses the feed."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: self.has_ended)
        assert self.refused is not None, self.endings
        return self.refused

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class AsyncFollower(Follower):
    """A program in the event loop of the test."""

    async def read_connection(self) -> None:
        async for entry in self.read():
            await self.record(entry)

    def read(self) -> AsyncIterator[Entry]:
        """Return the events of one connection."""
        raise NotImplementedError


class ThreadFollower(Follower):
    """A program in a thread of its own, for libraries that block."""

    async def read_connection(self) -> None:
        loop = asyncio.get_running_loop()

        def read_all() -> None:
            for entry in self.read():
                asyncio.run_coroutine_threadsafe(self.record(entry), loop).result()

        await asyncio.to_thread(read_all)

    def read(self) -> Iterator[Entry]:
        """Return the events of one connection."""
        raise NotImplementedError


def parse_frame(frame: str) -> Iterator[Entry]:
    """Return the entry of a frame of server-sent events, unless it is a comment."""
    members = dict(line.split(": ", 1) for line in frame.splitlines() if line and line[0] != ":")
    if "data" in members:
        yield parse_entry(members["id"], members["data"])


def parse_entry(id: str, data: str) -> Entry:
    """Return the entry of a server-sent event, whose id is the entry's."""
    entry: Entry = json.loads(data)
    assert str(entry["id"]) == id
    return entry
