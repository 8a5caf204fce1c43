"""Every example of the document and of its sibling pages: request and answer."""

import re
from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp
from tests.apis.rooms.examples import EXAMPLES, OMITTED, Example


class Scene:
    """Mickey, Donald and one who is in no room, and as much of a game as an example wants."""

    def __init__(self, test_app: TestApp) -> None:
        self.test_app = test_app
        self.who: dict[str, ApiClient] = {"stranger": test_app.anonymous}
        self.place = {"game": "noughts", "room-id": "1", "session-id": "1"}

    async def set(self, given: str) -> None:
        names = ("Mickey Mouse", "Donald Duck", "Goofy")
        host, guest, other = await self.test_app.sign_in_guests(*names)
        self.who |= {"host": host, "guest": guest, "other": other}
        await host.put("/games/noughts/user-data/1/kept", {"kept": True})
        minnie = {"email": "minnie@example.org", "password": "hunter2hunter2"}
        await host.post("/accounts/register", {**minnie, "username": "Minnie Mouse"})
        if given == "nothing":
            return
        room = await host.create_room("noughts", "room name")
        if given != "room":
            await guest.join(room)
        if given in ("session", "played"):
            session = await host.start(room)
            if given == "played":
                await host.take_turn(session, cell=4)


def same_shape(sample: Any, given: Any, path: str = "") -> None:
    """Every member of the sample is there, and of the same type. Ours may have more."""
    if sample == OMITTED:
        return
    assert type(given) is type(sample), f"{path}: {given!r}"
    if isinstance(sample, dict):
        for name, inner in sample.items():
            assert name in given, f"{path}.{name} is missing"
            same_shape(inner, given[name], f"{path}.{name}")
    if isinstance(sample, list):
        assert len(given) == len(sample), path
        for number, inner in enumerate(sample):
            same_shape(inner, given[number], f"{path}[{number}]")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.says)
async def test_the_document_is_kept(test_app: TestApp, example: Example) -> None:
    scene = Scene(test_app)
    await scene.set(example.given)
    path = re.sub(r"{(.*?)}", lambda found: scene.place[found[1]], example.path)
    answer = await scene.who[example.by].request(example.method, path, example.body)
    assert answer.status == example.status, answer.raw
    for name, pattern in example.headers.items():
        assert re.fullmatch(pattern, answer.headers[name])
    if answer.status == 204:
        assert answer.raw == b"" and "Content-Type" not in answer.headers
    else:
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    if answer.status >= 400:
        same_shape({"error": "…", "description": "…"}, answer.json)
    if example.answer is not None:
        same_shape(example.answer, answer.json)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/games/noughts/rooms", {"name": "x"}),
        ("POST", "/games/noughts/rooms/quick-join", {}),
        ("POST", "/games/noughts/rooms/1/start", None),
        ("POST", "/accounts/register", {"email": "a@b", "password": "12345678", "username": "A"}),
    ],
)
async def test_a_location_leads_to_what_was_made(
    test_app: TestApp, method: str, path: str, body: Any
) -> None:
    scene = Scene(test_app)
    await scene.set("full room")
    host = scene.who["host"]
    made = await host.request(method, path, body)
    found = await host.get(made.headers["Location"])
    assert found.status == 200
    same_shape({"userId": 1} if "register" in path else {"game": "noughts"}, found.json)
