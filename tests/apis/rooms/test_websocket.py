"""WebSockets: hello, entries, tickets, and clients that misbehave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from coalserver.web.streaming.tickets import Tickets
from tests.apis.app import TIMEOUT_SECONDS, ApiClient, TestApp
from tests.apis.rooms.factories import make_room_with_chat


@asynccontextmanager
async def socket(
    client: ApiClient, path: str, query: str = ""
) -> AsyncIterator[ClientWebSocketResponse]:
    """Open the feed of a path on a WebSocket."""
    url = client.test_app.url(f"{path}/events?{query}")
    async with client.test_app.http.ws_connect(
        url, headers=client.bearer, autoping=False
    ) as opened:
        yield opened


async def receive(opened: ClientWebSocketResponse) -> Any:
    """Return the next message."""
    return await opened.receive_json(timeout=TIMEOUT_SECONDS)


@pytest.mark.parametrize(("query", "cursor"), [("", -1), ("after-event-id=1", 1)])
async def test_hello_has_the_cursor(test_app: TestApp, query: str, cursor: int) -> None:
    ann, room = await make_room_with_chat(test_app, 3)
    async with socket(ann, room, query) as opened:
        assert await receive(opened) == {"type": "hello", "cursor": cursor}
        ids = [(await receive(opened))["id"] for _ in range(3 - cursor)]
        assert ids == list(range(cursor + 1, 4))


async def test_message_equals_the_entry_of_a_poll(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 1)
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        assert [await receive(opened)] == await ann.poll_events(room, 0)


@pytest.mark.parametrize("size", [1, 125, 126, 1000])
async def test_entries_of_any_size_are_complete(test_app: TestApp, size: int) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        await ann.send_chat(room, "ü" * size)
        assert (await receive(opened))["event"]["text"] == "ü" * size


async def test_entries_beyond_64_kib_are_complete(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        options = {"x": ["é"] * 3000}
        for _ in range(8):
            await ann.put(room + "/options", options)
        for _ in range(8):
            assert (await receive(opened))["event"]["options"] == options


async def test_lost_follows_the_hello(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app, 20)
    test_app.clock.advance(100)
    await test_app.core.delete_expired_entries(test_app.clock(), 2)
    async with socket(ann, room, "after-event-id=5") as opened:
        assert (await receive(opened))["type"] == "hello"
        assert await receive(opened) == {"type": "lost", "floor": 19}
        assert (await receive(opened))["id"] == 19


async def test_ping_frame_is_answered(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        await opened.ping(b"there?")
        answer = await opened.receive(TIMEOUT_SECONDS)
        assert (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"there?")


async def test_messages_from_the_client_are_ignored(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        await opened.send_str("hello?")
        await opened.send_bytes(b"\xff\0")
        await ann.send_chat(room, "still here")
        assert (await receive(opened))["event"]["text"] == "still here"


async def test_too_large_message_closes_the_connection(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        await opened.send_str("x" * 4096)
        await ann.send_chat(room, "still here")
        assert (await receive(opened))["event"]["text"] == "still here"
        await opened.send_str("x" * 4097)
        answer = await opened.receive(TIMEOUT_SECONDS)
        assert (answer.type, answer.data) == (WSMsgType.CLOSE, 1009)


async def test_closed_connection_is_released(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    waiting = test_app.core.feed.waiter_count()
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() > waiting)
    await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == waiting)


async def test_aborted_connection_is_released(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    waiting = test_app.core.feed.waiter_count()
    async with socket(ann, room, "after-event-id=0") as opened:
        await receive(opened)
        transport = opened._response.connection.transport  # type: ignore[union-attr]
        transport.abort()  # type: ignore[union-attr]
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == waiting)


async def handshake_status(client: ApiClient, path: str, query: str = "") -> int:
    """Return the status of a handshake that fails."""
    with pytest.raises(WSServerHandshakeError) as raised:
        async with socket(client, path, query):
            pass
    return raised.value.status


async def test_handshake_errors_match_those_of_polls(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    assert await handshake_status(test_app.anonymous, room) == 401
    assert await handshake_status(ApiClient(test_app, "nonsense"), room) == 403
    assert await handshake_status(ann, "/games/free/rooms/9") == 404
    assert await handshake_status(ann, room, "after-event-id=9") == 400
    assert await handshake_status(test_app.anonymous, room, "ticket=nonsense") == 403
    assert await handshake_status(test_app.anonymous, room, "ticket=") == 403


async def test_ticket_opens_one_connection(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    async with socket(test_app.anonymous, room, f"ticket={ticket}") as opened:
        assert (await receive(opened))["type"] == "hello"
    assert await handshake_status(test_app.anonymous, room, f"ticket={ticket}") == 403


async def test_concurrent_connections_with_one_ticket_open_one(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]

    async def can_open() -> bool:
        try:
            async with socket(test_app.anonymous, room, f"ticket={ticket}"):
                return True
        except WSServerHandshakeError:
            return False

    assert sorted(await asyncio.gather(can_open(), can_open())) == [False, True]


async def test_ticket_expires_after_thirty_seconds(test_app: TestApp) -> None:
    now = [0.0]
    test_app.app_context.tickets = Tickets(lambda: now[0])
    ann, room = await make_room_with_chat(test_app)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    now[0] = 30
    assert await handshake_status(test_app.anonymous, room, f"ticket={ticket}") == 403


async def test_ticket_is_invalid_after_its_token_is_revoked(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    bob = await test_app.sign_in_guest("Bob")
    ticket = (await bob.post("/accounts/ticket")).json["ticket"]
    await bob.post("/accounts/logout")
    assert await handshake_status(test_app.anonymous, room, f"ticket={ticket}") == 403


async def test_ticket_is_accepted_only_by_feeds(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    assert (await test_app.anonymous.get(f"/games?ticket={ticket}")).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Connection": "Upgrade"},
        {"Connection": "Upgrade", "Sec-WebSocket-Version": "13"},
        {"Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"},
        {"Connection": "Upgrade", "Sec-WebSocket-Version": "7", "Sec-WebSocket-Key": "x" * 22},
    ],
)
async def test_invalid_handshake_is_malformed(test_app: TestApp, headers: dict[str, str]) -> None:
    ann, room = await make_room_with_chat(test_app)
    answer = await ann.get(room + "/events?wait=0", Upgrade="websocket", **headers)
    assert answer.status_and_error == (400, "request.malformed")


@asynccontextmanager
async def refusal(
    client: ApiClient, path: str, query: str = "", **headers: str
) -> AsyncIterator[ClientWebSocketResponse]:
    """Open the feed of a path as a browser, with `Origin`, or with other headers."""
    url = client.test_app.url(f"{path}/events?{query}")
    async with client.test_app.http.ws_connect(url, headers=client.bearer | headers) as opened:
        yield opened


async def test_browser_learns_why_its_socket_is_refused(test_app: TestApp) -> None:
    ann, room = await make_room_with_chat(test_app)
    bob = await test_app.sign_in_guest("Bob")
    closed = await bob.create_room("free")
    await bob.post(closed + "/leave")
    await test_app.core.writer.flushed()
    head = test_app.core.feed.head
    cases = [
        (test_app.anonymous, room, "", 4401, "auth.missing"),
        (test_app.anonymous, room, "ticket=spent", 4403, "auth.invalid"),
        (ann, "/games/free/rooms/99", "", 4404, "room.not_found"),
        (ann, room, "after-event-id=999", 4400, "request.malformed"),
        (ann, closed, f"after-event-id={head}", 4410, "room.gone"),
    ]
    for client, path, query, code, reason in cases:
        async with refusal(client, path, query, Origin="https://play.example") as opened:
            message = await opened.receive(TIMEOUT_SECONDS)
            assert message.type is WSMsgType.CLOSE
            assert (message.data, message.extra) == (code, reason)


async def test_refused_socket_gets_a_message_where_it_asks_for_one(test_app: TestApp) -> None:
    ann, _ = await make_room_with_chat(test_app)
    async with refusal(ann, "/games/free/rooms/99", "refuse=message") as opened:
        assert await receive(opened) == {
            "type": "refused",
            "status": 404,
            "error": "room.not_found",
        }
        await opened.receive(TIMEOUT_SECONDS)
        assert opened.close_code == 4404


async def test_program_learns_the_http_status_of_a_refused_socket(test_app: TestApp) -> None:
    ann, _ = await make_room_with_chat(test_app)
    with pytest.raises(WSServerHandshakeError) as raised:
        async with refusal(ann, "/games/free/rooms/99"):
            pass
    assert raised.value.status == 404


async def test_handshake_that_is_invalid_itself_is_answered_in_http(test_app: TestApp) -> None:
    ann, _ = await make_room_with_chat(test_app)
    answer = await ann.get(
        "/games/free/rooms/99/events", Upgrade="websocket", Origin="https://play.example"
    )
    assert answer.status == 404


async def test_refused_socket_is_released(test_app: TestApp) -> None:
    ann, _ = await make_room_with_chat(test_app)
    waiting = test_app.core.feed.waiter_count()
    async with refusal(ann, "/games/free/rooms/99", Origin="https://play.example") as opened:
        await opened.receive(TIMEOUT_SECONDS)
    assert test_app.core.feed.waiter_count() == waiting
