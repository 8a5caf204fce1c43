"""Frames of clients on every kind of socket: those that break RFC 6455 close with the code of their error."""

import asyncio
import gc
import logging
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from coalserver.web.streaming.websocket import FrameCheck
from tests.apis.app import TIMEOUT_SECONDS, TestApp
from tests.apis.hosts.clients import make_hosted_session, open_socket
from tests.apis.multiplayer.scene import make_scene
from tests.apis.multiplayer.socket_client import connect_socket
from tests.apis.rooms.factories import make_room_with_chat

MASK = b"\x11\x22\x33\x44"
FIN = 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(first: int, payload: bytes = b"", *, masked: bool = True) -> bytes:
    """Return a frame of at most 64 KiB with this first byte."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
    if not masked:
        return bytes([first]) + length + payload
    content = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([first, length[0] | 0x80]) + length[1:] + MASK + content


Socket = aiohttp.ClientWebSocketResponse
#: Opens another socket of the same kind.
Connect = Callable[[], Awaitable[Socket]]


async def feed(test_app: TestApp) -> Connect:
    ann, room = await make_room_with_chat(test_app)
    url = test_app.url(f"{room}/events")

    async def connect() -> Socket:
        return await test_app.http.ws_connect(url, headers=ann.bearer)

    return connect


async def realtime(test_app: TestApp) -> Connect:
    scene = await make_scene(test_app)
    await scene.fill_room(realtime=True)

    async def connect() -> Socket:
        return (await connect_socket(scene.host)).socket

    return connect


async def sync(test_app: TestApp) -> Connect:
    session, _ = await make_hosted_session(test_app)

    async def connect() -> Socket:
        return (await session.connect(session.host)).ws

    return connect


async def sync_before_join(test_app: TestApp) -> Connect:
    session, _ = await make_hosted_session(test_app)

    async def connect() -> Socket:
        return (await open_socket(test_app, f"/sync/{session.id}")).ws

    return connect


SOCKETS = (feed, realtime, sync, sync_before_join)
Kind = Callable[[TestApp], Awaitable[Connect]]

INVALID: dict[str, tuple[int, bytes]] = {
    "unmasked text": (1002, frame(FIN | TEXT, b"{}", masked=False)),
    "unmasked empty text": (1002, frame(FIN | TEXT, masked=False)),
    "unmasked ping": (1002, frame(FIN | PING, b"x", masked=False)),
    "unmasked close": (1002, frame(FIN | CLOSE, b"\x03\xe8", masked=False)),
    "unmasked behind masked": (
        1002,
        frame(FIN | PONG, b"x") + frame(FIN | TEXT, b"y" * 200, masked=False),
    ),
    "reserved bit 1": (1002, frame(FIN | 0x40 | TEXT, b"{}")),
    "reserved bit 2": (1002, frame(FIN | 0x20 | TEXT, b"{}")),
    "reserved bit 3": (1002, frame(FIN | 0x10 | PING, b"x")),
    "opcode 3": (1002, frame(FIN | 3, b"{}")),
    "opcode 7": (1002, frame(7, b"{}")),
    "opcode 11": (1002, frame(FIN | 11, b"{}")),
    "opcode 15": (1002, frame(FIN | 15)),
    "ping in parts": (1002, frame(PING, b"x")),
    "close in parts": (1002, frame(CLOSE)),
    "long ping": (1002, frame(FIN | PING, b"x" * 126)),
    "long close": (1002, frame(FIN | CLOSE, b"\x03\xe8" + b"x" * 130)),
    "close of one byte": (1002, frame(FIN | CLOSE, b"\x03")),
    "continuation without a start": (1002, frame(FIN | CONTINUATION, b"{}")),
    "text within a text": (1002, frame(TEXT, b"{") + frame(FIN | TEXT, b"}")),
    "text within an empty text": (1002, frame(TEXT) + frame(FIN | TEXT, b"{}")),
    "binary within a text in parts": (1002, frame(TEXT, b"{") + frame(BINARY, b"}")),
    "text that is not UTF-8": (1007, frame(FIN | TEXT, b'{"a":"\xff"}')),
    "text of a surrogate": (1007, frame(FIN | TEXT, b'"\xed\xa0\x80"')),
    "text that ends within a character": (1007, frame(FIN | TEXT, b'"\xc3')),
    "text in parts that is not UTF-8": (
        1007,
        frame(TEXT, b'"\xc3') + frame(FIN | PING, b"x") + frame(FIN | CONTINUATION, b'\x28"'),
    ),
    "reason that is not UTF-8": (1007, frame(FIN | CLOSE, b"\x03\xe8\xff")),
    **{
        f"close code {code}": (1002, frame(FIN | CLOSE, struct.pack("!H", code)))
        for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)
    },
}


async def close_code(socket: Socket) -> int | None:
    """Return the code of the close frame, skipping other messages."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (message := await socket.receive()).type in (
            aiohttp.WSMsgType.TEXT,
            aiohttp.WSMsgType.BINARY,
        ):
            pass
    return message.data if message.type is aiohttp.WSMsgType.CLOSE else None


