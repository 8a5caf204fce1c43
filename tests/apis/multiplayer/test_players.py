"""Players: what is kept of them, who is online, who is shut out."""

import pytest

from tests.apis.multiplayer.scene import failure, success


async def listed(scene):
    """What the owner sees, by id."""
    said = success(await scene.request_as_owner("game_players.php/list", method="GET"))
    assert said["count"] == len(said["players"])
    return {row["id"]: row for row in said["players"]}


async def bans(scene, player_client, duration="day", **more):
    body = {"player_id": player_client.id, "ban_duration": duration, **more}
    return success(await scene.request_as_owner("game_players.php/ban", body))


async def test_login_shows_the_player_as_he_was_found(scene):
    first = success(await scene.host.request("PUT", "game_players.php/login"))["player"]
    assert (first["last_login"], first["last_heartbeat"], first["is_online"]) == (None, None, True)
    scene.test_app.clock.advance(5)
    second = success(await scene.host.request("PUT", "game_players.php/login"))["player"]
    assert second["last_login"] == second["last_heartbeat"] == "2023-11-14 22:13:20"


async def test_who_logs_out_is_offline_at_once_and_keeps_the_key(scene):
    await scene.fill_room()
    said = success(await scene.guest.post("game_players.php/logout"))
    assert said["last_logout"] == "2023-11-14 22:13:20"
    assert not (await listed(scene))[scene.guest.id]["is_online"]
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert [row["is_online"] for row in rows] == [1, 0]
    await scene.test_app.advance(2)
    assert not (await listed(scene))[scene.guest.id]["is_online"]
    success(await scene.guest.request("PUT", "game_players.php/login"))
    assert (await listed(scene))[scene.guest.id]["is_online"]
    assert await scene.send_update(scene.host, "others")


async def test_registering_counts_for_being_online_and_as_no_heartbeat(scene):
    row = (await listed(scene))[scene.other.id]
    assert (row["is_online"], row["last_heartbeat"]) == (True, None)
    scene.test_app.clock.advance(61)
    assert not (await listed(scene))[scene.other.id]["is_online"]


async def test_a_game_lists_only_its_own_players(scene):
    guest = await scene.test_app.sign_in_guest("Roamer")
    assert set(await listed(scene)) == {scene.host.id, scene.guest.id, scene.other.id}
    assert guest.id not in await listed(scene)


async def test_a_name_is_cut_and_its_control_characters_are_blanks(scene):
    said = success(
        await scene.arena.anonymous.post(
            "game_players.php/register", {"player_name": "a\nb" + "x" * 100}
        )
    )
    assert said["player_name"] == "a b" + "x" * 47


async def test_a_new_name_is_seen_by_the_others(scene):
    await scene.fill_lobby()
    success(await scene.guest.request("PUT", "game_players.php/rename", {"new_name": "Patrick"}))
    rows = success(await scene.host.get("matchmaking.php/players"))["players"]
    assert [row["player_name"] for row in rows] == ["TestPlayer", "Patrick"]


async def test_a_ban_says_how_long_it_holds_and_why(scene):
    made = await bans(scene, scene.guest, "hour", ban_reason="Was rude")
    assert made["banned_until"] == "2023-11-14 23:13:20"
    answer = await scene.guest.get("matchmaking.php/current")
    assert failure(answer) == (403, "You are banned")
    assert answer.json["ban_info"] == {
        "ban_id": made["ban_id"],
        "ban_duration": "hour",
        "ban_reason": "Was rude",
        "banned_at": "2023-11-14 22:13:20",
        "banned_until": "2023-11-14 23:13:20",
    }
    scene.test_app.clock.advance(3600)
    success(await scene.guest.get("matchmaking.php/current"))


async def test_a_ban_for_ever_has_no_end(scene):
    assert (await bans(scene, scene.guest, "forever"))["banned_until"] is None


async def test_a_new_ban_replaces_the_older(scene):
    await bans(scene, scene.guest, "forever")
    await bans(scene, scene.guest, "hour")
    scene.test_app.clock.advance(3601)
    success(await scene.guest.get("matchmaking.php/current"))


async def test_who_is_let_in_again_may_play(scene):
    await bans(scene, scene.guest)
    said = success(
        await scene.request_as_owner("game_players.php/unban", {"player_id": str(scene.guest.id)})
    )
    assert (said["message"], said["bans_removed"]) == ("Player unbanned successfully", 1)
    success(await scene.guest.get("matchmaking.php/current"))
    said = success(
        await scene.request_as_owner("game_players.php/unban", {"player_id": scene.guest.id})
    )
    message = "No active bans found for this player"
    assert (said["message"], said["bans_removed"]) == (message, 0)


async def test_who_is_banned_loses_his_seats(scene):
    await scene.fill_room()
    await bans(scene, scene.guest)
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert [row["player_id"] for row in rows] == [str(scene.host.id)]


async def test_a_ban_holds_in_its_own_game_only(scene):
    path = "game_players.php/ban"
    elsewhere = {"player_id": 999, "ban_duration": "day"}
    assert (await scene.request_as_owner(path, elsewhere)).status == 404


async def test_a_long_list_is_whole(scene):
    for number in range(1200):
        await scene.arena.make_player(f"P{number}")
    assert len(await listed(scene)) == 1203


@pytest.mark.parametrize("name", ["heartbeat", "logout"])
async def test_a_body_where_none_is_wanted_does_no_harm(scene, name):
    success(await scene.host.post(f"game_players.php/{name}", b"{not json"))
