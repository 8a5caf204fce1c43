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


@asynccontextmanager
async def raw_stream(
    client: ApiClient, room: str, version: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open the feed of a room without a client that reads chunks."""
    server = client.test_app.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(
        f"GET {room}/events?after-event-id=0 {version}\r\nHost: x\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {client.token}\r\n\r\n".encode()
    )
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def read_head(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return (await reader.readuntil(b"\r\n\r\n")).decode()


async def read_chunk(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        size = int(await reader.readline(), 16)
        return (await reader.readexactly(size + 2)).decode()[:-2]


async def test_each_frame_is_one_chunk(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 1)
    async with raw_stream(ann, room, "HTTP/1.1") as (reader, _):
        head = await read_head(reader)
        assert "Transfer-Encoding: chunked\r\n" in head
        assert "Connection" not in head
        assert await read_chunk(reader) == ": open\n\n"
        assert (await read_chunk(reader)).startswith("id: 1\ndata: {")
        await ann.send_chat(room, "ä")
        assert (await read_chunk(reader)).endswith("}\n\n")


async def test_http_1_0_stream_has_no_chunks_and_ends_with_its_connection(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STREAM_SECONDS", 0.2)
    ann, room = await make_room_with_chat(test_app, 1)
    async with raw_stream(ann, room, "HTTP/1.0") as (reader, _):
        head = await read_head(reader)
        assert "Transfer-Encoding" not in head
        assert "Connection: close\r\n" in head
        async with asyncio.timeout(TIMEOUT_SECONDS):
            frames = (await reader.read()).decode()
    assert frames.startswith(": open\n\nid: 1\ndata: {")
    assert frames.endswith("}\n\n")


async def test_connection_can_be_used_after_the_end_of_a_stream(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STREAM_SECONDS", 0.2)
    ann, room = await make_room_with_chat(test_app)
    async with raw_stream(ann, room, "HTTP/1.1") as (reader, writer):
        await read_head(reader)
        assert await read_chunk(reader) == ": open\n\n"
        assert await read_chunk(reader) == ""
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_head(reader)).startswith("HTTP/1.1 200")


async def test_stream_without_a_reader_does_not_keep_its_player_present(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STREAM_SECONDS", 0.2)
    ann, room = await make_room_with_chat(test_app)
    # What arrives stays in the buffers of the system: the program stands still.
    async with raw_stream(ann, room, "HTTP/1.1"):
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() > 0)
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == 0)
        await test_app.advance(100)
        assert test_app.core.presence.away(int(ann.id))


async def test_listener_misses_nothing_between_two_streams(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STREAM_SECONDS", 0.1)
    ann, room = await make_room_with_chat(test_app)
    cursor, received = 0, []
    for number in range(4):
        async with stream(ann, room, f"after-event-id={cursor}") as answer:
            await ann.send_chat(room, str(number))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                lines = (await answer.content.read()).decode().split("\n")
        ids = [int(line[4:]) for line in lines if line.startswith("id: ")]
        received += ids
        cursor = ids[-1] if ids else cursor
    assert received == sorted(set(received))
    assert len(received) >= 3


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
