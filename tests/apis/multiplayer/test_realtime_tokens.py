"""Realtime: who gets a token, and who gets in with it."""

import asyncio

import pytest

from coalserver.core.commands.players import rotate_key
from tests.apis.multiplayer.gamers import an_arena
from tests.apis.multiplayer.playing import well, wrong
from tests.apis.multiplayer.wires import a_token, a_wire, opened, three, wires

TOKEN = "realtime.php/token"


async def valid(gamer, token):
    return well(await gamer.get(f"{TOKEN}/validate?token={token}"))["valid"]


# Tokens.


async def test_a_token_comes_with_what_is_known_of_its_player(scene):
    await scene.meets(realtime=True)
    said = well(await scene.guest.post(TOKEN))
    assert len(bytes.fromhex(said["token"])) == 32
    assert said["player_info"] == {
        "player_id": scene.guest.id,
        "player_name": "TestPlayer",
        "room_id": scene.room,
        "is_host": False,
    }


async def test_only_members_of_a_realtime_room_have_one(scene):
    refused = (400, "Player is not in a realtime-enabled room")
    assert wrong(await scene.host.post(TOKEN)) == refused
    await scene.meets()
    assert wrong(await scene.host.post(TOKEN)) == refused


async def test_a_room_started_from_a_realtime_lobby_has_it(scene):
    await scene.starts(realtime_room=True)
    assert await a_token(scene.host)


async def test_the_same_token_is_answered_until_it_is_used(scene):
    await three(scene)
    first = await a_token(scene.host)
    assert await a_token(scene.host) == first
    await opened(scene.house, f"?token={first}")
    assert await a_token(scene.host) != first


async def test_a_token_of_another_room_is_another(scene):
    await three(scene)
    first = await a_token(scene.guest)
    well(await scene.guest.post("game_room.php/leave"))
    well(await scene.guest.post("game_room.php/create", {"realtime": True}))
    assert not await valid(scene.guest, first)
    assert await a_token(scene.guest) != first


async def test_a_token_is_valid_until_used_and_only_in_its_game(scene):
    await three(scene)
    token = await a_token(scene.host)
    other = await an_arena(scene.house, "other")
    assert await valid(scene.arena.anyone, token)
    assert not await valid(other.anyone, token)
    assert not await valid(scene.arena.anyone, "")
    await opened(scene.house, f"?token={token}")
    assert not await valid(scene.arena.anyone, token)


async def test_a_revoked_token_opens_nothing(scene):
    await three(scene)
    token = await a_token(scene.host)
    well(await scene.host.post(f"{TOKEN}/revoke"))
    wire = await opened(scene.house, f"?token={token}")
    assert await wire.closed() == (1008, "Token invalidated")
    assert well(await scene.host.post(f"{TOKEN}/revoke"))["message"].startswith("There was no")


async def test_revoking_closes_what_is_open(scene):
    (wire, other) = await wires(*(await three(scene))[:2])
    well(await scene.host.post(f"{TOKEN}/revoke"))
    assert await wire.closed() == (1008, "Token invalidated")
    await other.quiet()


async def test_a_rotated_key_ends_tokens_and_sockets(scene):
    await three(scene)
    wire = await a_wire(scene.host)
    token = await a_token(scene.host)
    await scene.house.core.do(rotate_key, player=scene.host.id)
    assert await wire.closed() == (1008, "Token invalidated")
    assert not await valid(scene.arena.anyone, token)


@pytest.mark.parametrize("path", [TOKEN, f"{TOKEN}/revoke"])
async def test_nobody_asks_for_another(scene, path):
    assert wrong(await scene.arena.anyone.post(path)) == (401, "Player token is required")
    stranger = await scene.house.stranger.post(f"/api/{path}")
    assert wrong(stranger) == (401, "API token is required")


# Getting in.


@pytest.mark.parametrize("path", ["/", "/realtime", "/realtime/"])
async def test_the_first_frame_says_who_one_is(scene, path):
    await three(scene)
    token = await a_token(scene.host)
    wire = await opened(scene.house, f"?token={token}&client=unity", path)
    said = await wire.hears()
    assert said["type"] == "connected"
    assert len(bytes.fromhex(said["data"].pop("connection_id"))) == 16
    assert said["data"] == {
        "player_id": scene.host.id,
        "player_name": "TestPlayer",
        "room_id": scene.room,
        "client_type": "unity",
    }


async def test_a_header_outranks_the_query(scene):
    await three(scene)
    wire = await opened(scene.house, "?token=wrong", X_Realtime_Token=await a_token(scene.host))
    assert (await wire.hears())["data"]["client_type"] == "json"


@pytest.mark.parametrize(
    ("query", "reason"),
    [("", "Token required"), ("?token=", "Token required"), ("?token=12ab", "Invalid token")],
)
async def test_who_has_no_token_is_told_so(house, query, reason):
    assert await (await opened(house, query)).closed() == (1008, reason)


async def test_a_token_opens_one_socket(scene):
    await three(scene)
    token = await a_token(scene.host)
    first, second = await asyncio.gather(
        *(opened(scene.house, f"?token={token}") for _ in range(2))
    )
    said = [await wire.socket.receive() for wire in (first, second)]
    assert sorted(one.data if isinstance(one.data, int) else 0 for one in said) == [0, 1008]


async def test_a_plain_request_is_answered_by_who_owns_the_path(house):
    page = await house.stranger.get("/")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    door = await house.stranger.get("/realtime")
    assert (door.status, door.json["success"]) == (200, True)


async def test_what_is_no_handshake_is_refused_in_words(house):
    answer = await house.stranger.get("/", Upgrade="websocket", Connection="Upgrade")
    assert wrong(answer) == (400, "This is not the handshake of a WebSocket")


async def test_a_newer_socket_closes_the_older(scene):
    await three(scene)
    older, guest = await wires(scene.host, scene.guest)
    newer = await a_wire(scene.host)
    assert await older.closed() == (1008, "Token invalidated")
    await guest.send(target="all")
    assert await guest.sent() == 1
    assert (await newer.received())["command"] == "move"


async def test_what_is_said_with_the_handshake_is_heard(scene):
    await three(scene)
    token = await a_token(scene.host)
    reader, writer = await asyncio.open_connection(scene.house.server.host, scene.house.server.port)
    writer.write(
        f"GET /?token={token} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        + b"\x81\x94\0\0\0\0"
        + b'{"type":"heartbeat"}'
    )
    await reader.readuntil(b'"heartbeat_ack","timestamp":')
    writer.close()
