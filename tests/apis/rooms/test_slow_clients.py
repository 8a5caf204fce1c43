"""Slow clients: a stalled connection is closed; a slow one receives all events."""

import asyncio
import socket

import pytest

from coalserver.web.streaming import event_stream, websocket
from tests.apis.app import ApiClient, TestApp
from tests.apis.listeners import listen

LARGE = {"x": "y" * 16_000}
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
TRANSPORT_HEADERS = {"sse": "Accept: text/event-stream\r\n", "socket": HANDSHAKE}


async def open_stalled(client: ApiClient, room: str, transport: str) -> socket.socket:
    """Open a feed on a connection that reads nothing."""
    server = client.test_app.server
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, (server.host, server.port))
    request = (
        f"GET {room}/events?after-event-id=0 HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {client.token}\r\n{TRANSPORT_HEADERS[transport]}\r\n"
    )
    waiting = client.test_app.core.feed.waiter_count()
    await loop.sock_sendall(connection, request.encode())
    await client.test_app.wait_until(lambda: client.test_app.core.feed.waiter_count() > waiting)
    return connection


def connection_count(test_app: TestApp) -> int:
    """Return the number of open connections of the server."""
    runner = test_app.server.runner
    assert runner is not None and runner.server is not None
    return len(runner.server.connections)


async def flood(ann: ApiClient, room: str, count: int = 400) -> None:
    """Emit more large events than all buffers together can hold."""
    for _ in range(count):
        assert (await ann.put(room + "/options", LARGE)).status == 204


@pytest.mark.parametrize("transport", TRANSPORT_HEADERS)
async def test_stalled_client_is_closed_and_can_resume(
    test_app: TestApp, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STALLED_SECONDS", 1)
    monkeypatch.setattr(event_stream, "CLOSING_SECONDS", 0.5)
    monkeypatch.setattr(websocket, "CLOSING_SECONDS", 0.5)
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    stalled = await open_stalled(bob, room, transport)
    before = connection_count(test_app)
    await flood(ann, room)
    # aiohttp's connection of the stream was counted, too, until its task had ended.
    await test_app.wait_until(
        lambda: not test_app.core.feed.waiter_count() and connection_count(test_app) < before
    )
    stalled.close()
    async with listen("poll", bob, room, 0) as listener:
        assert set(await listener.types(400)) == {"options_changed"}


@pytest.mark.parametrize("transport", ["sse", "socket"])
async def test_slow_client_receives_all_events_in_order(test_app: TestApp, transport: str) -> None:
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free")
    async with listen(transport, ann, room) as listener:
        await flood(ann, room, 200)
        assert set(await listener.types(200)) == {"options_changed"}
        assert not listener.lost


async def test_stalled_client_does_not_delay_others(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    stalled = await open_stalled(bob, room, "sse")
    async with listen("socket", ann, room) as listener:
        await flood(ann, room)
        assert set(await listener.types(400)) == {"options_changed"}
    stalled.close()


@pytest.mark.parametrize("transport", TRANSPORT_HEADERS)
async def test_stalled_client_is_aborted_when_its_feed_ends(
    test_app: TestApp, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "CLOSING_SECONDS", 0.2)
    monkeypatch.setattr(websocket, "CLOSING_SECONDS", 0.2)
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    before = connection_count(test_app)
    stalled = await open_stalled(bob, room, transport)
    await flood(ann, room)
    assert connection_count(test_app) > before
    test_app.core.feed.close()
    await test_app.wait_until(lambda: connection_count(test_app) <= before)
    stalled.close()
