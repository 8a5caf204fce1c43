"""Request bodies: lenient types, limits, and no server error whatever they contain."""

import asyncio
import json

import pytest
from marshmallow import ValidationError

from coalserver.apis.multiplayer import render, schemas
from coalserver.core.steps import complete
from coalserver.domain.text import MAX_REMOVED, visible_name
from coalserver.web.body import parse_in_steps
from tests.apis.app import run_test_app
from tests.apis.multiplayer.clients import make_sample_game
from tests.apis.multiplayer.errors import REQUESTS
from tests.apis.multiplayer.scene import failure, success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

REGISTER = "game_players.php/register"


async def data_of(player_client):
    return success(await player_client.get("game_data.php/player/get"))["data"]


async def register(scene, body, query=""):
    """Register a player over HTTP and return the stored data."""
    payload = success(await scene.arena.anonymous.post(f"{REGISTER}{query}", body))
    scene.other.key = payload["private_key"]
    return await data_of(scene.other)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
async def test_content_type_of_body_is_ignored(scene, kind):
    answer = await scene.arena.anonymous.post(REGISTER, {"player_name": "Pat"}, Content_Type=kind)
    assert success(answer)["player_name"] == "Pat"


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"5", b"\xff", b'{"a": 1e999}'])
async def test_body_that_is_not_a_json_object_is_rejected(scene, body):
    answer = await scene.arena.anonymous.post(REGISTER, body)
    assert failure(answer) == (400, "Invalid JSON body")


async def test_null_counts_as_absent(scene):
    await scene.create_room(room_name=None, password=None, max_players=None, player_data=None)
    success(await scene.guest.post(f"game_room.php/{scene.room}/join", b"null"))
    nothing = await scene.host.request("PUT", "game_data.php/player/update", b"null")
    assert failure(nothing) == (400, "Invalid JSON body")


async def test_data_update_without_body_is_rejected(scene):
    answer = await scene.host.request("PUT", "game_data.php/player/update")
    assert failure(answer) == (400, "Invalid JSON body")
    assert (await data_of(scene.host))["level"] == 1


@pytest.mark.parametrize("empty", ["", "{}", None])
async def test_unity_client_sends_json_as_string(scene, empty):
    body = {"player_name": "Pat", "player_data_json": '{"level": 3}'}
    assert await register(scene, body, "?format=unity") == {"level": 3}
    assert await register(scene, {**body, "player_data_json": empty}, "?format=unity") == {}


async def test_unity_client_receives_json_as_string(scene):
    await scene.start_game(rules={"rank": "gold"})
    (action,) = await scene.send_action(scene.guest, request_data={"x": 1})
    await scene.send_update(scene.host, data={"y": 2})

    async def payload(method, path, player_client=scene.host, body=None):
        return success(await player_client.request(method, f"{path}?format=unity", body))

    rendered = await payload("GET", "matchmaking.php/current")
    assert json.loads(rendered["matchmaking"]["rules_json"]) == {"rank": "gold"}
    rendered = await payload("GET", "game_room.php/actions/pending")
    assert json.loads(rendered["actions"][0]["request_data_json"]) == {"x": 1}
    path = f"game_room.php/actions/{action}/complete"
    await payload("POST", path, body={"status": "completed", "response_data_json": '{"z": 3}'})
    rendered = await payload("GET", "game_room.php/actions/poll", scene.guest)
    assert json.loads(rendered["actions"][0]["response_data_json"]) == {"z": 3}
    rendered = await payload("POST", "game_room.php/updates/poll", scene.guest, {})
    assert json.loads(rendered["updates"][0]["data_json"]) == {"y": 2}
    assert "data" not in rendered["updates"][0]
    rendered = await payload("PUT", "game_players.php/login")
    assert json.loads(rendered["player"]["player_data_json"])["level"] == 1
    rendered = await payload("GET", "game_data.php/player/get")
    assert json.loads(rendered["data_json"])["level"] == 1
    rendered = await payload("GET", "game_room.php/players")
    assert rendered["players"][0]["player_data_json"] == "{}"