def write(socket: Socket, raw: bytes) -> None:
    transport = socket._writer.transport
    assert transport is not None
    transport.write(raw)


@pytest.mark.parametrize("kind", SOCKETS)
async def test_invalid_frame_closes_with_the_code_of_its_error(
    test_app: TestApp, kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    connect, codes = await kind(test_app), {}
    with caplog.at_level(logging.WARNING):
        for name, (_, raw) in INVALID.items():
            socket = await connect()
            write(socket, raw)
            codes[name] = await close_code(socket)
            await socket.close()
    assert codes == {name: code for name, (code, _) in INVALID.items()}
    assert not caplog.records


@pytest.mark.parametrize("kind", [feed, realtime, sync])
async def test_valid_frames_in_pieces_keep_the_connection_open(
    test_app: TestApp, kind: Kind
) -> None:
    connect = await kind(test_app)
    socket = await connect()
    euro = "€".encode()
    for raw in (
        frame(FIN | PING, b"x" * 125),
        frame(FIN | PONG),
        frame(TEXT, b'"' + euro[:1])
        + frame(FIN | PONG, b"between")
        + frame(CONTINUATION)
        + frame(FIN | CONTINUATION, euro[1:] + b'"'),
        frame(FIN | BINARY, b"\xff" * 126),
        frame(FIN | TEXT, b" " * 3000),
    ):
        for index in range(0, len(raw), 7):
            write(socket, raw[index : index + 7])
    write(socket, frame(FIN | CLOSE, struct.pack("!H", 4000) + euro))
    assert await close_code(socket) in (1000, 4000)


@pytest.mark.parametrize("kind", SOCKETS)
async def test_bytes_behind_an_invalid_frame_are_not_handled(test_app: TestApp, kind: Kind) -> None:
    connect = await kind(test_app)
    socket = await connect()
    write(socket, frame(FIN | TEXT, b"{}", masked=False))
    write(socket, frame(FIN | CLOSE, struct.pack("!H", 1000)) + b"\0" * 1000)
    assert await close_code(socket) == 1002


class Turns:
    """Counts what happens between two iterations of the event loop."""

    def __init__(self) -> None:
        self._now = 0
        self.counts: list[int] = []
        self._last = -1
        self._counting = asyncio.create_task(self._count())

    async def _count(self) -> None:
        while True:
            self._now += 1
            await asyncio.sleep(0)

    def add(self) -> None:
        if self._last != self._now:
            self._last = self._now
            self.counts.append(0)
        self.counts[-1] += 1

    def stop(self) -> None:
        self._counting.cancel()


async def count_pongs(reader: asyncio.StreamReader, end: bytes) -> int:
    """Return how many empty pongs come before one with this payload, skipping other frames."""
    count = 0
    while True:
        first, size = await reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2))
        payload = await reader.readexactly(size)
        if first == FIN | PONG:
            if payload == end:
                return count
            count += 1


