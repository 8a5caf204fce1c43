"""Rooms, actions and turns beyond the examples."""

import pytest

from tests.apis.multiplayer.scene import failure, make_scene, success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

ROOM = "game_room.php"


async def current(player_client):
    return success(await player_client.get(f"{ROOM}/current"))


async def rooms(scene, **params):
    return success(await scene.other.post(f"{ROOM}/list", params))["rooms"]


async def test_room_created_with_an_empty_body(scene):
    await scene.create_room()
    (row,) = await rooms(scene)
    assert row["room_name"] == f"Game Room {scene.room[:6]}"
    assert (row["max_players"], row["has_password"], row["current_players"]) == (6, 0, 1)
    await scene.join_room(scene.guest)
    success(await scene.guest.post(f"{ROOM}/leave"))


@pytest.mark.parametrize("realtime", [True, False, None, 1, "true"])
async def test_created_room_has_its_realtime_flag(scene, realtime):
    payload = success(await scene.host.post(f"{ROOM}/create", {"realtime": realtime}))
    assert payload["realtime"] is bool(realtime)


async def test_rooms_are_listed_by_members_then_name(scene):
    async def opened(name, guests):
        host = await scene.arena.make_player(name)
        payload = success(await host.post(f"{ROOM}/create", {"room_name": name, "max_players": 3}))
        for _ in range(guests):
            guest = await scene.arena.make_player()
            success(await guest.post(f"{ROOM}/{payload['room_id']}/join"))

    for name, guests in (("b", 0), ("c", 1), ("a", 0), ("full", 2)):
        await opened(name, guests)
    assert [row["room_name"] for row in await rooms(scene)] == ["c", "a", "b"]
    assert [row["room_name"] for row in await rooms(scene, limit=1)] == ["c"]
    assert [row["room_name"] for row in await rooms(scene, search="B")] == ["b"]
    assert len(success(await scene.other.get(f"{ROOM}/list"))["rooms"]) == 3


async def test_joining_twice_succeeds(scene):
    await scene.fill_room(password="secret")
    await scene.join_room(scene.guest)
    assert len(success(await scene.host.get(f"{ROOM}/players"))["players"]) == 2


async def test_current_without_room(scene):
    message = "Player is not in any game room"
    assert await current(scene.host) == {"success": True, "in_room": False, "message": message}


async def test_room_ends_or_gets_a_new_host_when_the_host_leaves(scene):
    await scene.fill_room()
    success(await scene.host.post(f"{ROOM}/leave"))
    assert not (await current(scene.guest))["in_room"]
    await scene.fill_room(host_switch=True)
    success(await scene.host.post(f"{ROOM}/leave"))
    assert (await current(scene.guest))["room"]["is_host"]


async def test_kicked_member_is_removed_and_may_join_again(scene):
    await scene.fill_room()
    payload = success(await scene.host.post(f"{ROOM}/kick", {"player_id": scene.guest.id}))
    assert payload["kicked_player_id"] == scene.guest.id
    assert not (await current(scene.guest))["in_room"]
    await scene.join_room(scene.guest)


async def test_password_is_set_and_removed(scene):
    await scene.create_room()
    success(await scene.host.post(f"{ROOM}/password", {"password": "new"}))
    path = f"{ROOM}/{scene.room}/join"
    assert failure(await scene.guest.post(path, {"password": "old"})) == (400, "Incorrect password")
    success(await scene.host.post(f"{ROOM}/password", {"password": None}))
    success(await scene.guest.post(path))


async def test_room_of_another_game_is_not_found(scene):
    await scene.create_room()
    elsewhere = await make_scene(scene.test_app, "elsewhere")
    answer = await elsewhere.host.post(f"{ROOM}/{scene.room}/join")
    assert failure(answer) == (400, "Room not found")
    assert success(await elsewhere.host.post(f"{ROOM}/list"))["rooms"] == []


async def test_action_reaches_each_target(scene):
    await scene.fill_room()
    await scene.join_room(scene.other)
    for target, count in (("all", 3), ("others", 2), ("host", 1)):
        assert len(set(await scene.send_action(scene.guest, target))) == count
    (action_id,) = await scene.send_action(
        scene.guest, "specific", target_players_ids=[scene.other.id, 999]
    )
    rows = success(await scene.other.get(f"{ROOM}/actions/pending"))["actions"]
    assert rows[-1]["action_id"] == action_id and len(rows) == 3


