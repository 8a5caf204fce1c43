"""Parked polls answer what the ordinary way would answer, byte for byte, and hold nobody up."""

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


async def test_a_second_poll_is_parked_and_answered_by_what_comes(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    said = await place.say("hello")
    status, head, body = await line.answer()
    assert status == 200 and b'"text":"hello"' in body
    assert b"X-Event-Cursor: %d\r\n" % said in head


async def test_a_first_poll_leaves_its_handler_and_is_answered_by_what_comes(place):
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


async def test_a_first_poll_that_is_closed_behind_is_answered_and_closed(place):
    line = await place.line()
    line.ask(place.token, place.core.feed.head, extra="Connection: close\r\n")
    await place.until_waiting()
    assert place.parked == 0
    await place.say("the last")
    assert b"the last" in (await line.answer())[2]
    assert await line.reader.read() == b""


async def test_what_has_no_words_does_not_prolong_the_wait(place):
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


async def test_a_slip_in_the_words_ends_the_poll_and_the_next_is_owned_up_to(place):
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


async def test_a_parked_answer_is_the_ordinary_answer(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    await place.say("the same")
    ordinary = await place.line()
    ordinary.ask(place.token, cursor)
    assert await line.answer() == await ordinary.answer()


async def test_what_is_due_is_answered_at_once_without_parking(place):
    line, cursor = await enrolled(place)
    await place.say("missed")
    line.ask(place.token, cursor)
    assert b"missed" in (await line.answer())[2]
    assert place.parked == 0


async def test_polls_go_on_and_lose_nothing(place):
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


async def test_a_token_that_ends_while_parked_is_refused_in_words(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    token = place.core.query(token_by_secret, secret=place.token)
    await place.core.execute(revoke_token, token_id=token.id)
    status, _, body = await line.answer()
    assert status == 403 and b"auth.invalid" in body


async def test_a_head_that_differs_goes_the_ordinary_way(place):
    line, cursor = await enrolled(place)
    line.ask("nonsense", cursor)
    assert (await line.answer())[0] == 403


async def test_a_cursor_above_the_head_goes_the_ordinary_way(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor + 1000)
    assert (await line.answer())[0] == 400


async def test_a_request_sent_on_behind_a_parked_poll_is_answered_after_it(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    line.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(20):
        await asyncio.sleep(0)
    await place.say("before")
    assert b"before" in (await line.answer())[2]
    assert b'"status":"ok"' in (await line.answer())[2]


async def test_a_poll_in_two_pieces_is_read_the_ordinary_way(place):
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


async def test_a_client_that_has_gone_is_freed(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    line.writer.close()
    async with asyncio.timeout(5):
        while place.core.feed.waiter_count():
            await asyncio.sleep(0)


async def test_a_closing_feed_sends_parked_polls_home(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    place.core.feed.close()
    assert (await line.answer())[2] == b"[]"


async def test_a_parked_poll_ends_in_time_with_nothing(place):
    line = await place.line()
    head = place.core.feed.head
    line.ask(place.token, head, wait=1)
    assert (await line.answer())[2] == b"[]"
    line.ask(place.token, head, wait=1)
    await place.until_parked()
    status, _, body = await line.answer()
    assert (status, body) == (200, b"[]")


async def test_while_parked_the_player_is_there(place):
    line, cursor = await enrolled(place)
    line.ask(place.token, cursor)
    await place.until_parked()
    assert place.core.presence.online(place.bob, time.time() + 3600, 60)


async def test_without_parking_everything_is_the_same(place):
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
    """A client that polls again in the very moment in which it is answered."""

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


async def test_a_client_faster_than_the_loop_is_parked_too(place):
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
