"""Realtime: how connections end, invalid input, and slow clients."""

import asyncio
import gc

import aiohttp
import pytest

from coalserver.apis.multiplayer.relay import (
    FLOOD_MESSAGES_PER_SECOND,
    IDLE_SECONDS,
    MAX_MESSAGES_PER_SECOND,
    PING_SECONDS,
    Member,
    Relay,
)
from coalserver.web.streaming.send_buffer import HIGH_WATER_MARK, STALLED_SECONDS, SendBuffer
from coalserver.web.streaming.websocket import WebSocketConnection
from tests.apis.multiplayer.scene import success
from tests.apis.multiplayer.socket_client import (
    connect,
    connect_socket,
    connect_sockets,
    make_token,
)


async def connect_two(scene, **parts):
    """Connect the host and the guest to a realtime room."""
    await scene.fill_room(realtime=True, **parts)
    return await connect_sockets(scene.host, scene.guest)


# Ends of a connection.


async def test_end_of_room_closes_all_connections(scene):
    host, guest = await connect_two(scene)
    success(await scene.host.post("game_room.php/stop"))
    assert await host.receive_close() == (1000, "Room cleanup")
    assert await guest.receive_close() == (1000, "Room cleanup")


async def test_member_who_leaves_is_disconnected(scene):
    host, guest = await connect_two(scene)
    success(await scene.guest.post("game_room.php/leave"))
    assert await guest.receive_close() == (1000, "Player disconnect")
    await host.send()
    assert await host.receive_sent_count() == 0


async def test_kicked_member_is_disconnected_with_the_reason(scene):
    _, guest = await connect_two(scene)
    success(await scene.host.post("game_room.php/kick", {"player_id": scene.guest.id}))
    assert await guest.receive_close() == (1008, "You were kicked")


async def test_ended_connection_is_freed_without_a_garbage_collection(scene):
    host, guest = await connect_two(scene)
    gc.collect()
    gc.disable()
    try:
        await host.close()
        await guest.close()
        await scene.test_app.wait_until(lambda: not scene.test_app.core.presence._connections)
        kinds = (Member, SendBuffer, WebSocketConnection)
        await scene.test_app.wait_until(
            lambda: not [one for one in gc.get_objects() if isinstance(one, kinds)]
        )
    finally:
        gc.enable()


async def test_logged_out_player_is_disconnected_and_offline(scene):
    _, guest = await connect_two(scene)
    success(await scene.guest.post("game_players.php/logout"))
    assert await guest.receive_close() == (1000, "Player disconnect")
    core = scene.test_app.core
    assert not core.presence.online(scene.guest.id, core.now, 60)


async def test_banned_player_gets_the_ban_and_is_disconnected(scene):
    _, guest = await connect_two(scene)
    body = {"player_id": scene.guest.id, "ban_duration": "day", "ban_reason": "cheats"}
    success(await scene.request_as_owner("game_players.php/ban", body))
    frames = await guest.receive()
    assert (frames["type"], frames["data"]["message"]) == ("error", "You are banned")
    assert frames["data"]["ban_info"]["ban_reason"] == "cheats"
    assert await guest.receive_close() == (1008, "You are banned")


async def test_idle_connection_is_closed_after_a_minute(scene):
    host, guest = await connect_two(scene)
    scene.test_app.clock.advance(IDLE_SECONDS - 1)
    await host.expect_nothing()
    scene.test_app.clock.advance(1)
    for wire in (host, guest):
        wire.member.expire()
    assert await guest.receive_close() == (1000, "Inactive timeout")
    await host.expect_nothing()


async def test_client_that_only_answers_pings_stays_connected(scene):
    host, guest = await connect_two(scene)
    reading = asyncio.create_task(guest.receive_message())
    steady = scene.test_app.core.clocks.steady
    for _ in range(4):
        scene.test_app.clock.advance(PING_SECONDS)
        await host.expect_nothing()
        guest.member.expire()
        await scene.test_app.wait_until(lambda: guest.member._last_sign_at == steady())
    await host.send("hello")
    assert (await reading)["command"] == "hello"


async def test_client_that_answers_no_ping_is_disconnected(scene):
    host, guest = await connect_two(scene)
    guest.socket._autoping = False
    scene.test_app.clock.advance(PING_SECONDS)
    guest.member.expire()
    assert (await guest.socket.receive()).type is aiohttp.WSMsgType.PING
    scene.test_app.clock.advance(IDLE_SECONDS - PING_SECONDS)
    guest.member.expire()
    assert await guest.receive_close() == (1000, "Inactive timeout")


