"""Updates: none is lost or returned twice, in any order of senders and polls."""

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalserver.apis.multiplayer.updates import position_of, update_id
from coalserver.core.commands.messages import send_update
from coalserver.domain.play.actions import Target
from coalserver.domain.play.room import Room
from tests.apis.app import run_test_app
from tests.apis.multiplayer.scene import make_scene, success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

#: Filters of a poll, and whether they match updates from the host.
STREAMS = ("all", "host", "others")


def types(payload):
    return [row["type"] for row in payload["updates"]]


async def send(scene, sender, target=Target.ALL, type="note", named=()):
    """Send updates without HTTP, for tests with many of them."""
    (room,) = (room for room in scene.test_app.core.state.all(Room) if room.code == scene.room)
    return await scene.test_app.core.execute(
        send_update, room_id=room.id, sender=sender, target=target, type=type, player_ids=named
    )


WHO = st.integers(0, 2)
SENDS = st.tuples(st.just("send"), WHO, st.sampled_from(list(Target)), WHO, st.integers(1, 60))
POLLS = st.tuples(st.just("poll"), WHO, st.sampled_from(STREAMS))


@settings(max_examples=30, deadline=None)
@given(script=st.lists(SENDS | POLLS, max_size=12), tail=st.sampled_from((3, 20_000)))
def test_each_reader_gets_each_update_once_and_in_order(script, tail):
    asyncio.run(played(script, tail))


async def played(script, tail):
    async with run_test_app(tail=tail) as test_app:
        scene = await make_scene(test_app)
        await scene.fill_room()
        await scene.join_room(scene.other)
        player_clients = (scene.host, scene.guest, scene.other)
        sent = defaultdict(list)
        received = defaultdict(list)
        cursors = {}

        async def poll(reader_index, stream):
            payload = await scene.poll_updates(
                player_clients[reader_index],
                cursors.get((reader_index, stream)),
                from_players=stream,
            )
            received[reader_index, stream] += types(payload)
            cursors[reader_index, stream] = payload["last_update"]
            return payload["updates"]

        for step in script:
            if step[0] == "poll":
                await poll(*step[1:])
                continue
            _, sender, target, named, count = step
            for _ in range(count):
                number = str(sum(map(len, sent.values())))
                for reader_id, _ in await send(
                    scene, player_clients[sender].id, target, number, (player_clients[named].id,)
                ):
                    reader = [player_client.id for player_client in player_clients].index(reader_id)
                    sent[reader, "all"].append(number)
                    sent[reader, "host" if sender == 0 else "others"].append(number)
        for reader_index in range(3):
            for stream in STREAMS:
                while await poll(reader_index, stream):
                    pass
                assert received[reader_index, stream] == sent[reader_index, stream]


async def test_poll_returns_fifty_updates_and_the_next_continues(scene):
    await scene.fill_room()
    for number in range(120):
        await send(scene, scene.host.id, Target.OTHERS, str(number))
    received, cursor = [], None
    for size in (50, 50, 20, 0):
        payload = await scene.poll_updates(scene.guest, cursor)
        assert len(payload["updates"]) == size
        received += types(payload)
        cursor = payload["last_update"]
    assert received == [str(number) for number in range(120)]


async def test_poll_without_updates_returns_the_given_cursor(scene):
    await scene.fill_room()
    for cursor in (None, "made-up", "f" * 32):
        assert (await scene.poll_updates(scene.guest, cursor))["last_update"] == cursor


async def test_unknown_cursor_means_the_start(scene):
    await scene.fill_room()
    await scene.send_update(scene.host, type="first")
    for cursor in ("made-up", "f" * 32, "0" * 31, "é" * 32, "0" * 16 + "f" * 16):
        assert types(await scene.poll_updates(scene.guest, cursor)) == ["first"]


async def test_cursor_of_another_reader_means_the_start(scene):
    await scene.fill_room()
    first, _ = await scene.send_update(scene.host, type="first")
    assert types(await scene.poll_updates(scene.guest, first)) == ["first"]


def test_update_id_is_valid_for_its_room_and_reader_only():
    id = update_id(b"seal", 7, 1, 42)
    assert len(id) == 32 and set(id) <= set("0123456789abcdef")
    assert position_of(b"seal", 7, 1, id.upper()) == 42
    for seal, room, reader in ((b"other", 7, 1), (b"seal", 8, 1), (b"seal", 7, 2)):
        assert position_of(seal, room, reader, id) == -1


async def test_updates_excluded_by_a_filter_are_read_once(scene):
    await scene.fill_room()
    for _ in range(300):
        await send(scene, scene.guest.id, Target.ALL)
    core = scene.test_app.core
    seen, ask = [], core.entries

    async def entries(topics, cursor, limit):
        found = await ask(topics, cursor, limit)
        seen.append(len(found[0]))
        return found

    core.entries = entries
    for _ in range(3):
        assert not types(await scene.poll_updates(scene.guest, from_players="host"))
    assert sum(seen) >= 300 and seen[-2:] == [0, 0]


async def test_filters_select_senders(scene):
    await scene.fill_room()
    await scene.join_room(scene.other)
    for player_client, name in (
        (scene.host, "host"),
        (scene.guest, "guest"),
        (scene.other, "other"),
    ):
        await scene.send_update(player_client, type=name)

    async def poll_all(**params):
        return types(await scene.poll_updates(scene.other, **params))

    assert await poll_all() == ["host", "guest", "other"]
    assert await poll_all(from_players="host") == await poll_all(from_players=None) == ["host"]
    assert await poll_all(from_players="others") == ["guest", "other"]
    ids = [str(scene.guest.id), scene.host.id]
    assert await poll_all(from_players="specific", from_players_ids=ids) == ["host", "guest"]


