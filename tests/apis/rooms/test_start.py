"""Ready checks, starting a session, quick-join and the limit on seats."""

import pytest

from coalserver.core.unit_of_work import Limits
from tests.apis.app import TestApp, make_session, run_test_app

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")


async def test_members_are_ready_without_ready_check(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    assert all(row["ready"] for row in (await ann.get(room)).json["users"])
    await ann.start(room)


async def test_start_with_ready_check_requires_ready_members(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "x", readyCheck=True)
    await bob.join(room)
    document = (await ann.get(room)).json
    assert document["readyCheck"] is True
    assert [row["ready"] for row in document["users"]] == [True, False]
    assert (await ann.post(room + "/start")).status_and_error == (400, "room.not_ready")
    assert (await bob.post(room + "/ready", {"ready": True})).status == 204
    await ann.start(room)


async def test_member_can_become_not_ready(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    await bob.post(room + "/ready", {"ready": False})
    assert (await ann.post(room + "/start")).status_and_error == (400, "room.not_ready")


async def test_start_requires_the_minimum_of_players(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    assert (await ann.post(room + "/start")).status_and_error == (400, "room.too_few_players")


async def test_start_returns_the_session(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    answer = await ann.post(room + "/start")
    assert answer.json == {"id": 1, "game": "noughts", "type": "session"}
    assert answer.headers["Location"] == "/games/noughts/sessions/1"


async def test_seat_limit_rejects_join_and_creation() -> None:
    async with run_test_app(limits=Limits(max_seats=2)) as small:
        ann, bob = await small.sign_in_guests("Ann", "Bob")
        await make_session("noughts", ann, bob)
        await ann.create_room()
        room = await bob.create_room()
        answer = await ann.post(room + "/join")
        assert (
            answer.status_and_error == (400, "room.too_many") and "2" in answer.json["description"]
        )
        assert (await ann.post("/games/noughts/rooms", {"name": "x"})).error == "room.too_many"


async def test_quick_join_creates_a_room_and_then_fills_it(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    path = "/games/noughts/rooms/quick-join"
    created, joined, another = [await client.post(path) for client in (ann, bob, cid)]
    assert [answer.status for answer in (created, joined, another)] == [201, 200, 201]
    assert created.json == {"id": 1, "game": "noughts", "type": "room"} == joined.json
    assert created.headers["Location"] == joined.headers["Location"] == "/games/noughts/rooms/1"
    assert another.json["id"] == 2


async def test_repeated_quick_join_returns_the_same_room(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    path = "/games/noughts/rooms/quick-join"
    created = await ann.post(path, {"name": "Mine", "options": {"first": "random"}})
    again = await ann.post(path, {"name": None, "options": None})
    assert again.status == 200 and again.json == created.json
    document = (await ann.get(created.headers["Location"])).json
    assert (document["name"], document["options"]) == ("Mine", {"first": "random"})


async def test_quick_join_skips_private_rooms(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await ann.create_room("noughts", "x", password="p")
    assert (await bob.post("/games/noughts/rooms/quick-join")).status == 201
