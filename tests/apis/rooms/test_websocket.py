"""WebSockets: hello, entries, tickets, and clients that do not speak as they should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from coalserver.web.streaming.tickets import Tickets
from tests.apis.app import TIMEOUT_SECONDS, ApiClient, TestApp


@asynccontextmanager
async def socket(
    who: ApiClient, path: str, query: str = ""
) -> AsyncIterator[ClientWebSocketResponse]:
    url = who.test_app.url(f"{path}/events?{query}")
    async with who.test_app.http.ws_connect(url, headers=who.bearer, autoping=False) as opened:
        yield opened


async def said(opened: ClientWebSocketResponse) -> Any:
    return await opened.receive_json(timeout=TIMEOUT_SECONDS)


async def make_room(test_app: TestApp, messages: int = 0) -> tuple[ApiClient, str]:
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free")
    for number in range(messages):
        await ann.send_chat(room, str(number))
    return ann, room


@pytest.mark.parametrize(("query", "cursor"), [("", -1), ("after-event-id=1", 1)])
async def test_the_first_message_states_the_cursor(
    test_app: TestApp, query: str, cursor: int
) -> None:
    ann, room = await make_room(test_app, 3)
    async with socket(ann, room, query) as opened:
        assert await said(opened) == {"type": "hello", "cursor": cursor}
        ids = [(await said(opened))["id"] for _ in range(3 - cursor)]
        assert ids == list(range(cursor + 1, 4))


async def test_an_entry_is_what_a_poll_would_bring(test_app: TestApp) -> None:
    ann, room = await make_room(test_app, 1)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        assert [await said(opened)] == await ann.poll_events(room, 0)


@pytest.mark.parametrize("size", [1, 125, 126, 1000])
async def test_entries_of_any_size_come_whole(test_app: TestApp, size: int) -> None:
    ann, room = await make_room(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await ann.send_chat(room, "ü" * size)
        assert (await said(opened))["event"]["text"] == "ü" * size


async def test_an_entry_of_more_than_64_kibibytes_comes_whole(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        options = {"x": ["é"] * 3000}
        for _ in range(8):
            await ann.put(room + "/options", options)
        for _ in range(8):
            assert (await said(opened))["event"]["options"] == options


async def test_the_lost_are_told_after_the_hello(test_app: TestApp) -> None:
    ann, room = await make_room(test_app, 20)
    test_app.clock.advance(100)
    await test_app.core.delete_expired_entries(test_app.clock(), 2)
    async with socket(ann, room, "after-event-id=5") as opened:
        assert (await said(opened))["type"] == "hello"
        assert await said(opened) == {"type": "lost", "floor": 19}
        assert (await said(opened))["id"] == 19


async def test_a_ping_is_answered(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await opened.ping(b"there?")
        answer = await opened.receive(TIMEOUT_SECONDS)
        assert (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"there?")


async def test_what_a_client_says_is_passed_over(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await opened.send_str("hello?")
        await opened.send_bytes(b"\xff\0")
        await ann.send_chat(room, "still here")
        assert (await said(opened))["event"]["text"] == "still here"


async def test_a_client_that_says_too_much_is_closed(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await opened.send_str("x" * 5000)
        answer = await opened.receive(TIMEOUT_SECONDS)
        assert (answer.type, answer.data) == (WSMsgType.CLOSE, 1009)


async def test_a_client_that_closes_is_freed(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    waiting = test_app.core.feed.waiter_count()
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() > waiting)
    await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == waiting)


async def test_a_client_that_is_cut_off_is_freed(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    waiting = test_app.core.feed.waiter_count()
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        transport = opened._response.connection.transport  # type: ignore[union-attr]
        transport.abort()  # type: ignore[union-attr]
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == waiting)


async def handshake_status(client: ApiClient, path: str, query: str = "") -> int:
    with pytest.raises(WSServerHandshakeError) as fault:
        async with socket(client, path, query):
            pass
    return fault.value.status


async def test_a_socket_is_refused_like_a_poll(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    assert await handshake_status(test_app.anonymous, room) == 401
    assert await handshake_status(ApiClient(test_app, "nonsense"), room) == 403
    assert await handshake_status(ann, "/games/free/rooms/9") == 404
    assert await handshake_status(ann, room, "after-event-id=9") == 400
    assert await handshake_status(test_app.anonymous, room, "ticket=nonsense") == 403
    assert await handshake_status(test_app.anonymous, room, "ticket=") == 403


async def test_a_ticket_opens_one_socket(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    async with socket(test_app.anonymous, room, f"ticket={ticket}") as opened:
        assert (await said(opened))["type"] == "hello"
    assert await handshake_status(test_app.anonymous, room, f"ticket={ticket}") == 403


async def test_of_two_sockets_with_one_ticket_one_opens(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]

    async def opens() -> bool:
        try:
            async with socket(test_app.anonymous, room, f"ticket={ticket}"):
                return True
        except WSServerHandshakeError:
            return False

    assert sorted(await asyncio.gather(opens(), opens())) == [False, True]


async def test_a_ticket_is_too_old_after_half_a_minute(test_app: TestApp) -> None:
    now = [0.0]
    test_app.app_context.tickets = Tickets(lambda: now[0])
    ann, room = await make_room(test_app)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    now[0] = 30
    assert await handshake_status(test_app.anonymous, room, f"ticket={ticket}") == 403


async def test_a_ticket_ends_with_the_token_it_was_given_for(test_app: TestApp) -> None:
    ann, room = await make_room(test_app)
    bob = await test_app.sign_in_guest("Bob")
    ticket = (await bob.post("/accounts/ticket")).json["ticket"]
    await bob.post("/accounts/logout")
    assert await handshake_status(test_app.anonymous, room, f"ticket={ticket}") == 403


async def test_a_ticket_is_good_for_feeds_only(test_app: TestApp) -> None:
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
async def test_a_handshake_that_is_none_is_malformed(
    test_app: TestApp, headers: dict[str, str]
) -> None:
    ann, room = await make_room(test_app)
    answer = await ann.get(room + "/events?wait=0", Upgrade="websocket", **headers)
    assert answer.status_and_error == (400, "request.malformed")
