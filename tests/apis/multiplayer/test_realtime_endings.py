"""Realtime: how a socket ends, and what clients cannot do to one another."""

import asyncio

import aiohttp
import pytest

from coalserver.apis.multiplayer.relay import IDLE_SECONDS, MANY, TOO_MANY, Relay
from coalserver.web.streaming.send_buffer import FULL, STALLED_SECONDS
from tests.apis.multiplayer.playing import well
from tests.apis.multiplayer.wires import a_token, a_wire, opened, wires


async def two(scene, **parts):
    """Host and guest of a realtime room, connected."""
    await scene.meets(realtime=True, **parts)
    return await wires(scene.host, scene.guest)


# What ends a socket.


async def test_the_end_of_the_room_ends_all_sockets(scene):
    host, guest = await two(scene)
    well(await scene.host.post("game_room.php/stop"))
    assert await host.closed() == (1000, "Room cleanup")
    assert await guest.closed() == (1000, "Room cleanup")


async def test_who_leaves_is_disconnected_and_the_others_are_not(scene):
    host, guest = await two(scene)
    well(await scene.guest.post("game_room.php/leave"))
    assert await guest.closed() == (1000, "Player disconnect")
    await host.send()
    assert await host.sent() == 0


async def test_who_is_kicked_is_disconnected(scene):
    _, guest = await two(scene)
    well(await scene.host.post("game_room.php/kick", {"player_id": scene.guest.id}))
    assert await guest.closed() == (1000, "Player disconnect")


async def test_who_logs_out_is_disconnected_and_offline(scene):
    _, guest = await two(scene)
    well(await scene.guest.post("game_players.php/logout"))
    assert await guest.closed() == (1000, "Player disconnect")
    core = scene.house.core
    assert not core.presence.online(scene.guest.id, core.now, 60)


async def test_who_is_banned_is_told_why(scene):
    _, guest = await two(scene)
    body = {"player_id": scene.guest.id, "ban_duration": "day", "ban_reason": "cheats"}
    well(await scene.owns("game_players.php/ban", body))
    said = await guest.hears()
    assert (said["type"], said["data"]["message"]) == ("error", "You are banned")
    assert said["data"]["ban_info"]["ban_reason"] == "cheats"
    assert await guest.closed() == (1008, "You are banned")


async def test_silence_for_a_minute_ends_a_socket(scene):
    host, guest = await two(scene)
    scene.house.clock.forward(IDLE_SECONDS - 1)
    await host.quiet()
    scene.house.clock.forward(1)
    for wire in (host, guest):
        wire.member.expire()
    assert await guest.closed() == (1000, "Inactive timeout")
    await host.quiet()


async def test_an_open_socket_keeps_its_player_online(scene):
    host, guest = await two(scene)
    for _ in range(6):
        await scene.house.after(55)
        await host.quiet()
        await guest.quiet()
    core = scene.house.core
    assert core.presence.online(scene.guest.id, core.now, 60)
    await guest.hang_up()
    await scene.house.until(lambda: scene.guest.id not in core.presence._held)
    scene.house.clock.forward(61)
    assert not core.presence.online(scene.guest.id, core.now, 60)


async def test_what_a_client_says_is_a_sign_of_life(scene):
    host, _ = await two(scene)
    scene.house.clock.forward(30)
    await host.quiet()
    core = scene.house.core
    assert core.presence.last(scene.host.id) == core.now


async def test_a_stopping_server_says_so(scene):
    host, _ = await two(scene)
    scene.house.core.feed.close()
    assert await host.closed() == (1012, "The server is stopping")


async def test_a_close_is_answered(scene):
    host, _ = await two(scene)
    await host.socket.close(code=4000, message=b"bye")
    assert host.socket.close_code == 4000
    relay = scene.house.shared.own(Relay)
    await scene.house.until(lambda: relay.member(scene.host.id) is None)


async def test_a_restart_forgets_tokens(scene):
    await scene.meets(realtime=True)
    token = await a_token(scene.host)
    await scene.house.restart()
    wire = await opened(scene.house, f"?token={token}")
    assert await wire.closed() == (1008, "Invalid token")


# Bad input.


@pytest.mark.parametrize(
    "raw",
    ["", "{", "[]", "7", "null", '{"type":"heartbeat"', '{"a":123456789012345678901234}',
     '{"type":"heartbeat","x":"\\u0000"}', "[" * 100 + "]" * 100],
)  # fmt: skip
async def test_what_is_no_message_is_an_error(scene, raw):
    host, guest = await two(scene)
    await host.socket.send_str(raw)
    assert await host.error() == "A message must be a JSON object in a text frame"
    await host.quiet()
    await guest.quiet()


@pytest.mark.parametrize("message", [{}, {"type": "shout"}, {"type": 5}, {"type": None}])
async def test_an_unknown_type_is_an_error(scene, message):
    host, _ = await two(scene)
    await host.say(**message)
    assert await host.error() == "Unknown message type"


