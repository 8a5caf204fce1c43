"""What each sees of a session: hidden hands, spectators, rules that fail."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from coalserver.core.ports import Entry, Topic
from coalserver.storage.memory import MemoryStore
from tests.apis.app import TestApp, make_session, run_test_app
from tests.apis.listeners import listen


async def test_each_seat_sees_its_own_hand_and_a_spectator_none(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("cards", ann, bob)
    shown = [(await who.get(session)).json["environment"] for who in (ann, bob, cid)]
    assert [view["hand"] for view in shown] == [[1, 2, 3], [4, 5, 6], None]
    assert all(view["sizes"] == [3, 3] for view in shown)


async def test_a_turn_is_heard_by_each_as_he_may_see_it(test_app: TestApp, way: str) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("cards", ann, bob)
    async with (
        listen(way, ann, session) as own,
        listen(way, bob, session) as other,
        listen(way, cid, session) as spectator,
    ):
        await ann.take_turn(session, card=2)
        heard = [await listener.next() for listener in (own, other, spectator)]
    assert [event["card"] for event in heard] == [2, None, None]
    assert [event["turn"] for event in heard] == [{"card": 2}, {"card": None}, {"card": None}]
    hands = [event["environment"]["hand"] for event in heard]
    assert hands == [[1, 3], [4, 5, 6], None]
    assert [event["current"] for event in heard] == [[1]] * 3


async def test_what_one_seat_sees_is_in_no_answer_to_another(test_app: TestApp, way: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    await ann.take_turn(session, card=2, secret="ace of spades")
    async with listen(way, bob, session, -1) as listener:
        assert "ace" not in str(await listener.next())
    for path in (session, session + "/events?wait=0", "/games/cards/sessions"):
        assert b"ace" not in (await bob.get(path)).raw
    assert b"ace" in (await ann.get(session + "/events?wait=0")).raw


async def test_who_has_left_his_seat_sees_what_spectators_see(test_app: TestApp, way: str) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("cards", ann, bob, cid)
    async with listen(way, bob, session) as listener:
        await bob.post(session + "/leave")
        assert await listener.types(1) == ["user_leave"]
        await ann.take_turn(session, card=1)
        assert (await listener.next())["environment"]["hand"] is None
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
    async with run_test_app(store, tail=5) as test_app:
        await test_app.create_game("free")
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await ann.create_room("free")
        await bob.join(room)
        for number in range(130):
            await ann.send_chat(room, str(number))

        async def kick_meanwhile() -> None:
            await test_app.wait_until(lambda: store.waiting > 0)
            await ann.post(room + "/kick", {"user_id": bob.id})
            store.gate.set()

        kicking = asyncio.create_task(kick_meanwhile())
        async with listen(way, bob, room, 1) as listener:
            await kicking
            while (await listener.next())["type"] != "user_leave":
                pass
            await ann.send_chat(room, "between us")
            await ann.put(room + "/options", {})
            assert await listener.types(1) == ["options_changed"]


async def test_rules_that_cannot_begin_leave_the_room_as_it_was(test_app: TestApp) -> None:
    await test_app.create_game("faulty")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("faulty", "x", options={"fails": "setup"})
    await bob.join(room)
    assert (await ann.post(room + "/start")).status_and_error == (400, "game.rules_failed")
    assert (await ann.get(room)).json["numUsers"] == 2
    assert (await ann.put(room + "/options", {})).status == 204
    await ann.start(room)


@pytest.mark.parametrize("rule", ["legal", "apply", "json", "current", "seat", "outcome"])
async def test_a_turn_on_which_rules_fail_is_refused_and_play_goes_on(
    test_app: TestApp, rule: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("faulty", ann, bob)
    answer = await ann.post(session + "/turn", {"fails": rule})
    assert answer.status_and_error == (400, "game.rules_failed")
    assert (await ann.get(session)).json["environment"]["turns"] == 0
    await bob.take_turn(session, n=1)
    assert (await ann.get(session)).json["environment"]["turns"] == 1


@pytest.mark.parametrize("rule", ["view", "seen"])
async def test_where_rules_fail_to_show_a_turn_the_feed_goes_on(
    test_app: TestApp, way: str, rule: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("faulty", ann, bob)
    async with listen(way, bob, session) as listener:
        await ann.take_turn(session, fails=rule)
        blind = await listener.next()
        assert (blind["type"], blind["player"]) == ("turn", 0)
        assert blind["turn"] is None and "fails" not in blind
        await ann.take_turn(session, n=2)
        seen = await listener.next()
        assert (seen["turn"], seen["environment"]["turns"]) == ({"n": 2}, 2)


async def test_a_session_that_cannot_be_shown_says_so(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("faulty", ann, bob)
    await ann.take_turn(session, fails="view")
    assert (await bob.get(session)).status_and_error == (400, "game.rules_failed")
    assert (await bob.get("/games/faulty/sessions")).status == 200
    await ann.take_turn(session, n=2)
    assert (await bob.get(session)).status == 200


async def test_rules_that_fail_keep_nobody_in_his_seat(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("faulty", ann, bob)
    await ann.take_turn(session, fails="left")
    await bob.post("/accounts/logout")
    shown: Any = (await ann.get("/games/faulty/sessions")).json[0]
    assert [row["user"] for row in shown["players"]] == [ann.user]
    assert shown["active"] is False