async def open_raw(test_app: TestApp, kind: Kind) -> tuple[bytes, URL]:
    """Return the bytes of a handshake for a kind of socket, and the address of the server."""
    connect = await kind(test_app)
    socket = await connect()
    request = socket._response.request_info  # type: ignore[attr-defined]
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    await socket.close()
    url = request.url
    return f"GET {url.raw_path_qs} HTTP/1.1\r\n{lines}\r\n".encode(), url


@pytest.mark.parametrize("behind_handshake", [False, True])
@pytest.mark.parametrize("kind", [feed, sync_before_join])
async def test_many_frames_at_once_are_handled_in_turns_with_others(
    test_app: TestApp, kind: Kind, behind_handshake: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 KiB of the smallest frames would hold the loop for 30 to 400 ms."""
    handshake, url = await open_raw(test_app, kind)
    pings, end = frame(FIN | PING) * 20_000, frame(FIN | PING, b"end")
    turns = Turns()
    frames = {FrameCheck: "feed_data", aiohttp.web.WebSocketResponse: "pong"}
    for owner, name in frames.items():
        original = getattr(owner, name)

        def counted(self: Any, *given: Any, original: Any = original) -> Any:
            turns.add()
            return original(self, *given)

        monkeypatch.setattr(owner, name, counted)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        if behind_handshake:
            writer.write(handshake + pings + end)
            await reader.readuntil(b"\r\n\r\n")
        else:
            writer.write(handshake)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(pings + end)
        assert await count_pongs(reader, b"end") == 20_000
    turns.stop()
    # One portion of 4 KiB, or one pong of aiohttp's socket, in each iteration.
    assert max(turns.counts) <= 2
    assert len(turns.counts) >= len(pings) // (4 * 1024)
    writer.close()


@pytest.mark.parametrize("kind", [realtime, sync])
async def test_large_message_among_small_ones_is_read_whole(test_app: TestApp, kind: Kind) -> None:
    socket = await (await kind(test_app))()
    large = frame(FIN | TEXT, b" " * 60_000)
    write(socket, frame(FIN | PONG) * 3000 + large + frame(FIN | PONG) * 3000 + large[:30_000])
    await asyncio.sleep(0)
    write(socket, large[30_000:] + frame(FIN | CLOSE, struct.pack("!H", 4000)))
    assert await close_code(socket) in (1000, 4000)


async def hosts_feed(test_app: TestApp) -> Connect:
    session, _ = await make_hosted_session(test_app)
    url = test_app.url(f"/sessions/{session.id}/events")

    async def connect() -> Socket:
        return await test_app.http.ws_connect(url, headers=session.host.bearer)

    return connect


@pytest.mark.parametrize("kind", [feed, realtime, hosts_feed])
async def test_open_socket_keeps_no_request(test_app: TestApp, kind: Kind) -> None:
    """A request, its task and aiohttp's connection take 15 kB; the socket needs none of them."""
    socket = await (await kind(test_app))()
    gc.collect()
    requests = [one for one in gc.get_objects() if isinstance(one, web.BaseRequest)]
    assert not [one for one in requests if one.headers.get("Upgrade") == "websocket"]
    await socket.close()


@pytest.mark.parametrize("path", ["/realtime", "/sync/1"])
@pytest.mark.parametrize(
    ("version", "key"),
    [("1.1", b"\xff\xfe"), ("1.1", b"dGhl"), ("1.0", b"dGhlIHNhbXBsZSBub25jZQ==")],
)
async def test_invalid_handshake_is_an_invalid_request(
    test_app: TestApp, path: str, version: str, key: bytes
) -> None:
    url = URL(str(test_app.url(path)))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"GET {path} HTTP/{version}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Origin: http://x\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    )
    writer.write(head.encode() + key + b"\r\n\r\n")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        status = int((await reader.readline()).split(b" ")[1])
    assert status == (400 if path == "/realtime" else 422)
    writer.close()
