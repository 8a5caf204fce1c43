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
from tests.web.streaming.parking_server import (
    URL,
    ParkingServer,
    connect_and_poll,
    run_parking_server,
)


@pytest.fixture
async def server() -> AsyncIterator[ParkingServer]:
    async with run_parking_server() as one:
        yield one


async def test_second_poll_is_parked_and_answered_by_an_event(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    entry_id = await server.send_chat("hello")
    status, head, body = await connection.read_response()
    assert status == 200 and b'"text":"hello"' in body
    assert b"X-Event-Cursor: %d\r\n" % entry_id in head


@pytest.mark.parametrize("url", [URL, f"/coal{URL}"])
async def test_poll_below_a_base_path_is_parked_and_resumed(url):
    async with run_parking_server(base_url="https://play.example/coal") as server:
        connection = await server.connect()
        cursor = server.core.feed.head
        for text in ("first", "second"):
            connection.send_poll(server.token, cursor, url=url)
            await server.until_parked()
            cursor = await server.send_chat(text)
            status, _, body = await connection.read_response()
            assert status == 200 and f'"text":"{text}"'.encode() in body
        # Entries that are not shared are rendered by the handler, which gets the request again.
        connection.send_poll(server.token, 0, url=url)
        status, _, body = await connection.read_response()
        assert status == 200 and b'"text":"first"' in body and b'"text":"second"' in body


async def test_first_poll_leaves_its_handler_and_is_answered_by_an_event(server):
    connection = await server.connect()
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    (protocol,) = server.parked_connections
    await let_others_run()
    assert protocol._current_request is None
    entry_id = await server.send_chat("hello")
    status, head, body = await connection.read_response()
    assert status == 200 and b'"text":"hello"' in body
    assert b"X-Event-Cursor: %d\r\n" % entry_id in head
    connection.send_poll(server.token, entry_id)
    await server.until_parked()


async def test_first_poll_with_connection_close_is_answered_and_closed(server):
    connection = await server.connect()
    connection.send_poll(server.token, server.core.feed.head, extra="Connection: close\r\n")
    await server.until_waiting()
    assert server.parked_count == 0
    await server.send_chat("the last")
    assert b"the last" in (await connection.read_response())[2]
    assert await connection.reader.read() == b""


async def test_entry_that_is_not_shown_does_not_prolong_the_wait(server):
    connection = await server.connect()
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    (protocol,) = server.parked_connections
    until = protocol._due
    entry_id = await server.core.execute(lambda uow: uow.emit("an unknown event", ("lobby", 1)))
    assert server.parked_connections == [protocol]
    assert (protocol._due, protocol._group.digits) == (until, b"%d" % entry_id.id)
    await server.send_chat("hello")
    assert b"hello" in (await connection.read_response())[2]


async def test_failed_rendering_ends_the_poll_and_the_next_is_a_500(server):
    connection = await server.connect()
    cursor = server.core.feed.head
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    await server.core.execute(
        lambda uow: uow.emit(LobbyMemberJoined("pong", 1, server.bob, object()), ("lobby", 1))
    )
    assert await connection.reader.read() == b""
    second = await server.connect()
    second.send_poll(server.token, cursor)
    assert (await second.read_response())[0] == 500


async def test_response_to_a_parked_poll_equals_the_ordinary_one(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    await server.send_chat("the same")
    ordinary = await server.connect()
    ordinary.send_poll(server.token, cursor)
    assert await connection.read_response() == await ordinary.read_response()


async def test_available_entries_are_answered_without_parking(server):
    connection, cursor = await connect_and_poll(server)
    await server.send_chat("missed")
    connection.send_poll(server.token, cursor)
    assert b"missed" in (await connection.read_response())[2]
    assert server.parked_count == 0


async def test_successive_polls_miss_no_entry(server):
    connection, cursor = await connect_and_poll(server)
    received = []
    for number in range(50):
        connection.send_poll(server.token, cursor)
        if number % 3:
            await server.until_parked()
        await server.send_chat(f"line {number}")
        _, head, body = await connection.read_response()
        received += re.findall(rb"line \d+", body)
        cursor = int(re.search(rb"X-Event-Cursor: (\d+)", head)[1])
    assert received == [b"line %d" % number for number in range(50)]


async def test_token_revoked_while_parked_is_answered_with_an_error(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    token = server.core.query(token_by_secret, secret=server.token)
    await server.core.execute(revoke_token, token_id=token.id)
    status, _, body = await connection.read_response()
    assert status == 403 and b"auth.invalid" in body


async def test_request_with_another_head_is_handled_by_aiohttp(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll("nonsense", cursor)
    assert (await connection.read_response())[0] == 403


async def test_cursor_above_the_head_is_handled_by_aiohttp(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor + 1000)
    assert (await connection.read_response())[0] == 400


async def test_request_behind_a_parked_poll_is_answered_after_it(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    connection.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(20):
        await asyncio.sleep(0)
    await server.send_chat("before")
    assert b"before" in (await connection.read_response())[2]
    assert b'"status":"ok"' in (await connection.read_response())[2]


async def test_poll_in_two_pieces_is_handled_by_aiohttp(server):
    connection, cursor = await connect_and_poll(server)
    request = (
        f"GET {URL}?after-event-id={cursor}&wait=30 HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.token}\r\n\r\n"
    ).encode()
    connection.writer.write(request[:40])
    await connection.writer.drain()
    for _ in range(50):
        await asyncio.sleep(0)
    connection.writer.write(request[40:])
    await server.until_waiting()
    await server.send_chat("in pieces")
    assert b"in pieces" in (await connection.read_response())[2]


async def test_disconnected_client_is_released(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    connection.writer.close()
    async with asyncio.timeout(5):
        while server.core.feed.waiter_count():
            await asyncio.sleep(0)


async def test_closing_feed_answers_parked_polls(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    server.core.feed.close()
    assert (await connection.read_response())[2] == b"[]"


async def test_parked_poll_ends_empty_after_its_wait(server):
    connection = await server.connect()
    head = server.core.feed.head
    connection.send_poll(server.token, head, wait=1)
    assert (await connection.read_response())[2] == b"[]"
    connection.send_poll(server.token, head, wait=1)
    await server.until_parked()
    status, _, body = await connection.read_response()
    assert (status, body) == (200, b"[]")


async def test_player_is_online_while_parked(server):
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    assert server.core.presence.online(server.bob, time.time() + 3600, 60)


async def test_responses_are_the_same_without_parking(server):
    async with run_parking_server(web.AppRunner) as ordinary_server:
        connection, cursor = await connect_and_poll(ordinary_server)
        connection.send_poll(ordinary_server.token, cursor)
        await ordinary_server.until_waiting()
        await ordinary_server.send_chat("hello")
        ordinary = await connection.read_response()
    connection, cursor = await connect_and_poll(server)
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    await server.send_chat("hello")
    parked = await connection.read_response()
    assert re.sub(rb'"at":\d+', b"", ordinary[2]) == re.sub(rb'"at":\d+', b"", parked[2])


class EagerClient(asyncio.Protocol):
    """A client that polls again as soon as it is answered."""

    def __init__(self, token: str, cursor: int) -> None:
        self.token, self.cursor = token, cursor
        self.received: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.poll()

    def data_received(self, data: bytes) -> None:
        self.received += re.findall(rb"line \d+", data)
        self.cursor = int(re.search(rb"X-Event-Cursor: (\d+)", data)[1])
        self.poll()

    def poll(self) -> None:
        head = f"GET {URL}?after-event-id={self.cursor}&wait=30 HTTP/1.1\r\nHost: x\r\n"
        self.transport.write(f"{head}Authorization: Bearer {self.token}\r\n\r\n".encode())


async def test_client_that_polls_at_once_is_parked(server):
    loop = asyncio.get_running_loop()
    transport, eager = await loop.create_connection(
        lambda: EagerClient(server.token, server.core.feed.head), "127.0.0.1", server.port
    )
    await server.until_waiting()
    for number in range(20):
        await server.send_chat(f"line {number}")
        await server.until_parked()
    transport.close()
    assert eager.received == [b"line %d" % number for number in range(20)]
