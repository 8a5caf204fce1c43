"""Listeners: clients that read events by long-poll, server-sent events or WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientConnectionError, WSMsgType, WSServerHandshakeError

from tests.apis.app import TIMEOUT_SECONDS, ApiClient


class Listener:
    """Reads events while it is open. Subclasses implement one transport in `_listen`."""

    def __init__(self, client: ApiClient, path: str, after: int) -> None:
        self.client = client
        self.url = client.test_app.url(f"{path}/events?after-event-id={after}&wait=30")
        self.cursor = after
        #: Whether the server reported lost events.
        self.lost = False
        #: How it ended: a status, a close code, or "closed".
        self.ended: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def _listen(self) -> int | str:
        raise NotImplementedError

    async def run(self) -> None:
        try:
            self.ended.set_result(await self._listen())
        except ClientConnectionError:
            self.ended.set_result("closed")

    def record(self, entry: dict[str, Any]) -> None:
        assert entry["id"] > self.cursor, "ids ascend"
        self.cursor = entry["id"]
        self._events.put_nowait(entry)

    async def next(self) -> dict[str, Any]:
        """Return the next event in the form of the document."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return (await self._events.get())["event"]  # type: ignore[no-any-return]

    async def types(self, count: int) -> list[str]:
        """Return the types of the next events."""
        return [(await self.next())["type"] for _ in range(count)]

    async def wait_ended(self) -> int | str:
        """Return how it ended."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await self.ended


class Poll(Listener):
    """Polls again at once with the largest id received, as the document prescribes."""

    async def _listen(self) -> int | str:
        while True:
            url = self.url.update_query({"after-event-id": str(self.cursor)})
            async with self.client.test_app.http.get(url, headers=self.client.bearer) as answer:
                if answer.status != 200:
                    return answer.status
                entries = await answer.json()
                if "X-Events-Lost" in answer.headers:
                    self.lost, self.cursor = True, int(answer.headers["X-Event-Cursor"])
                    self.cursor -= len(entries)
                for entry in entries:
                    self.record(entry)


class Sse(Listener):
    """Reads `id:` and `data:`, as EventSource does."""

    async def _listen(self) -> int | str:
        headers = {**self.client.bearer, "Accept": "text/event-stream"}
        async with self.client.test_app.http.get(self.url, headers=headers) as answer:
            if answer.status != 200:
                return answer.status
            frame: dict[str, str] = {}
            async for line in answer.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    frame[name] = value
                    continue
                self._frame(frame)
                frame = {}
        return "closed"

    def _frame(self, frame: dict[str, str]) -> None:
        if frame.get("event") == "lost":
            self.lost = True
        elif "data" in frame:
            entry = json.loads(frame["data"])
            assert frame["id"] == str(entry["id"])
            self.record(entry)


class Socket(Listener):
    """A WebSocket; the first message states the cursor."""

    async def _listen(self) -> int | str:
        http = self.client.test_app.http
        try:
            opened = await http.ws_connect(self.url, headers=self.client.bearer)
        except WSServerHandshakeError as refused:
            return refused.status
        async with opened as socket:
            first = await socket.receive()
            if first.type is WSMsgType.CLOSE:
                return int(first.data)
            hello = first.json()
            assert hello == {"type": "hello", "cursor": self.cursor}
            async for message in socket:
                assert message.type is WSMsgType.TEXT
                entry = message.json()
                if entry.get("type") == "lost":
                    self.lost = True
                else:
                    self.record(entry)
        return socket.close_code or "closed"


TRANSPORTS = {"poll": Poll, "sse": Sse, "socket": Socket}


@asynccontextmanager
async def listen(
    transport: str, client: ApiClient, path: str, after: int | None = None
) -> AsyncIterator[Listener]:
    """Start a listener for new events, or from a cursor on."""
    feed = client.test_app.core.feed
    listener = TRANSPORTS[transport](client, path, feed.head if after is None else after)
    task = await client.test_app.start_waiting(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()