async def test_open_connection_keeps_its_player_online(scene):
    host, guest = await connect_two(scene)
    for _ in range(6):
        await scene.test_app.advance(55)
        await host.expect_nothing()
        await guest.expect_nothing()
    core = scene.test_app.core
    assert core.presence.online(scene.guest.id, core.now, 60)
    await guest.close()
    await scene.test_app.wait_until(lambda: scene.guest.id not in core.presence._connections)
    scene.test_app.clock.advance(76)
    assert not core.presence.online(scene.guest.id, core.now, 60)


async def test_message_counts_as_activity(scene):
    host, _ = await connect_two(scene)
    scene.test_app.clock.advance(30)
    await host.expect_nothing()
    core = scene.test_app.core
    assert core.presence.last_seen_at(scene.host.id) == core.now


async def test_connections_are_closed_when_the_server_stops(scene):
    host, _ = await connect_two(scene)
    scene.test_app.core.feed.close()
    assert await host.receive_close() == (1012, "The server is stopping")


async def test_close_frame_is_answered(scene):
    host, _ = await connect_two(scene)
    await host.socket.close(code=4000, message=b"bye")
    assert host.socket.close_code == 4000
    relay = scene.test_app.app_context.per_process(Relay)
    await scene.test_app.wait_until(lambda: relay.find_member(scene.host.id) is None)


async def test_restart_invalidates_tokens(scene):
    await scene.fill_room(realtime=True)
    token = await make_token(scene.host)
    await scene.test_app.restart()
    wire = await connect(scene.test_app, f"?token={token}")
    assert await wire.receive_close() == (1008, "Invalid token")


# Invalid input.


@pytest.mark.parametrize(
    "raw",
    ["", "{", "[]", "7", "null", '{"type":"heartbeat"', '{"a":123456789012345678901234}',
     '{"type":"heartbeat","x":"\\u0000"}', "[" * 100 + "]" * 100],
)  # fmt: skip
async def test_invalid_json_is_an_error(scene, raw):
    host, guest = await connect_two(scene)
    await host.socket.send_str(raw)
    assert await host.receive_error() == "A message must be a JSON object in a text frame"
    await host.expect_nothing()
    await guest.expect_nothing()


@pytest.mark.parametrize("message", [{}, {"type": "shout"}, {"type": 5}, {"type": None}])
async def test_unknown_message_type_is_an_error(scene, message):
    host, _ = await connect_two(scene)
    await host.send_frame(**message)
    assert await host.receive_error() == "Unknown message type"


async def test_binary_message_is_an_error(scene):
    host, _ = await connect_two(scene)
    await host.socket.send_bytes(b'{"type":"heartbeat"}')
    assert await host.receive_error() == "A message must be a JSON object in a text frame"
    await host.expect_nothing()


async def test_text_that_is_not_utf8_closes_the_connection(scene):
    host, guest = await connect_two(scene)
    await host.socket._writer.send_frame(b'{"type":"\xff"}', aiohttp.WSMsgType.TEXT)
    assert (await host.receive_close())[0] == 1007
    await guest.expect_nothing()


async def test_oversized_message_closes_the_connection(scene):
    host, guest = await connect_two(scene)
    await host.socket.send_str('{"type":"send","command":"a","data":"%s"}' % ("x" * (1 << 16)))
    assert await host.receive_close() == (1009, "A message has at most 65536 bytes")
    await guest.expect_nothing()


async def test_message_of_the_largest_size_is_relayed(scene):
    host, guest = await connect_two(scene)
    message = '{"type":"send","command":"a","data":"%s"}'
    text = "x" * ((1 << 16) - len(message) + 2)
    await host.socket.send_str(message % text)
    assert (await guest.receive_message())["data"] == text


async def test_invalid_frame_closes_the_connection(scene):
    host, guest = await connect_two(scene)
    host.socket._writer.transport.write(b"\xf1\x80\0\0\0\0")
    code, _ = await host.receive_close()
    assert code == 1002
    await guest.expect_nothing()


