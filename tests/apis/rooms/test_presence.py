"""Presence: who is silent is away, who calls is back, and what silence costs."""

import asyncio

import pytest

from coalserver.services.housekeeping import Housekeeping, Keeping
from tests.apis.app import Asker, House, a_house, a_session
from tests.apis.listeners import WAYS, listening
from tests.apis.rooms.gathered import a_room


async def away(who: Asker, place: str) -> dict[str, bool]:
    document = (await who.get(place)).json
    rows = document["users"] if "users" in document else document["players"]
    return {row["user"]["username"]: row["away"] for row in rows}


async def test_who_is_silent_for_a_minute_is_away_and_the_others_hear_it(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    await house.after(59)
    assert await away(ann, room) == {"Ann": False, "Bob": False}
    await house.after(1)
    assert await away(ann, room) == {"Ann": False, "Bob": True}
    event = (await ann.hears(room))[-1]["event"]
    assert event == {"type": "user_away", "roomId": "1", "user": bob.user}


@pytest.mark.parametrize("kind", ["room", "session"])
async def test_any_call_brings_one_back_and_the_others_hear_it(house: House, kind: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    place = await (a_room(ann, bob) if kind == "room" else a_session("cards", ann, bob))
    await house.after(30)
    await ann.get("/games")
    await house.after(30)
    assert await away(ann, place) == {"Ann": False, "Bob": True}
    await bob.get("/games")
    assert await away(ann, place) == {"Ann": False, "Bob": False}
    assert (await ann.told(place))[-2:] == ["user_away", "user_back"]


async def test_a_call_that_is_refused_is_a_sign_of_life_too(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    await house.after(60)
    assert (await bob.get("/games/none/rooms")).status == 404
    assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_a_silent_member_s_seat_in_a_room_is_freed_after_the_grace(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    for _ in range(5):
        await house.after(59)
        assert "Bob" in await away(ann, room)
    await house.after(6)
    assert await away(ann, room) == {"Ann": False}
    event = (await ann.hears(room))[-1]["event"]
    left = {"type": "user_leave", "roomId": "1", "user": bob.user, "reason": "timeout"}
    assert event == left
    assert (await bob.post(room + "/leave")).refused == (400, "room.not_in_room")


async def test_who_comes_back_within_the_grace_has_his_seat(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    for _ in range(4):
        await house.after(59)
        await ann.get("/games")
    assert (await bob.post(room + "/ready", {"ready": True})).status == 204
    await house.after(59)
    assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_a_room_whose_host_stays_silent_is_gone(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    cursor = house.core.feed.head
    for _ in range(6):
        await house.after(59)
        await bob.get("/games")
    assert (await bob.get(room)).refused == (410, "room.gone")
    gone = (await bob.hears("/games/free/rooms", cursor))[-1]["event"]
    assert (gone["type"], gone["reason"]) == ("room_gone", "expired")


async def test_a_session_keeps_the_seats_of_the_silent(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("cards", ann, bob)
    for _ in range(5):
        await house.after(86_400)
    assert set(await away(ann, session)) == {"Ann", "Bob"}
    assert (await bob.get(session)).json["environment"]["hand"] == [4, 5, 6]


async def test_a_session_in_which_nothing_happens_is_over_after_seven_days(
    house: House,
) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("cards", ann, bob)
    for _ in range(7):
        await ann.get(session)
        await house.after(86_400)
    assert (await ann.get(session)).json["active"] is False


@pytest.mark.parametrize("way", WAYS)
async def test_who_listens_is_there(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    async with listening(way, bob, room):
        for _ in range(8):
            await house.after(59)
            assert await away(ann, room) == {"Ann": False, "Bob": False}
    await house.until(lambda: not house.core.presence._held)
    await house.after(60)
    assert await away(ann, room) == {"Ann": False, "Bob": True}


@pytest.mark.parametrize("way", WAYS)
async def test_opening_a_feed_brings_one_back(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    await house.after(60)
    assert await away(ann, room) == {"Ann": False, "Bob": True}
    async with listening(way, bob, room):
        assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_two_tabs_of_one_player_do_not_fight(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    async with listening("sse", bob, room) as one:
        async with listening("socket", bob, room) as other:
            await ann.says(room, "both")
            assert await one.types(1) == await other.types(1) == ["chat"]
        await house.after(61)
        assert await away(ann, room) == {"Ann": False, "Bob": False}
        await ann.says(room, "one is left")
        while (await one.next())["type"] != "chat":
            pass


async def test_a_cut_line_costs_nothing_within_the_grace(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("noughts", ann, bob)
    await ann.plays(session, cell=0)
    async with listening("socket", bob, session) as before:
        pass
    await house.after(200)
    async with listening("poll", bob, session, before.cursor) as after:
        await bob.plays(session, cell=4)
        while (heard := await after.next())["type"] != "turn":
            pass
        assert heard["player"] == 1


async def test_a_restart_is_a_sign_of_life_from_everyone(stone_house: House) -> None:
    house = stone_house
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    house.clock.forward(10_000)
    await house.restart()
    await house.after(59)
    assert await away(ann, room) == {"Ann": False, "Bob": False}
    await house.after(59)
    assert await away(ann, room) == {"Ann": False, "Bob": True}


async def test_who_was_away_at_a_restart_is_back_with_his_first_call(
    stone_house: House,
) -> None:
    house = stone_house
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    await house.after(60)
    assert (await away(ann, room))["Bob"] is True
    await house.restart()
    assert (await away(ann, room))["Bob"] is True
    await bob.get("/games")
    assert (await away(ann, room))["Bob"] is False


async def test_a_guest_whose_token_ends_abandons_what_he_was_in(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("free", ann, bob)
    for day in range(0, 30, 6):
        assert set(await away(ann, session)) == {"Ann", "Bob"}
        await ann.plays(session, day=day)
        await house.after(6 * 86_400)
    await house.after(61)
    assert set(await away(ann, session)) == {"Ann"}
    assert "user_leave" in await ann.told(session)


async def test_who_calls_while_others_are_marked_away_is_not(house: House) -> None:
    names = "ABCDEFGHIJ"
    ann, *others = await house.guests(*names)
    room = await a_room(ann, *others)
    house.clock.forward(60)
    await asyncio.gather(house.keeper.round(), *(who.get("/games") for who in others))
    assert not any((await away(ann, room)).values())


async def test_how_long_one_may_be_silent_can_be_set() -> None:
    async with a_house() as house:
        ann, bob = await house.guests("Ann", "Bob")
        room = await a_room(ann, bob)
        house.keeper = Housekeeping(house.core, Keeping(away_after=5))
        await house.after(5)
        assert await away(ann, room) == {"Ann": False, "Bob": True}
