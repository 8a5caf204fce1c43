"""Presence: away members, their return, and the seats that they lose."""

import asyncio

import pytest

from coalserver.services.housekeeping import Housekeeping, RetentionPolicy
from tests.apis.app import ApiClient, TestApp, make_session, run_test_app
from tests.apis.listeners import TRANSPORTS, listen
from tests.apis.rooms.factories import make_room

#: Parked and ordinary polls have the same contract.
pytestmark = pytest.mark.usefixtures("park_polls")


async def away(client: ApiClient, path: str) -> dict[str, bool]:
    """Return whether each member of a room or session is away, by name."""
    document = (await client.get(path)).json
    rows = document["users"] if "users" in document else document["players"]
    return {row["user"]["username"]: row["away"] for row in rows}


async def test_member_without_requests_for_75_seconds_is_away(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(74)
    assert await away(ann, room) == {"Ann": False, "Bob": False}
    await test_app.advance(1)
    assert await away(ann, room) == {"Ann": False, "Bob": True}
    event = (await ann.poll_events(room))[-1]["event"]
    assert event == {"type": "user_away", "roomId": "1", "user": bob.user}


@pytest.mark.parametrize("kind", ["room", "session"])
async def test_any_request_ends_away(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    path = await (make_room(ann, bob) if kind == "room" else make_session("cards", ann, bob))
    await test_app.advance(30)
    await ann.get("/games")
    await test_app.advance(45)
    assert await away(ann, path) == {"Ann": False, "Bob": True}
    await bob.get("/games")
    assert await away(ann, path) == {"Ann": False, "Bob": False}
    assert (await ann.event_types(path))[-2:] == ["user_away", "user_back"]


async def test_rejected_request_ends_away(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(75)
    assert (await bob.get("/games/none/rooms")).status == 404
    assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_away_member_is_removed_from_a_room_after_the_grace(test_app: TestApp) -> None:
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


async def test_member_back_within_the_grace_keeps_the_seat(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    for _ in range(4):
        await test_app.advance(59)
        await ann.get("/games")
    assert (await bob.post(room + "/ready", {"ready": True})).status == 204
    await test_app.advance(59)
    assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_room_closes_when_its_host_stays_away(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    cursor = test_app.core.feed.head
    for _ in range(6):
        await test_app.advance(59)
        await bob.get("/games")
    assert (await bob.get(room)).status_and_error == (410, "room.gone")
    closed = (await bob.poll_events("/games/free/rooms", cursor))[-1]["event"]
    assert (closed["type"], closed["reason"]) == ("room_gone", "expired")


async def test_session_keeps_the_seats_of_away_members(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    for _ in range(5):
        await test_app.advance(86_400)
    assert set(await away(ann, session)) == {"Ann", "Bob"}
    assert (await bob.get(session)).json["environment"]["hand"] == [4, 5, 6]


async def test_session_without_turns_ends_after_seven_days(
    test_app: TestApp,
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("cards", ann, bob)
    for _ in range(7):
        await ann.get(session)
        await test_app.advance(86_400)
    assert (await ann.get(session)).json["active"] is False


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_listening_member_is_not_away(test_app: TestApp, transport: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen(transport, bob, room):
        for _ in range(8):
            await test_app.advance(59)
            assert await away(ann, room) == {"Ann": False, "Bob": False}
    presence = test_app.core.presence
    await test_app.wait_until(lambda: not (presence._connections or presence._holders))
    await test_app.advance(75)
    assert await away(ann, room) == {"Ann": False, "Bob": True}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_opening_a_feed_ends_away(test_app: TestApp, transport: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(75)
    assert await away(ann, room) == {"Ann": False, "Bob": True}
    async with listen(transport, bob, room):
        assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_player_with_two_feeds_is_away_after_both_close(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen("sse", bob, room) as first:
        async with listen("socket", bob, room) as second:
            await ann.send_chat(room, "both")
            assert await first.types(1) == await second.types(1) == ["chat"]
        await test_app.advance(76)
        assert await away(ann, room) == {"Ann": False, "Bob": False}
        await ann.send_chat(room, "still here")
        while (await first.next())["type"] != "chat":
            pass


async def test_lost_connection_within_the_grace_resumes(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await ann.take_turn(session, cell=0)
    async with listen("socket", bob, session) as before:
        pass
    await test_app.advance(200)
    async with listen("poll", bob, session, before.cursor) as after:
        await bob.take_turn(session, cell=4)
        while (event := await after.next())["type"] != "turn":
            pass
        assert event["player"] == 1


async def test_restart_resets_the_away_timeout(persistent_test_app: TestApp) -> None:
    test_app = persistent_test_app
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    test_app.clock.advance(10_000)
    await test_app.restart()
    await test_app.advance(74)
    assert await away(ann, room) == {"Ann": False, "Bob": False}
    await test_app.advance(74)
    assert await away(ann, room) == {"Ann": False, "Bob": True}


async def test_away_survives_a_restart_until_the_next_request(
    persistent_test_app: TestApp,
) -> None:
    test_app = persistent_test_app
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    await test_app.advance(75)
    assert (await away(ann, room))["Bob"] is True
    await test_app.restart()
    assert (await away(ann, room))["Bob"] is True
    await bob.get("/games")
    assert (await away(ann, room))["Bob"] is False


async def test_guest_leaves_sessions_when_the_token_expires(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("free", ann, bob)
    for day in range(0, 30, 6):
        assert set(await away(ann, session)) == {"Ann", "Bob"}
        await ann.take_turn(session, day=day)
        await test_app.advance(6 * 86_400)
    await test_app.advance(76)
    assert set(await away(ann, session)) == {"Ann"}
    assert "user_leave" in await ann.event_types(session)


async def test_request_during_the_sweep_prevents_away(test_app: TestApp) -> None:
    names = "ABCDEFGHIJ"
    ann, *others = await test_app.sign_in_guests(*names)
    room = await make_room(ann, *others)
    test_app.clock.advance(75)
    await asyncio.gather(
        test_app.housekeeping.run_once(), *(client.get("/games") for client in others)
    )
    assert not any((await away(ann, room)).values())


async def test_away_timeout_is_configurable() -> None:
    async with run_test_app() as test_app:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await make_room(ann, bob)
        test_app.housekeeping = Housekeeping(test_app.core, RetentionPolicy(away_after=5))
        await test_app.advance(5)
        assert await away(ann, room) == {"Ann": False, "Bob": True}


async def test_hidden_tab_with_one_request_a_minute_stays_present(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("free", ann, bob)
    for _ in range(6):
        await test_app.advance(65)
        await ann.get("/games")
        await bob.get("/games")
    assert not {"user_away", "host_changed"} & set(await ann.event_types(session))


async def test_interruption_counts_as_activity_of_everyone(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    test_app.clock.advance(10_000)
    assert not list(test_app.core.presence.resume_all(test_app.core.clocks.steady()))
    await test_app.advance(74)
    assert await away(ann, room) == {"Ann": False, "Bob": False}


async def test_quick_join_and_lists_avoid_a_room_whose_host_is_away(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    await bob.create_room("noughts")
    await ann.create_room("noughts")
    await test_app.advance(74)
    await bob.get("/games")
    await test_app.advance(1)
    rows = (await cid.get("/games/noughts/rooms")).json
    assert [(row["roomId"], row["hostAway"]) for row in rows] == [(1, False), (2, True)]
    searched = (await cid.get("/games/noughts/rooms?full=false")).json
    assert [row["roomId"] for row in searched] == [1, 2]
    page = (await cid.get("/games/noughts/rooms?limit=1&offset=1")).json
    assert [row["roomId"] for row in page] == [2]
    assert (await cid.post("/games/noughts/rooms/quick-join")).json["id"] == 1
    await bob.post("/games/noughts/rooms/1/leave")
    created = await cid.post("/games/noughts/rooms/quick-join")
    assert (created.status, created.json["id"]) == (201, 3)
