"""Matchmaking beyond the examples: names, bounds, join requests and the start."""

import pytest

from tests.apis.multiplayer.scene import failure, make_scene, success

MM = "matchmaking.php"


async def current(player_client):
    return success(await player_client.get(f"{MM}/current"))


async def lobbies(scene, **params):
    return success(await scene.other.post(f"{MM}/list", params))["lobbies"]


@pytest.mark.parametrize(("value", "max_players"), [(1, 2), (2, 2), ("5", 5), (16, 16), (99, 16)])
async def test_max_players_is_moved_into_bounds(scene, value, max_players):
    payload = success(await scene.host.post(f"{MM}/create", {"max_players": value}))
    assert payload["max_players"] == max_players


@pytest.mark.parametrize("value", [None, 0, "", "x", [], {}])
async def test_max_players_is_required(scene, value):
    answer = await scene.host.post(f"{MM}/create", {"max_players": value})
    assert failure(answer) == (400, "Missing required field: max_players")


async def test_unnamed_lobby_is_named_after_its_id(scene):
    await scene.create_lobby()
    (row,) = await lobbies(scene)
    assert row["matchmaking_name"] == f"Matchmaking {scene.lobby[:6]}"


async def test_long_lobby_name_is_cut(scene):
    await scene.create_lobby(matchmaking_name="x" * 200)
    assert len((await lobbies(scene))[0]["matchmaking_name"]) == 120


async def test_room_of_unnamed_lobby_is_named_after_the_lobby(scene):
    await scene.start_game()
    payload = success(await scene.host.get("game_room.php/current"))
    assert payload["room"]["room_name"] == f"Game from Matchmaking {scene.lobby[:6]}"


async def test_room_inherits_options_of_its_lobby(scene):
    await scene.start_game(
        matchmaking_name="Cup", host_switch=True, can_leave_room=False, password=None
    )
    payload = success(await scene.guest.get("game_room.php/current"))["room"]
    assert (payload["room_name"], payload["max_players"], payload["is_host"]) == ("Cup", 4, False)
    answer = await scene.guest.post("game_room.php/leave")
    assert answer.status == 403
    success(await scene.host.post("game_room.php/leave"))
    assert success(await scene.guest.get("game_room.php/current"))["room"]["is_host"]


async def test_lists_have_matching_lobbies_with_a_free_seat(scene):
    await scene.fill_lobby(max_players=2, matchmaking_name="Full")
    success(
        await scene.other.post(f"{MM}/create", {"max_players": 3, "matchmaking_name": "Open Air"})
    )
    assert [row["matchmaking_name"] for row in await lobbies(scene)] == ["Open Air"]
    assert len(await lobbies(scene, search="open")) == 1
    assert await lobbies(scene, search="closed") == []
    assert len(success(await scene.other.get(f"{MM}/list?search=AIR"))["lobbies"]) == 1


@pytest.mark.parametrize(("value", "rows"), [(None, 50), (0, 1), (-3, 1), ("2", 2), (999, 50)])
async def test_list_is_limited(scene, value, rows):
    for number in range(51):
        player_client = await scene.arena.make_player(str(number))
        success(await player_client.post(f"{MM}/create", {"max_players": 2}))
    assert len(await lobbies(scene, limit=value)) == rows


async def test_current_without_lobby(scene):
    payload = await current(scene.host)
    assert payload == {
        "success": True,
        "in_matchmaking": False,
        "message": "Player is not in any matchmaking lobby",
    }


async def test_only_the_host_sees_join_requests(scene):
    request = await scene.request_join()
    success(await scene.host.post(f"{MM}/{request}/response", {"action": "approve"}))
    request_id = success(await scene.other.post(f"{MM}/{scene.lobby}/request"))["request_id"]
    assert (await current(scene.host))["pending_requests"] == [
        {
            "request_id": request_id,
            "matchmaking_id": scene.lobby,
            "status": "pending",
            "requested_at": "2023-11-14 22:13:20",
            "responded_at": None,
            "player_id": scene.other.id,
            "player_name": "TestPlayer",
        }
    ]
    assert (await current(scene.guest))["pending_requests"] == []


async def test_status_of_pending_request(scene):
    request = await scene.request_join()
    payload = success(await scene.guest.get(f"{MM}/{request}/status"))["request"]
    assert (payload["status"], payload["responded_by"], payload["responder_name"]) == (
        "pending",
        None,
        None,
    )


