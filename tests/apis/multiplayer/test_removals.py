"""What `current` tells players who have lost a seat."""

import pytest

from tests.apis.multiplayer.scene import make_scene, success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

MATCH, ROOM = "matchmaking.php", "game_room.php"


async def current(client, file=ROOM):
    return success(await client.get(f"{file}/current"))


async def kick(scene, file=ROOM):
    success(await scene.host.post(f"{file}/kick", {"player_id": scene.guest.id}))


async def test_kicked_member_of_a_room_learns_the_reason_also_after_a_restart(persistent_test_app):
    scene = await make_scene(persistent_test_app)
    room = await scene.fill_room()
    await kick(scene)
    for _ in range(2):
        told = await current(scene.guest)
        assert told["in_room"] is False
        assert told["message"] == "Player is not in any game room"
        assert (told["reason"], told["room_id"]) == ("kicked", room)
        assert "left_at" in told
        await persistent_test_app.restart()


async def test_kicked_member_of_a_lobby_learns_the_reason(scene):
    lobby = await scene.fill_lobby()
    await kick(scene, MATCH)
    told = await current(scene.guest, MATCH)
    assert (told["reason"], told["matchmaking_id"]) == ("kicked", lobby)


async def test_member_of_a_stopped_room_learns_the_reason(scene):
    room = await scene.fill_room()
    success(await scene.host.post(f"{ROOM}/stop"))
    told = await current(scene.guest)
    assert (told["reason"], told["room_id"]) == ("closed", room)


@pytest.mark.parametrize("file", [MATCH, ROOM])
async def test_player_who_left_is_told_no_reason(scene, file):
    fill = scene.fill_lobby if file == MATCH else scene.fill_room
    assert "reason" not in await current(scene.guest, file)
    await fill(can_leave_room=True)
    await kick(scene, file)
    place = scene.lobby if file == MATCH else scene.room
    success(await scene.guest.post(f"{file}/{place}/join"))
    assert "reason" not in await current(scene.guest, file)
    success(await scene.guest.post(f"{file}/leave"))
    assert "reason" not in await current(scene.guest, file)
