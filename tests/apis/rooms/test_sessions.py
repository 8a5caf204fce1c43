"""Sessions: turns, seats and ends, with rules and without."""

from typing import Any

import pytest

from tests.apis.app import ApiClient, TestApp, make_session

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")


async def get_session(client: ApiClient, session: str) -> Any:
    """Return the session as the client sees it."""
    return (await client.get(session)).json


async def test_session_has_the_documented_members(test_app: TestApp) -> None:
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
    assert await get_session(bob, session) == expected | {
        "environment": {"grid": "." * 9},
        "actions": [],
    }


async def test_turn_updates_the_state_and_the_current_player(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await ann.take_turn(session, cell=4)
    document = await get_session(bob, session)
    assert document["environment"] == {"grid": "....0...."}
    assert [row["isCurrent"] for row in document["players"]] == [False, True]
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


async def test_winning_turn_ends_the_session(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    for player, cell in ((ann, 0), (bob, 3), (ann, 1), (bob, 4), (ann, 2)):
        await player.take_turn(session, cell=cell)
    document = await get_session(bob, session)
    assert (document["active"], document["outcome"]) == (False, {"winner": 0})
    assert document["environment"] == {"grid": "00011...."}
    assert not any(row["isCurrent"] for row in document["players"])
    over = (await bob.poll_events(session))[-1]["event"]
    assert (over["type"], over["outcome"]) == ("session_over", {"winner": 0})
    assert (await bob.post(session + "/turn", {"cell": 8})).status_and_error == (
        400,
        "session.over",
    )


async def test_draw_has_no_winner(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    for number, cell in enumerate((0, 1, 2, 4, 3, 5, 7, 6, 8)):
        await (ann, bob)[number % 2].take_turn(session, cell=cell)
    assert (await get_session(ann, session))["outcome"] == {"winner": None}


@pytest.mark.parametrize(
    ("by", "turn", "error"),
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
async def test_invalid_turn_is_rejected_and_changes_nothing(
    test_app: TestApp, by: str, turn: Any, error: str
) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("noughts", ann, bob)
    answer = await {"ann": ann, "bob": bob, "cid": cid}[by].post(session + "/turn", turn)
    assert answer.status_and_error == (400, error)
    assert (await get_session(ann, session))["environment"] == {"grid": "." * 9}


async def test_player_who_leaves_noughts_loses(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    assert (await ann.post(session + "/leave")).status == 204
    assert (await get_session(bob, session))["outcome"] == {"winner": 1}
    assert await bob.event_types(session) == ["user_leave", "session_over"]
    assert (await ann.post(session + "/leave")).status_and_error == (400, "session.over")


async def test_another_member_becomes_host_when_the_host_leaves(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("free", ann, bob)
    await ann.post(session + "/leave")
    document = await get_session(bob, session)
    assert [(row["user"], row["isHost"]) for row in document["players"]] == [(bob.user, True)]
    assert await bob.event_types(session) == ["user_leave", "host_changed"]


async def test_only_the_host_can_stop_a_session(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    assert (await bob.post(session + "/stop")).status_and_error == (403, "session.not_host")
    assert (await ann.post(session + "/stop")).status == 204
    assert (await get_session(bob, session))["active"] is False
    assert (await ann.post(session + "/stop")).status_and_error == (400, "session.over")


async def test_session_is_not_found_in_another_game(test_app: TestApp) -> None:
    await test_app.create_game("chess")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    other_path = session.replace("noughts", "chess")
    assert (await ann.get(other_path)).status_and_error == (404, "session.not_found")
    assert (await ann.post(other_path + "/turn", {"cell": 0})).status == 404


async def test_session_of_a_public_room_can_be_watched(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    session = await make_session("noughts", ann, bob)
    await ann.take_turn(session, cell=4)
    assert (await get_session(cid, session))["environment"] == {"grid": "....0...."}
    assert await cid.event_types(session) == ["turn"]


async def test_private_session_is_visible_only_to_members(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await ann.create_room("noughts", "x", password="p")
    await bob.join(room, password="p")
    session = await ann.start(room)
    assert (await cid.get(session)).status_and_error == (403, "session.private")
    assert (await cid.get(session + "/events?wait=0")).status_and_error == (403, "session.private")
    assert (await bob.get(session)).status == 200


class TestWithoutRules:
    """Sessions of a game without rules."""

    async def test_turns_are_relayed_unchanged_and_in_order(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        turns = [{"n": 1, "type": "x", "player": "me", "turn": [None]}, {"é": {"b": [1.5]}}, {}]
        for player, turn in zip((bob, ann, bob), turns, strict=True):
            await player.take_turn(session, **turn)
        events = [row["event"] for row in await ann.poll_events(session)]
        assert [event["turn"] for event in events] == turns
        assert [event["player"] for event in events] == [1, 0, 1]
        assert {event["type"] for event in events} == {"turn"}
        assert events[0]["n"] == 1

    async def test_all_players_are_current_and_environment_is_null(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        document = await get_session(ann, await make_session("free", ann, bob))
        assert document["environment"] is None and document["outcome"] is None
        assert all(row["isCurrent"] for row in document["players"])

    async def test_turn_cannot_override_members_of_the_event(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        await bob.take_turn(session, environment={"won": 1}, current=[1], sessionId="9")
        [entry] = await ann.poll_events(session)
        event = entry["event"]
        assert (event["environment"], event["current"], event["sessionId"]) == (None, None, "1")

    async def test_player_can_join_a_running_session(self, test_app: TestApp) -> None:
        await test_app.create_game("free", 1, 2)
        ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
        session = await make_session("free", ann)
        answer = await bob.post(session + "/join")
        assert answer.json == {"id": 1, "game": "free", "type": "session"}
        assert (await bob.post(session + "/join")).status == 200
        assert (await cid.post(session + "/join")).status_and_error == (400, "session.full")
        [event] = [row["event"] for row in await ann.poll_events(session)]
        assert (event["type"], event["user"]) == ("user_join", bob.user)

    async def test_session_keeps_the_password_of_its_room(self, test_app: TestApp) -> None:
        await test_app.create_game("free")
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await ann.start(await ann.create_room("free", "x", password="p"))
        assert (await bob.post(session + "/join")).status_and_error == (
            400,
            "session.wrong_password",
        )
        assert (await bob.post(session + "/join", {"password": "p"})).status == 200

    async def test_session_ends_when_all_members_left(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        await ann.post(session + "/leave")
        await bob.post(session + "/leave")
        document = await get_session(ann, session)
        assert (document["active"], document["outcome"]) == (False, None)

    async def test_session_expires_seven_days_after_the_last_turn(self, test_app: TestApp) -> None:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        session = await make_session("free", ann, bob)
        await test_app.advance(6 * 86400)
        await bob.take_turn(session, still="here")
        await test_app.advance(6 * 86400)
        assert (await get_session(ann, session))["active"] is True
        await test_app.advance(2 * 86400)
        over = (await ann.poll_events(session))[-1]["event"]
        assert (over["type"], over["reason"]) == ("session_over", "expired")
