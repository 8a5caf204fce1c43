"""Realtime: what members of a room hear of one another."""

import asyncio
import json

import pytest

from coalserver.apis.multiplayer.relay import Relay
from tests.apis.multiplayer.gamers import an_arena
from tests.apis.multiplayer.playing import well
from tests.apis.multiplayer.wires import a_wire, three, wires


async def test_everyone_else_hears_and_the_sender_is_told_how_many(scene):
    host, guest, other = await wires(*await three(scene))
    await guest.send("jump", data={"x": 1.5, "name": "é"}, target="all")
    said = {
        "type": "receive",
        "command": "jump",
        "data": {"x": 1.5, "name": "é"},
        "sender": {
            "is_host": False,
            "game_player_id": scene.guest.id,
            "player_name": "TestPlayer",
        },
    }
    assert await host.received() == said
    assert await other.received() == said
    assert await guest.hears() == {"type": "sent", "command": "jump", "target_count": 2}
    await guest.quiet()


@pytest.mark.parametrize("target", ["all", "others", None])
async def test_all_and_others_are_the_others(scene, target):
    host, guest, other = await wires(*await three(scene))
    await host.send(target=target)
    assert await host.sent() == 2
    assert (await guest.received())["sender"]["is_host"] is True
    await other.received()


async def test_the_host_is_who_leads_now(scene):
    host, guest, other = await wires(*await three(scene, host_switch=True))
    await guest.send(target="host")
    assert await guest.sent() == 1
    await host.received()
    well(await scene.host.post("game_room.php/leave"))
    assert await host.closed() == (1000, "Player disconnect")
    await other.send(target="host")
    assert await other.sent() == 1
    assert (await guest.received())["sender"]["game_player_id"] == scene.other.id


async def test_the_host_writing_to_the_host_reaches_nobody(scene):
    host, *_ = await wires(*await three(scene))
    await host.send(target="host")
    assert await host.sent() == 0


async def test_specific_ones_are_of_this_room_and_connected(scene):
    await three(scene)
    host, guest = await wires(scene.host, scene.guest)
    stranger = await (await an_arena(scene.house, "elsewhere")).gamer()
    well(await stranger.post("game_room.php/create", {"realtime": True}))
    outside = await a_wire(stranger)
    ids = [str(scene.guest.id), scene.other.id, scene.host.id, stranger.id]
    await host.send(target="specific", target_ids=ids)
    assert await host.sent() == 1
    await guest.received()
    await outside.quiet()


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
async def test_a_message_that_cannot_be_sent_is_an_error_to_the_sender_only(scene, message, error):
    host, guest = await wires(*(await three(scene))[:2])
    await host.say(**{"type": "send", "command": "move", **message})
    assert await host.error() == error
    await guest.quiet()


async def test_data_come_in_the_form_of_the_receiver(scene):
    await three(scene)
    json_one, unity, dotnet = (
        await a_wire(scene.host),
        await a_wire(scene.guest, "unity"),
        await a_wire(scene.other, "dotnet"),
    )
    await json_one.send(data={"a": [1, None, "ü"]})
    said = await unity.received()
    assert "data" not in said
    assert json.loads(said["data_json"]) == {"a": [1, None, "ü"]}
    assert (await dotnet.received())["data"] == {"a": [1, None, "ü"]}
    await unity.send(data_json='{ "b": 2 }')
    assert (await dotnet.received())["data"] == {"b": 2}
    assert await json_one.sent() == 2
    assert (await json_one.received())["data"] == {"b": 2}


async def test_a_string_passes_between_unity_clients_as_it_is(scene):
    one, two = await wires(*(await three(scene))[:2], client="unity")
    await one.send(data_json='{ "b" : 2.0 }')
    assert (await two.received())["data_json"] == '{ "b" : 2.0 }'
    await one.send(data_json="")
    assert (await two.received())["data_json"] == ""


async def test_a_message_without_data_says_null(scene):
    host, guest = await wires(*(await three(scene))[:2])
    await host.send()
    assert (await guest.received())["data"] is None


@pytest.mark.parametrize("client", ["unity", "dotnet"])
async def test_what_would_not_fit_into_a_small_buffer_is_an_error(scene, client):
    await three(scene)
    host, small = await a_wire(scene.host), await a_wire(scene.guest, client)
    await host.send(data="x" * 5000)
    assert f"for a {client} client" in await host.error()
    await small.quiet()
    await host.send(data="x" * 3000)
    assert len((await small.received()).popitem()[0]) < 4096


async def test_a_large_message_goes_to_others(scene):
    host, guest = await wires(*(await three(scene))[:2])
    await host.send(data="x" * 60_000)
    assert len((await guest.received())["data"]) == 60_000


async def test_two_who_send_at_once_are_heard_by_the_third_in_the_order_of_each(scene):
    host, guest, other = await wires(*await three(scene))

    async def sends(wire, name):
        for n in range(50):
            await wire.send(name, data=n)

    await asyncio.gather(sends(host, "host"), sends(guest, "guest"))
    heard = [await other.received() for _ in range(100)]
    for name in ("host", "guest"):
        assert [one["data"] for one in heard if one["command"] == name] == [*range(50)]


async def test_the_relay_is_on_no_feed(scene):
    host, guest = await wires(*(await three(scene))[:2])
    head = scene.house.core.feed.head
    await host.send()
    await guest.received()
    assert scene.house.core.feed.head == head


async def test_nobody_is_left_over(scene):
    open_ones = await wires(*await three(scene))
    relay = scene.house.shared.own(Relay)
    for wire in open_ones:
        await wire.hang_up()
    await scene.house.until(lambda: not relay._of and not relay._rooms)
    assert scene.house.core.feed.waiting() == 0
    assert not scene.house.core.presence._held
