"""Crowds: thousands of listeners of one session while its host takes turns."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import orjson

from benchmarks import client
from benchmarks.client import Line, request
from benchmarks.processes import Server
from benchmarks.report import Speed

#: The turn that is repeated; its event has about a hundred bytes.
TURN = {"move": 17}


class Crowd:
    """State shared by all listeners: their common response is parsed once."""

    def __init__(self, cursor: int) -> None:
        #: Bytes that were parsed as a response with the newest event.
        self.seen = b""
        self.cursor = b"%d" % cursor
        self.left = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def expect(self, number: int) -> "asyncio.Future[None]":
        """Return a future that resolves when a number of listeners have received the next event."""
        self.left = number
        self.done = asyncio.get_running_loop().create_future()
        return self.done

    def heard(self) -> None:
        self.left -= 1
        if not self.left:
            self.done.set_result(None)

    def fail(self, fault: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(fault))


class Poller(asyncio.Protocol):
    """A listener that polls again with the new cursor after each response."""

    __slots__ = ("crowd", "transport", "answered", "_head", "_tail", "_before")

    def __init__(self, crowd: Crowd, session: int, token: str) -> None:
        self.crowd = crowd
        whole = request("GET", f"/games/bench/sessions/{session}/events?after-event-id=@", token)
        self._head, _, self._tail = whole.partition(b"@")
        self._before = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def poll(self) -> None:
        self.transport.write(self._head + self.crowd.cursor + self._tail)

    def data_received(self, data: bytes) -> None:
        crowd = self.crowd
        if data != crowd.seen and not self._news(data):
            return
        # Inlined from poll() to save a call.
        self.transport.write(self._head + crowd.cursor + self._tail)
        crowd.left -= 1
        if not crowd.left:
            crowd.done.set_result(None)

    def _news(self, data: bytes) -> bool:
        """Return whether this is a complete response with events, and take its cursor."""
        data = self._before + data
        head, _, body = data.partition(b"\r\n\r\n")
        if not body or len(body) < client.size_of_body(head, len(head)):
            self._before = data
            return False
        self._before = b""
        if not head.startswith(b"HTTP/1.1 200"):
            self.crowd.fail(f"a poll was answered {data!r}")
            return False
        events = orjson.loads(body)
        if not events:
            self.poll()
            return False
        self.crowd.cursor = b"%d" % events[-1]["id"]
        self.crowd.seen = data
        return True


class Socket(asyncio.Protocol):
    """A WebSocket that counts events and answers pings."""

    __slots__ = ("crowd", "transport", "answered", "opened", "_before")

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.opened = False
        self._before = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def open(self, session: int, token: str, cursor: int) -> None:
        path = f"/games/bench/sessions/{session}/events?after-event-id={cursor}"
        upgrade = (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        self.transport.write(request("GET", path, token, more=upgrade))

    def data_received(self, data: bytes) -> None:
        crowd = self.crowd
        if data == crowd.seen and self.opened:
            crowd.left -= 1
            if not crowd.left:
                crowd.done.set_result(None)
            return
        data = self._before + data
        if not self.opened:
            head, ended, data = data.partition(b"\r\n\r\n")
            if ended and not head.startswith(b"HTTP/1.1 101"):
                crowd.fail(f"a WebSocket was answered {head!r}")
            if not ended:
                self._before = head
                return
            self.opened = True
            crowd.heard()
        while len(frame := _frame(data)) > 0:
            data = data[len(frame) :]
            if frame[0] == 0x81 and b'"turn"' in frame:
                crowd.seen = frame
                crowd.heard()
            elif frame[0] == 0x89:
                # Clients must mask their frames; a mask of zeros leaves the payload as it is.
                self.transport.write(b"\x8a" + bytes((0x80 | frame[1], 0, 0, 0, 0)) + frame[2:])
        self._before = data


def _frame(data: bytes) -> bytes:
    """Return the first frame of a server, or None while it is incomplete."""
    if len(data) < 2:
        return b""
    size, start = data[1], 2
    if size == 126:
        size, start = int.from_bytes(data[2:4], "big"), 4
    return data[: start + size] if len(data) >= start + size else b""


class Stage:
    """A session on one of the servers: the host and the listeners."""

    def __init__(self, server: Server, host: Line, token: str, session: int, crowd: Crowd) -> None:
        self.server = server
        self.crowd = crowd
        self.members: list[Any] = []
        self._host = host
        self._token = token
        self._session = session
        self._turn = request("POST", f"/games/bench/sessions/{session}/turn", token, TURN)
        self._ping = request("GET", "/games", token)

    @classmethod
    async def set(cls, server: Server, host: Line, token: str) -> "Stage":
        session = await client.a_session(host, token)
        return cls(server, host, token, session, Crowd(await client.cursor(host, token, session)))

    async def pollers(self, tokens: Sequence[str]) -> None:
        """Connect listeners that poll."""
        new = [Poller(self.crowd, self._session, token) for token in tokens]
        await client.connect(self.server, new)
        for one in new:
            one.poll()
        self.members += new
        await self.settled()

    async def sockets(self, tokens: Sequence[str]) -> None:
        """Connect listeners with a WebSocket each."""
        new = [Socket(self.crowd) for _ in tokens]
        await client.connect(self.server, new)
        at = await client.cursor(self._host, self._token, self._session)
        # A few at a time: an upgrade is more work than a poll, and the first ones must not time out.
        for start in range(0, len(new), client.AT_ONCE):
            some = new[start : start + client.AT_ONCE]
            opened = self.crowd.expect(len(some))
            for one, token in zip(some, tokens[start:], strict=False):
                one.open(self._session, token, at)
            await opened
        self.members += new
        await self.settled()

    async def settled(self) -> None:
        """Return when the server has read what was sent before; it reads in the order of arrival."""
        # uvloop writes what one iteration of the loop queued in any order.
        await asyncio.sleep(0)
        await self._host.ask(self._ping)

    async def publish(self) -> float:
        """Take a turn and return the seconds until the last listener received it."""
        heard = self.crowd.expect(len(self.members))
        began = time.perf_counter()
        answer = self._host.ask(self._turn)
        asking = asyncio.ensure_future(answer)
        await heard
        seconds = time.perf_counter() - began
        status, _, body = await asking
        if status != 204:
            raise RuntimeError(f"{self.server.name} answers {status}: {body!r}")
        return seconds

    async def rounds(self, seconds: float) -> tuple[Speed, list[float]]:
        """Take turns for a time; return the deliveries and the times until the last listener."""
        for _ in range(2):
            await self.publish()
            await self.settled()
        times: list[float] = []
        server, load, began = self.server.cpu(), time.process_time(), time.perf_counter()
        while (taken := time.perf_counter() - began) < seconds or len(times) < 5:
            times.append(await self.publish())
            await self.settled()
        deliveries = len(times) * len(self.members)
        used = self.server.cpu() - server
        return Speed(deliveries, taken, used, time.process_time() - load), times

    def end(self) -> None:
        client.close(self.members)
        self.members = []
