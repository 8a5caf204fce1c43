"""Slow clients: one that takes nothing is closed and resumes; one that is merely slow gets all."""

import asyncio
import socket

import pytest

from coalserver.web.streaming import event_stream
from tests.apis.app import ApiClient, TestApp
from tests.apis.listeners import listen

LARGE = {"x": "y" * 16_000}
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
WAYS = {"sse": "Accept: text/event-stream\r\n", "socket": HANDSHAKE}


async def asking(who: ApiClient, room: str, way: str) -> socket.socket:
    """A connection that has asked for a feed and reads nothing of it."""
    server = who.test_app.server
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, (server.host, server.port))
    request = (
        f"GET {room}/events?after-event-id=0 HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {who.token}\r\n{WAYS[way]}\r\n"
    )
    waiting = who.test_app.core.feed.waiter_count()
    await loop.sock_sendall(plain, request.encode())
    await who.test_app.wait_until(lambda: who.test_app.core.feed.waiter_count() > waiting)
    return plain


def connections(test_app: TestApp) -> int:
    runner = test_app.server.runner
    assert runner is not None and runner.server is not None
    return len(runner.server.connections)


async def flood(ann: ApiClient, room: str, count: int = 400) -> None:
    """So many large events that no buffer on the way holds them."""
    for _ in range(count):
        assert (await ann.put(room + "/options", LARGE)).status == 204


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_that_takes_nothing_is_closed_and_holds_nothing(
    test_app: TestApp, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 1)
    monkeypatch.setattr(event_stream, "CLOSING_SECONDS", 0.5)
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    lazy = await asking(bob, room, way)
    before = connections(test_app)
    await flood(ann, room)
    await test_app.wait_until(lambda: connections(test_app) < before)
    lazy.close()
    async with listen("poll", bob, room, 0) as listener:
        assert set(await listener.types(400)) == {"options_changed"}


@pytest.mark.parametrize("way", ["sse", "socket"])
async def test_a_client_that_is_slow_gets_everything_in_order(test_app: TestApp, way: str) -> None:
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free")
    async with listen(way, ann, room) as listener:
        await flood(ann, room, 200)
        assert set(await listener.types(200)) == {"options_changed"}
        assert not listener.lost


async def test_others_do_not_wait_for_one_who_takes_nothing(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    lazy = await asking(bob, room, "sse")
    async with listen("socket", ann, room) as listener:
        await flood(ann, room)
        assert set(await listener.types(400)) == {"options_changed"}
    lazy.close()
