"""Realtime: messages between the members of a room."""

import asyncio
import json
import os

import pytest

from coalserver.apis.multiplayer.relay import Relay
from coalserver.web.streaming import direct_writes
from coalserver.web.streaming.direct_writes import NO_SOCKET
from coalserver.web.streaming.send_buffer import SendBuffer
from tests.apis.multiplayer.clients import make_sample_game
from tests.apis.multiplayer.scene import success
from tests.apis.multiplayer.socket_client import connect_socket, connect_sockets, make_three_members


async def test_message_reaches_all_others_and_sender_gets_their_number(scene):
    host, guest, other = await connect_sockets(*await make_three_members(scene))
    await guest.send("jump", data={"x": 1.5, "name": "é"}, target="all")
    payload = {
        "type": "receive",
        "command": "jump",
        "data": {"x": 1.5, "name": "é"},
        "sender": {
            "is_host": False,
            "game_player_id": scene.guest.id,
            "player_name": "TestPlayer",
        },
    }
    assert await host.receive_message() == payload
    assert await other.receive_message() == payload
    assert await guest.receive() == {"type": "sent", "command": "jump", "target_count": 2}
    await guest.expect_nothing()


@pytest.mark.parametrize("target", ["all", "others", None])
async def test_targets_all_and_others_exclude_the_sender(scene, target):
    host, guest, other = await connect_sockets(*await make_three_members(scene))
    await host.send(target=target)
    assert await host.receive_sent_count() == 2
    assert (await guest.receive_message())["sender"]["is_host"] is True
    await other.receive_message()


async def test_target_host_is_the_current_host(scene):
    host, guest, other = await connect_sockets(*await make_three_members(scene, host_switch=True))
    await guest.send(target="host")
    assert await guest.receive_sent_count() == 1
    await host.receive_message()
    success(await scene.host.post("game_room.php/leave"))
    assert await host.receive_close() == (1000, "Player disconnect")
    await other.send(target="host")
    assert await other.receive_sent_count() == 1
    assert (await guest.receive_message())["sender"]["game_player_id"] == scene.other.id


async def test_host_as_target_of_the_host_reaches_no_member(scene):
    host, *_ = await connect_sockets(*await make_three_members(scene))
    await host.send(target="host")
    assert await host.receive_sent_count() == 0


async def test_specific_targets_are_connected_members_of_the_room(scene):
    await make_three_members(scene)
    host, guest = await connect_sockets(scene.host, scene.guest)
    stranger = await (await make_sample_game(scene.test_app, "elsewhere")).make_player()
    success(await stranger.post("game_room.php/create", {"realtime": True}))
    outside = await connect_socket(stranger)
    ids = [str(scene.guest.id), scene.other.id, scene.host.id, stranger.id]
    await host.send(target="specific", target_ids=ids)
    assert await host.receive_sent_count() == 1
    await guest.receive_message()
    await outside.expect_nothing()


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"target": "specific"}, "Missing required field: target_ids"),
        ({"target": "specific", "target_ids": []}, "Missing required field: target_ids"),
        ({"target": "specific", "target_ids": "all"}, "Invalid target_ids"),
        ({"target": "specific", "target_ids": ["x"]}, "Invalid target_ids"),
        ({"target": "specific", "target_ids": [987654]}, "No valid target players found"),
        ({"target": "everyone"}, "Invalid target"),
        ({"target": ["all"]}, "Invalid target"),
        ({"command": ""}, "Missing required field: command"),
        ({"command": None}, "Missing required field: command"),
        ({"command": 7}, "command must be a string of at most 100 characters"),
        ({"command": "x" * 101}, "command must be a string of at most 100 characters"),
        ({"data_json": {"a": 1}}, "data_json must be a string"),
        ({"data_json": "{"}, "data_json is not valid JSON"),
    ],
)
async def test_invalid_message_is_an_error_for_the_sender_only(scene, message, error):
    host, guest = await connect_sockets(*(await make_three_members(scene))[:2])
    await host.send_frame(**{"type": "send", "command": "move", **message})
    assert await host.receive_error() == error
    await guest.expect_nothing()


async def test_data_has_the_form_of_the_receivers_client_type(scene):
    await make_three_members(scene)
    json_one, unity, dotnet = (
        await connect_socket(scene.host),
        await connect_socket(scene.guest, "unity"),
        await connect_socket(scene.other, "dotnet"),
    )
    await json_one.send(data={"a": [1, None, "ü"]})
    payload = await unity.receive_message()
    assert "data" not in payload
    assert json.loads(payload["data_json"]) == {"a": [1, None, "ü"]}
    assert (await dotnet.receive_message())["data"] == {"a": [1, None, "ü"]}
    await unity.send(data_json='{ "b": 2 }')
    assert (await dotnet.receive_message())["data"] == {"b": 2}
    assert await json_one.receive_sent_count() == 2
    assert (await json_one.receive_message())["data"] == {"b": 2}


