"""Idempotency keys: a repeated request returns the first response and changes nothing."""

import asyncio

import pytest

from tests.apis.multiplayer.scene import failure, make_scene, success

#: Repeated and ordinary requests have the same contract.

KEY = {"Idempotency_Key": "one"}
OWNER = "owner"
MATCH, ROOM, PLAYERS = "matchmaking.php", "game_room.php", "game_players.php"


async def nothing(scene):
    """Start with players alone."""


async def lobby(scene):
    await scene.fill_lobby(can_leave_room=True)


async def locked_lobby(scene):
    await scene.create_lobby(password="x")


async def asked_lobby(scene):
    await scene.create_lobby(join_by_requests=True)


async def requested(scene):
    scene.request = await scene.request_join()


async def room(scene):
    await scene.fill_room()


async def own_room(scene):
    await scene.create_room()


async def action(scene):
    await scene.fill_room()
    (scene.action,) = await scene.send_action(scene.guest)


#: What to start with, who sends the request, its method and path, its body, and another body.
REQUESTS = [
    (nothing, "host", "PUT", f"{PLAYERS}/rename", {"new_name": "Ann"}, {"new_name": "Bob"}),
    (nothing, "host", "POST", f"{PLAYERS}/logout", None, None),
    (nothing, OWNER, "POST", f"{PLAYERS}/ban", {"player_id": "{guest}", "ban_duration": "day"},
     {"player_id": "{guest}", "ban_duration": "week"}),
    (nothing, OWNER, "POST", f"{PLAYERS}/unban", {"player_id": "{guest}"}, {"player_id": "{host}"}),
    (nothing, OWNER, "PUT", "game_data.php/game/update", {"n": 1}, {"n": 2}),
    (nothing, "host", "PUT", "game_data.php/player/update", {"n": 1}, {"n": 2}),
    (nothing, "host", "POST", f"{MATCH}/create", {"max_players": 3}, {"max_players": 4}),
    (locked_lobby, "guest", "POST", f"{MATCH}/{{lobby}}/join", {"password": "x"}, {"password": "y"}),
    (asked_lobby, "guest", "POST", f"{MATCH}/{{lobby}}/request", None, {"player_data": {"n": 1}}),
    (requested, "host", "POST", f"{MATCH}/{{request}}/response", {"action": "approve"},
     {"action": "reject"}),
    (lobby, "guest", "POST", f"{MATCH}/leave", None, None),
    (lobby, "host", "POST", f"{MATCH}/kick", {"player_id": "{guest}"}, {"player_id": 0}),
    (lobby, "host", "POST", f"{MATCH}/password", {"password": "x"}, {"password": "y"}),
    (lobby, "host", "POST", f"{MATCH}/start", None, None),
    (lobby, "host", "POST", f"{MATCH}/stop", None, None),
    (lobby, "host", "POST", f"{MATCH}/remove", None, None),
    (nothing, "host", "POST", f"{ROOM}/create", {"room_name": "a"}, {"room_name": "b"}),
    (own_room, "guest", "POST", f"{ROOM}/{{room}}/join", {}, {"player_data": {"n": 1}}),
    (room, "guest", "POST", f"{ROOM}/leave", None, None),
    (room, "host", "POST", f"{ROOM}/kick", {"player_id": "{guest}"}, {"player_id": 0}),
    (room, "host", "POST", f"{ROOM}/password", {"password": "x"}, {"password": "y"}),
    (room, "host", "POST", f"{ROOM}/stop", None, None),
    (room, "guest", "POST", f"{ROOM}/actions", {"action_type": "a", "target_players": "host"},
     {"action_type": "b", "target_players": "host"}),
    (action, "host", "POST", f"{ROOM}/actions/{{action}}/complete", {"status": "completed"},
     {"status": "failed"}),
    (room, "host", "POST", f"{ROOM}/updates", {"type": "a", "target_players": "all"},
     {"type": "b", "target_players": "all"}),
]  # fmt: skip
EACH = pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one[3])


