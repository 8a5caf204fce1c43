"""Concurrent requests: the first one wins, and the others get a clear error."""

import asyncio
from collections import Counter

import pytest

from coalserver.core.unit_of_work import Limits
from tests.apis.app import Answer, ApiClient, TestApp, make_session, run_test_app

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")


def statuses(answers: list[Answer]) -> dict[str, int]:
    """Count answers by status or error code."""
    return dict(Counter(answer.error for answer in answers))


async def member_counts(client: ApiClient, room: str) -> tuple[int, int]:
    """Return `numUsers` and the number of `users`, which must agree."""
    document = (await client.get(room)).json
    return document["numUsers"], len(document["users"])


async def test_hundred_concurrent_quick_joins_fill_fifty_rooms(test_app: TestApp) -> None:
    players = await asyncio.gather(*(test_app.sign_in_guest(f"P{number}") for number in range(100)))
    path = "/games/noughts/rooms/quick-join"
    answers = await asyncio.gather(*(client.post(path) for client in players))
    assert statuses(answers) == {"200": 50, "201": 50}
    seats = Counter(answer.json["id"] for answer in answers)
    assert len(seats) == 50 and set(seats.values()) == {2}
    listed = await players[0].get("/games/noughts/rooms?full=true&limit=100")
    assert len(listed.json) == 50
    assert (await players[0].get("/games/noughts/rooms?full=false")).json == []


async def test_concurrent_quick_joins_of_one_player_create_one_room(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    path = "/games/noughts/rooms/quick-join"
    answers = await asyncio.gather(*(ann.post(path) for _ in range(20)))
    assert statuses(answers) == {"200": 19, "201": 1}
    assert {answer.json["id"] for answer in answers} == {1}


async def test_concurrent_joins_give_the_last_seat_once(test_app: TestApp) -> None:
    ann, *others = await test_app.sign_in_guests("Ann", *"BCDEFGHIJK")
    room = await ann.create_room()
    answers = await asyncio.gather(*(client.post(room + "/join") for client in others))
    assert statuses(answers) == {"200": 1, "room.full": 9}
    assert await member_counts(ann, room) == (2, 2)


async def test_concurrent_joins_of_one_player_take_one_seat(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    answers = await asyncio.gather(*(bob.post(room + "/join") for _ in range(10)))
    assert statuses(answers) == {"200": 10}
    assert await member_counts(ann, room) == (2, 2)


async def test_join_during_start_succeeds_or_is_gone() -> None:
    for _ in range(10):
        async with run_test_app() as test_app:
            await test_app.create_game("free", 1, 8)
            ann, *others = await test_app.sign_in_guests(*"ABCDEF")
            room = await ann.create_room("free")
            start, *joins = await asyncio.gather(
                ann.post(room + "/start"), *(client.post(room + "/join") for client in others)
            )
            assert start.status == 201
            players = (await ann.get(start.headers["Location"])).json["players"]
            joined = [answer for answer in joins if answer.status == 200]
            assert len(players) == 1 + len(joined)
            assert {a.error for a in joins} <= {"200", "room.gone"}


@pytest.mark.parametrize(
    ("leaver", "start_after_leave"), [("Bob", "room.too_few_players"), ("Ann", "room.gone")]
)
async def test_leave_during_start_has_one_consistent_outcome(
    test_app: TestApp, leaver: str, start_after_leave: str
) -> None:
    for _ in range(10):
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await ann.create_room()
        await bob.join(room)
        leaving = {"Ann": ann, "Bob": bob}[leaver].post(room + "/leave")
        leave, start = await asyncio.gather(leaving, ann.post(room + "/start"))
        assert (leave.error, start.error) in [("204", start_after_leave), ("room.gone", "201")]


async def test_concurrent_kick_and_leave_remove_the_member_once(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    kick, leave = await asyncio.gather(
        ann.post(room + "/kick", {"user_id": bob.id}), bob.post(room + "/leave")
    )
    outcomes = (kick.error, leave.error)
    assert outcomes in [("204", "room.not_in_room"), ("room.user_not_in_room", "204")]
    assert (await ann.event_types(room)).count("user_leave") == 1


async def test_concurrent_turns_of_one_player_are_played_once(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    answers = await asyncio.gather(
        *(ann.post(session + "/turn", {"cell": cell}) for cell in range(9))
    )
    assert statuses(answers) == {"204": 1, "session.not_current_player": 8}
    grid = (await ann.get(session)).json["environment"]["grid"]
    assert grid.count("0") == 1 and await ann.event_types(session) == ["turn"]


async def test_concurrent_turns_of_both_players_alternate(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await asyncio.gather(
        *(
            client.post(session + "/turn", {"cell": cell})
            for cell in range(9)
            for client in (ann, bob)
        )
    )
    received = [row["event"] for row in await ann.poll_events(session)]
    turns = [event["player"] for event in received if event["type"] == "turn"]
    assert turns == [number % 2 for number in range(len(turns))]


async def test_concurrent_starts_create_one_session(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    answers = await asyncio.gather(*(ann.post(room + "/start") for _ in range(10)))
    assert statuses(answers) == {"201": 1, "room.gone": 9}
    assert len((await ann.get("/games/noughts/sessions")).json) == 1


async def test_seat_limit_holds_for_concurrent_requests() -> None:
    async with run_test_app(limits=Limits(max_seats=5)) as test_app:
        ann = await test_app.sign_in_guest()
        answers = await asyncio.gather(
            *(ann.post("/games/noughts/rooms", {"name": "x"}) for _ in range(20))
        )
        assert statuses(answers) == {"201": 5, "room.too_many": 15}


async def test_concurrent_chat_reaches_all_members_in_one_order(test_app: TestApp) -> None:
    await test_app.create_game("free")
    players = await test_app.sign_in_guests(*"ABCDEFGH")
    room = await players[0].create_room("free")
    for client in players[1:]:
        await client.join(room)
    cursor = test_app.core.feed.head
    await asyncio.gather(*(client.send_chat(room, f"{n}") for client in players for n in range(10)))
    received = [await client.poll_events(room, cursor) for client in players]
    assert len(received[0]) == 80 and all(entries == received[0] for entries in received)
    ids = [entry["id"] for entry in received[0]]
    assert ids == sorted(ids)


async def test_concurrent_leaves_end_the_session_once(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    answers = await asyncio.gather(*(client.post(session + "/leave") for client in (ann, bob)))
    assert statuses(answers) == {"204": 1, "session.over": 1}
    assert (await ann.event_types(session)).count("session_over") == 1