async def test_unity_client_replaces_data_with_one_string(scene):
    body = {"data_json": '{"level": 9}'}
    success(await scene.host.request("PUT", "game_data.php/player/update?format=unity", body))
    assert await data_of(scene.host) == {"level": 9}


async def test_members_may_be_in_camel_case(scene):
    body = {
        "matchmakingName": "Mine", "maxPlayers": "3", "strictFull": 1, "joinByRequests": "true",
        "hostSwitch": "0", "canLeaveRoom": False, "realtimeRoom": True,
    }  # fmt: skip
    payload = success(await scene.host.post("matchmaking.php/create", body))
    assert (payload["max_players"], payload["strict_full"], payload["join_by_requests"]) == (
        3,
        True,
        True,
    )
    (row,) = success(await scene.guest.post("matchmaking.php/list"))["lobbies"]
    assert row["matchmaking_name"] == "Mine"


async def test_join_accepts_player_data_as_whole_body(scene):
    await scene.create_lobby()
    path = f"matchmaking.php/{scene.lobby}/join"
    success(await scene.guest.post(path, {"level": 12, "class": "mage"}))
    success(await scene.host.post("matchmaking.php/start"))
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert [row["player_data"] for row in rows] == [{}, {"level": 12, "class": "mage"}]


async def test_approved_request_brings_its_player_data(scene):
    await scene.create_lobby(join_by_requests=True)
    path = f"matchmaking.php/{scene.lobby}/request"
    request_id = success(await scene.guest.post(path, {"player_data": {"level": 7}}))["request_id"]
    success(await scene.host.post(f"matchmaking.php/{request_id}/response", {"action": "approve"}))
    success(await scene.host.post("matchmaking.php/start"))
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert rows[1]["player_data"] == {"level": 7}


@pytest.mark.parametrize("data", [[], "", "{}", '{"level": 4}'])
async def test_object_may_be_a_string_or_an_empty_list(scene, data):
    stored = await register(scene, {"player_name": "Pat", "player_data": data})
    assert stored == ({"level": 4} if "level" in data else {})


@pytest.mark.parametrize("data", [[1], "text", 5, True])
async def test_player_data_that_is_not_an_object_is_rejected(scene, data):
    answer = await scene.arena.anonymous.post(REGISTER, {"player_name": "P", "player_data": data})
    assert answer.status == 400 and "player_data" in answer.error


async def test_data_is_limited_to_64_kib(scene):
    path, most = "game_data.php/player/update", 64 * 1024
    fitting = {"a": "x" * (most - len('{"a":""}'))}
    success(await scene.host.request("PUT", path, fitting))
    answer = await scene.host.request("PUT", path, {"a": fitting["a"] + "x"})
    assert failure(answer) == (413, f"data must not exceed {most} bytes")
    assert await data_of(scene.host) == fitting


async def test_body_above_the_body_limit_is_rejected():
    async with run_test_app(body_limit=2048) as test_app:
        arena = await make_sample_game(test_app)
        answer = await arena.anonymous.post(REGISTER, {"player_name": "x" * 3000})
        assert failure(answer) == (413, "Request body is too large")


#: Values of unexpected types and sizes.
ODDITIES = (
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 1.5, 1e308, "", " ", "\u0001", "x" * 2000, "-5", "0x1",
    "99999999999999999999", "\ud83d\ude00", [], [[]], [None], ["1", 2.0, {}], {}, {"a": []}, [1] * 500,
)  # fmt: skip
MEMBERS = (
    "player_name", "player_data", "player_data_json", "new_name", "player_id", "ban_duration",
    "ban_reason", "search", "limit", "max_players", "matchmaking_name", "rules", "rules_json",
    "password", "strict_full", "action", "action_type", "request_data", "request_data_json",
    "target_players", "target_players_ids", "status", "response_data", "type", "data", "data_json",
    "from_players", "from_players_ids", "last_update", "room_name", "can_leave_room",
)  # fmt: skip
BODIES = [name for name, (_, _, body) in REQUESTS.items() if body is not None]


