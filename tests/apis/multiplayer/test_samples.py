"""Every example of the document, request and response. Those of the leaderboard are in test_leaderboard.py."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.apis.app import ApiClient
from tests.apis.multiplayer.scene import Scene, load_json, success

SAMPLES = load_json("samples")
#: Members allowed in addition to those of an example, as the README names them.
MORE = {
    "matchmaking.php/create": {
        "matchmaking_name",
        "host_switch",
        "can_leave_room",
        "realtime_room",
    },
    "game_data.php": {"version"},
    "matchmaking.php/list": {
        "matchmaking_name",
        "is_online",
        "has_password",
        "join_by_requests",
        "host_switch",
        "can_leave_room",
        "realtime_room",
    },
    "matchmaking.php/current": {
        "matchmaking_name",
        "has_password",
        "is_online",
        "host_switch",
        "can_leave_room",
        "realtime_room",
    },
    "matchmaking.php/players": {"is_online", "player_data"},
    "matchmaking.php/f4d90025b5de54e6b1a83940cffb4490/status": {"reason"},
    "game_room.php/list": {"rules", "host_switch", "can_leave", "realtime", "is_online"},
    "game_room.php/current": {"rules", "host_switch", "can_leave", "realtime"},
    "game_room.php/create": {"realtime"},
    "game_room.php/players": {"player_data"},
}
RULES = {"min_level": 10, "rank": "gold"}


@dataclass(frozen=True)
class Case:
    """An example: its number, the state before it, the caller, and the meaning of its ids."""

    number: int
    by: str = "host"
    precondition: str = "players"

    @property
    def sample(self) -> Any:
        return SAMPLES[self.number]

    @property
    def path(self) -> str:
        return self.sample["path"].partition("?")[0].removeprefix("/api/")


CASES = [
    *(Case(number) for number in (0, 1, 2, 3, 4, 8, 9, 13, 14, 15, 17, 29)),
    Case(5, precondition="one logged in"),
    Case(6, precondition="data"),
    Case(7),
    Case(16, precondition="lobby"),
    Case(18, "guest", "lobby"),
    Case(19, precondition="asked"),
    Case(20, precondition="asked"),
    Case(21, "guest", "approved"),
    Case(22, precondition="lobby"),
    Case(23, "guest", "lobby"),
    Case(24, "guest", "gathered"),
    Case(25, precondition="gathered"),
    Case(26, "guest", "gathered"),
    Case(27, precondition="gathered"),
    Case(28, precondition="gathered"),
    Case(30, precondition="room"),
    Case(31, "guest", "room"),
    Case(32, precondition="together"),
    Case(33, "guest", "together"),
    Case(34, "guest", "together"),
    Case(35, "guest", "together"),
    Case(36, "guest", "answered"),
    Case(37, precondition="requested"),
    Case(38, precondition="requested"),
    Case(39, precondition="together"),
    Case(40, precondition="together"),
    Case(41, "guest", "told"),
    Case(42, "guest", "told"),
    Case(43, "guest", "started"),
    Case(44, "stranger"),
]


async def prepare(scene: Scene, precondition: str) -> dict[str, str]:
    """Bring the scene into the state before an example; return the actual ids by name."""
    ids = {}
    if precondition == "one logged in":
        success(await scene.guest.request("PUT", "game_players.php/login"))
    if precondition == "data":
        data = SAMPLES[6]["answer"]["data"]
        success(await scene.request_as_owner("game_data.php/game/update", data, "PUT"))
    if precondition == "lobby":
        await scene.create_lobby(rules=RULES, strict_full=True)
    if precondition == "gathered":
        await scene.fill_lobby()
    if precondition in ("asked", "approved"):
        ids["f4d90025b5de54e6b1a83940cffb4490"] = request = await scene.request_join()
        if precondition == "approved":
            path = f"matchmaking.php/{request}/response"
            success(await scene.host.post(path, {"action": "approve"}))
    if precondition == "started":
        await scene.start_game()
    if precondition in ("room", "together", "requested", "answered", "told"):
        named = {"room_name": "My Game Room", "password": "secret123", "max_players": 4}
        await (scene.create_room if precondition == "room" else scene.fill_room)(**named)
    if precondition in ("requested", "answered"):
        (action,) = await scene.send_action(scene.guest, request_data={"x": 10, "y": 20})
        ids["1c2bbd859e36dc7d7e5e9b4f263c88ce"] = action
        if precondition == "answered":
            body = SAMPLES[38]["body"]
            success(await scene.host.post(f"game_room.php/actions/{action}/complete", body))
    if precondition == "told":
        data = {"animation": "victory", "duration": 2.0}
        first, *_ = [
            (await scene.send_update(scene.host, "others", type="play_animation", data=data))[0]
            for _ in range(3)
        ]
        ids["a28388775fcf9478c6926cbe44f9d3ed"] = first
    ids["15b2b6e5f0ba44b5eef77705d120861f"] = scene.lobby
    ids["dc3723848639139113ca240958ba0bf8"] = scene.room
    return ids


def form(text: str) -> str:
    """Return a text with ids and times replaced."""
    if text.isdigit():
        return "0"
    text = re.sub(r"\b[0-9a-f]{6,}\b", lambda found: "x" * len(found[0]), text)
    return re.sub(r"\d", "0", text)


def check_same_shape(sample: Any, actual: Any, more: set[str], path: str = "") -> None:
    """Assert equal members, types and text forms, and no members beyond those allowed."""
    if isinstance(sample, dict):
        assert isinstance(actual, dict), path
        assert sample.keys() <= actual.keys() <= sample.keys() | more, f"{path}: {sorted(actual)}"
        for name, inner in sample.items():
            check_same_shape(inner, actual[name], more, f"{path}.{name}")
    elif isinstance(sample, list):
        assert isinstance(actual, list) and bool(actual) is bool(sample), path
        for number, inner in enumerate(actual):
            check_same_shape(sample[min(number, len(sample) - 1)], inner, more, f"{path}[{number}]")
    elif isinstance(sample, str):
        assert isinstance(actual, str) and form(actual) == form(sample), f"{path}: {actual!r}"
    elif sample is None:
        # A time that is null in the example may be set here.
        assert actual is None or form(actual) == "0000-00-00 00:00:00", f"{path}: {actual!r}"
    elif isinstance(sample, bool):
        assert actual is sample, f"{path}: {actual!r}"
    else:
        assert type(actual) in (int, float), f"{path}: {actual!r}"


def test_every_documented_example_is_tested():
    ours = {case.number for case in CASES} | {10, 11, 12}
    assert ours == set(range(len(SAMPLES)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.path}")
async def test_response_matches_documented_example(scene, case):
    ids = await prepare(scene, case.precondition)
    sample, caller = case.sample, getattr(scene, case.by, None)
    path, _, query = sample["path"].partition("?")
    for there, here in ids.items():
        path = path.replace(there, here)
    for name, secret in (
        ("API_TOKEN", scene.arena.api),
        ("API_KEY", scene.arena.api),
        ("PLAYER_TOKEN", caller.key if caller else ""),
        ("PRIVATE_TOKEN", scene.arena.private),
    ):
        query = query.replace(f"={name}", f"={secret}")
    body = sample["body"]
    if body and "target_players_ids" in body:
        body = {**body, "target_players_ids": [scene.guest.id]}
    if body and body.get("last_update"):
        body = {**body, "last_update": ids[body["last_update"]]}
    answer = await ApiClient(scene.test_app).request(sample["method"], f"{path}?{query}", body)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    more = next((names for start, names in MORE.items() if case.path.startswith(start)), set())
    check_same_shape(sample["answer"], answer.json, more)
    assert (answer.status == 200) is sample["answer"]["success"]


async def test_cursor_returns_all_later_updates(scene):
    """In the document's second example the original service lost one of these updates."""
    await scene.fill_room()
    update_ids = [(await scene.send_update(scene.host, "others"))[0] for _ in range(3)]
    payload = await scene.poll_updates(scene.guest, update_ids[0])
    assert [row["update_id"] for row in payload["updates"]] == update_ids[1:]
    assert payload["last_update"] == update_ids[2]