def fill(scene, value):
    """Return a path or body with the ids of a scene."""
    if isinstance(value, dict):
        return {name: fill(scene, one) for name, one in value.items()}
    if value in ("{guest}", "{host}"):
        return getattr(scene, value[1:-1]).id
    if not isinstance(value, str):
        return value
    names = {name: getattr(scene, name, "") for name in ("lobby", "room", "request", "action")}
    return value.format(**names)


async def send(scene, request, body, **headers):
    _, by, method, path, *_ = request
    client = scene.arena.anonymous if by == OWNER else getattr(scene, by)
    if by == OWNER:
        headers["X_Api_Private_Token"] = scene.arena.private
    return await client.request(method, fill(scene, path), fill(scene, body), **{**KEY, **headers})


@EACH
async def test_repeated_request_returns_the_first_response_and_changes_nothing(scene, request_):
    await request_[0](scene)
    first = await send(scene, request_, request_[4])
    success(first)
    head = scene.test_app.core.feed.head
    for _ in range(2):
        again = await send(scene, request_, request_[4])
        assert (again.status, again.json) == (200, first.json)
    assert scene.test_app.core.feed.head == head


@EACH
async def test_concurrent_repeats_return_the_same_response(scene, request_):
    await request_[0](scene)
    answers = await asyncio.gather(*(send(scene, request_, request_[4]) for _ in range(4)))
    assert [answer.json for answer in answers] == [success(answers[0])] * 4


@pytest.mark.parametrize(
    "request_", [one for one in REQUESTS if one[5] is not None], ids=lambda one: one[3]
)
async def test_key_with_another_body_is_refused(scene, request_):
    await request_[0](scene)
    success(await send(scene, request_, request_[4]))
    status, message = failure(await send(scene, request_, request_[5]))
    assert (status, message) == (422, "This Idempotency-Key was used for another request")


async def test_repeat_after_a_restart_returns_the_first_response(persistent_test_app):
    scene = await make_scene(persistent_test_app)
    await scene.fill_room()
    body = {"type": "a", "target_players": "others"}
    first = success(await scene.host.post(f"{ROOM}/updates", body, **KEY))
    await persistent_test_app.restart()
    assert success(await scene.host.post(f"{ROOM}/updates", body, **KEY)) == first
    assert len((await scene.poll_updates(scene.guest))["updates"]) == 1


async def test_key_of_a_refused_request_may_be_used_again(scene):
    assert (await scene.host.post(f"{ROOM}/leave", **KEY)).status == 400
    await scene.create_room()
    success(await scene.host.post(f"{ROOM}/leave", **KEY))


async def test_keys_of_two_players_are_independent(scene):
    await scene.fill_room()
    body = {"type": "a", "target_players": "all"}
    ids = [
        success(await client.post(f"{ROOM}/updates", body, **KEY))["update_ids"]
        for client in (scene.host, scene.guest)
    ]
    assert not set(ids[0]) & set(ids[1])


async def test_repeat_with_the_credentials_elsewhere_is_a_repeat(scene):
    await scene.fill_room()
    body = {"type": "a", "target_players": "all"}
    first = success(await scene.host.post(f"{ROOM}/updates", body, **KEY))
    query = f"api_token={scene.host.api}&player_token={scene.host.key}"
    assert success(await scene.host.post(f"{ROOM}/updates?{query}", body, **KEY)) == first


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_invalid_key_is_refused(scene, key):
    answer = await scene.host.post(f"{ROOM}/create", **{"Idempotency_Key": key})
    status, message = failure(answer)
    assert (status, "Idempotency-Key" in message) == (400, True)


async def test_key_is_ignored_where_the_response_has_a_secret(scene):
    body = {"player_name": "Ann"}
    path = f"{PLAYERS}/register"
    answers = [success(await scene.arena.anonymous.post(path, body, **KEY)) for _ in range(2)]
    assert answers[0]["player_id"] != answers[1]["player_id"]
    success(await scene.host.request("PUT", f"{PLAYERS}/login", **KEY))