@pytest.mark.parametrize("endpoint", BODIES)
async def test_no_body_causes_a_server_error(scene, endpoint):
    method, path, body = REQUESTS[endpoint]
    path = path.format(lobby="0" * 32, room="0" * 32, request="0" * 32, action="0" * 32)
    private = {"X_Api_Private_Token": scene.arena.private}
    for value in ODDITIES:
        for members in (MEMBERS, *((name,) for name in (*body, "player_data", "rules_json"))):
            payload = {**body, **dict.fromkeys(members, value)}
            answer = await scene.host.request(method, path, payload, **private)
            assert answer.status < 500, (payload, answer.raw)


@pytest.mark.parametrize("query", ["search=%00", "limit=%FF", "wait=x", "utc=%00", "format=%00"])
@pytest.mark.parametrize("name", ["matchmaking.php/list", "game_room.php/list", "time.php"])
async def test_no_query_causes_a_server_error(scene, name, query):
    assert (await scene.host.get(f"{name}?{query}")).status < 500


@pytest.mark.parametrize("id", ["%00", "%2F", "..", "0" * 5000, "%F0%9F%98%80", "-1", "ABC"])
async def test_no_id_causes_a_server_error(scene, id):
    for path in (
        "game_room.php/{}/join",
        "matchmaking.php/{}/request",
        "matchmaking.php/{}/status",
    ):
        method = "GET" if path.endswith("status") else "POST"
        assert (await scene.host.request(method, path.format(id))).status in (400, 404)


@pytest.mark.parametrize("letter", ["\x7f", "\u2800 ", "ä"])
async def test_what_is_cut_off_a_name_is_not_looked_at(scene, letter, monkeypatch):
    seen = []

    def count(text):
        seen.append(len(text))
        return visible_name(text)

    monkeypatch.setattr(schemas, "visible_name", count)
    body = {"player_name": "Pat ä" + letter * 20_000}
    payload = success(await scene.arena.anonymous.post(REGISTER, body))
    assert payload["player_name"].startswith("Pat ä") and len(payload["player_name"]) <= 50
    assert seen and max(seen) <= 50 + MAX_REMOVED


@pytest.mark.parametrize("count", [schemas.MAX_IDS, schemas.MAX_IDS + 1])
async def test_lists_of_players_have_a_limit(scene, count):
    await scene.fill_room()
    members = {"target_players": "specific", "target_players_ids": [scene.guest.id] * count}
    answer = await scene.host.post("game_room.php/updates", {"type": "x", **members})
    if count <= schemas.MAX_IDS:
        assert success(answer)["updates_sent"] == 1
    else:
        assert failure(answer) == (400, "Invalid target players ids")


@pytest.mark.parametrize(
    ("unit", "count", "refused"),
    [
        ('{"a":1},', 14_000, True),
        ("[],", 22_000, True),
        ('"\\u00e4",', 12_000, False),
        ("[ 1 ],", 12_000, False),
    ],
)
async def test_json_in_a_text_that_cannot_fit_is_not_parsed(
    scene, unit, count, refused, monkeypatch
):
    parsed = []
    for name in ("parse_json", "parse_in_steps"):
        parse = getattr(schemas, name)
        monkeypatch.setattr(
            schemas, name, lambda raw, parse=parse: parsed.append(raw) or parse(raw)
        )
    body = {"player_name": "Pat", "player_data_json": '{"a":[' + unit * count + "1]}"}
    answer = await scene.arena.anonymous.post(REGISTER, body)
    assert bool(parsed) is not refused
    assert answer.status == (413 if refused else 200)


