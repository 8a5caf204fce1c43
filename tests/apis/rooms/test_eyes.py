"""What each sees of a session: hidden hands, spectators, rules that fail."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from coalserver.core.ports import Entry, Topic
from coalserver.storage.memory import MemoryStore
from tests.apis.app import House, a_house, a_session
from tests.apis.listeners import listening


async def test_each_seat_sees_its_own_hand_and_a_spectator_none(house: House) -> None:
    ann, bob, cid = await house.guests("Ann", "Bob", "Cid")
    session = await a_session("cards", ann, bob)
    shown = [(await who.get(session)).json["environment"] for who in (ann, bob, cid)]
    assert [view["hand"] for view in shown] == [[1, 2, 3], [4, 5, 6], None]
    assert all(view["sizes"] == [3, 3] for view in shown)


async def test_a_turn_is_heard_by_each_as_he_may_see_it(house: House, way: str) -> None:
    ann, bob, cid = await house.guests("Ann", "Bob", "Cid")
    session = await a_session("cards", ann, bob)
    async with (
        listening(way, ann, session) as own,
        listening(way, bob, session) as other,
        listening(way, cid, session) as spectator,
    ):
        await ann.plays(session, card=2)
        heard = [await ear.next() for ear in (own, other, spectator)]
    assert [event["card"] for event in heard] == [2, None, None]
    assert [event["turn"] for event in heard] == [{"card": 2}, {"card": None}, {"card": None}]
    hands = [event["environment"]["hand"] for event in heard]
    assert hands == [[1, 3], [4, 5, 6], None]
    assert [event["current"] for event in heard] == [[1]] * 3


async def test_what_one_seat_sees_is_in_no_answer_to_another(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("cards", ann, bob)
    await ann.plays(session, card=2, secret="ace of spades")
    async with listening(way, bob, session, -1) as ear:
        assert "ace" not in str(await ear.next())
    for path in (session, session + "/events?wait=0", "/games/cards/sessions"):
        assert b"ace" not in (await bob.get(path)).raw
    assert b"ace" in (await ann.get(session + "/events?wait=0")).raw


async def test_who_has_left_his_seat_sees_what_spectators_see(house: House, way: str) -> None:
    ann, bob, cid = await house.guests("Ann", "Bob", "Cid")
    session = await a_session("cards", ann, bob, cid)
    async with listening(way, bob, session) as ear:
        await bob.post(session + "/leave")
        assert await ear.types(1) == ["user_leave"]
        await ann.plays(session, card=1)
        assert (await ear.next())["environment"]["hand"] is None
    assert (await bob.get(session)).json["environment"]["hand"] is None


class Gated(MemoryStore):
    """Lets nobody read what was said before the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = 0

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        self.waiting += 1
        await self.gate.wait()
        return await super().entries(topics, after, limit)


async def test_who_loses_his_seat_while_he_catches_up_hears_no_more_chat(way: str) -> None:
    store = Gated()
    async with a_house(store, tail=5) as house:
        await house.game("free")
        ann, bob = await house.guests("Ann", "Bob")
        room = await ann.opens("free")
        await bob.joins(room)
        for number in range(130):
            await ann.says(room, str(number))

        async def kick_meanwhile() -> None:
            await house.until(lambda: store.waiting > 0)
            await ann.post(room + "/kick", {"user_id": bob.id})
            store.gate.set()

        kicking = asyncio.create_task(kick_meanwhile())
        async with listening(way, bob, room, 1) as ear:
            await kicking
            while (await ear.next())["type"] != "user_leave":
                pass
            await ann.says(room, "between us")
            await ann.put(room + "/options", {})
            assert await ear.types(1) == ["options_changed"]


async def test_rules_that_cannot_begin_leave_the_room_as_it_was(house: House) -> None:
    await house.game("faulty")
    ann, bob = await house.guests("Ann", "Bob")
    room = await ann.opens("faulty", "x", options={"fails": "setup"})
    await bob.joins(room)
    assert (await ann.post(room + "/start")).refused == (400, "game.rules_failed")
    assert (await ann.get(room)).json["numUsers"] == 2
    assert (await ann.put(room + "/options", {})).status == 204
    await ann.starts(room)


@pytest.mark.parametrize("rule", ["legal", "apply", "json", "current", "seat", "outcome"])
async def test_a_turn_on_which_rules_fail_is_refused_and_play_goes_on(
    house: House, rule: str
) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("faulty", ann, bob)
    answer = await ann.post(session + "/turn", {"fails": rule})
    assert answer.refused == (400, "game.rules_failed")
    assert (await ann.get(session)).json["environment"]["turns"] == 0
    await bob.plays(session, n=1)
    assert (await ann.get(session)).json["environment"]["turns"] == 1


@pytest.mark.parametrize("rule", ["view", "seen"])
async def test_where_rules_fail_to_show_a_turn_the_feed_goes_on(
    house: House, way: str, rule: str
) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("faulty", ann, bob)
    async with listening(way, bob, session) as ear:
        await ann.plays(session, fails=rule)
        blind = await ear.next()
        assert (blind["type"], blind["player"]) == ("turn", 0)
        assert blind["turn"] is None and "fails" not in blind
        await ann.plays(session, n=2)
        seen = await ear.next()
        assert (seen["turn"], seen["environment"]["turns"]) == ({"n": 2}, 2)


async def test_a_session_that_cannot_be_shown_says_so(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("faulty", ann, bob)
    await ann.plays(session, fails="view")
    assert (await bob.get(session)).refused == (400, "game.rules_failed")
    assert (await bob.get("/games/faulty/sessions")).status == 200
    await ann.plays(session, n=2)
    assert (await bob.get(session)).status == 200


async def test_rules_that_fail_keep_nobody_in_his_seat(house: House) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    session = await a_session("faulty", ann, bob)
    await ann.plays(session, fails="left")
    await bob.post("/accounts/logout")
    shown: Any = (await ann.get("/games/faulty/sessions")).json[0]
    assert [row["user"] for row in shown["players"]] == [ann.user]
    assert shown["active"] is False