@pytest.mark.parametrize("name", ["lastUpdateId", "last_update_id", "last_update"])
async def test_get_poll_returns_updates_of_all_senders(scene, name):
    await scene.fill_room()
    first, _ = await scene.send_update(scene.guest, type="first")
    second = (await scene.send_update(scene.host, type="second"))[0]
    path = "game_room.php/updates/poll"
    payload = success(await scene.host.get(path))
    assert types(payload) == ["first", "second"]
    payload = success(await scene.host.get(f"{path}?{name}={payload['updates'][0]['update_id']}"))
    assert types(payload) == ["second"] and payload["last_update"] == second
    assert first != second
    payload = success(await scene.host.get(f"{path}?from_players=host"))
    assert types(payload) == ["second"]


async def test_update_survives_its_sender_and_a_restart(scene):
    await scene.fill_room()
    await scene.join_room(scene.other)
    await scene.send_update(scene.other, type="farewell")
    success(await scene.other.post("game_room.php/leave"))
    await scene.test_app.restart()
    payload = await scene.poll_updates(scene.guest, from_players="others")
    assert types(payload) == ["farewell"]
    await scene.send_update(scene.host, type="after")
    assert types(await scene.poll_updates(scene.guest, payload["last_update"])) == ["after"]


async def test_cursors_stay_valid_after_a_restart(persistent_test_app):
    scene = await make_scene(persistent_test_app)
    await scene.fill_room()
    for number in range(60):
        await send(scene, scene.host.id, Target.OTHERS, str(number))
    cursor = (await scene.poll_updates(scene.guest))["last_update"]
    await persistent_test_app.restart()
    await send(scene, scene.guest.id, Target.ALL, "60")
    received = types(await scene.poll_updates(scene.guest, cursor))
    assert received == [str(number) for number in range(50, 61)]
    assert types(await scene.poll_updates(scene.guest, cursor, from_players="others")) == ["60"]


async def test_update_reaches_its_targets(scene):
    await scene.fill_room()
    await scene.join_room(scene.other)

    async def reached(**params):
        payload = await scene.host.post("game_room.php/updates", {"type": "note", **params})
        payload = success(payload)
        assert payload["updates_sent"] == len(payload["update_ids"])
        return payload["target_players_ids"]

    host, guest, other = scene.host.id, scene.guest.id, scene.other.id
    assert await reached(target_players="all") == [host, guest, other]
    assert await reached(target_players="others") == [guest, other]
    assert await reached(target_players="host") == [host]
    assert await reached(target_players="Specific", target_players_ids=[str(other)]) == [other]


async def test_update_without_other_members_has_no_targets(scene):
    await scene.create_room()
    assert await scene.send_update(scene.host, "others") == []


async def test_offline_member_gets_updates_later(scene):
    await scene.fill_room()
    await scene.join_room(scene.other)
    await scene.test_app.advance(50)
    success(await scene.host.post("game_players.php/heartbeat"))
    success(await scene.guest.post("game_players.php/heartbeat"))
    await scene.test_app.advance(20)
    assert len(await scene.send_update(scene.host)) == 3
    assert len((await scene.poll_updates(scene.other))["updates"]) == 1


@pytest.mark.parametrize("way", ["fill_room", "start_game"])
async def test_changes_of_password_and_names_are_updates_to_the_other_members(scene, way):
    room = await getattr(scene, way)()
    for password in ("secret", None):
        success(await scene.host.post("game_room.php/password", {"password": password}))
    rename = {"new_name": "Robert"}
    success(await scene.guest.request("PUT", "game_players.php/rename", rename))
    success(await scene.host.request("PUT", "game_players.php/rename", {"new_name": "Anna"}))
    expected = [
        ("password_changed", str(scene.host.id), {"has_password": True}),
        ("password_changed", str(scene.host.id), {"has_password": False}),
        ("player_renamed", str(scene.host.id), {"player_id": scene.host.id, "player_name": "Anna"}),
    ]
    for sender in STREAMS:
        rows = (await scene.poll_updates(scene.guest, from_players=sender))["updates"]
        assert [(row["type"], row["from_player_id"], row["data"]) for row in rows] == expected
    (row,) = (await scene.poll_updates(scene.host))["updates"]
    renamed = {"player_id": scene.guest.id, "player_name": "Robert"}
    assert (row["type"], row["data"]) == ("player_renamed", renamed)
    scene.test_app.clock.advance(1)
    success(await scene.other.post(f"game_room.php/{room}/join"))
    assert types(await scene.poll_updates(scene.other)) == []


async def test_waiting_poll_receives_a_change_of_the_password(scene):
    await scene.fill_room()
    path = "game_room.php/updates/poll?wait=30"
    poll = await scene.test_app.start_waiting(scene.guest.post(path, {}))
    success(await scene.host.post("game_room.php/password", {"password": "secret"}))
    assert types(success(await poll)) == ["password_changed"]


async def test_change_of_the_password_comes_from_the_host_who_made_it(scene):
    await scene.fill_room()
    success(await scene.host.post("game_room.php/password", {"password": "secret"}))
    for player, expected in ((scene.host, ["password_changed"]), (scene.other, [])):
        filters = {"from_players": "specific", "from_players_ids": [player.id]}
        assert types(await scene.poll_updates(scene.guest, **filters)) == expected
