"""Sessions: turns, seats, ends; with rules and without."""

from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp, make_session


async def document(who: ApiClient, session: str) -> Any:
    return (await who.get(session)).json


async def test_a_session_s_document_has_these_members(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "my game")
    await bob.join(room)
    session = await ann.start(room)
    first = {"isHost": True, "isCurrent": True, "playerId": 0, "away": False}
    second = {"isHost": False, "isCurrent": False, "playerId": 1, "away": False}
    expected = {
        "sessionId": "1",
        "game": "noughts",
        "name": "my game",
        "active": True,
        "players": [{"user": ann.user, **first}, {"user": bob.user, **second}],
        "outcome": None,
    }
    [row] = (await bob.get("/games/noughts/sessions")).json
    assert row == expected
    assert await document(bob, session) == expected | {"environment": {"grid": "." * 9}}


async def test_a_turn_is_seen_by_all_and_the_next_is_the_other_s(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await ann.take_turn(session, cell=4)
    shown = await document(bob, session)
    assert shown["environment"] == {"grid": "....0...."}
    assert [row["isCurrent"] for row in shown["players"]] == [False, True]
    assert (await bob.poll_events(session))[-1]["event"] == {
        "type": "turn",
        "sessionId": "1",
        "player": 0,
        "cell": 4,
        "turn": {"cell": 4},
        "environment": {"grid": "....0...."},
        "current": [1],
        "number": 1,
    }


async def test_a_game_is_won_and_is_over(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    for player, cell in ((ann, 0), (bob, 3), (ann, 1), (bob, 4), (ann, 2)):
        await player.take_turn(session, cell=cell)
    shown = await document(bob, session)
    assert (shown["active"], shown["outcome"]) == (False, {"winner": 0})
    assert shown["environment"] == {"grid": "00011...."}
    assert not any(row["isCurrent"] for row in shown["players"])
    over = (await bob.poll_events(session))[-1]["event"]
    assert (over["type"], over["outcome"]) == ("session_over", {"winner": 0})
    assert (await bob.post(session + "/turn", {"cell": 8})).status_and_error == (
        400,
        "session.over",
    )


async def test_a_draw_has_no_winner(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    for number, cell in enumerate((0, 1, 2, 4, 3, 5, 7, 6, 8)):
        await (ann, bob)[number % 2].take_turn(session, cell=cell)
    assert (await document(ann, session))["outcome"] == {"winner": None}


@pytest.mark.parametrize(
    ("who", "turn", "error"),
    [
        ("bob", {"cell": 0}, "session.not_current_player"),
        ("cid", {"cell": 0}, "session.not_in_session"),
        ("ann", {"cell": 9}, "noughts.not_a_cell"),
        ("ann", {"cell": -1}, "noughts.not_a_cell"),
        ("ann", {"cell": "0"}, "noughts.not_a_cell"),
        ("ann", {"cell": True}, "noughts.not_a_cell"),
        ("ann", {"cell": 0.0}, "noughts.not_a_cell"),
        ("ann", {}, "noughts.not_a_cell"),
        ("ann", [], "request.malformed"),
        ("ann", 4, "request.malformed"),
        ("ann", None, "request.malformed"),
        ("ann", {"cell": 0, "x": "y" * 17_000}, "request.malformed"),
    ],
)
async def test_a_turn_that_cannot_be_says_why_and_changes_nothing(
    test_app: TestApp, who: str, turn: Any, error: str
) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("noughts", ann, bob)
    answer = await {"ann": ann, "bob": bob, "cid": cid}[who].post(session + "/turn", turn)
    assert answer.status_and_error == (400, error)
    assert (await document(ann, session))["environment"] == {"grid": "." * 9}


async def test_who_leaves_a_game_of_two_has_lost(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    assert (await ann.post(session + "/leave")).status == 204
    assert (await document(bob, session))["outcome"] == {"winner": 1}
    assert await bob.event_types(session) == ["user_leave", "session_over"]
    assert (await ann.post(session + "/leave")).status_and_error == (400, "session.over")


async def test_where_the_host_leaves_another_follows(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("free", ann, bob)
    await ann.post(session + "/leave")
    shown = await document(bob, session)
    assert [(row["user"], row["isHost"]) for row in shown["players"]] == [(bob.user, True)]
    assert await bob.event_types(session) == ["user_leave", "host_changed"]


async def test_the_host_ends_a_session_for_everyone(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    assert (await bob.post(session + "/stop")).status_and_error == (403, "session.not_host")
    assert (await ann.post(session + "/stop")).status == 204
    assert (await document(bob, session))["active"] is False
    assert (await ann.post(session + "/stop")).status_and_error == (400, "session.over")


async def test_a_session_is_one_of_its_own_game_only(test_app: TestApp) -> None:
    await test_app.create_game("chess")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    elsewhere = session.replace("noughts", "chess")
    assert (await ann.get(elsewhere)).status_and_error == (404, "session.not_found")
    assert (await ann.post(elsewhere + "/turn", {"cell": 0})).status == 404


async def test_anyone_may_watch_a_session_of_an_open_room(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("noughts", ann, bob)
    await ann.take_turn(session, cell=4)
    assert (await document(cid, session))["environment"] == {"grid": "....0...."}
    assert await cid.event_types(session) == ["turn"]


async def test_a_session_of_a_room_with_a_password_is_its_members_only(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await ann.create_room("noughts", "x", password="p")
    await bob.join(room, password="p")
    session = await ann.start(room)
    assert (await cid.get(session)).status_and_error == (403, "session.private")
    assert (await cid.get(session + "/events?wait=0")).status_and_error == (403, "session.private")
    assert (await bob.get(session)).status == 200


class TestWithoutRules:
    """A game whose rules this server does not know."""

    async def test_turns_are_relayed_as_they_are_in_order(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        turns = [{"n": 1, "type": "x", "player": "me", "turn": [None]}, {"é": {"b": [1.5]}}, {}]
        for player, turn in zip((bob, ann, bob), turns, strict=True):
            await player.take_turn(session, **turn)
        heard = [row["event"] for row in await ann.poll_events(session)]
        assert [event["turn"] for event in heard] == turns
        assert [event["player"] for event in heard] == [1, 0, 1]
        assert {event["type"] for event in heard} == {"turn"}
        assert heard[0]["n"] == 1

    async def test_it_is_everyone_s_turn_and_nothing_is_known(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        shown = await document(ann, await make_session("free", ann, bob))
        assert shown["environment"] is None and shown["outcome"] is None
        assert all(row["isCurrent"] for row in shown["players"])

    async def test_nobody_may_pretend_to_know_the_state(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        await bob.take_turn(session, environment={"won": 1}, current=[1], sessionId="9")
        [heard] = await ann.poll_events(session)
        event = heard["event"]
        assert (event["environment"], event["current"], event["sessionId"]) == (None, None, "1")

    async def test_one_may_come_later(self, test_app: TestApp) -> None:
        await test_app.create_game("free", 1, 2)
        ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
        session = await make_session("free", ann)
        answer = await bob.post(session + "/join")
        assert answer.json == {"id": 1, "game": "free", "type": "session"}
        assert (await bob.post(session + "/join")).status == 200
        assert (await cid.post(session + "/join")).status_and_error == (400, "session.full")
        [event] = [row["event"] for row in await ann.poll_events(session)]
        assert (event["type"], event["user"]) == ("user_join", bob.user)

    async def test_a_password_holds_for_the_session_too(self, test_app: TestApp) -> None:
        await test_app.create_game("free")
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await ann.start(await ann.create_room("free", "x", password="p"))
        assert (await bob.post(session + "/join")).status_and_error == (
            400,
            "session.wrong_password",
        )
        assert (await bob.post(session + "/join", {"password": "p"})).status == 200

    async def test_it_is_over_when_all_have_left(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        await ann.post(session + "/leave")
        await bob.post(session + "/leave")
        shown = await document(ann, session)
        assert (shown["active"], shown["outcome"]) == (False, None)

    async def test_it_is_over_after_seven_idle_days(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        await test_app.advance(6 * 86400)
        await bob.take_turn(session, still="here")
        await test_app.advance(6 * 86400)
        assert (await document(ann, session))["active"] is True
        await test_app.advance(2 * 86400)
        over = (await ann.poll_events(session))[-1]["event"]
        assert (over["type"], over["reason"]) == ("session_over", "expired")