async def test_string_between_unity_clients_is_unchanged(scene):
    first, second = await connect_sockets(*(await make_three_members(scene))[:2], client="unity")
    await first.send(data_json='{ "b" : 2.0 }')
    assert (await second.receive_message())["data_json"] == '{ "b" : 2.0 }'
    await first.send(data_json="")
    assert (await second.receive_message())["data_json"] == ""


async def test_message_without_data_has_null(scene):
    host, guest = await connect_sockets(*(await make_three_members(scene))[:2])
    await host.send()
    assert (await guest.receive_message())["data"] is None


@pytest.mark.parametrize("client", ["unity", "dotnet"])
async def test_message_above_the_buffer_of_a_client_is_an_error(scene, client):
    await make_three_members(scene)
    host, small = await connect_socket(scene.host), await connect_socket(scene.guest, client)
    await host.send(data="x" * 5000)
    assert f"for a {client} client" in await host.receive_error()
    await small.expect_nothing()
    await host.send(data="x" * 3000)
    assert len((await small.receive_message()).popitem()[0]) < 4096


async def test_large_message_reaches_other_client_types(scene):
    host, guest = await connect_sockets(*(await make_three_members(scene))[:2])
    await host.send(data="x" * 60_000)
    assert len((await guest.receive_message())["data"]) == 60_000


async def test_messages_of_each_sender_arrive_in_order(scene):
    host, guest, other = await connect_sockets(*await make_three_members(scene))

    async def sends(wire, name):
        for n in range(50):
            await wire.send(name, data=n)

    await asyncio.gather(sends(host, "host"), sends(guest, "guest"))
    messages = [await other.receive_message() for _ in range(100)]
    for name in ("host", "guest"):
        assert [message["data"] for message in messages if message["command"] == name] == [
            *range(50)
        ]


@pytest.mark.parametrize("taken", [0, 10])
async def test_frames_that_a_socket_does_not_take_arrive_in_order(scene, monkeypatch, taken):
    def write_some(number, raw):
        if not taken:
            raise BlockingIOError
        return os.write(number, raw[:taken])

    monkeypatch.setattr(direct_writes, "write", write_some)
    host, guest, _ = await connect_sockets(*await make_three_members(scene))
    for number in range(5):
        await host.send(f"c{number}", data=number)
    messages = [await guest.receive_message() for _ in range(5)]
    assert [message["data"] for message in messages] == [*range(5)]


def note_writes(monkeypatch):
    """Return lists that grow with the sockets written to directly, and with what transports are given."""
    direct, left = [], []
    write_rest = SendBuffer._write

    def write(number, raw):
        direct.append(number)
        return os.write(number, raw)

    def note_rest(self, raw):
        left.append(raw)
        write_rest(self, raw)

    monkeypatch.setattr(direct_writes, "write", write)
    monkeypatch.setattr(SendBuffer, "_write", note_rest)
    return direct, left


async def test_message_is_written_once_to_each_member(scene, monkeypatch):
    host, *others = await connect_sockets(*await make_three_members(scene))
    direct, left = note_writes(monkeypatch)
    await host.send(data=1)
    for wire in others:
        await wire.receive_message()
    assert await host.receive_sent_count() == 2
    assert len(direct) == len({*direct}) == 3 and not left


async def test_frames_follow_what_a_transport_has_left_to_write(scene, monkeypatch):
    host, guest, _ = await connect_sockets(*await make_three_members(scene))
    member = scene.test_app.app_context.per_process(Relay).find_member(scene.guest.id)
    number = member.socket.direct
    assert number != NO_SOCKET
    direct, left = note_writes(monkeypatch)
    member.socket.pause_writing()
    await host.send(data=1)
    assert (await guest.receive_message())["data"] == 1
    assert number not in direct and len(left) == 1
    member.socket.resume_writing()
    await host.send(data=2)
    assert (await guest.receive_message())["data"] == 2
    assert number in direct and len(left) == 1


async def test_relayed_messages_are_in_no_feed(scene):
    host, guest = await connect_sockets(*(await make_three_members(scene))[:2])
    head = scene.test_app.core.feed.head
    await host.send()
    await guest.receive_message()
    assert scene.test_app.core.feed.head == head


async def test_relay_is_empty_after_all_have_left(scene):
    open_ones = await connect_sockets(*await make_three_members(scene))
    relay = scene.test_app.app_context.per_process(Relay)
    for wire in open_ones:
        await wire.close()
    await scene.test_app.wait_until(lambda: not relay._member_by_player and not relay._rooms)
    assert scene.test_app.core.feed.waiter_count() == 0
    assert not scene.test_app.core.presence._connections
