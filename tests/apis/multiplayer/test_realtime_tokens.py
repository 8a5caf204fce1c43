"""Realtime: who gets a token, and who gets in with it."""

import asyncio

import pytest

from coalserver.core.commands.players import rotate_private_key
from tests.apis.multiplayer.clients import make_sample_game
from tests.apis.multiplayer.scene import failure, success
from tests.apis.multiplayer.socket_client import (
    connect,
    connect_socket,
    connect_sockets,
    make_three_members,
    make_token,
)

TOKEN = "realtime.php/token"


async def valid(player_client, token):
    return success(await player_client.get(f"{TOKEN}/validate?token={token}"))["valid"]


# Tokens.


async def test_a_token_comes_with_what_is_known_of_its_player(scene):
    await scene.fill_room(realtime=True)
    said = success(await scene.guest.post(TOKEN))
    assert len(bytes.fromhex(said["token"])) == 32
    assert said["player_info"] == {
        "player_id": scene.guest.id,
        "player_name": "TestPlayer",
        "room_id": scene.room,
        "is_host": False,
    }


async def test_only_members_of_a_realtime_room_have_one(scene):
    refused = (400, "Player is not in a realtime-enabled room")
    assert failure(await scene.host.post(TOKEN)) == refused
    await scene.fill_room()
    assert failure(await scene.host.post(TOKEN)) == refused


async def test_a_room_started_from_a_realtime_lobby_has_it(scene):
    await scene.start_game(realtime_room=True)
    assert await make_token(scene.host)


async def test_the_same_token_is_answered_until_it_is_used(scene):
    await make_three_members(scene)
    first = await make_token(scene.host)
    assert await make_token(scene.host) == first
    await connect(scene.test_app, f"?token={first}")
    assert await make_token(scene.host) != first


async def test_a_token_of_another_room_is_another(scene):
    await make_three_members(scene)
    first = await make_token(scene.guest)
    success(await scene.guest.post("game_room.php/leave"))
    success(await scene.guest.post("game_room.php/create", {"realtime": True}))
    assert not await valid(scene.guest, first)
    assert await make_token(scene.guest) != first


async def test_a_token_is_valid_until_used_and_only_in_its_game(scene):
    await make_three_members(scene)
    token = await make_token(scene.host)
    other = await make_sample_game(scene.test_app, "other")
    assert await valid(scene.arena.anonymous, token)
    assert not await valid(other.anonymous, token)
    assert not await valid(scene.arena.anonymous, "")
    await connect(scene.test_app, f"?token={token}")
    assert not await valid(scene.arena.anonymous, token)


async def test_a_revoked_token_opens_nothing(scene):
    await make_three_members(scene)
    token = await make_token(scene.host)
    success(await scene.host.post(f"{TOKEN}/revoke"))
    wire = await connect(scene.test_app, f"?token={token}")
    assert await wire.receive_close() == (1008, "Token invalidated")
    assert success(await scene.host.post(f"{TOKEN}/revoke"))["message"].startswith("There was no")


async def test_revoking_closes_what_is_open(scene):
    (wire, other) = await connect_sockets(*(await make_three_members(scene))[:2])
    success(await scene.host.post(f"{TOKEN}/revoke"))
    assert await wire.receive_close() == (1008, "Token invalidated")
    await other.expect_nothing()


async def test_a_rotated_key_ends_tokens_and_sockets(scene):
    await make_three_members(scene)
    wire = await connect_socket(scene.host)
    token = await make_token(scene.host)
    await scene.test_app.core.execute(rotate_private_key, player_id=scene.host.id)
    assert await wire.receive_close() == (1008, "Token invalidated")
    assert not await valid(scene.arena.anonymous, token)


@pytest.mark.parametrize("path", [TOKEN, f"{TOKEN}/revoke"])
async def test_nobody_asks_for_another(scene, path):
    assert failure(await scene.arena.anonymous.post(path)) == (401, "Player token is required")
    stranger = await scene.test_app.anonymous.post(f"/api/{path}")
    assert failure(stranger) == (401, "API token is required")


# Getting in.


@pytest.mark.parametrize("path", ["/", "/realtime", "/realtime/"])
async def test_the_first_frame_says_who_one_is(scene, path):
    await make_three_members(scene)
    token = await make_token(scene.host)
    wire = await connect(scene.test_app, f"?token={token}&client=unity", path)
    said = await wire.receive()
    assert said["type"] == "connected"
    assert len(bytes.fromhex(said["data"].pop("connection_id"))) == 16
    assert said["data"] == {
        "player_id": scene.host.id,
        "player_name": "TestPlayer",
        "room_id": scene.room,
        "client_type": "unity",
    }


async def test_a_header_outranks_the_query(scene):
    await make_three_members(scene)
    wire = await connect(
        scene.test_app, "?token=wrong", X_Realtime_Token=await make_token(scene.host)
    )
    assert (await wire.receive())["data"]["client_type"] == "json"


@pytest.mark.parametrize(
    ("query", "reason"),
    [("", "Token required"), ("?token=", "Token required"), ("?token=12ab", "Invalid token")],
)
async def test_who_has_no_token_is_told_so(test_app, query, reason):
    assert await (await connect(test_app, query)).receive_close() == (1008, reason)


async def test_a_token_opens_one_socket(scene):
    await make_three_members(scene)
    token = await make_token(scene.host)
    first, second = await asyncio.gather(
        *(connect(scene.test_app, f"?token={token}") for _ in range(2))
    )
    said = [await wire.socket.receive() for wire in (first, second)]
    assert sorted(one.data if isinstance(one.data, int) else 0 for one in said) == [0, 1008]


async def test_a_plain_request_is_answered_by_who_owns_the_path(test_app):
    page = await test_app.anonymous.get("/")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    door = await test_app.anonymous.get("/realtime")
    assert (door.status, door.json["success"]) == (200, True)


async def test_what_is_no_handshake_is_refused_in_words(test_app):
    answer = await test_app.anonymous.get("/", Upgrade="websocket", Connection="Upgrade")
    assert failure(answer) == (400, "This is not the handshake of a WebSocket")


async def test_a_newer_socket_closes_the_older(scene):
    await make_three_members(scene)
    older, guest = await connect_sockets(scene.host, scene.guest)
    newer = await connect_socket(scene.host)
    assert await older.receive_close() == (1008, "Token invalidated")
    await guest.send(target="all")
    assert await guest.receive_sent_count() == 1
    assert (await newer.receive_message())["command"] == "move"


async def test_what_is_said_with_the_handshake_is_heard(scene):
    await make_three_members(scene)
    token = await make_token(scene.host)
    reader, writer = await asyncio.open_connection(
        scene.test_app.server.host, scene.test_app.server.port
    )
    writer.write(
        f"GET /?token={token} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        + b"\x81\x94\0\0\0\0"
        + b'{"type":"heartbeat"}'
    )
    await reader.readuntil(b'"heartbeat_ack","timestamp":')
    writer.close()
