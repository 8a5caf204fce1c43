"""Players: their data, online status and bans."""

import pytest

from coalserver.apis.multiplayer import players
from tests.apis.multiplayer.scene import failure, success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")


async def list_players(scene):
    """Return the owner's list of players, by id."""
    payload = success(await scene.request_as_owner("game_players.php/list", method="GET"))
    assert payload["count"] == len(payload["players"])
    return {row["id"]: row for row in payload["players"]}


async def ban(scene, player_client, duration="day", **more):
    body = {"player_id": player_client.id, "ban_duration": duration, **more}
    return success(await scene.request_as_owner("game_players.php/ban", body))


async def test_login_returns_the_player_as_before(scene):
    first = success(await scene.host.request("PUT", "game_players.php/login"))["player"]
    assert (first["last_login"], first["last_heartbeat"], first["is_online"]) == (None, None, True)
    scene.test_app.clock.advance(5)
    second = success(await scene.host.request("PUT", "game_players.php/login"))["player"]
    assert second["last_login"] == second["last_heartbeat"] == "2023-11-14 22:13:20"


async def test_logout_makes_offline_and_keeps_the_key(scene):
    await scene.fill_room()
    payload = success(await scene.guest.post("game_players.php/logout"))
    assert payload["last_logout"] == "2023-11-14 22:13:20"
    assert not (await list_players(scene))[scene.guest.id]["is_online"]
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert [row["is_online"] for row in rows] == [1, 0]
    await scene.test_app.advance(2)
    assert not (await list_players(scene))[scene.guest.id]["is_online"]
    success(await scene.guest.request("PUT", "game_players.php/login"))
    assert (await list_players(scene))[scene.guest.id]["is_online"]
    assert await scene.send_update(scene.host, "others")


async def test_registration_counts_as_activity_but_not_as_heartbeat(scene):
    row = (await list_players(scene))[scene.other.id]
    assert (row["is_online"], row["last_heartbeat"]) == (True, None)
    scene.test_app.clock.advance(76)
    assert not (await list_players(scene))[scene.other.id]["is_online"]


async def test_game_lists_only_its_own_players(scene):
    guest = await scene.test_app.sign_in_guest("Roamer")
    assert set(await list_players(scene)) == {scene.host.id, scene.guest.id, scene.other.id}
    assert guest.id not in await list_players(scene)


async def test_name_is_cut_and_control_characters_become_spaces(scene):
    payload = success(
        await scene.arena.anonymous.post(
            "game_players.php/register", {"player_name": "a\nb" + "x" * 100}
        )
    )
    assert payload["player_name"] == "a b" + "x" * 47


@pytest.mark.parametrize("name", ["\u2800", "\u3164\u115f", "\u200d"])
async def test_name_that_shows_nothing_is_refused_as_an_empty_one(scene, name):
    empty, blank = [
        await scene.arena.anonymous.post("game_players.php/register", {"player_name": each})
        for each in ("", name)
    ]
    assert (blank.status, blank.json) == (empty.status, empty.json)


async def test_new_name_is_visible_to_others(scene):
    await scene.fill_lobby()
    success(await scene.guest.request("PUT", "game_players.php/rename", {"new_name": "Patrick"}))
    rows = success(await scene.host.get("matchmaking.php/players"))["players"]
    assert [row["player_name"] for row in rows] == ["TestPlayer", "Patrick"]


async def test_ban_has_duration_and_reason(scene):
    ban_row = await ban(scene, scene.guest, "hour", ban_reason="Was rude")
    assert ban_row["banned_until"] == "2023-11-14 23:13:20"
    answer = await scene.guest.get("matchmaking.php/current")
    assert failure(answer) == (403, "You are banned")
    assert answer.json["ban_info"] == {
        "ban_id": ban_row["ban_id"],
        "ban_duration": "hour",
        "ban_reason": "Was rude",
        "banned_at": "2023-11-14 22:13:20",
        "banned_until": "2023-11-14 23:13:20",
    }
    scene.test_app.clock.advance(3600)
    success(await scene.guest.get("matchmaking.php/current"))


async def test_permanent_ban_has_no_end(scene):
    assert (await ban(scene, scene.guest, "forever"))["banned_until"] is None


async def test_new_ban_replaces_the_earlier_one(scene):
    await ban(scene, scene.guest, "forever")
    await ban(scene, scene.guest, "hour")
    scene.test_app.clock.advance(3601)
    success(await scene.guest.get("matchmaking.php/current"))


async def test_unbanned_player_may_play(scene):
    await ban(scene, scene.guest)
    payload = success(
        await scene.request_as_owner("game_players.php/unban", {"player_id": str(scene.guest.id)})
    )
    assert (payload["message"], payload["bans_removed"]) == ("Player unbanned successfully", 1)
    success(await scene.guest.get("matchmaking.php/current"))
    payload = success(
        await scene.request_as_owner("game_players.php/unban", {"player_id": scene.guest.id})
    )
    message = "No active bans found for this player"
    assert (payload["message"], payload["bans_removed"]) == (message, 0)


async def test_banned_player_loses_seats(scene):
    await scene.fill_room()
    await ban(scene, scene.guest)
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert [row["player_id"] for row in rows] == [str(scene.host.id)]


async def test_ban_applies_to_its_own_game_only(scene):
    path = "game_players.php/ban"
    elsewhere = {"player_id": 999, "ban_duration": "day"}
    assert (await scene.request_as_owner(path, elsewhere)).status == 404


async def test_long_list_of_players_is_complete(scene):
    for number in range(1200):
        await scene.arena.make_player(f"P{number}")
    assert len(await list_players(scene)) == 1203


@pytest.mark.parametrize("name", ["heartbeat", "logout"])
async def test_unneeded_body_is_ignored(scene, name):
    success(await scene.host.post(f"game_players.php/{name}", b"{not json"))


async def test_long_list_of_players_is_streamed_and_reads_the_same(scene, monkeypatch):
    for number in range(3):
        await scene.arena.make_player(f"Player {number}")
    short = await scene.request_as_owner("game_players.php/list", method="GET")
    assert short.headers["Content-Length"] == str(len(short.raw))
    monkeypatch.setattr(players, "PIECE_SIZE", 0)
    streamed = await scene.request_as_owner("game_players.php/list", method="GET")
    assert streamed.headers["Transfer-Encoding"] == "chunked"
    assert streamed.raw == short.raw and success(streamed)["count"] == 6
    assert streamed.headers["Content-Type"] == short.headers["Content-Type"]