async def test_a_binary_message_is_an_error(scene):
    host, _ = await two(scene)
    await host.socket.send_bytes(b'{"type":"heartbeat"}')
    assert await host.error() == "A message must be a JSON object in a text frame"
    await host.quiet()


async def test_text_that_is_no_utf8_is_an_error(scene):
    host, _ = await two(scene)
    await host.socket._writer.send_frame(b'{"type":"\xff"}', aiohttp.WSMsgType.TEXT)
    assert await host.error() == "A message must be a JSON object in a text frame"


async def test_a_message_that_is_too_large_ends_the_socket(scene):
    host, guest = await two(scene)
    await host.socket.send_str('{"type":"send","command":"a","data":"%s"}' % ("x" * (1 << 16)))
    code, _ = await host.closed()
    assert code == 1009
    await guest.quiet()


async def test_a_frame_against_the_protocol_ends_the_socket(scene):
    host, guest = await two(scene)
    host.socket._writer.transport.write(b"\xf1\x80\0\0\0\0")
    code, _ = await host.closed()
    assert code == 1002
    await guest.quiet()


async def test_a_ping_is_answered_and_is_no_sign_of_life(scene):
    host, _ = await two(scene)
    host.socket._autoping = False
    await host.socket.ping(b"there?")
    answer = await host.socket.receive()
    assert (answer.type, bytes(answer.data)) == (aiohttp.WSMsgType.PONG, b"there?")
    scene.house.clock.forward(IDLE_SECONDS)
    await host.socket.ping()
    await host.socket.receive()
    host.member.expire()
    assert await host.closed() == (1000, "Inactive timeout")


async def test_messages_in_pieces_are_heard(scene):
    host, _ = await two(scene)
    transport = host.socket._writer.transport
    transport.write(b'\x01\x88\0\0\0\0{"type":')
    transport.write(b'\x80\x8c\0\0\0\0"heartbeat"}')
    assert (await host.hears())["type"] == "heartbeat_ack"


async def test_too_many_messages_a_second_are_not_relayed(scene):
    host, guest = await two(scene)
    for _ in range(MANY + 20):
        await host.send()
    said = [await host.hears() for _ in range(MANY + 1)]
    assert [one["type"] for one in said] == ["sent"] * MANY + ["error"]
    assert "Too many messages" in said[-1]["data"]["message"]
    scene.house.clock.forward(1)
    await host.send("again")
    assert await host.sent() == 1
    heard = [(await guest.received())["command"] for _ in range(MANY + 1)]
    assert heard[-1] == "again"


async def test_a_flood_ends_the_socket(scene):
    host, guest = await two(scene)
    transport = host.socket._writer.transport
    transport.write(b"\x81\x80\0\0\0\0" * (TOO_MANY + 1))
    said = [await host.error() for _ in range(MANY + 1)]
    assert "Too many messages" in said[-1]
    assert await host.closed() == (1008, "Too many messages")
    await guest.quiet()


# Slow ones.


async def a_stalled_one(scene):
    """A raw socket of the guest that reads nothing after its greeting."""
    token = await a_token(scene.guest)
    house = scene.house
    address = house.server.host, house.server.port
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
    """Send until the stalled one misses something; the others hear all of it at once."""
    relay = scene.house.shared.own(Relay)
    data = "x" * 60_000
    for n in range(1000):
        await sender.send(data=data)
        for other in others:
            await other.received()
        if await sender.sent() == len(others):
            return relay.member(scene.guest.id)
        if n % 100 == 99:
            scene.house.clock.forward(1)
    raise AssertionError("never full")


async def test_a_stalled_socket_delays_nobody_and_is_let_go(scene):
    await scene.meets(realtime=True)
    await scene.enters(scene.other)
    host, other = await wires(scene.host, scene.other)
    _, writer = await a_stalled_one(scene)
    stalled = await fill(scene, host, [other])
    assert stalled.socket.unread <= FULL + 70_000
    scene.house.clock.forward(STALLED_SECONDS)
    stalled._outbox.expire()
    relay = scene.house.shared.own(Relay)
    assert relay.member(scene.guest.id) is None
    await scene.house.until(lambda: scene.guest.id not in scene.house.core.presence._held)
    await host.send(data=1)
    await other.received()
    writer.transport.abort()


async def test_who_catches_up_is_told_what_was_missed(scene):
    await scene.meets(realtime=True)
    host = await a_wire(scene.host)
    reader, writer = await a_stalled_one(scene)
    slow = await fill(scene, host, [])
    writer.transport.resume_reading()
    while slow.socket.unread:
        await reader.read(1 << 20)
    slow._outbox.expire()
    tail = b""
    while b"too slow: 1 missed" not in tail:
        tail = tail[-100:] + await reader.read(1 << 20)
    await host.send(data=2)
    assert await host.sent() == 1
    writer.transport.abort()
