"""Typed answers, for clients that read JSON strictly, and the members that the known SDKs read."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from coalserver.domain.play.game import Game
from tests.apis.multiplayer.scene import success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

#: As System.Text.Json reads a DateTimeOffset.
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
#: Members that hold a client's own JSON or text.
OWN = {"player_data", "data", "rules", "request_data", "response_data", "offset_string", "readable"}
MATCH, ROOM, PLAYERS = "matchmaking.php", "game_room.php", "game_players.php"


def check_types(value: Any, name: str = "") -> None:
    """Check each member of a response by its name."""
    if name in OWN:
        return
    if isinstance(value, dict):
        for key, member in value.items():
            check_types(member, key)
    elif isinstance(value, list):
        for item in value:
            check_types(item, name)
    elif value is None:
        pass
    elif re.match(r"(is|has|can|in|strict|join_by)_|realtime$|realtime_room$|host_switch$", name):
        assert type(value) is bool, (name, value)
    elif re.search(r"_(at|login|logout|heartbeat|until|utc|updated|activity)$|^utc$", name):
        if name != "seconds_since_heartbeat":
            assert ISO_TIME.fullmatch(value), (name, value)
    elif re.search(r"(player|game|target)_id$|^(id|count|rank|total|limit|responded_by)$", name):
        assert type(value) is int, (name, value)


async def make_game_typed(scene) -> None:
    """Set `typed` of the scene's game, as `game add --typed` does."""
    core = scene.test_app.core
    game = core.state.first(Game, "tag", scene.arena.tag)
    await core.execute(lambda uow: uow.save(replace(game, typed=True)))


async def responses(scene, query: str) -> list[Any]:
    """Return responses of all endpoints that have numbers, flags or times."""
    host, guest, owner = scene.host, scene.guest, scene.request_as_owner
    found = []

    async def call(client, method, path, body=None):
        found.append(success(await client.request(method, f"{path}{query}", body)))
        return found[-1]

    await call(scene.arena.anonymous, "POST", f"{PLAYERS}/register", {"player_name": "Ann"})
    for method, path in (("PUT", "login"), ("POST", "heartbeat"), ("POST", "logout")):
        await call(host, method, f"{PLAYERS}/{path}")
    await call(host, "PUT", f"{PLAYERS}/rename", {"new_name": "Bob"})
    found.append(success(await owner(f"{PLAYERS}/list{query}", method="GET")))
    await call(host, "PUT", "game_data.php/player/update", {"score": 1})
    await call(host, "GET", "game_data.php/player/get")
    await call(host, "POST", "leaderboard.php", {"sort_by": ["score"]})
    zone = f"{query}&utc=+1" if query else "?utc=+1"
    found.append(success(await host.get(f"time.php{zone}")))
    await call(host, "POST", f"{MATCH}/create", {"max_players": 4, "join_by_requests": True})
    await call(guest, "POST", f"{MATCH}/list")
    lobby = found[-1]["lobbies"][0]["matchmaking_id"]
    request = (await call(guest, "POST", f"{MATCH}/{lobby}/request"))["request_id"]
    await call(host, "GET", f"{MATCH}/current")
    assert found[-1]["pending_requests"]
    await call(host, "POST", f"{MATCH}/{request}/response", {"action": "approve"})
    for path in (f"{request}/status", "current", "players"):
        await call(guest, "GET", f"{MATCH}/{path}")
    await call(host, "POST", f"{MATCH}/start")
    await call(host, "POST", f"{ROOM}/list")
    body = {"action_type": "a", "target_players": "host"}
    await call(guest, "POST", f"{ROOM}/actions", body)
    for path in ("current", "players"):
        await call(guest, "GET", f"{ROOM}/{path}")
    action = (await call(host, "GET", f"{ROOM}/actions/pending"))["actions"][0]["action_id"]
    await call(host, "POST", f"{ROOM}/actions/{action}/complete", {"status": "completed"})
    await call(guest, "GET", f"{ROOM}/actions/poll")
    await call(host, "POST", f"{ROOM}/updates", {"type": "a", "target_players": "all"})
    await call(guest, "POST", f"{ROOM}/updates/poll")
    assert found[-1]["updates"]
    await call(host, "POST", f"{ROOM}/kick", {"player_id": guest.id})
    body = {"player_id": guest.id, "ban_duration": "day", "ban_reason": "x"}
    found.append(success(await owner(f"{PLAYERS}/ban{query}", body)))
    banned = await guest.get(f"{ROOM}/current{query}")
    assert banned.status == 403 and banned.json["ban_info"]
    found.append(banned.json)
    return found


