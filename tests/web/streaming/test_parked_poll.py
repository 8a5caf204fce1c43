"""Parked polls: their responses equal the ordinary ones byte for byte, and delay no other request."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from coalserver.core.commands.accounts import revoke_token
from coalserver.core.queries.players import token_by_secret
from coalserver.domain.play.events import LobbyMemberJoined
from tests.core.stores import let_others_run
from tests.web.streaming.parking import URL, Place, enrolled, make_place


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with make_place() as one:
        yield one


async def test_second_poll_is_parked_and_answered_by_an_event(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    said = await place.say("hello")
    status, head, body = await line.answer()
    assert status == 200 and b'"text":"hello"' in body
    assert b"X-Event-Cursor: %d\r\n" % said in head


async def test_first_poll_leaves_its_handler_and_is_answered_by_an_event(place):
    line = await place.line()
    line.ask(place.token, place.core.feed.head)
    await place.until_parked()
    (protocol,) = place.parking
    await let_others_run()
    assert protocol._current_request is None
    said = await place.say("hello")
    status, head, body = await line.answer()
    assert status == 200 and b'"text":"hello"' in body
    assert b"X-Event-Cursor: %d\r\n" % said in head
    line.ask(place.token, said)
    await place.until_parked()


async def test_first_poll_with_connection_close_is_answered_and_closed(place):
    line = await place.line()
    line.ask(place.token, place.core.feed.head, extra="Connection: close\r\n")
    await place.until_waiting()
    assert place.parked == 0
    await place.say("the last")
    assert b"the last" in (await line.answer())[2]
    assert await line.reader.read() == b""


async def test_entry_that_is_not_shown_does_not_prolong_the_wait(place):
    line = await place.line()
    line.ask(place.token, place.core.feed.head)
    await place.until_parked()
    (protocol,) = place.parking
    until = protocol._timer
    said = await place.core.execute(lambda uow: uow.emit("a word of another tongue", ("lobby", 1)))
    assert place.parking == [protocol]
    assert (protocol._timer, protocol._cursor) == (until, said.id)
    await place.say("hello")
    assert b"hello" in (await line.answer())[2]


async def test_failed_rendering_ends_the_poll_and_the_next_is_a_500(place):
    line = await place.line()
    cursor = place.core.feed.head
    line.ask(place.token, cursor)
    await place.until_parked()
    await place.core.execute(
        lambda uow: uow.emit(LobbyMemberJoined("pong", 1, place.bob, object()), ("lobby", 1))
    )
    assert await line.reader.read() == b""
    again = await place.line()
    again.ask(place.token, cursor)
    assert (await again.answer())[0] == 500


async def test_response_to_a_parked_poll_equals_the_ordinary_one(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    await place.say("the same")
    ordinary = await place.line()
    ordinary.ask(place.token, cursor)
    assert await line.answer() == await ordinary.answer()


async def test_available_entries_are_answered_without_parking(place):
    line, cursor = await enrolled(place)
    await place.say("missed")
    line.ask(place.token, cursor)
    assert b"missed" in (await line.answer())[2]
    assert place.parked == 0


async def test_successive_polls_miss_no_entry(place):
    line, cursor = await enrolled(place)
    heard = []
    for number in range(50):
        line.ask(place.token, cursor)
        if number % 3:
            await place.until_parked()
        await place.say(f"line {number}")
        _, head, body = await line.answer()
        heard += re.findall(rb"line \d+", body)
        cursor = int(re.search(rb"X-Event-Cursor: (\d+)", head)[1])
    assert heard == [b"line %d" % number for number in range(50)]


async def test_token_revoked_while_parked_is_answered_with_an_error(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    token = place.core.query(token_by_secret, secret=place.token)
    await place.core.execute(revoke_token, token_id=token.id)
    status, _, body = await line.answer()
    assert status == 403 and b"auth.invalid" in body


async def test_request_with_another_head_is_handled_by_aiohttp(place):
    line, cursor = await enrolled(place)
    line.ask("nonsense", cursor)
    assert (await line.answer())[0] == 403


async def test_cursor_above_the_head_is_handled_by_aiohttp(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor + 1000)
    assert (await line.answer())[0] == 400


async def test_request_behind_a_parked_poll_is_answered_after_it(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    line.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(20):
        await asyncio.sleep(0)
    await place.say("before")
    assert b"before" in (await line.answer())[2]
    assert b'"status":"ok"' in (await line.answer())[2]


async def test_poll_in_two_pieces_is_handled_by_aiohttp(place):
    line, cursor = await enrolled(place)
    whole = (
        f"GET {URL}?after-event-id={cursor}&wait=30 HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {place.token}\r\n\r\n"
    ).encode()
    line.writer.write(whole[:40])
    await line.writer.drain()
    for _ in range(50):
        await asyncio.sleep(0)
    line.writer.write(whole[40:])
    await place.until_waiting()
    await place.say("in pieces")
    assert b"in pieces" in (await line.answer())[2]


async def test_disconnected_client_is_released(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    line.writer.close()
    async with asyncio.timeout(5):
        while place.core.feed.waiter_count():
            await asyncio.sleep(0)


async def test_closing_feed_answers_parked_polls(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    place.core.feed.close()
    assert (await line.answer())[2] == b"[]"


async def test_parked_poll_ends_empty_after_its_wait(place):
    line = await place.line()
    head = place.core.feed.head
    line.ask(place.token, head, wait=1)
    assert (await line.answer())[2] == b"[]"
    line.ask(place.token, head, wait=1)
    await place.until_parked()
    status, _, body = await line.answer()
    assert (status, body) == (200, b"[]")


async def test_player_is_online_while_parked(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    assert place.core.presence.online(place.bob, time.time() + 3600, 60)


async def test_responses_are_the_same_without_parking(place):
    async with make_place(web.AppRunner) as plain:
        line, cursor = await enrolled(plain)
        line.ask(plain.token, cursor)
        await plain.until_waiting()
        await plain.say("hello")
        ours = await line.answer()
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    await place.say("hello")
    theirs = await line.answer()
    assert re.sub(rb'"at":\d+', b"", ours[2]) == re.sub(rb'"at":\d+', b"", theirs[2])


class Eager(asyncio.Protocol):
    """A client that polls again as soon as it is answered."""

    def __init__(self, token: str, cursor: int) -> None:
        self.token, self.cursor = token, cursor
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.poll()

    def data_received(self, data: bytes) -> None:
        self.heard += re.findall(rb"line \d+", data)
        self.cursor = int(re.search(rb"X-Event-Cursor: (\d+)", data)[1])
        self.poll()

    def poll(self) -> None:
        head = f"GET {URL}?after-event-id={self.cursor}&wait=30 HTTP/1.1\r\nHost: x\r\n"
        self.transport.write(f"{head}Authorization: Bearer {self.token}\r\n\r\n".encode())


async def test_client_that_polls_at_once_is_parked(place):
    loop = asyncio.get_running_loop()
    transport, eager = await loop.create_connection(
        lambda: Eager(place.token, place.core.feed.head), "127.0.0.1", place.port
    )
    await place.until_waiting()
    for number in range(20):
        await place.say(f"line {number}")
        await place.until_parked()
    transport.close()
    assert eager.heard == [b"line %d" % number for number in range(20)]
