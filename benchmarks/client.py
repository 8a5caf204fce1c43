"""The client side: connections that send requests and parse as little of the responses as possible."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import orjson

from benchmarks.processes import Server
from benchmarks.report import Speed

#: Concurrent connections in request benchmarks.
CONNECTIONS = 64
#: Connections opened at once, so that the backlog of a listening socket does not overflow.
AT_ONCE = 200

Answered = Callable[["Line", int, bytes], None]


class Line(asyncio.Protocol):
    """A connection with at most one request in flight."""

    __slots__ = ("transport", "answered", "head", "_before")

    def __init__(self) -> None:
        self.answered: Answered | None = None
        self.head = b""
        self._before = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, fault: Exception | None) -> None:
        if self.answered is not None:
            self.answered(self, 0, b"")

    def data_received(self, data: bytes) -> None:
        if self._before:
            data = self._before + data
        end = data.find(b"\r\n\r\n")
        size = size_of_body(data, end)
        if end < 0 or len(data) < end + 4 + size:
            self._before = data
            return
        self._before = b""
        self.head = data[:end]
        assert self.answered is not None
        self.answered(self, int(data[9:12]), data[end + 4 :])

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Send a request and return status, head and body of the response."""
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.answered = lambda line, status, body: future.set_result((status, body))
        self.transport.write(request)
        status, body = await future
        self.answered = None
        return status, self.head, body


def size_of_body(data: bytes, end: int) -> int:
    """Return the length of the body according to the head that ends there."""
    at = data.find(b"Content-Length: ", 0, end)
    return 0 if at < 0 else int(data[at + 16 : data.find(b"\r", at)])


async def connect(server: Server, protocols: Sequence[asyncio.Protocol]) -> None:
    """Open a number of connections."""
    loop = asyncio.get_running_loop()
    for start in range(0, len(protocols), AT_ONCE):
        await asyncio.gather(
            *(
                loop.create_connection(partial(_itself, one), server.host, server.port)
                for one in protocols[start : start + AT_ONCE]
            )
        )


def _itself(one: asyncio.Protocol) -> asyncio.Protocol:
    return one


async def lines(server: Server, number: int = CONNECTIONS) -> list[Line]:
    opened = [Line() for _ in range(number)]
    await connect(server, opened)
    return opened


def close(protocols: Iterable[Any]) -> None:
    for one in protocols:
        one.answered = None
        one.transport.close()


async def hammer(
    server: Server, by: Sequence[Line], requests: Sequence[bytes], status: int
) -> tuple[Speed, list[bytes]]:
    """Send all requests; a connection sends the next one when it has a response. Each response must have this status.

    Gives the bodies in the order of the requests.
    """
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    bodies: list[bytes] = [b""] * len(requests)
    waiting: Iterator[int] = iter(range(len(requests)))
    asked = dict.fromkeys(by, 0)
    left = len(requests)

    def answered(line: Line, got: int, body: bytes) -> None:
        nonlocal left
        if got != status:
            if not done.done():
                fault = f"{server.name} answers {got}: {body!r} to {requests[asked[line]]!r}"
                done.set_exception(RuntimeError(fault))
            return
        bodies[asked[line]] = body
        left -= 1
        following = next(waiting, None)
        if following is not None:
            asked[line] = following
            line.transport.write(requests[following])
        elif not left:
            done.set_result(None)

    cpu, load, began = server.cpu(), time.process_time(), time.perf_counter()
    for line in by:
        line.answered = answered
    for line, first in zip(by, waiting, strict=False):
        asked[line] = first
        line.transport.write(requests[first])
    try:
        await done
    finally:
        for line in by:
            line.answered = None
    seconds = time.perf_counter() - began
    return Speed(len(requests), seconds, server.cpu() - cpu, time.process_time() - load), bodies


def request(method: str, path: str, token: str = "", body: Any = None, more: str = "") -> bytes:
    """Return a request as a client library writes it."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n{more}"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    written = orjson.dumps(body)
    head += f"Content-Type: application/json\r\nContent-Length: {len(written)}\r\n"
    return f"{head}\r\n".encode() + written


async def guests(server: Server, by: Sequence[Line], number: int) -> tuple[list[str], Speed]:
    """Log in a number of guests and return their tokens."""
    said = request("POST", "/accounts/login", body={"credentialType": "guest"})
    speed, bodies = await hammer(server, by, [said] * number, 200)
    return [orjson.loads(body)["token"] for body in bodies], speed


async def a_session(line: Line, token: str) -> int:
    """Create a session without rules for one guest; anyone may listen."""
    _, _, body = await line.ask(request("POST", "/games/bench/rooms", token, {"name": "fan"}))
    room = orjson.loads(body)["roomId"]
    _, _, body = await line.ask(request("POST", f"/games/bench/rooms/{room}/start", token))
    return int(orjson.loads(body)["id"])


async def cursor(line: Line, token: str, session: int) -> int:
    """Return the cursor from which to listen to a session."""
    _, head, _ = await line.ask(request("GET", f"/games/bench/sessions/{session}", token))
    at = head.index(b"X-Event-Cursor: ") + 16
    return int(head[at:].partition(b"\r")[0])
