"""What each seat and spectators see of a session, and rules that fail."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from coalserver.core.ports import Entry, Topic
from coalserver.storage.memory import MemoryStore
from tests.apis.app import TestApp, make_session, run_test_app
from tests.apis.listeners import listen


async def test_each_seat_sees_only_its_own_hand(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("cards", ann, bob)
    views = [(await client.get(session)).json["environment"] for client in (ann, bob, cid)]
    assert [view["hand"] for view in views] == [[1, 2, 3], [4, 5, 6], None]
    assert all(view["sizes"] == [3, 3] for view in views)


async def test_turn_event_is_filtered_for_each_seat(test_app: TestApp, transport: str) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("cards", ann, bob)
    async with (
        listen(transport, ann, session) as own,
        listen(transport, bob, session) as other,
        listen(transport, cid, session) as spectator,
    ):
        await ann.take_turn(session, card=2)
        events = [await listener.next() for listener in (own, other, spectator)]
    assert [event["card"] for event in events] == [2, None, None]
    assert [event["turn"] for event in events] == [{"card": 2}, {"card": None}, {"card": None}]
    hands = [event["environment"]["hand"] for event in events]
    assert hands == [[1, 3], [4, 5, 6], None]
    assert [event["current"] for event in events] == [[1]] * 3


async def test_hidden_parts_of_a_turn_reach_no_other_seat(
    test_app: TestApp, transport: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    await ann.take_turn(session, card=2, secret="ace of spades")
    async with listen(transport, bob, session, -1) as listener:
        assert "ace" not in str(await listener.next())
    for path in (session, session + "/events?wait=0", "/games/cards/sessions"):
        assert b"ace" not in (await bob.get(path)).raw
    assert b"ace" in (await ann.get(session + "/events?wait=0")).raw


async def test_former_member_sees_what_spectators_see(test_app: TestApp, transport: str) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("cards", ann, bob, cid)
    async with listen(transport, bob, session) as listener:
        await bob.post(session + "/leave")
        assert await listener.types(1) == ["user_leave"]
        await ann.take_turn(session, card=1)
        assert (await listener.next())["environment"]["hand"] is None
    assert (await bob.get(session)).json["environment"]["hand"] is None


class GatedStore(MemoryStore):
    """A store that returns entries only once its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.waiting = 0

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        self.waiting += 1
        await self.gate.wait()
        return await super().entries(topics, after, limit)


async def test_kick_during_catch_up_stops_chat(transport: str) -> None:
    store = GatedStore()
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
        async with listen(transport, bob, room, 1) as listener:
            await kicking
            while (await listener.next())["type"] != "user_leave":
                pass
            await ann.send_chat(room, "between us")
            await ann.put(room + "/options", {})
            assert await listener.types(1) == ["options_changed"]


async def test_failing_setup_leaves_the_room_unchanged(test_app: TestApp) -> None:
    await test_app.create_game("faulty")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("faulty", "x", options={"fails": "setup"})
    await bob.join(room)
    assert (await ann.post(room + "/start")).status_and_error == (400, "game.rules_failed")
    assert (await ann.get(room)).json["numUsers"] == 2
    assert (await ann.put(room + "/options", {})).status == 204
    await ann.start(room)


@pytest.mark.parametrize("rule", ["legal", "apply", "json", "current", "seat", "outcome"])
async def test_failing_rule_rejects_the_turn_and_play_continues(
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
async def test_failing_view_shows_a_null_turn_and_the_feed_continues(
    test_app: TestApp, transport: str, rule: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("faulty", ann, bob)
    async with listen(transport, bob, session) as listener:
        await ann.take_turn(session, fails=rule)
        hidden = await listener.next()
        assert (hidden["type"], hidden["player"]) == ("turn", 0)
        assert hidden["turn"] is None and "fails" not in hidden
        await ann.take_turn(session, n=2)
        visible = await listener.next()
        assert (visible["turn"], visible["environment"]["turns"]) == ({"n": 2}, 2)


async def test_session_with_failing_view_returns_rules_failed(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("faulty", ann, bob)
    await ann.take_turn(session, fails="view")
    assert (await bob.get(session)).status_and_error == (400, "game.rules_failed")
    assert (await bob.get("/games/faulty/sessions")).status == 200
    await ann.take_turn(session, n=2)
    assert (await bob.get(session)).status == 200


async def test_failing_rules_do_not_prevent_leaving(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("faulty", ann, bob)
    await ann.take_turn(session, fails="left")
    await bob.post("/accounts/logout")
    row: Any = (await ann.get("/games/faulty/sessions")).json[0]
    assert [player["user"] for player in row["players"]] == [ann.user]
    assert row["active"] is False
