"""Presence: who is silent is away, who calls is back, and what silence costs."""

import asyncio

import pytest

from coalserver.services.housekeeping import Housekeeping, RetentionPolicy
from tests.apis.app import ApiClient, TestApp, make_session, run_test_app
from tests.apis.listeners import TRANSPORTS, listen
from tests.apis.rooms.factories import make_room


async def away(who: ApiClient, place: str) -> dict[str, bool]:
    document = (await who.get(place)).json
    rows = document["users"] if "users" in document else document["players"]
    return {row["user"]["username"]: row["away"] for row in rows}


async def test_who_is_silent_for_a_minute_is_away_and_the_others_hear_it(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(59)
    assert await away(ann, room) == {"Ann": False, "Bob": False}
    await test_app.advance(1)
    assert await away(ann, room) == {"Ann": False, "Bob": True}
    event = (await ann.poll_events(room))[-1]["event"]
    assert event == {"type": "user_away", "roomId": "1", "user": bob.user}


@pytest.mark.parametrize("kind", ["room", "session"])
async def test_any_call_brings_one_back_and_the_others_hear_it(
    test_app: TestApp, kind: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    place = await (make_room(ann, bob) if kind == "room" else make_session("cards", ann, bob))
    await test_app.advance(30)
    await ann.get("/games")
    await test_app.advance(30)
    assert await away(ann, place) == {"Ann": False, "Bob": True}
    await bob.get("/games")
    assert await away(ann, place) == {"Ann": False, "Bob": False}
    assert (await ann.event_types(place))[-2:] == ["user_away", "user_back"]


async def test_a_call_that_is_refused_is_a_sign_of_life_too(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(60)
    assert (await bob.get("/games/none/rooms")).status == 404
    assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_a_silent_member_s_seat_in_a_room_is_freed_after_the_grace(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    for _ in range(5):
        await test_app.advance(59)
        assert "Bob" in await away(ann, room)
    await test_app.advance(6)
    assert await away(ann, room) == {"Ann": False}
    event = (await ann.poll_events(room))[-1]["event"]
    left = {"type": "user_leave", "roomId": "1", "user": bob.user, "reason": "timeout"}
    assert event == left
    assert (await bob.post(room + "/leave")).status_and_error == (400, "room.not_in_room")


async def test_who_comes_back_within_the_grace_has_his_seat(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    for _ in range(4):
        await test_app.advance(59)
        await ann.get("/games")
    assert (await bob.post(room + "/ready", {"ready": True})).status == 204
    await test_app.advance(59)
    assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_a_room_whose_host_stays_silent_is_gone(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    cursor = test_app.core.feed.head
    for _ in range(6):
        await test_app.advance(59)
        await bob.get("/games")
    assert (await bob.get(room)).status_and_error == (410, "room.gone")
    gone = (await bob.poll_events("/games/free/rooms", cursor))[-1]["event"]
    assert (gone["type"], gone["reason"]) == ("room_gone", "expired")


async def test_a_session_keeps_the_seats_of_the_silent(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    for _ in range(5):
        await test_app.advance(86_400)
    assert set(await away(ann, session)) == {"Ann", "Bob"}
    assert (await bob.get(session)).json["environment"]["hand"] == [4, 5, 6]


async def test_a_session_in_which_nothing_happens_is_over_after_seven_days(
    test_app: TestApp,
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    for _ in range(7):
        await ann.get(session)
        await test_app.advance(86_400)
    assert (await ann.get(session)).json["active"] is False


@pytest.mark.parametrize("way", TRANSPORTS)
async def test_who_listens_is_there(test_app: TestApp, way: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen(way, bob, room):
        for _ in range(8):
            await test_app.advance(59)
            assert await away(ann, room) == {"Ann": False, "Bob": False}
    await test_app.wait_until(lambda: not test_app.core.presence._connections)
    await test_app.advance(60)
    assert await away(ann, room) == {"Ann": False, "Bob": True}


@pytest.mark.parametrize("way", TRANSPORTS)
async def test_opening_a_feed_brings_one_back(test_app: TestApp, way: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(60)
    assert await away(ann, room) == {"Ann": False, "Bob": True}
    async with listen(way, bob, room):
        assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_two_tabs_of_one_player_do_not_fight(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen("sse", bob, room) as one:
        async with listen("socket", bob, room) as other:
            await ann.send_chat(room, "both")
            assert await one.types(1) == await other.types(1) == ["chat"]
        await test_app.advance(61)
        assert await away(ann, room) == {"Ann": False, "Bob": False}
        await ann.send_chat(room, "one is left")
        while (await one.next())["type"] != "chat":
            pass


async def test_a_cut_line_costs_nothing_within_the_grace(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await ann.take_turn(session, cell=0)
    async with listen("socket", bob, session) as before:
        pass
    await test_app.advance(200)
    async with listen("poll", bob, session, before.cursor) as after:
        await bob.take_turn(session, cell=4)
        while (heard := await after.next())["type"] != "turn":
            pass
        assert heard["player"] == 1


async def test_a_restart_is_a_sign_of_life_from_everyone(persistent_test_app: TestApp) -> None:
    test_app = persistent_test_app
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    test_app.clock.advance(10_000)
    await test_app.restart()
    await test_app.advance(59)
    assert await away(ann, room) == {"Ann": False, "Bob": False}
    await test_app.advance(59)
    assert await away(ann, room) == {"Ann": False, "Bob": True}


async def test_who_was_away_at_a_restart_is_back_with_his_first_call(
    persistent_test_app: TestApp,
) -> None:
    test_app = persistent_test_app
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(60)
    assert (await away(ann, room))["Bob"] is True
    await test_app.restart()
    assert (await away(ann, room))["Bob"] is True
    await bob.get("/games")
    assert (await away(ann, room))["Bob"] is False


async def test_a_guest_whose_token_ends_abandons_what_he_was_in(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("free", ann, bob)
    for day in range(0, 30, 6):
        assert set(await away(ann, session)) == {"Ann", "Bob"}
        await ann.take_turn(session, day=day)
        await test_app.advance(6 * 86_400)
    await test_app.advance(61)
    assert set(await away(ann, session)) == {"Ann"}
    assert "user_leave" in await ann.event_types(session)


async def test_who_calls_while_others_are_marked_away_is_not(test_app: TestApp) -> None:
    names = "ABCDEFGHIJ"
    ann, *others = await test_app.sign_in_guests(*names)
    room = await make_room(ann, *others)
    test_app.clock.advance(60)
    await asyncio.gather(test_app.housekeeping.run_once(), *(who.get("/games") for who in others))
    assert not any((await away(ann, room)).values())


async def test_how_long_one_may_be_silent_can_be_set() -> None:
    async with run_test_app() as test_app:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await make_room(ann, bob)
        test_app.housekeeping = Housekeeping(test_app.core, RetentionPolicy(away_after=5))
        await test_app.advance(5)
        assert await away(ann, room) == {"Ann": False, "Bob": True}
