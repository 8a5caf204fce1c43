"""What accepted bodies become, when it is read for the first time."""

import http.client
import json
from collections.abc import Iterator
from typing import Any

from benchmarks.bodies import shapes
from benchmarks.bodies.client import KIB, TIMEOUT_SECONDS, Case, Headers, Target, frame
from benchmarks.bodies.stage import Stage, with_members

#: Shapes of events that are read: the requests for one take a second.
READ_SHAPES = (
    "text",
    "names",
    "fractions of 17 digits",
    "text of umlauts",
    "escaped quotes",
    "text with digits",
)
PATCH = {f"p{number}": number for number in range(200)}


def post(target: Target, path: str, headers: Headers, body: bytes, method: str = "POST") -> str:
    """Send JSON and return the answer."""
    return target.request(method, path, {**headers, "Content-Type": "application/json"}, body)


def states(stage: Stage) -> Iterator[Case]:
    """States of a hosts session, with and without patches since the snapshot."""
    target, hosted = stage.target, stage.hosted
    messages = f"{hosted.path}/messages"
    update = {"type": "update", "source_of_truth_key": hosted.key}
    member = {"Authorization": f"Bearer {stage.member.token}"}
    join = {
        "type": "join", "session_id": hosted.id, "player": stage.member.uuid, "token": stage.member.token,
    }  # fmt: skip
    patches = [json.dumps({**update, "patch": {**PATCH, "n": n}}).encode() for n in range(2)]

    def joined() -> str:
        with target.socket(f"/sync/{hosted.id}") as opened:
            opened.send(frame(json.dumps(join).encode()))
            return opened.receive(2)

    def fill(whole: bytes, count: int) -> None:
        if post(target, messages, stage.host_bearer, whole).startswith("2"):
            for patch in patches[:count]:
                post(target, messages, stage.host_bearer, patch)

    events = f"{hosted.path}/events?after-event-id=-1&wait=0"
    for shape, value in shapes.values(250 * KIB).items():
        whole = with_members(update, ("state",), value)
        for name, read in (
            ("GET session", lambda: target.request("GET", hosted.path, member)),
            ("GET session events", lambda: target.request("GET", events, member)),
            ("sync join", joined),
        ):
            for count in (0, 2):
                yield Case(
                    name, f"state with {count} patches: {shape}", read,
                    lambda whole=whole, count=count: fill(whole, count),  # type: ignore[misc]
                )  # fmt: skip


def updates(stage: Stage) -> Iterator[Case]:
    """A page of updates, each as large as it may be, for each kind of client."""
    path = "/api/game_room.php/updates"

    def fill(body: dict[str, object], value: bytes) -> str:
        """Send as many updates as a response has, and return the id of the first one for the guest."""
        first = ""
        for _ in range(51):
            answer = http_json(stage.target, path, stage.host, with_members(body, ("data",), value))
            ids = dict(zip(answer["target_players_ids"], answer["update_ids"], strict=True))
            first = first or ids[stage.scene.guest.id]
        return first

    for shape, value in shapes.values(64 * KIB - 200).items():
        if shape in READ_SHAPES:
            last_update = fill({"type": "x", "target_players": "all"}, value)
            for form in ("", "&format=unity", "&format=json"):
                poll = f"{path}/poll?last_update={last_update}{form}"
                yield Case(
                    f"GET updates/poll{form}", shape,
                    lambda poll=poll: stage.target.request("GET", poll, stage.guest),  # type: ignore[misc]
                )  # fmt: skip


def player_data(stage: Stage) -> Iterator[Case]:
    """Data of a player, and a leaderboard that is ordered by it."""
    path, target = "/api/game_data.php/player/", stage.target
    order = b'{"sortBy":["level"]}'
    for shape, value in shapes.values(64 * KIB - 200).items():
        body = b'{"level":%b}' % value

        def put(body: bytes = body) -> None:
            post(target, f"{path}update", stage.host, body, "PUT")

        for form in ("", "?format=unity", "?format=json"):
            yield Case(
                f"GET player{form}", shape,
                lambda form=form: target.request("GET", f"{path}get{form}", stage.host), put,  # type: ignore[misc]
            )  # fmt: skip
        yield Case(
            "POST leaderboard", shape, lambda: post(target, "/api/leaderboard.php", stage.host, order), put
        )  # fmt: skip


def lists(stage: Stage) -> Iterator[Case]:
    """Rooms with rules, and actions that wait, each as large as it may be."""
    path, target = "/api/game_room.php", stage.target
    players = [stage.lone]
    for number in range(30):
        body = json.dumps({"player_name": f"P{number}"}).encode()
        answer = http_json(target, "/api/game_players.php/register", stage.api, body)
        players.append({**stage.api, "X-Player-Token": answer["private_key"]})
    for shape, value in shapes.values(64 * KIB - 200).items():
        if shape not in READ_SHAPES or not value.startswith((b"{", b"[", b'"')):
            continue
        rules = with_members({"room_name": "x", "max_players": 4}, ("rules",), b'{"a":%b}' % value)
        for player in players:
            post(target, f"{path}/leave", player, b"{}")
            post(target, f"{path}/create", player, rules)
        action = with_members(
            {"action_type": "x", "target_players": "host"}, ("request_data",), value
        )
        for _ in range(60):
            post(target, f"{path}/actions", stage.guest, action)
        for form in ("", "?format=unity", "?format=json"):
            for name, headers in (
                ("list", stage.host), ("actions/pending", stage.host), ("current", stage.host),
            ):  # fmt: skip
                yield Case(
                    f"GET {name}{form}", shape,
                    lambda name=name, form=form, headers=headers: target.request(  # type: ignore[misc]
                        "GET", f"{path}/{name}{form}", headers
                    ),
                )  # fmt: skip


def http_json(target: Target, path: str, headers: Headers, body: bytes) -> Any:
    """Send JSON and return the JSON of the answer."""
    connection = http.client.HTTPConnection(*target.address, timeout=TIMEOUT_SECONDS)
    connection.request("POST", path, body, headers)
    found = json.loads(connection.getresponse().read())
    connection.close()
    return found


def reads(stage: Stage) -> Iterator[Case]:
    yield from lists(stage)
    yield from states(stage)
    yield from updates(stage)
    yield from player_data(stage)
