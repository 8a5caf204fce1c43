"""Long-polls: cursors, waiting, pages of a hundred, and closed rooms."""

import asyncio
from typing import Any

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.domain.play.events import BinarySent
from coalserver.domain.play.lobby import Lobby
from tests.apis.app import ApiClient, TestApp, make_session, run_test_app

#: Parked and ordinary polls have the same contract.
pytestmark = pytest.mark.usefixtures("park_polls")


async def make_room_with_chat(test_app: TestApp, count: int) -> tuple[ApiClient, str]:
    """Create a room with this many chat messages, whose ids start at 1."""
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free")
    core = test_app.core
    await asyncio.gather(
        *(
            core.execute(members.chat, kind=Lobby, id=1, player_id=ann.id, text=str(number))
            for number in range(count)
        )
    )
    return ann, room


def ids(entries: list[dict[str, Any]]) -> list[int]:
    """Return the ids of entries."""
    return [entry["id"] for entry in entries]


async def test_missing_cursor_starts_at_the_oldest_event(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 3)
    assert ids((await ann.get(room + "/events")).json) == [0, 1, 2, 3]
    assert ids(await ann.poll_events(room, -1)) == [0, 1, 2, 3]


@pytest.mark.parametrize(("after", "expected"), [(0, [1, 2, 3]), (2, [3]), (3, [])])
async def test_events_after_the_cursor_are_ascending(
    test_app: TestApp, after: int, expected: list[int]
) -> None:
    ann, room = await make_room_with_chat(test_app, 3)
    assert ids(await ann.poll_events(room, after)) == expected


async def test_page_has_the_oldest_hundred_events(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 250)
    pages, cursor = [], -1
    while page := await ann.poll_events(room, cursor):
        pages.append(len(page))
        cursor = page[-1]["id"]
    assert pages == [100, 100, 51] and cursor == 250


async def test_cursor_header_covers_events_of_other_rooms(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 150)
    first = await ann.get(room + "/events?wait=0")
    assert first.cursor == first.json[-1]["id"] == 99
    await ann.create_room("free", "elsewhere")
    rest = await ann.get(room + "/events?wait=0&after-event-id=99")
    assert rest.cursor == test_app.core.feed.head > rest.json[-1]["id"]
    nothing = await ann.get(f"{room}/events?wait=0&after-event-id={rest.cursor}")
    assert (nothing.json, nothing.cursor) == ([], rest.cursor)


async def test_poll_is_not_cached(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 1)
    assert (await ann.get(room + "/events")).headers["Cache-Control"] == "no-store"


async def test_poll_with_wait_0_returns_at_once(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 0)
    assert await ann.poll_events(room, 0, wait=0) == []


async def test_poll_returns_empty_list_after_wait(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 0)
    started_at = asyncio.get_running_loop().time()
    assert await ann.poll_events(room, 0, wait=1) == []
    assert 0.8 < asyncio.get_running_loop().time() - started_at < 5


async def test_server_setting_limits_the_wait(test_app: TestApp) -> None:
    test_app.app_context.poll_seconds = 1
    ann, room = await make_room_with_chat(test_app, 0)
    assert (await ann.get(room + "/events?after-event-id=0")).json == []


async def test_waiting_poll_returns_the_event(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 0)
    poll = await test_app.start_waiting(ann.poll_events(room, 0, wait=30))
    await ann.send_chat(room, "now")
    [entry] = await poll
    assert entry["event"]["text"] == "now"


async def test_event_without_payload_does_not_end_the_poll(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 0)
    poll = await test_app.start_waiting(ann.poll_events(room, 0, wait=30))
    topic = topics.lobby_chat(1)
    await test_app.core.execute(lambda uow: uow.emit(BinarySent("free", 1, ann.id, ""), topic))
    await ann.send_chat(room, "now")
    [entry] = await poll
    assert entry["event"]["text"] == "now"


INVALID_QUERIES = [
    "after-event-id=-2",
    "after-event-id=abc",
    "after-event-id=",
    "after-event-id=1.5",
]
INVALID_QUERIES += ["after-event-id=--1", "after-event-id=4", "after-event-id=" + "9" * 30]
INVALID_QUERIES += ["wait=-1", "wait=61", "wait=1.5", "wait=x", "wait=", "wait=" + "9" * 5000]