@pytest.mark.parametrize(("action", "status"), [("approve", "approved"), ("REJECT", "rejected")])
async def test_status_of_answered_request(scene, action, status):
    request = await scene.request_join()
    success(await scene.host.post(f"{MM}/{request}/response", {"action": action}))
    payload = success(await scene.guest.get(f"{MM}/{request}/status"))["request"]
    assert (payload["status"], payload["responded_by"]) == (status, scene.host.id)
    assert (await current(scene.guest))["in_matchmaking"] is (status == "approved")


async def test_player_in_another_lobby_cannot_be_approved(scene):
    request = await scene.request_join()
    success(await scene.guest.post(f"{MM}/create", {"max_players": 2}))
    answer = await scene.host.post(f"{MM}/{request}/response", {"action": "approve"})
    assert failure(answer) == (400, "Player is already in a matchmaking lobby")


async def test_request_is_answered_in_its_own_game_only(scene):
    request = await scene.request_join()
    elsewhere = await make_scene(scene.test_app, "elsewhere")
    answer = await elsewhere.host.post(f"{MM}/{request}/response", {"action": "approve"})
    assert answer.status == 404
    answer = await elsewhere.host.post(f"{MM}/{scene.lobby}/join")
    assert failure(answer) == (400, "Matchmaking lobby not found or already started")


async def test_lobby_without_host_switch_closes_when_the_host_leaves(scene):
    await scene.fill_lobby()
    success(await scene.host.post(f"{MM}/leave"))
    assert not (await current(scene.guest))["in_matchmaking"]


async def test_host_switch_makes_the_next_member_host(scene):
    await scene.fill_lobby(host_switch=True)
    success(await scene.host.post(f"{MM}/leave"))
    assert (await current(scene.guest))["matchmaking"]["is_host"]


async def test_any_member_may_leave_before_the_start(scene):
    await scene.fill_lobby(can_leave_room=False)
    success(await scene.guest.post(f"{MM}/leave"))


async def test_started_lobby_keeps_its_members_until_the_room_ends(scene):
    await scene.start_game()
    payload = (await current(scene.guest))["matchmaking"]
    assert (payload["is_started"], payload["started_at"]) == (True, "2023-11-14 22:13:20")
    success(await scene.host.post("game_room.php/stop"))
    assert not (await current(scene.guest))["in_matchmaking"]


async def test_leaving_a_room_leaves_its_lobby(scene):
    await scene.start_game()
    success(await scene.guest.post("game_room.php/leave"))
    assert not (await current(scene.guest))["in_matchmaking"]
    success(await scene.guest.post(f"{MM}/create", {"max_players": 2}))


async def test_room_continues_after_its_lobby_is_removed(scene):
    await scene.start_game()
    success(await scene.host.post(f"{MM}/remove"))
    assert not (await current(scene.guest))["in_matchmaking"]
    assert success(await scene.guest.get("game_room.php/current"))["in_room"]


async def test_start_takes_online_members_only(scene):
    await scene.fill_lobby()
    success(await scene.other.post(f"{MM}/{scene.lobby}/join"))
    await scene.test_app.advance(50)
    success(await scene.host.post(f"{MM}/heartbeat"))
    success(await scene.guest.post(f"{MM}/heartbeat"))
    await scene.test_app.advance(30)
    assert success(await scene.host.post(f"{MM}/start"))["players_transferred"] == 2
    assert not success(await scene.other.get("game_room.php/current"))["in_room"]


async def test_password_is_set_and_removed(scene):
    await scene.create_lobby()
    path = f"{MM}/{scene.lobby}/join"
    success(await scene.host.post(f"{MM}/password", {"password": "new"}))
    assert (await lobbies(scene))[0]["has_password"] == 1
    assert failure(await scene.guest.post(path)) == (400, "Incorrect password")
    for nothing in ({"password": None}, {"password": ""}, {}, None):
        success(await scene.host.post(f"{MM}/password", {"password": "new"}))
        success(await scene.host.post(f"{MM}/password", nothing))
        assert (await lobbies(scene))[0]["has_password"] == 0
    success(await scene.guest.post(path))


async def test_kicked_member_may_join_again(scene):
    await scene.fill_lobby()
    payload = success(await scene.host.post(f"{MM}/kick", {"player_id": str(scene.guest.id)}))
    assert payload["kicked_player_id"] == scene.guest.id
    success(await scene.guest.post(f"{MM}/{scene.lobby}/join"))


async def test_stop_closes_the_lobby(scene):
    await scene.fill_lobby()
    success(await scene.host.post(f"{MM}/stop"))
    assert await lobbies(scene) == []
    success(await scene.guest.post(f"{MM}/create", {"max_players": 2}))


async def test_lobby_id_may_be_in_the_query(scene):
    await scene.create_lobby()
    success(await scene.guest.post(f"{MM}/join?matchmakingId={scene.lobby}"))
