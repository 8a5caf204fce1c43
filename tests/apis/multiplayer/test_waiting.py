"""Polls with `wait`: what ends the wait, and with which response."""

import pytest

from tests.apis.multiplayer.scene import failure, make_scene, success

UPDATES = "game_room.php/updates/poll"


async def start_poll(scene, player_client, path=f"{UPDATES}?wait=30"):
    """Start a poll and return once it waits."""
    return await scene.test_app.start_waiting(player_client.get(path))


async def test_waiting_poll_returns_a_new_update(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    assert not poll.done()
    await scene.send_update(scene.host, type="at last")
    assert [row["type"] for row in success(await poll)["updates"]] == ["at last"]


async def test_wait_may_be_in_the_body(scene):
    await scene.fill_room()
    poll = await scene.test_app.start_waiting(scene.guest.post(UPDATES, {"wait": "30"}))
    await scene.send_update(scene.host)
    assert len(success(await poll)["updates"]) == 1


async def test_update_for_another_reader_does_not_end_the_wait(scene):
    await scene.fill_room()
    await scene.join_room(scene.other)
    poll = await start_poll(scene, scene.guest)
    await scene.send_update(scene.host, "specific", target_players_ids=[scene.other.id])
    success(await scene.other.post("game_room.php/leave"))
    assert not poll.done()
    await scene.send_update(scene.host, type="yours")
    assert [row["type"] for row in success(await poll)["updates"]] == ["yours"]


async def test_wait_ends_after_its_seconds(scene):
    await scene.fill_room()
    for wait in ("0", "-5", "0.5", "x"):
        assert success(await scene.guest.get(f"{UPDATES}?wait={wait}"))["updates"] == []
    assert success(await scene.guest.get(f"{UPDATES}?wait=1"))["updates"] == []


async def test_poll_with_results_does_not_wait(scene):
    await scene.fill_room()
    await scene.send_update(scene.host)
    assert success(await scene.guest.get(f"{UPDATES}?wait=60"))["updates"]


async def test_finished_action_ends_the_wait_of_its_sender(scene):
    await scene.fill_room()
    (action,) = await scene.send_action(scene.guest)
    poll = await start_poll(scene, scene.guest, "game_room.php/actions/poll?wait=30")
    await scene.complete_action(scene.host, action, "processing")
    assert not poll.done()
    await scene.complete_action(scene.host, action)
    assert [row["action_id"] for row in success(await poll)["actions"]] == [action]


async def test_returned_actions_do_not_end_the_wait_and_stay_listed(scene):
    await scene.fill_room()
    (first,) = await scene.send_action(scene.guest)
    await scene.complete_action(scene.host, first)
    path = "game_room.php/actions/poll?wait=30"
    assert len(success(await scene.guest.get(path))["actions"]) == 1
    poll = await start_poll(scene, scene.guest, path)
    assert not poll.done()
    (second,) = await scene.send_action(scene.guest)
    await scene.complete_action(scene.host, second, "failed")
    rows = success(await poll)["actions"]
    assert {row["action_id"] for row in rows} == {first, second}


async def test_new_action_ends_the_wait_of_its_target(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.host, "game_room.php/actions/pending?wait=30")
    (action,) = await scene.send_action(scene.guest)
    assert [row["action_id"] for row in success(await poll)["actions"]] == [action]


@pytest.mark.parametrize(
    "path", [UPDATES, "game_room.php/actions/poll", "game_room.php/actions/pending"]
)
async def test_ban_ends_the_wait_with_its_error(scene, path):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest, f"{path}?wait=30")
    banned = {"player_id": scene.guest.id, "ban_duration": "day"}
    success(await scene.request_as_owner("game_players.php/ban", banned))
    answer = await poll
    assert failure(answer) == (403, "You are banned")
    assert answer.json["ban_info"]["ban_duration"] == "day"


async def test_kick_ends_the_wait(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    success(await scene.host.post("game_room.php/kick", {"player_id": scene.guest.id}))
    assert failure(await poll) == (400, "Player is not in any room")


async def test_end_of_room_ends_the_wait(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    success(await scene.host.post("game_room.php/stop"))
    assert failure(await poll) == (400, "Player is not in any room")


async def test_rotated_key_ends_the_wait(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    success(await scene.guest.post("game_players.php/rotate"))
    assert failure(await poll) == (401, "Invalid player token")


async def test_logout_ends_the_wait_with_the_results(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    success(await scene.guest.post("game_players.php/logout"))
    assert success(await poll)["updates"] == []
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert [row["is_online"] for row in rows] == [1, 0]


async def test_waiting_player_stays_online(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    await scene.test_app.advance(50)
    success(await scene.host.post("game_room.php/heartbeat"))
    await scene.test_app.advance(50)
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert [row["is_online"] for row in rows] == [1, 1]
    await scene.send_update(scene.host)
    await poll


async def test_wait_ends_when_the_client_disconnects(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    poll.cancel()
    await scene.test_app.wait_until(lambda: scene.test_app.core.feed.waiter_count() == 0)


async def test_stopping_server_answers_all_waits(scene):
    await scene.fill_room()
    poll = await start_poll(scene, scene.guest)
    await scene.test_app.restart()
    assert success(await poll)["updates"] == []


async def test_last_turn_is_returned_before_the_end_of_the_game(test_app):
    scene = await make_scene(test_app, "cards")
    await scene.start_game()

    async def lay(player_client, card):
        await scene.send_action(player_client, action_type="turn", request_data={"card": card})

    for host_card, guest_card in ((1, 4), (2, 5)):
        await lay(scene.host, host_card)
        await lay(scene.guest, guest_card)
    await lay(scene.host, 3)
    last = (await scene.poll_updates(scene.host))["last_update"]
    poll = await start_poll(scene, scene.host, f"{UPDATES}?wait=30&last_update={last}")
    await lay(scene.guest, 6)
    (update,) = success(await poll)["updates"]
    assert update["data"]["outcome"] == {"winner": None}
    path = f"{UPDATES}?last_update="
    assert success(await scene.host.get(path + last))["updates"] == [update]
    answer = await scene.host.get(path + update["update_id"])
    assert failure(answer) == (400, "Player is not in any room")