@pytest.mark.parametrize("query", INVALID_QUERIES, ids=lambda query: query[:24])
async def test_invalid_cursor_or_wait_is_malformed(test_app: TestApp, query: str) -> None:
    ann, room = await make_room_with_chat(test_app, 3)
    for path in (room, "/games/free/rooms"):
        answer = await ann.get(f"{path}/events?{query}")
        assert answer.status_and_error == (400, "request.malformed")
        assert query.split("=")[0] in answer.json["description"]


@pytest.mark.parametrize("wait", [0, 1, 60])
async def test_wait_of_0_to_60_seconds_is_accepted(test_app: TestApp, wait: int) -> None:
    ann, room = await make_room_with_chat(test_app, 1)
    assert len(await ann.poll_events(room, 0, wait=wait)) == 1


async def test_lost_cursor_sets_the_header() -> None:
    async with run_test_app(tail=5) as test_app:
        ann, room = await make_room_with_chat(test_app, 40)
        test_app.clock.advance(100)
        await test_app.core.delete_expired_entries(test_app.clock(), 10)
        answer = await ann.get(room + "/events?after-event-id=5&wait=0")
        assert answer.headers["X-Events-Lost"] == "true"
        assert ids(answer.json) == list(range(31, 41))
        for after in (-1, 30, 35):
            answer = await ann.get(f"{room}/events?after-event-id={after}&wait=0")
            assert "X-Events-Lost" not in answer.headers


async def test_start_between_polls_is_delivered_before_410(
    test_app: TestApp,
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    [*_, last_id] = ids(await bob.poll_events(room))
    await ann.start(room)
    [closed] = await bob.poll_events(room, last_id, wait=30)
    assert (closed["event"]["type"], closed["event"]["sessionId"]) == ("room_gone", "1")
    answer = await bob.get(f"{room}/events?after-event-id={closed['id']}")
    assert answer.status_and_error == (410, "room.gone")


async def test_waiting_poll_receives_the_close_and_then_410(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    head = test_app.core.feed.head
    poll = await test_app.start_waiting(bob.poll_events(room, head, wait=30))
    await ann.post(room + "/leave")
    entries = await poll
    while entries[-1]["event"]["type"] != "room_gone":
        entries = await bob.poll_events(room, entries[-1]["id"], wait=30)
    answer = await bob.get(f"{room}/events?after-event-id={entries[-1]['id']}&wait=30")
    assert answer.status_and_error == (410, "room.gone")


async def test_leaving_host_receives_the_close(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    poll = await test_app.start_waiting(ann.poll_events(room, 0, wait=30))
    await ann.post(room + "/leave")
    assert [entry["event"]["type"] for entry in await poll] == ["user_leave", "room_gone"]


async def test_session_and_events_after_its_cursor_have_no_gap(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    await ann.take_turn(session, cell=0)
    snapshot = await bob.get(session)
    await bob.take_turn(session, cell=1)
    [turn] = await ann.poll_events(session, snapshot.cursor)
    assert snapshot.json["environment"]["grid"] == "0........"
    assert turn["event"]["environment"]["grid"] == "01......."


async def test_answers_of_rooms_and_sessions_have_a_cursor(
    test_app: TestApp,
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    answers = [
        await ann.post("/games/noughts/rooms", {"name": "x"}),
        await ann.get("/games/noughts/rooms"),
        await ann.get(room),
        await bob.post(room + "/join"),
        await ann.get(room + "/chat"),
        await ann.post(room + "/start"),
        await ann.get("/games/noughts/sessions"),
        await ann.get("/games/noughts/sessions/1"),
        await ann.post("/games/noughts/sessions/1/join"),
        await ann.get("/games/noughts/sessions/1/chat"),
    ]
    assert all(answer.status < 300 for answer in answers)
    for answer in answers:
        assert 0 <= answer.cursor <= test_app.core.feed.head


async def test_disconnected_poll_is_released(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 0)
    waiting = test_app.core.feed.waiter_count()
    poll = await test_app.start_waiting(ann.poll_events(room, 0, wait=30))
    poll.cancel()
    await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == waiting)


async def test_first_event_has_id_0(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    await ann.create_room()
    [first] = await ann.poll_events("/games/noughts/rooms")
    assert first["id"] == 0


async def test_ids_are_global_and_continue_after_a_restart(persistent_test_app: TestApp) -> None:
    ann = await persistent_test_app.sign_in_guest()
    first = await ann.create_room()
    await persistent_test_app.restart()
    second = await ann.create_room()
    [entry], [other] = await ann.poll_events(first), await ann.poll_events(second)
    assert (entry["id"], other["id"]) == (0, 1)