async def test_ping_is_answered_and_does_not_count_as_activity(scene):
    host, _ = await connect_two(scene)
    host.socket._autoping = False
    await host.socket.ping(b"there?")
    answer = await host.socket.receive()
    assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"there?")
    scene.test_app.clock.advance(IDLE_SECONDS)
    await host.socket.ping()
    await host.socket.receive()
    host.member.expire()
    assert await host.receive_close() == (1000, "Inactive timeout")


async def test_fragmented_messages_are_accepted(scene):
    host, _ = await connect_two(scene)
    transport = host.socket._writer.transport
    transport.write(b'\x01\x88\0\0\0\0{"type":')
    transport.write(b'\x80\x8c\0\0\0\0"heartbeat"}')
    assert (await host.receive())["type"] == "heartbeat_ack"


async def test_messages_above_the_rate_are_not_relayed(scene):
    host, guest = await connect_two(scene)
    for _ in range(MAX_MESSAGES_PER_SECOND + 20):
        await host.send()
    frames = [await host.receive() for _ in range(MAX_MESSAGES_PER_SECOND + 1)]
    assert [frame["type"] for frame in frames] == ["sent"] * MAX_MESSAGES_PER_SECOND + ["error"]
    assert "Too many messages" in frames[-1]["data"]["message"]
    scene.test_app.clock.advance(1)
    await host.send("again")
    assert await host.receive_sent_count() == 1
    commands = [
        (await guest.receive_message())["command"] for _ in range(MAX_MESSAGES_PER_SECOND + 1)
    ]
    assert commands[-1] == "again"


async def test_flood_closes_the_connection(scene):
    host, guest = await connect_two(scene)
    transport = host.socket._writer.transport
    transport.write(b"\x81\x80\0\0\0\0" * (FLOOD_MESSAGES_PER_SECOND + 1))
    frames = [await host.receive_error() for _ in range(MAX_MESSAGES_PER_SECOND + 1)]
    assert "Too many messages" in frames[-1]
    assert await host.receive_close() == (1008, "Too many messages")
    await guest.expect_nothing()


# Slow clients.


async def make_stalled_member(scene):
    """Open a raw socket as the guest that reads nothing after the first frame."""
    token = await make_token(scene.guest)
    test_app = scene.test_app
    address = test_app.server.host, test_app.server.port
    reader, writer = await asyncio.open_connection(*address, limit=1024)
    writer.write(
        f"GET /?token={token} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await reader.readuntil(b'"connected"')
    writer.transport.pause_reading()
    return reader, writer


async def fill(scene, sender, others):
    """Send until the stalled client misses a message; the others get every message at once."""
    relay = scene.test_app.app_context.per_process(Relay)
    data = "x" * 60_000
    for n in range(1000):
        await sender.send(data=data)
        for other in others:
            await other.receive_message()
        if await sender.receive_sent_count() == len(others):
            return relay.find_member(scene.guest.id)
        if n % 100 == 99:
            scene.test_app.clock.advance(1)
    raise AssertionError("never full")


async def test_stalled_client_is_disconnected_without_delaying_others(scene):
    await scene.fill_room(realtime=True)
    await scene.join_room(scene.other)
    host, other = await connect_sockets(scene.host, scene.other)
    _, writer = await make_stalled_member(scene)
    stalled = await fill(scene, host, [other])
    assert stalled.socket.unread <= HIGH_WATER_MARK + 70_000
    scene.test_app.clock.advance(STALLED_SECONDS)
    stalled._send_buffer.expire()
    relay = scene.test_app.app_context.per_process(Relay)
    assert relay.find_member(scene.guest.id) is None
    await scene.test_app.wait_until(
        lambda: scene.guest.id not in scene.test_app.core.presence._connections
    )
    await host.send(data=1)
    await other.receive_message()
    writer.transport.abort()


async def test_client_that_catches_up_gets_the_number_of_missed_messages(scene):
    await scene.fill_room(realtime=True)
    host = await connect_socket(scene.host)
    reader, writer = await make_stalled_member(scene)
    slow = await fill(scene, host, [])
    writer.transport.resume_reading()
    while slow.socket.unread:
        await reader.read(1 << 20)
    slow._send_buffer.expire()
    tail = b""
    while b"too slow: 1 missed" not in tail:
        tail = tail[-100:] + await reader.read(1 << 20)
    await host.send(data=2)
    assert await host.receive_sent_count() == 1
    writer.transport.abort()