LISTS = "[" + "[]," * 20_000 + "1]"
SPACES = " " * 20_000
LARGE_VALUES = [
    LISTS,
    f'{{"a":{LISTS}}}',
    f'{{"a":1}}{SPACES}',
    SPACES,
    f'{{"a":1{SPACES}',
    f'{{"a":"{SPACES}\\ud800"}}',
    json.dumps(f'{{"a":1}}{SPACES}'),
    json.dumps(json.dumps(f'{{"a":1}}{SPACES}')),
    json.dumps(LISTS),
    json.dumps("x" * 70_000),
    f"[]{SPACES}",
    f'""{SPACES}',
    f"null{SPACES}",
    "[" * 20_000,
    "x" * 70_000,
    '"\\u00e4"' * 20_000,
    "[1e400, 12345678901234567890123]" + SPACES,
    {"a": "x" * 20_000},
    ["x" * 20_000],
    7,
    None,
]


@pytest.mark.parametrize("name", ["player_data", "player_data_json", "rules", "request_data_json"])
@pytest.mark.parametrize("number", range(len(LARGE_VALUES)))
def test_large_body_is_loaded_in_steps_as_at_once(name, number):
    def load(schema, in_steps):
        body = {"player_name": "Pat", "action_type": "x", "target_players": "all"}
        body[name] = LARGE_VALUES[number]
        try:
            return complete(schema.load_in_steps(body)) if in_steps else schema.load(body)
        except ValidationError as error:
            return error.messages

    for schema in (
        schemas.REGISTER, schemas.CREATE_ROOM.schema, schemas.JOIN.schema, schemas.SEND_ACTION,
        schemas.GAME_DATA.schema, schemas.UNITY_DATA,
    ):  # fmt: skip
        assert load(schema, True) == load(schema, False), schema


@pytest.mark.parametrize("nested", [0, 1, 2])
async def test_json_in_a_text_is_parsed_beside_other_work(scene, nested, monkeypatch):
    """A text with 30,000 lists held the loop for 15 ms, together with the body around it."""
    text = f'{{"a":{LISTS}}}'
    for _ in range(nested):
        text = json.dumps(text)
    monkeypatch.setattr(schemas, "parse_json", None)
    turns, counting = 0, True

    async def count():
        nonlocal turns
        while counting:
            await asyncio.sleep(0)
            turns += 1

    seen = []

    def log_turns(raw):
        seen.append(turns)
        return (yield from parse_in_steps(raw))

    monkeypatch.setattr(schemas, "parse_in_steps", log_turns)
    counter = asyncio.create_task(count())
    body = {"player_name": "Pat", "player_data_json": text}
    answer = await scene.arena.anonymous.post(REGISTER, body)
    counting = False
    await counter
    assert answer.status == (200 if nested < 2 else 400)
    assert len(seen) == nested + 1
    # Each level is parsed in an iteration of its own.
    assert len(set(seen)) == len(seen)


async def test_large_rows_for_unity_clients_are_rendered_beside_other_work(scene, monkeypatch):
    """50 rooms with rules of 64 KiB took 20 ms: their JSON is escaped."""
    rules = {"a": '"' * 20_000}
    for number in range(3):
        player = await scene.arena.make_player(f"P{number}")
        success(await player.post("game_room.php/create", {"max_players": 4, "rules": rules}))
    plain = success(await scene.host.get("game_room.php/list"))["rooms"]
    pauses = []
    sleep = asyncio.sleep

    async def counted(seconds):
        pauses.append(seconds)
        await sleep(seconds)

    expected = [{name: value for name, value in row.items() if name != "rules"} for row in plain]
    monkeypatch.setattr(render.asyncio, "sleep", counted)
    counts = []
    for most in (1 << 20, 30_000):
        monkeypatch.setattr(render, "STEP_BYTES", most)
        before = len(pauses)
        rows = success(await scene.host.get("game_room.php/list?format=unity"))["rooms"]
        counts.append(len(pauses) - before)
        assert [json.loads(row.pop("rules_json")) for row in rows] == [rules] * 3
        assert rows == expected
    assert counts[1] - counts[0] >= 3