async def test_action_without_other_members_has_no_targets(scene):
    await scene.create_room()
    assert await scene.send_action(scene.host, "others") == []


async def test_pending_actions_are_oldest_first_and_finished_ones_newest_first(scene):
    await scene.fill_room()
    action_ids = [(await scene.send_action(scene.guest))[0] for _ in range(3)]
    rows = success(await scene.host.get(f"{ROOM}/actions/pending"))["actions"]
    assert [row["action_id"] for row in rows] == action_ids
    for action in action_ids:
        scene.test_app.clock.advance(1)
        await scene.complete_action(scene.host, action)
    for _ in range(2):
        rows = success(await scene.guest.get(f"{ROOM}/actions/poll"))["actions"]
        assert [row["action_id"] for row in rows] == action_ids[::-1]
    scene.test_app.clock.advance(3600)
    assert success(await scene.guest.get(f"{ROOM}/actions/poll"))["actions"] == []


async def test_at_most_fifty_finished_actions_are_returned(scene):
    await scene.fill_room()
    for _ in range(55):
        (action,) = await scene.send_action(scene.guest)
        await scene.complete_action(scene.host, action, "failed")
    rows = success(await scene.guest.get(f"{ROOM}/actions/poll"))["actions"]
    assert len(rows) == 50 and {row["status"] for row in rows} == {"failed"}


async def test_action_in_progress_is_neither_pending_nor_finished(scene):
    await scene.fill_room()
    (action,) = await scene.send_action(scene.guest)
    await scene.complete_action(scene.host, action, "processing")
    assert success(await scene.host.get(f"{ROOM}/actions/pending"))["actions"] == []
    assert success(await scene.guest.get(f"{ROOM}/actions/poll"))["actions"] == []
    assert len((await current(scene.guest))["pending_actions"]) == 1
    await scene.complete_action(scene.host, action)
    assert (await current(scene.guest))["pending_actions"] == []
    path = f"{ROOM}/actions/{action}/complete"
    answer = await scene.host.post(path, {"status": "failed"})
    assert failure(answer) == (404, "Action not found or already processed")


async def test_unknown_action_status_is_rejected(scene):
    answer = await scene.host.post(f"{ROOM}/actions/{'0' * 32}/complete", {"status": "read"})
    assert answer.status == 400


async def test_game_with_rules_starts_from_a_lobby_only(test_app):
    scene = await make_scene(test_app, "cards")
    answer = await scene.host.post(f"{ROOM}/create", {})
    sentence = "This game has rules: its rooms are started from a matchmaking lobby"
    assert failure(answer) == (400, sentence)


async def test_turns_through_actions_show_each_seat_its_view(test_app):
    scene = await make_scene(test_app, "cards")
    await scene.start_game()
    (action,) = await scene.send_action(scene.host, action_type="turn", request_data={"card": 1})
    (row,) = success(await scene.host.get(f"{ROOM}/actions/poll"))["actions"]
    assert (row["action_id"], row["status"]) == (action, "completed")
    assert row["response_data"]["hand"] == [2, 3]
    (update,) = (await scene.poll_updates(scene.guest, from_players="host"))["updates"]
    assert (update["type"], update["from_player_id"]) == ("turn", str(scene.host.id))
    assert update["data"] == {
        "player_id": scene.host.id,
        "seat": 0,
        "turn": {"card": None},
        "environment": {"hand": [4, 5, 6], "sizes": [2, 3], "table": 1},
        "current": [1],
        "outcome": None,
    }


async def test_turn_refused_by_the_rules_is_rejected(test_app):
    scene = await make_scene(test_app, "cards")
    await scene.start_game()

    async def rejection(client, request):
        body = {"action_type": "turn", "request_data": request}
        return failure(await client.post(f"{ROOM}/actions", body))

    assert await rejection(scene.guest, {"card": 4}) == (400, "It is not your turn")
    sentence = "The rules of the game refuse this turn: not_your_card"
    assert await rejection(scene.host, {"card": 9}) == (400, sentence)
    assert (await rejection(scene.host, [1]))[0] == 400