@pytest.mark.parametrize("typed_by", ["game", "request"])
async def test_typed_answers_have_numbers_booleans_and_iso_times(scene, typed_by):
    if typed_by == "game":
        await make_game_typed(scene)
    for response in await responses(scene, "?format=json" if typed_by == "request" else ""):
        check_types(response)


async def test_answers_have_the_forms_of_the_samples_without_a_wish_for_types(scene):
    failed = 0
    for response in await responses(scene, ""):
        try:
            check_types(response)
        except AssertionError:
            failed += 1
    assert failed > 10


async def test_typed_answers_leave_data_of_clients_as_it_is(scene):
    await make_game_typed(scene)
    data = {"is_host": 1, "player_id": "7", "created_at": "2026-03-13 09:39:06"}
    await scene.create_room(player_data=data, rules=data)
    (row,) = success(await scene.host.get(f"{ROOM}/players"))["players"]
    assert row["player_data"] == data
    assert success(await scene.host.get(f"{ROOM}/current"))["room"]["rules"] == data


SETTINGS = {"host_switch": True, "can_leave_room": False, "realtime_room": True}


async def test_lobby_has_the_members_that_sdks_read(scene):
    params = {"max_players": 4, "matchmaking_name": "mine", "password": "x", **SETTINGS}
    created = success(await scene.host.post(f"{MATCH}/create", params))
    assert created.items() >= {"matchmaking_name": "mine", **SETTINGS}.items()
    (row,) = success(await scene.guest.post(f"{MATCH}/list"))["lobbies"]
    flags = {name: int(value) for name, value in SETTINGS.items()}
    assert row.items() >= {**flags, "join_by_requests": 0}.items()
    assert all(type(row[name]) is int for name in flags)
    current = success(await scene.host.get(f"{MATCH}/current"))["matchmaking"]
    assert current.items() >= {**SETTINGS, "has_password": True, "is_online": True}.items()
    success(
        await scene.guest.post(
            f"{MATCH}/{created['matchmaking_id']}/join", {"password": "x", "player_data": {"a": 1}}
        )
    )
    first, second = success(await scene.host.get(f"{MATCH}/players"))["players"]
    assert (first["player_data"], second["player_data"]) == ({}, {"a": 1})
    assert (first["is_online"], second["is_online"]) == (1, 1)
    _, second = success(await scene.host.get(f"{MATCH}/players?format=unity"))["players"]
    assert json.loads(second["player_data_json"]) == {"a": 1}


async def test_room_has_the_members_that_sdks_read(scene):
    await scene.create_room(
        host_switch=True, can_leave_room=False, realtime=True, rules={"map": "x"}
    )
    expected = {"rules": {"map": "x"}, "host_switch": True, "can_leave": False, "realtime": True}
    (row,) = success(await scene.guest.post(f"{ROOM}/list"))["rooms"]
    assert row.items() >= expected.items()
    assert type(row["host_switch"]) is int
    assert success(await scene.host.get(f"{ROOM}/current"))["room"].items() >= expected.items()


async def test_pending_actions_are_strings_for_unity(scene):
    await scene.fill_room()
    (action,) = await scene.send_action(scene.guest, request_data={"n": 1})
    current = success(await scene.guest.get(f"{ROOM}/current?format=unity"))
    (row,) = json.loads(current["pending_actions_json"])
    assert (row["action_id"], json.loads(row["request_data_json"])) == (action, {"n": 1})
    assert json.loads(current["pending_updates_json"]) == []
