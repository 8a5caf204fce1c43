"""Feeds on all three transports: who hears what, and that nothing is lost."""

import asyncio

import pytest

from coalserver.core import topics
from coalserver.core.unit_of_work import Unit
from coalserver.domain.play.lobby_events import MemberJoined
from tests.apis.app import Asker, House, a_house
from tests.apis.listeners import listening
from tests.apis.rooms.gathered import a_room


async def test_what_happens_in_a_room_is_heard(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann)
    async with listening(way, ann, room) as ear:
        await bob.joins(room)
        assert await ear.next() == {"type": "user_join", "roomId": "1", "user": bob.user}
        await bob.post(room + "/ready", {"ready": False})
        heard = await ear.next()
        assert heard == {"type": "user_ready", "roomId": "1", "user": bob.user, "ready": False}
        await ann.put(room + "/options", {"a": 1})
        heard = await ear.next()
        assert heard == {"type": "options_changed", "roomId": "1", "options": {"a": 1}}
        await bob.post(room + "/leave")
        left = {"type": "user_leave", "roomId": "1", "user": bob.user, "reason": "left"}
        assert await ear.next() == left
        await bob.joins(room)
        await ann.post(room + "/kick", {"user_id": bob.id})
        assert [await ear.next(), await ear.next()][1] == {**left, "reason": "kicked"}
        session = await ann.starts(room)
        gone = {"type": "room_gone", "roomId": "1", "reason": "started", "sessionId": "1"}
        assert await ear.next() == gone and session.endswith("/1")


async def test_all_rooms_of_a_game_are_heard_on_one_feed(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    await house.game("chess")
    async with listening(way, bob, "/games/noughts/rooms") as ear:
        await ann.opens("chess")
        first = await ann.opens("noughts", "first", password="p")
        created = await ear.next()
        assert (created["type"], created["roomId"]) == ("room_created", "2")
        assert created["room"] == {
            "roomId": 2,
            "name": "first",
            "game": "noughts",
            "numUsers": 1,
            "maxUsers": 2,
            "active": True,
            "private": True,
            "options": {},
            "host": ann.user,
        }
        await ann.post(first + "/leave")
        assert await ear.types(1) == ["user_leave"]
        gone = {"type": "room_gone", "roomId": "2", "reason": "host_left"}
        assert await ear.next() == gone


async def test_following_the_largest_id_loses_nothing(way: str) -> None:
    async with a_house(tail=50) as house:
        ann, bob = await house.guests("Ann", "Bob")
        room = await a_room(ann, bob)
        for number in range(250):
            await ann.says(room, str(number))
        async with listening(way, bob, room, -1) as ear:
            assert await ear.types(2) == ["room_created", "user_join"]
            for number in range(250):
                assert (await ear.next())["text"] == str(number)
            await ann.says(room, "at last")
            assert (await ear.next())["text"] == "at last"


async def test_what_happens_while_one_catches_up_comes_after_it(way: str) -> None:
    async with a_house(tail=50) as house:
        ann, bob = await house.guests("Ann", "Bob")
        room = await a_room(ann, bob)
        for number in range(120):
            await ann.says(room, str(number))

        async def going_on() -> None:
            for number in range(120, 240):
                await ann.says(room, str(number))

        async with listening(way, bob, room, 1) as ear:
            talking = asyncio.create_task(going_on())
            heard = [(await ear.next())["text"] for _ in range(240)]
            assert heard == [str(number) for number in range(240)]
            await talking


async def test_several_who_wait_hear_the_same(house: House, way: str) -> None:
    ann, *others = await house.guests("Ann", "Bob", "Cid", "Dan")
    room = await a_room(ann)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        everyone = asyncio.Event()
        ready = asyncio.Semaphore(0)

        async def hear(who: Asker) -> None:
            async with listening(way, who, room) as ear:
                ready.release()
                await everyone.wait()
                assert (await ear.next())["options"] == {"heard": "by all"}

        for who in (ann, *others):
            group.create_task(hear(who))
        for _ in range(4):
            await ready.acquire()
        await ann.put(room + "/options", {"heard": "by all"})
        everyone.set()


async def test_the_lost_are_told_so_and_hear_the_rest(way: str) -> None:
    async with a_house(tail=5) as house:
        ann = await house.guest("Ann")
        room = await a_room(ann)
        for number in range(40):
            await ann.says(room, str(number))
        house.clock.forward(100)
        await house.core.forget(house.clock(), 10)
        async with listening(way, ann, room, 3) as ear:
            assert [(await ear.next())["text"] for _ in range(10)] == [
                str(number) for number in range(30, 40)
            ]
            assert ear.lost


@pytest.mark.parametrize("after", [-1, 30])
async def test_who_asks_for_what_is_kept_has_lost_nothing(way: str, after: int) -> None:
    async with a_house(tail=5) as house:
        ann = await house.guest("Ann")
        room = await a_room(ann)
        for number in range(40):
            await ann.says(room, str(number))
        house.clock.forward(100)
        await house.core.forget(house.clock(), 10)
        async with listening(way, ann, room, after) as ear:
            assert (await ear.next())["text"] == "30"
            assert not ear.lost


async def test_after_a_restart_one_goes_on_from_his_cursor(stone_house: House, way: str) -> None:
    ann, bob = await stone_house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    async with listening(way, bob, room) as ear:
        await ann.says(room, "before")
        assert (await ear.next())["text"] == "before"
    await ann.says(room, "meanwhile")
    await stone_house.restart()
    async with listening(way, bob, room, ear.cursor) as again:
        assert (await again.next())["text"] == "meanwhile"
        await ann.says(room, "after")
        assert (await again.next())["text"] == "after"


def unspeakable(unit: Unit) -> None:
    """Say what no dialect can put into words."""
    unit.say(MemberJoined("free", 1, 1, object()), topics.lobby(1))  # type: ignore[arg-type]


async def test_a_slip_in_the_words_ends_who_hears_them_and_nobody_else(
    house: House, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann)
    other = await bob.opens("free")
    async with listening(way, ann, room) as ear, listening(way, bob, other) as another:
        await house.core.do(unspeakable)
        assert await ear.end() in (500, "closed", 1011)
        await bob.says(other, "hello")
        assert (await another.next())["text"] == "hello"
    assert "A listener has failed" in caplog.text


async def test_a_server_that_ends_sends_listeners_home(house: House, way: str) -> None:
    ann = await house.guest()
    room = await a_room(ann)
    async with listening(way, ann, room) as ear:
        await house.restart()
        assert await ear.end() in ("closed", 1012)
