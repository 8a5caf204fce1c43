"""Races: whoever comes first wins, the others are told why, and nothing is left in between."""

import asyncio
from collections import Counter

from coalserver.core.unit_of_work import Limits
from tests.apis.app import Answer, ApiClient, TestApp, make_session, run_test_app


def statuses(answers: list[Answer]) -> dict[str, int]:
    return dict(Counter(answer.error for answer in answers))


async def counted(who: ApiClient, room: str) -> tuple[int, int]:
    """How many the room says it has, and how many it names."""
    document = (await who.get(room)).json
    return document["numUsers"], len(document["users"])


async def test_a_hundred_quick_joins_give_exactly_fifty_full_rooms(test_app: TestApp) -> None:
    players = await asyncio.gather(*(test_app.sign_in_guest(f"P{number}") for number in range(100)))
    path = "/games/noughts/rooms/quick-join"
    answers = await asyncio.gather(*(who.post(path) for who in players))
    assert statuses(answers) == {"200": 50, "201": 50}
    seats = Counter(answer.json["id"] for answer in answers)
    assert len(seats) == 50 and set(seats.values()) == {2}
    listed = await players[0].get("/games/noughts/rooms?full=true&limit=100")
    assert len(listed.json) == 50
    assert (await players[0].get("/games/noughts/rooms?full=false")).json == []


async def test_one_player_s_quick_joins_at_once_are_one_room(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    path = "/games/noughts/rooms/quick-join"
    answers = await asyncio.gather(*(ann.post(path) for _ in range(20)))
    assert statuses(answers) == {"200": 19, "201": 1}
    assert {answer.json["id"] for answer in answers} == {1}


async def test_the_last_seat_goes_to_one(test_app: TestApp) -> None:
    ann, *others = await test_app.sign_in_guests("Ann", *"BCDEFGHIJK")
    room = await ann.create_room()
    answers = await asyncio.gather(*(who.post(room + "/join") for who in others))
    assert statuses(answers) == {"200": 1, "room.full": 9}
    assert await counted(ann, room) == (2, 2)


async def test_joining_twice_at_once_is_one_seat(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    answers = await asyncio.gather(*(bob.post(room + "/join") for _ in range(10)))
    assert statuses(answers) == {"200": 10}
    assert await counted(ann, room) == (2, 2)


async def test_who_joins_while_the_host_starts_plays_or_is_told_that_it_is_gone() -> None:
    for _ in range(10):
        async with run_test_app() as test_app:
            await test_app.create_game("free", 1, 8)
            ann, *others = await test_app.sign_in_guests(*"ABCDEF")
            room = await ann.create_room("free")
            start, *joins = await asyncio.gather(
                ann.post(room + "/start"), *(who.post(room + "/join") for who in others)
            )
            assert start.status == 201
            players = (await ann.get(start.headers["Location"])).json["players"]
            joined = [answer for answer in joins if answer.status == 200]
            assert len(players) == 1 + len(joined)
            assert {a.error for a in joins} <= {"200", "room.gone"}


async def test_who_leaves_while_the_host_starts_is_out_or_plays(test_app: TestApp) -> None:
    for _ in range(10):
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await ann.create_room()
        await bob.join(room)
        leave, start = await asyncio.gather(bob.post(room + "/leave"), ann.post(room + "/start"))
        outcomes = (leave.error, start.error)
        assert outcomes in [("204", "room.too_few_players"), ("room.gone", "201")]


async def test_the_host_leaves_while_he_starts(test_app: TestApp) -> None:
    for _ in range(10):
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await ann.create_room()
        await bob.join(room)
        leave, start = await asyncio.gather(ann.post(room + "/leave"), ann.post(room + "/start"))
        assert (leave.error, start.error) in [("204", "room.gone"), ("room.gone", "201")]


async def test_who_is_kicked_while_he_leaves_leaves_once(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    kick, leave = await asyncio.gather(
        ann.post(room + "/kick", {"user_id": bob.id}), bob.post(room + "/leave")
    )
    outcomes = (kick.error, leave.error)
    assert outcomes in [("204", "room.not_in_room"), ("room.user_not_in_room", "204")]
    assert (await ann.event_types(room)).count("user_leave") == 1


async def test_of_two_turns_at_once_one_is_played(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    answers = await asyncio.gather(
        *(ann.post(session + "/turn", {"cell": cell}) for cell in range(9))
    )
    assert statuses(answers) == {"204": 1, "session.not_current_player": 8}
    grid = (await ann.get(session)).json["environment"]["grid"]
    assert grid.count("0") == 1 and await ann.event_types(session) == ["turn"]


async def test_both_players_at_once_take_one_turn_each_at_most(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await asyncio.gather(
        *(who.post(session + "/turn", {"cell": cell}) for cell in range(9) for who in (ann, bob))
    )
    heard = [row["event"] for row in await ann.poll_events(session)]
    turns = [event["player"] for event in heard if event["type"] == "turn"]
    assert turns == [number % 2 for number in range(len(turns))]


async def test_starting_twice_at_once_is_one_session(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    answers = await asyncio.gather(*(ann.post(room + "/start") for _ in range(10)))
    assert statuses(answers) == {"201": 1, "room.gone": 9}
    assert len((await ann.get("/games/noughts/sessions")).json) == 1


async def test_the_limit_of_seats_holds_for_calls_at_once() -> None:
    async with run_test_app(limits=Limits(max_seats=5)) as test_app:
        ann = await test_app.sign_in_guest()
        answers = await asyncio.gather(
            *(ann.post("/games/noughts/rooms", {"name": "x"}) for _ in range(20))
        )
        assert statuses(answers) == {"201": 5, "room.too_many": 15}


async def test_chat_from_many_at_once_is_heard_by_all_in_one_order(test_app: TestApp) -> None:
    await test_app.create_game("free")
    players = await test_app.sign_in_guests(*"ABCDEFGH")
    room = await players[0].create_room("free")
    for who in players[1:]:
        await who.join(room)
    cursor = test_app.core.feed.head
    await asyncio.gather(*(who.send_chat(room, f"{n}") for who in players for n in range(10)))
    heard = [await who.poll_events(room, cursor) for who in players]
    assert len(heard[0]) == 80 and all(one == heard[0] for one in heard)
    ids = [entry["id"] for entry in heard[0]]
    assert ids == sorted(ids)


async def test_both_leave_a_game_at_once_and_it_is_over_once(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    answers = await asyncio.gather(*(who.post(session + "/leave") for who in (ann, bob)))
    assert statuses(answers) == {"204": 1, "session.over": 1}
    assert (await ann.event_types(session)).count("session_over") == 1
