"""Each example of the document and of its sibling pages."""

import re
from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp
from tests.apis.rooms.examples import EXAMPLES, OMITTED, Example


class Scene:
    """The clients and the room or session of an example."""

    def __init__(self, test_app: TestApp) -> None:
        self.test_app = test_app
        self.clients: dict[str, ApiClient] = {"anonymous": test_app.anonymous}
        self.path_values = {"game": "noughts", "room-id": "1", "session-id": "1"}

    async def set_up(self, situation: str) -> None:
        """Log in the clients and create what the situation requires."""
        names = ("Mickey Mouse", "Donald Duck", "Goofy")
        host, guest, other = await self.test_app.sign_in_guests(*names)
        self.clients |= {"host": host, "guest": guest, "other": other}
        await host.put("/games/noughts/user-data/1/stored", {"stored": True})
        minnie = {"email": "minnie@example.org", "password": "hunter2hunter2"}
        await host.post("/accounts/register", {**minnie, "username": "Minnie Mouse"})
        if situation == "nothing":
            return
        room = await host.create_room("noughts", "room name")
        if situation != "room":
            await guest.join(room)
        if situation in ("session", "played"):
            session = await host.start(room)
            if situation == "played":
                await host.take_turn(session, cell=4)


def check_shape(sample: Any, value: Any, path: str = "") -> None:
    """Check that each member of the sample exists and has its type. The value may have more."""
    if sample == OMITTED:
        return
    assert type(value) is type(sample), f"{path}: {value!r}"
    if isinstance(sample, dict):
        for name, inner in sample.items():
            assert name in value, f"{path}.{name} is missing"
            check_shape(inner, value[name], f"{path}.{name}")
    if isinstance(sample, list):
        assert len(value) == len(sample), path
        for number, inner in enumerate(sample):
            check_shape(inner, value[number], f"{path}[{number}]")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.description)
async def test_documented_example_matches(test_app: TestApp, example: Example) -> None:
    scene = Scene(test_app)
    await scene.set_up(example.situation)
    path = re.sub(r"{(.*?)}", lambda found: scene.path_values[found[1]], example.path)
    answer = await scene.clients[example.by].request(example.method, path, example.body)
    assert answer.status == example.status, answer.raw
    for name, pattern in example.headers.items():
        assert re.fullmatch(pattern, answer.headers[name])
    if answer.status == 204:
        assert answer.raw == b"" and "Content-Type" not in answer.headers
    else:
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    if answer.status >= 400:
        check_shape({"error": "…", "description": "…"}, answer.json)
    if example.answer is not None:
        check_shape(example.answer, answer.json)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/games/noughts/rooms", {"name": "x"}),
        ("POST", "/games/noughts/rooms/quick-join", {}),
        ("POST", "/games/noughts/rooms/1/start", None),
        ("POST", "/accounts/register", {"email": "a@b", "password": "12345678", "username": "A"}),
    ],
)
async def test_location_returns_the_created_resource(
    test_app: TestApp, method: str, path: str, body: Any
) -> None:
    scene = Scene(test_app)
    await scene.set_up("full room")
    host = scene.clients["host"]
    created = await host.request(method, path, body)
    found = await host.get(created.headers["Location"])
    assert found.status == 200
    check_shape({"userId": 1} if "register" in path else {"game": "noughts"}, found.json)
