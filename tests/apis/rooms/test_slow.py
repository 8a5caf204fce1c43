"""Slow clients: one that takes nothing is closed and resumes; one that is merely slow gets all."""

import asyncio
import socket

import pytest

from coalserver.web.streaming import event_stream
from tests.apis.app import Asker, House
from tests.apis.listeners import listening

LARGE = {"x": "y" * 16_000}
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
WAYS = {"sse": "Accept: text/event-stream\r\n", "socket": HANDSHAKE}


async def asking(who: Asker, room: str, way: str) -> socket.socket:
    """A connection that has asked for a feed and reads nothing of it."""
    server = who.house.server
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, (server.host, server.port))
    request = (
        f"GET {room}/events?after-event-id=0 HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {who.token}\r\n{WAYS[way]}\r\n"
    )
    waiting = who.house.core.feed.waiting()
    await loop.sock_sendall(plain, request.encode())
    await who.house.until(lambda: who.house.core.feed.waiting() > waiting)
    return plain


def connections(house: House) -> int:
    runner = house.server.runner
    assert runner is not None and runner.server is not None
    return len(runner.server.connections)


async def flood(ann: Asker, room: str, count: int = 400) -> None:
    """So many large events that no buffer on the way holds them."""
    for _ in range(count):
        assert (await ann.put(room + "/options", LARGE)).status == 204


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_takes_nothing_is_closed_and_holds_nothing(
    house: House, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 1)
    monkeypatch.setattr(event_stream, "CLOSING_SECONDS", 0.5)
    await house.game("free")
    ann, bob = await house.guests("Ann", "Bob")
    room = await ann.opens("free")
    lazy = await asking(bob, room, way)
    before = connections(house)
    await flood(ann, room)
    await house.until(lambda: connections(house) < before)
    lazy.close()
    async with listening("poll", bob, room, 0) as ear:
        assert set(await ear.types(400)) == {"options_changed"}


@pytest.mark.parametrize("way", ["sse", "socket"])
async def test_a_client_that_is_slow_gets_everything_in_order(house: House, way: str) -> None:
    await house.game("free")
    ann = await house.guest()
    room = await ann.opens("free")
    async with listening(way, ann, room) as ear:
        await flood(ann, room, 200)
        assert set(await ear.types(200)) == {"options_changed"}
        assert not ear.lost


async def test_others_do_not_wait_for_one_who_takes_nothing(house: House) -> None:
    await house.game("free")
    ann, bob = await house.guests("Ann", "Bob")
    room = await ann.opens("free")
    lazy = await asking(bob, room, "sse")
    async with listening("socket", ann, room) as ear:
        await flood(ann, room)
        assert set(await ear.types(400)) == {"options_changed"}
    lazy.close()
