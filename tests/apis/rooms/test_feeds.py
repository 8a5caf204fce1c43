"""Event feeds on all three transports: delivery, catching up, restarts and lost events."""

import asyncio
from typing import Any

import pytest

from coalserver.core import topics
from coalserver.core.unit_of_work import Limits, UnitOfWork
from coalserver.domain.play.events import LobbyMemberJoined
from tests.apis.app import ApiClient, TestApp, run_test_app
from tests.apis.listeners import listen
from tests.apis.rooms.factories import make_room, make_room_with_chat, room_row

#: Parked and ordinary polls have the same contract.
pytestmark = pytest.mark.usefixtures("park_polls")

#: Few entries, few bytes of each room, or few bytes of all rooms in memory.
SMALL_MEMORIES: tuple[dict[str, Any], ...] = (
    {"tail": 50},
    {"limits": Limits(room_feed_bytes=3000)},
    {"limits": Limits(feed_bytes=3000)},
)


async def make_room_with_ten_of_forty(test_app: TestApp) -> tuple[ApiClient, str]:
    """Create a room of which only the ten newest of forty messages are still stored."""
    ann, room = await make_room_with_chat(test_app, 40)
    test_app.clock.advance(100)
    await test_app.core.delete_expired_entries(test_app.clock(), 10)
    return ann, room


async def test_feed_of_a_room_delivers_its_events(test_app: TestApp, transport: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    async with listen(transport, ann, room) as listener:
        await bob.join(room)
        assert await listener.next() == {"type": "user_join", "roomId": "1", "user": bob.user}
        await bob.post(room + "/ready", {"ready": False})
        received = await listener.next()
        assert received == {"type": "user_ready", "roomId": "1", "user": bob.user, "ready": False}
        await ann.put(room + "/options", {"a": 1})
        received = await listener.next()
        assert received == {"type": "options_changed", "roomId": "1", "options": {"a": 1}}
        await bob.post(room + "/leave")
        left = {"type": "user_leave", "roomId": "1", "user": bob.user, "reason": "left"}
        assert await listener.next() == left
        await bob.join(room)
        await ann.post(room + "/kick", {"user_id": bob.id})
        assert [await listener.next(), await listener.next()][1] == {
            **left,
            "reason": "kicked",
            "by": "host",
        }
        session = await ann.start(room)
        closed = {"type": "room_gone", "roomId": "1", "reason": "started", "sessionId": "1"}
        assert await listener.next() == closed and session.endswith("/1")


async def test_feed_of_a_game_delivers_events_of_all_its_rooms(
    test_app: TestApp, transport: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await test_app.create_game("chess")
    async with listen(transport, bob, "/games/noughts/rooms") as listener:
        await ann.create_room("chess")
        first = await ann.create_room("noughts", "first", password="p")
        created = await listener.next()
        assert (created["type"], created["roomId"]) == ("room_created", "2")
        assert created["room"] == room_row(ann, roomId=2, name="first")
        await ann.post(first + "/leave")
        assert await listener.types(1) == ["user_leave"]
        closed = {"type": "room_gone", "roomId": "2", "reason": "host_left"}
        assert await listener.next() == closed


async def send_numbers(client: ApiClient, room: str, numbers: range) -> None:
    """Send each number as a chat message."""
    for number in numbers:
        await client.send_chat(room, str(number))


@pytest.mark.parametrize("memory", SMALL_MEMORIES)
async def test_continuing_from_the_largest_id_loses_no_event(
    transport: str, memory: dict[str, Any]
) -> None:
    async with run_test_app(**memory) as test_app:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await make_room(ann, bob)
        await send_numbers(ann, room, range(250))
        async with listen(transport, bob, room, -1) as listener:
            assert await listener.types(2) == ["room_created", "user_join"]
            for number in range(250):
                assert (await listener.next())["text"] == str(number)
            await ann.send_chat(room, "the last")
            assert (await listener.next())["text"] == "the last"


@pytest.mark.parametrize("memory", SMALL_MEMORIES)
async def test_events_during_catch_up_follow_in_order(
    transport: str, memory: dict[str, Any]
) -> None:
    async with run_test_app(**memory) as test_app:
        ann, bob = await test_app.sign_in_guests("Ann", "Bob")
        room = await make_room(ann, bob)
        await send_numbers(ann, room, range(120))
        async with listen(transport, bob, room, 1) as listener:
            sending = asyncio.create_task(send_numbers(ann, room, range(120, 240)))
            received = [(await listener.next())["text"] for _ in range(240)]
            assert received == [str(number) for number in range(240)]
            await sending


async def test_all_waiting_clients_receive_the_same_event(
    test_app: TestApp, transport: str
) -> None:
    ann, *others = await test_app.sign_in_guests("Ann", "Bob", "Cid", "Dan")
    room = await make_room(ann)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        changed = asyncio.Event()
        ready = asyncio.Semaphore(0)

        async def receive(client: ApiClient) -> None:
            async with listen(transport, client, room) as listener:
                ready.release()
                await changed.wait()
                assert (await listener.next())["options"] == {"to": "all"}

        for client in (ann, *others):
            group.create_task(receive(client))
        for _ in range(4):
            await ready.acquire()
        await ann.put(room + "/options", {"to": "all"})
        changed.set()


async def test_cursor_older_than_kept_events_is_reported_as_lost(transport: str) -> None:
    async with run_test_app(tail=5) as test_app:
        ann, room = await make_room_with_ten_of_forty(test_app)
        async with listen(transport, ann, room, 3) as listener:
            assert [(await listener.next())["text"] for _ in range(10)] == [
                str(number) for number in range(30, 40)
            ]
            assert listener.lost


@pytest.mark.parametrize("after", [-1, 30])
async def test_cursor_within_kept_events_is_not_lost(transport: str, after: int) -> None:
    async with run_test_app(tail=5) as test_app:
        ann, room = await make_room_with_ten_of_forty(test_app)
        async with listen(transport, ann, room, after) as listener:
            assert (await listener.next())["text"] == "30"
            assert not listener.lost


async def test_cursor_stays_valid_after_a_restart(
    persistent_test_app: TestApp, transport: str
) -> None:
    ann, bob = await persistent_test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen(transport, bob, room) as listener:
        await ann.send_chat(room, "before")
        assert (await listener.next())["text"] == "before"
    await ann.send_chat(room, "meanwhile")
    await persistent_test_app.restart()
    async with listen(transport, bob, room, listener.cursor) as again:
        assert (await again.next())["text"] == "meanwhile"
        await ann.send_chat(room, "after")
        assert (await again.next())["text"] == "after"


def emit_unrenderable(uow: UnitOfWork) -> None:
    """Emit an event that no API can render."""
    uow.emit(LobbyMemberJoined("free", 1, 1, object()), topics.lobby(1))  # type: ignore[arg-type]


async def test_rendering_failure_closes_only_its_subscribers(
    test_app: TestApp, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    other = await bob.create_room("free")
    async with listen(transport, ann, room) as listener, listen(transport, bob, other) as another:
        await test_app.core.execute(emit_unrenderable)
        assert await listener.wait_ended() in (500, "closed", 1011)
        await bob.send_chat(other, "hello")
        assert (await another.next())["text"] == "hello"
    assert "A waiter failed" in caplog.text


async def test_shutdown_closes_feeds(test_app: TestApp, transport: str) -> None:
    ann = await test_app.sign_in_guest()
    room = await make_room(ann)
    async with listen(transport, ann, room) as listener:
        await test_app.restart()
        assert await listener.wait_ended() in ("closed", 1012)
