"""What accepted bodies become, when it is read for the first time."""

import json
from collections.abc import Iterator

from benchmarks.bodies import shapes
from benchmarks.bodies.client import KIB, Case, Headers, Target, frame
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

    def fill(body: bytes) -> None:
        for _ in range(50):
            if not post(stage.target, path, stage.host, body).startswith("2"):
                return

    for shape, value in shapes.values(64 * KIB - 200).items():
        if shape in READ_SHAPES:
            body = with_members({"type": "x", "target_players": "all"}, ("data",), value)
            fill(body)
            for form in ("", "?format=unity", "?format=json"):
                poll = f"{path}/poll{form}"
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


def reads(stage: Stage) -> Iterator[Case]:
    yield from states(stage)
    yield from updates(stage)
    yield from player_data(stage)
