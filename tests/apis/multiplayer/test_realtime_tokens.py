"""Realtime: tokens, and connecting with them."""

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


async def test_token_comes_with_player_info(scene):
    await scene.fill_room(realtime=True)
    messages = success(await scene.guest.post(TOKEN))
    assert len(bytes.fromhex(messages["token"])) == 32
    assert messages["player_info"] == {
        "player_id": scene.guest.id,
        "player_name": "TestPlayer",
        "room_id": scene.room,
        "is_host": False,
    }


async def test_only_members_of_a_realtime_room_get_a_token(scene):
    refused = (400, "Player is not in a realtime-enabled room")
    assert failure(await scene.host.post(TOKEN)) == refused
    await scene.fill_room()
    assert failure(await scene.host.post(TOKEN)) == refused


async def test_room_started_from_a_realtime_lobby_has_realtime(scene):
    await scene.start_game(realtime_room=True)
    assert await make_token(scene.host)


async def test_same_token_is_returned_until_it_is_used(scene):
    await make_three_members(scene)
    first = await make_token(scene.host)
    assert await make_token(scene.host) == first
    await connect(scene.test_app, f"?token={first}")
    assert await make_token(scene.host) != first


async def test_another_room_has_another_token(scene):
    await make_three_members(scene)
    first = await make_token(scene.guest)
    success(await scene.guest.post("game_room.php/leave"))
    success(await scene.guest.post("game_room.php/create", {"realtime": True}))
    assert not await valid(scene.guest, first)
    assert await make_token(scene.guest) != first


async def test_token_is_valid_until_used_and_in_its_game_only(scene):
    await make_three_members(scene)
    token = await make_token(scene.host)
    other = await make_sample_game(scene.test_app, "other")
    assert await valid(scene.arena.anonymous, token)
    assert not await valid(other.anonymous, token)
    assert not await valid(scene.arena.anonymous, "")
    await connect(scene.test_app, f"?token={token}")
    assert not await valid(scene.arena.anonymous, token)


async def test_revoked_token_is_invalid(scene):
    await make_three_members(scene)
    token = await make_token(scene.host)
    success(await scene.host.post(f"{TOKEN}/revoke"))
    wire = await connect(scene.test_app, f"?token={token}")
    assert await wire.receive_close() == (1008, "Token invalidated")
    assert success(await scene.host.post(f"{TOKEN}/revoke"))["message"].startswith("There was no")


async def test_revoking_closes_the_open_connection(scene):
    (wire, other) = await connect_sockets(*(await make_three_members(scene))[:2])
    success(await scene.host.post(f"{TOKEN}/revoke"))
    assert await wire.receive_close() == (1008, "Token invalidated")
    await other.expect_nothing()


async def test_rotated_key_invalidates_tokens_and_closes_connections(scene):
    await make_three_members(scene)
    wire = await connect_socket(scene.host)
    token = await make_token(scene.host)
    await scene.test_app.core.execute(rotate_private_key, player_id=scene.host.id)
    assert await wire.receive_close() == (1008, "Token invalidated")
    assert not await valid(scene.arena.anonymous, token)


@pytest.mark.parametrize("path", [TOKEN, f"{TOKEN}/revoke"])
async def test_token_endpoints_need_the_private_key(scene, path):
    assert failure(await scene.arena.anonymous.post(path)) == (401, "Player token is required")
    stranger = await scene.test_app.anonymous.post(f"/api/{path}")
    assert failure(stranger) == (401, "API token is required")


# Connecting.


@pytest.mark.parametrize("path", ["/", "/realtime", "/realtime/"])
async def test_first_frame_has_the_player(scene, path):
    await make_three_members(scene)
    token = await make_token(scene.host)
    wire = await connect(scene.test_app, f"?token={token}&client=unity", path)
    messages = await wire.receive()
    assert messages["type"] == "connected"
    assert len(bytes.fromhex(messages["data"].pop("connection_id"))) == 16
    assert messages["data"] == {
        "player_id": scene.host.id,
        "player_name": "TestPlayer",
        "room_id": scene.room,
        "client_type": "unity",
    }


async def test_token_in_header_takes_precedence(scene):
    await make_three_members(scene)
    wire = await connect(
        scene.test_app, "?token=wrong", X_Realtime_Token=await make_token(scene.host)
    )
    assert (await wire.receive())["data"]["client_type"] == "json"


@pytest.mark.parametrize(
    ("query", "reason"),
    [("", "Token required"), ("?token=", "Token required"), ("?token=12ab", "Invalid token")],
)
async def test_missing_or_unknown_token_has_its_close_reason(test_app, query, reason):
    assert await (await connect(test_app, query)).receive_close() == (1008, reason)


async def test_token_opens_one_connection(scene):
    await make_three_members(scene)
    token = await make_token(scene.host)
    first, second = await asyncio.gather(
        *(connect(scene.test_app, f"?token={token}") for _ in range(2))
    )
    messages = [await wire.socket.receive() for wire in (first, second)]
    assert sorted(message.data if isinstance(message.data, int) else 0 for message in messages) == [
        0,
        1008,
    ]


async def test_plain_request_is_answered_by_the_owner_of_the_path(test_app):
    page = await test_app.anonymous.get("/")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    door = await test_app.anonymous.get("/realtime")
    assert (door.status, door.json["success"]) == (200, True)


async def test_invalid_handshake_is_rejected(test_app):
    answer = await test_app.anonymous.get("/", Upgrade="websocket", Connection="Upgrade")
    assert failure(answer) == (400, "This is not the handshake of a WebSocket")


async def test_newer_connection_closes_the_older(scene):
    await make_three_members(scene)
    older, guest = await connect_sockets(scene.host, scene.guest)
    newer = await connect_socket(scene.host)
    assert await older.receive_close() == (1008, "Token invalidated")
    await guest.send(target="all")
    assert await guest.receive_sent_count() == 1
    assert (await newer.receive_message())["command"] == "move"


async def test_message_sent_with_the_handshake_is_relayed(scene):
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
