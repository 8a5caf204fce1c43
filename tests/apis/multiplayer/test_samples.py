"""Every sample of the document, request and answer. Those of the leaderboard are in test_leaderboard.py."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from tests.apis.app import ApiClient
from tests.apis.multiplayer.scene import Scene, load_json, success

SAMPLES = load_json("samples")
#: Members that may come beside those of a sample: the facts or our own README name them.
MORE = {
    "game_data.php": {"version"},
    "matchmaking.php/list": {"matchmaking_name", "has_password"},
    "game_room.php/create": {"realtime"},
    "game_room.php/players": {"player_data"},
}
RULES = {"min_level": 10, "rank": "gold"}


@dataclass(frozen=True)
class Case:
    """One sample: its number, what was done before, who asks, and what its ids stand for."""

    number: int
    by: str = "host"
    given: str = "players"

    @property
    def sample(self) -> Any:
        return SAMPLES[self.number]

    @property
    def path(self) -> str:
        return self.sample["path"].partition("?")[0].removeprefix("/api/")


CASES = [
    *(Case(number) for number in (0, 1, 2, 3, 4, 8, 9, 13, 14, 15, 17, 29)),
    Case(5, given="one logged in"),
    Case(6, given="data"),
    Case(7),
    Case(16, given="lobby"),
    Case(18, "guest", "lobby"),
    Case(19, given="asked"),
    Case(20, given="asked"),
    Case(21, "guest", "approved"),
    Case(22, given="lobby"),
    Case(23, "guest", "lobby"),
    Case(24, "guest", "gathered"),
    Case(25, given="gathered"),
    Case(26, "guest", "gathered"),
    Case(27, given="gathered"),
    Case(28, given="gathered"),
    Case(30, given="room"),
    Case(31, "guest", "room"),
    Case(32, given="together"),
    Case(33, "guest", "together"),
    Case(34, "guest", "together"),
    Case(35, "guest", "together"),
    Case(36, "guest", "answered"),
    Case(37, given="requested"),
    Case(38, given="requested"),
    Case(39, given="together"),
    Case(40, given="together"),
    Case(41, "guest", "told"),
    Case(42, "guest", "told"),
    Case(43, "guest", "started"),
    Case(44, "stranger"),
]


async def prepared(scene: Scene, given: str) -> dict[str, str]:
    """Do what a sample takes for granted; gives what its ids stand for here."""
    ids = {}
    if given == "one logged in":
        success(await scene.guest.request("PUT", "game_players.php/login"))
    if given == "data":
        data = SAMPLES[6]["answer"]["data"]
        success(await scene.request_as_owner("game_data.php/game/update", data, "PUT"))
    if given == "lobby":
        await scene.create_lobby(rules=RULES, strict_full=True)
    if given == "gathered":
        await scene.fill_lobby()
    if given in ("asked", "approved"):
        ids["f4d90025b5de54e6b1a83940cffb4490"] = request = await scene.request_join()
        if given == "approved":
            path = f"matchmaking.php/{request}/response"
            success(await scene.host.post(path, {"action": "approve"}))
    if given == "started":
        await scene.start_game()
    if given in ("room", "together", "requested", "answered", "told"):
        named = {"room_name": "My Game Room", "password": "secret123", "max_players": 4}
        await (scene.create_room if given == "room" else scene.fill_room)(**named)
    if given in ("requested", "answered"):
        (action,) = await scene.send_action(scene.guest, request_data={"x": 10, "y": 20})
        ids["1c2bbd859e36dc7d7e5e9b4f263c88ce"] = action
        if given == "answered":
            body = SAMPLES[38]["body"]
            success(await scene.host.post(f"game_room.php/actions/{action}/complete", body))
    if given == "told":
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
    """What stays of a text when ids and times are others."""
    if text.isdigit():
        return "0"
    text = re.sub(r"\b[0-9a-f]{6,}\b", lambda found: "x" * len(found[0]), text)
    return re.sub(r"\d", "0", text)


def alike(sample: Any, given: Any, more: set[str], path: str = "") -> None:
    """The same members, of the same types, texts of the same form; no more than is allowed."""
    if isinstance(sample, dict):
        assert isinstance(given, dict), path
        assert sample.keys() <= given.keys() <= sample.keys() | more, f"{path}: {sorted(given)}"
        for name, inner in sample.items():
            alike(inner, given[name], more, f"{path}.{name}")
    elif isinstance(sample, list):
        assert isinstance(given, list) and bool(given) is bool(sample), path
        for number, inner in enumerate(given):
            alike(sample[min(number, len(sample) - 1)], inner, more, f"{path}[{number}]")
    elif isinstance(sample, str):
        assert isinstance(given, str) and form(given) == form(sample), f"{path}: {given!r}"
    elif sample is None:
        # What has not happened yet in the sample may have happened here: a time.
        assert given is None or form(given) == "0000-00-00 00:00:00", f"{path}: {given!r}"
    elif isinstance(sample, bool):
        assert given is sample, f"{path}: {given!r}"
    else:
        assert type(given) in (int, float), f"{path}: {given!r}"


def test_no_sample_is_left_out():
    ours = {case.number for case in CASES} | {10, 11, 12}
    assert ours == set(range(len(SAMPLES)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.path}")
async def test_the_document_is_kept(scene, case):
    ids = await prepared(scene, case.given)
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
    alike(sample["answer"], answer.json, more)
    assert (answer.status == 200) is sample["answer"]["success"]


async def test_a_cursor_gives_all_that_came_after_it(scene):
    """The document's own second sample shows how the origin lost one of these."""
    await scene.fill_room()
    sent = [(await scene.send_update(scene.host, "others"))[0] for _ in range(3)]
    heard = await scene.poll_updates(scene.guest, sent[0])
    assert [row["update_id"] for row in heard["updates"]] == sent[1:]
    assert heard["last_update"] == sent[2]
