"""Listeners: one who polls, one who reads server-sent events, one who holds a WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientConnectionError, WSMsgType, WSServerHandshakeError

from tests.apis.app import PATIENCE, Asker


class Ear:
    """Hears a feed as long as it is open. Ways of listening differ only in `_listen`."""

    def __init__(self, who: Asker, path: str, after: int) -> None:
        self.who = who
        self.url = who.house.url(f"{path}/events?after-event-id={after}&wait=30")
        self.cursor = after
        #: Whether it was told that events are lost.
        self.lost = False
        #: Why it ended: a status, a close code, or "closed".
        self.ended: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def _listen(self) -> int | str:
        raise NotImplementedError

    async def run(self) -> None:
        try:
            self.ended.set_result(await self._listen())
        except ClientConnectionError:
            self.ended.set_result("closed")

    def note(self, entry: dict[str, Any]) -> None:
        assert entry["id"] > self.cursor, "ids ascend"
        self.cursor = entry["id"]
        self._heard.put_nowait(entry)

    async def next(self) -> dict[str, Any]:
        """The next event, as the document has it."""
        async with asyncio.timeout(PATIENCE):
            return (await self._heard.get())["event"]  # type: ignore[no-any-return]

    async def types(self, count: int) -> list[str]:
        """The types of the next events."""
        return [(await self.next())["type"] for _ in range(count)]

    async def end(self) -> int | str:
        """Why it ended, once it has."""
        async with asyncio.timeout(PATIENCE):
            return await self.ended


class Poll(Ear):
    """Asks again at once with the largest id it has seen, as the document says."""

    async def _listen(self) -> int | str:
        while True:
            url = self.url.update_query({"after-event-id": str(self.cursor)})
            async with self.who.house.http.get(url, headers=self.who.bearer) as answer:
                if answer.status != 200:
                    return answer.status
                entries = await answer.json()
                if "X-Events-Lost" in answer.headers:
                    self.lost, self.cursor = True, int(answer.headers["X-Event-Cursor"])
                    self.cursor -= len(entries)
                for entry in entries:
                    self.note(entry)


class Sse(Ear):
    """Reads `id:` and `data:`, as EventSource does."""

    async def _listen(self) -> int | str:
        headers = {**self.who.bearer, "Accept": "text/event-stream"}
        async with self.who.house.http.get(self.url, headers=headers) as answer:
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
            self.note(entry)


class Socket(Ear):
    """A WebSocket; the first message states the cursor."""

    async def _listen(self) -> int | str:
        http = self.who.house.http
        try:
            opened = await http.ws_connect(self.url, headers=self.who.bearer)
        except WSServerHandshakeError as refused:
            return refused.status
        async with opened as socket:
            hello = await socket.receive_json()
            assert hello == {"type": "hello", "cursor": self.cursor}
            async for message in socket:
                assert message.type is WSMsgType.TEXT
                entry = message.json()
                if entry.get("type") == "lost":
                    self.lost = True
                else:
                    self.note(entry)
        return socket.close_code or "closed"


WAYS = {"poll": Poll, "sse": Sse, "socket": Socket}


@asynccontextmanager
async def listening(
    way: str, who: Asker, path: str, after: int | None = None
) -> AsyncIterator[Ear]:
    """An ear that listens by now: to what comes, or from a cursor on."""
    feed = who.house.core.feed
    ear = WAYS[way](who, path, feed.head if after is None else after)
    task = await who.house.begun(ear.run())
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled():
            task.result()
