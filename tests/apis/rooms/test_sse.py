"""Server-sent events: frames, resuming, and keep-alive comments."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from coalserver.web.streaming import event_stream
from tests.apis.app import TIMEOUT_SECONDS, ApiClient, TestApp
from tests.apis.rooms.factories import make_room_with_chat


@asynccontextmanager
async def stream(
    client: ApiClient, path: str, query: str = "", **headers: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Open the feed of a path as a stream."""
    all_headers = {**client.bearer, "Accept": "text/event-stream"}
    all_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
    url = client.test_app.url(f"{path}/events?{query}")
    async with client.test_app.http.get(url, headers=all_headers) as answer:
        yield answer


async def frame(answer: aiohttp.ClientResponse) -> str:
    """Return the next frame."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return (await answer.content.readuntil(b"\n\n")).decode()


async def test_stream_starts_with_headers_and_a_comment(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with stream(ann, room, "after-event-id=0") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Event-Cursor"] == "0"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert await frame(answer) == ": open\n\n"


async def test_frame_has_id_and_data(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 1)
    polled = await ann.get(room + "/events?after-event-id=0&wait=0")
    async with stream(ann, room, "after-event-id=0") as answer:
        await frame(answer)
        data = polled.raw.decode()[1:-1]
        assert await frame(answer) == f"id: 1\ndata: {data}\n\n"


async def test_line_breaks_in_a_text_stay_in_one_frame(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with stream(ann, room, "after-event-id=0") as answer:
        await frame(answer)
        await ann.send_chat(room, "a\n\ndata: b\u2028c")
        assert r"a\n\ndata: b" in await frame(answer)


@pytest.mark.parametrize("query", ["after-event-id=0", "", "after-event-id=5"])
async def test_last_event_id_takes_precedence_over_the_query(test_app: TestApp, query: str) -> None:
    ann, room = await make_room_with_chat(test_app, 5)
    async with stream(ann, room, query, Last_Event_ID="3") as answer:
        await frame(answer)
        assert (await frame(answer)).startswith("id: 4\n")


@pytest.mark.parametrize("last", ["", "x", "-1", "1.5", "²"])
async def test_invalid_last_event_id_is_ignored(test_app: TestApp, last: str) -> None:
    ann, room = await make_room_with_chat(test_app, 5)
    async with stream(ann, room, "after-event-id=2", Last_Event_ID=last) as answer:
        await frame(answer)
        assert (await frame(answer)).startswith("id: 3\n")


async def test_last_event_id_above_the_newest_is_malformed(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with stream(ann, room, Last_Event_ID="99") as answer:
        assert answer.status == 400


async def test_stream_reports_lost_events_first(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 20)
    test_app.clock.advance(100)
    await test_app.core.delete_expired_entries(test_app.clock(), 2)
    async with stream(ann, room, "after-event-id=5") as answer:
        assert await frame(answer) == 'event: lost\ndata: {"type":"lost","floor":19}\n\n'
        assert (await frame(answer)).startswith("id: 19\n")


async def test_idle_stream_sends_keep_alive_comments(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "KEEP_ALIVE_SECONDS", 1)
    ann, room = await make_room_with_chat(test_app)
    async with stream(ann, room, "after-event-id=0") as answer:
        await frame(answer)
        assert await frame(answer) == ": \n\n"


async def test_ticket_opens_one_stream(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 1)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    async with stream(test_app.anonymous, room, f"ticket={ticket}") as answer:
        assert answer.status == 200
    async with stream(test_app.anonymous, room, f"ticket={ticket}") as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    ("accept", "streams"),
    [
        ("text/event-stream", True),
        ("text/event-stream, */*;q=0.1", True),
        ("application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
async def test_accept_header_selects_the_stream(
    test_app: TestApp, accept: str, streams: bool
) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with stream(ann, room, "wait=0", Accept=accept) as answer:
        assert (answer.content_type == "text/event-stream") is streams


async def test_stream_errors_match_those_of_polls(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    rejected = [
        (test_app.anonymous, room, 401),
        (ApiClient(test_app, "nonsense"), room, 403),
        (ann, "/games/free/rooms/9", 404),
        (ann, "/games/go/rooms", 404),
    ]
    for client, path, status in rejected:
        async with stream(client, path) as answer:
            assert answer.status == status
            assert set(await answer.json()) == {"error", "description"}


async def test_disconnected_stream_is_released(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    waiting = test_app.core.feed.waiter_count()
    async with stream(ann, room, "after-event-id=0") as answer:
        await frame(answer)
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() > waiting)
        answer.close()
    await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == waiting)


async def test_head_opens_no_stream(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    answer = await ann.request("HEAD", room + "/events?wait=0", Accept="text/event-stream")
    assert (answer.status, answer.raw) == (200, b"")
