"""WebSockets: hello, entries, tickets, and clients that do not speak as they should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from coalserver.web.streaming.tickets import Tickets
from tests.apis.app import PATIENCE, Asker, House


@asynccontextmanager
async def socket(who: Asker, path: str, query: str = "") -> AsyncIterator[ClientWebSocketResponse]:
    url = who.house.url(f"{path}/events?{query}")
    async with who.house.http.ws_connect(url, headers=who.bearer, autoping=False) as opened:
        yield opened


async def said(opened: ClientWebSocketResponse) -> Any:
    return await opened.receive_json(timeout=PATIENCE)


async def a_room(house: House, said: int = 0) -> tuple[Asker, str]:
    await house.game("free")
    ann = await house.guest()
    room = await ann.opens("free")
    for number in range(said):
        await ann.says(room, str(number))
    return ann, room


@pytest.mark.parametrize(("query", "cursor"), [("", -1), ("after-event-id=1", 1)])
async def test_the_first_message_states_the_cursor(house: House, query: str, cursor: int) -> None:
    ann, room = await a_room(house, 3)
    async with socket(ann, room, query) as opened:
        assert await said(opened) == {"type": "hello", "cursor": cursor}
        ids = [(await said(opened))["id"] for _ in range(3 - cursor)]
        assert ids == list(range(cursor + 1, 4))


async def test_an_entry_is_what_a_poll_would_bring(house: House) -> None:
    ann, room = await a_room(house, 1)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        assert [await said(opened)] == await ann.hears(room, 0)


@pytest.mark.parametrize("size", [1, 125, 126, 1000])
async def test_entries_of_any_size_come_whole(house: House, size: int) -> None:
    ann, room = await a_room(house)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await ann.says(room, "ü" * size)
        assert (await said(opened))["event"]["text"] == "ü" * size


async def test_an_entry_of_more_than_64_kibibytes_comes_whole(house: House) -> None:
    ann, room = await a_room(house)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        options = {"x": ["é"] * 3000}
        for _ in range(8):
            await ann.put(room + "/options", options)
        for _ in range(8):
            assert (await said(opened))["event"]["options"] == options


async def test_the_lost_are_told_after_the_hello(house: House) -> None:
    ann, room = await a_room(house, 20)
    house.clock.forward(100)
    await house.core.forget(house.clock(), 2)
    async with socket(ann, room, "after-event-id=5") as opened:
        assert (await said(opened))["type"] == "hello"
        assert await said(opened) == {"type": "lost", "floor": 19}
        assert (await said(opened))["id"] == 19


async def test_a_ping_is_answered(house: House) -> None:
    ann, room = await a_room(house)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await opened.ping(b"there?")
        answer = await opened.receive(PATIENCE)
        assert (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"there?")


async def test_what_a_client_says_is_passed_over(house: House) -> None:
    ann, room = await a_room(house)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await opened.send_str("hello?")
        await opened.send_bytes(b"\xff\0")
        await ann.says(room, "still here")
        assert (await said(opened))["event"]["text"] == "still here"


async def test_a_client_that_says_too_much_is_closed(house: House) -> None:
    ann, room = await a_room(house)
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await opened.send_str("x" * 5000)
        answer = await opened.receive(PATIENCE)
        assert (answer.type, answer.data) == (WSMsgType.CLOSE, 1009)


async def test_a_client_that_closes_is_freed(house: House) -> None:
    ann, room = await a_room(house)
    waiting = house.core.feed.waiting()
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        await house.until(lambda: house.core.feed.waiting() > waiting)
    await house.until(lambda: house.core.feed.waiting() == waiting)


async def test_a_client_that_is_cut_off_is_freed(house: House) -> None:
    ann, room = await a_room(house)
    waiting = house.core.feed.waiting()
    async with socket(ann, room, "after-event-id=0") as opened:
        await said(opened)
        transport = opened._response.connection.transport  # type: ignore[union-attr]
        transport.abort()  # type: ignore[union-attr]
        await house.until(lambda: house.core.feed.waiting() == waiting)


async def refused(who: Asker, path: str, query: str = "") -> int:
    with pytest.raises(WSServerHandshakeError) as fault:
        async with socket(who, path, query):
            pass
    return fault.value.status


async def test_a_socket_is_refused_like_a_poll(house: House) -> None:
    ann, room = await a_room(house)
    assert await refused(house.stranger, room) == 401
    assert await refused(Asker(house, "nonsense"), room) == 403
    assert await refused(ann, "/games/free/rooms/9") == 404
    assert await refused(ann, room, "after-event-id=9") == 400
    assert await refused(house.stranger, room, "ticket=nonsense") == 403
    assert await refused(house.stranger, room, "ticket=") == 403


async def test_a_ticket_opens_one_socket(house: House) -> None:
    ann, room = await a_room(house)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    async with socket(house.stranger, room, f"ticket={ticket}") as opened:
        assert (await said(opened))["type"] == "hello"
    assert await refused(house.stranger, room, f"ticket={ticket}") == 403


async def test_of_two_sockets_with_one_ticket_one_opens(house: House) -> None:
    ann, room = await a_room(house)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]

    async def opens() -> bool:
        try:
            async with socket(house.stranger, room, f"ticket={ticket}"):
                return True
        except WSServerHandshakeError:
            return False

    assert sorted(await asyncio.gather(opens(), opens())) == [False, True]


async def test_a_ticket_is_too_old_after_half_a_minute(house: House) -> None:
    now = [0.0]
    house.shared.tickets = Tickets(lambda: now[0])
    ann, room = await a_room(house)
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    now[0] = 30
    assert await refused(house.stranger, room, f"ticket={ticket}") == 403


async def test_a_ticket_ends_with_the_token_it_was_given_for(house: House) -> None:
    ann, room = await a_room(house)
    bob = await house.guest("Bob")
    ticket = (await bob.post("/accounts/ticket")).json["ticket"]
    await bob.post("/accounts/logout")
    assert await refused(house.stranger, room, f"ticket={ticket}") == 403


async def test_a_ticket_is_good_for_feeds_only(house: House) -> None:
    ann = await house.guest()
    ticket = (await ann.post("/accounts/ticket")).json["ticket"]
    assert (await house.stranger.get(f"/games?ticket={ticket}")).status == 401


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
async def test_a_handshake_that_is_none_is_malformed(house: House, headers: dict[str, str]) -> None:
    ann, room = await a_room(house)
    answer = await ann.get(room + "/events?wait=0", Upgrade="websocket", **headers)
    assert answer.refused == (400, "request.malformed")
