"""Held connections: open sockets and streams have none of aiohttp's objects, and count as connections."""

import asyncio
import gc
import logging
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from coalserver.core import feed
from coalserver.core.commands.accounts import revoke_token
from coalserver.core.queries.players import token_by_secret
from coalserver.web import connections
from coalserver.web.aiohttp_internals import HELD_CONNECTIONS, PRIVATE_MEMBERS
from coalserver.web.connections import ConnectionRunner, ConnectionServer
from coalserver.web.responses import AlreadySent
from coalserver.web.streaming import event_stream, held_connections, timers, websocket
from coalserver.web.streaming.event_stream import FeedConnection, SseConnection
from coalserver.web.streaming.held_connections import HeldConnection, can_let_go
from coalserver.web.streaming.parked_poll import ParkingRunner
from coalserver.web.streaming.websocket import (
    MAX_SPARE_PARSERS,
    FrameParser,
    can_be_opened,
    whole_text,
)
from tests.web.streaming.parking_server import URL, Connection, ParkingServer, run_parking_server

TIMEOUT_SECONDS = 5
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
HEADERS = {"socket": HANDSHAKE, "stream": "Accept: text/event-stream\r\n"}
KINDS = pytest.mark.parametrize("kind", HEADERS)

CLOSE_1000 = b"\x88\x82\0\0\0\0\x03\xe8"


@pytest.fixture(params=["let go", "kept"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test with aiohttp's connections freed, and with an aiohttp that lacks what this needs."""
    if request.param == "kept":
        monkeypatch.setattr(held_connections, "can_let_go", lambda: False)
    return str(request.param)


@pytest.fixture
async def server() -> AsyncIterator[ParkingServer]:
    async with run_parking_server() as running:
        yield running


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await asyncio.sleep(0)


def held(server: ParkingServer) -> list[HeldConnection]:
    """Return the held connections that the server knows."""
    return [one for one in server.server.connections if isinstance(one, HeldConnection)]


async def open_feed(server: ParkingServer, kind: str, behind: str | bytes = b"") -> Connection:
    """Open the feed of the lobby from its head; return the connection after its head and first frame."""
    connection = await server.connect()
    raw = behind.encode() if isinstance(behind, str) else behind
    request = (
        f"GET {URL}?after-event-id={server.core.feed.head} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.token}\r\n{HEADERS[kind]}\r\n"
    )
    waiting = server.core.feed.waiter_count()
    connection.writer.write(request.encode() + raw)
    await read_until(connection, b"\r\n\r\n")
    await read_until(connection, b"open\n\n\r\n" if kind == "stream" else b"}")
    await until(lambda: server.core.feed.waiter_count() > waiting)
    return connection


async def read_until(connection: Connection, end: bytes) -> bytes:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return await connection.reader.readuntil(end)


async def hear(server: ParkingServer, connection: Connection, text: str) -> None:
    """Send a chat message and read the feed up to it."""
    await server.send_chat(text)
    assert text.encode() in await read_until(connection, text.encode())


@KINDS
async def test_entries_arrive_on_both_ways(server: ParkingServer, kind: str, way: str) -> None:
    connection = await open_feed(server, kind)
    for number in range(3):
        await hear(server, connection, f"message {number}")
    assert len(held(server)) == (way == "let go")


@KINDS
async def test_open_feed_keeps_no_request_and_no_connection_of_aiohttp(
    server: ParkingServer, kind: str
) -> None:
    connections = [await open_feed(server, kind) for _ in range(3)]
    await until(lambda: len(server.server.connections) == len(held(server)) == 3)
    gc.collect()
    kept = [
        type(one) for one in gc.get_objects() if isinstance(one, RequestHandler | web.BaseRequest)
    ]
    assert not kept
    for connection in connections:
        await hear(server, connection, "still here")


@KINDS
async def test_disconnected_client_is_released(server: ParkingServer, kind: str, way: str) -> None:
    before = server.core.feed.waiter_count()
    connection = await open_feed(server, kind)
    assert server.bob in server.core.presence._connections
    connection.writer.transport.abort()
    await until(lambda: not server.server.connections)
    assert server.core.feed.waiter_count() == before
    assert server.bob not in server.core.presence._connections


@KINDS
async def test_end_frees_the_objects_without_a_collection(server: ParkingServer, kind: str) -> None:
    connection = await open_feed(server, kind)
    await until(lambda: len(server.server.connections) == len(held(server)) == 1)
    gc.collect()
    gc.disable()
    try:
        connection.writer.transport.abort()
        await until(lambda: not server.server.connections)
        await asyncio.sleep(0)
        kinds = (HeldConnection, event_stream.EventStream)
        assert not [one for one in gc.get_objects() if isinstance(one, kinds)]
    finally:
        gc.enable()


@KINDS
async def test_stop_of_the_server_ends_feeds(server: ParkingServer, kind: str, way: str) -> None:
    connection = await open_feed(server, kind)
    server.core.feed.close()
    assert isinstance(server.server, ConnectionServer)
    stopping = asyncio.create_task(server.server.shutdown(TIMEOUT_SECONDS))
    if kind == "socket":
        code = (await connection.reader.readexactly(4))[2:]
        assert int.from_bytes(code) == 1012
        connection.writer.write(CLOSE_1000)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await connection.reader.read()
        await stopping
    assert not server.server.connections


@KINDS
async def test_stop_aborts_a_client_that_does_not_answer(
    server: ParkingServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await open_feed(server, kind)
    await until(lambda: len(server.server.connections) == len(held(server)) == 1)
    await server.server.shutdown(0.01)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await connection.reader.readexactly(1 << 20)
    await until(lambda: not server.core.presence._connections)


GET_HEALTH = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("together", [True, False])
async def test_request_behind_a_stream_is_answered_after_it(
    server: ParkingServer, way: str, together: bool
) -> None:
    connection = await open_feed(server, "stream", GET_HEALTH if together else "")
    if not together:
        connection.writer.write(GET_HEALTH.encode())
    await hear(server, connection, "before the answer")
    streams = [one for one in gc.get_objects() if isinstance(one, event_stream.EventStream)]
    [stream] = [one for one in streams if not one.ended]
    stream.close(1000)
    rest = await read_until(connection, b"0\r\n\r\n")
    assert b"HTTP/1.1" not in rest
    assert (await connection.read_response())[0] == 200
    connection.writer.write(GET_HEALTH.encode())
    assert (await connection.read_response())[0] == 200
    assert len(server.server.connections) == 1


async def test_client_that_sends_much_behind_its_stream_is_not_read(server: ParkingServer) -> None:
    connection = await open_feed(server, "stream")
    [stream] = held(server)
    assert isinstance(stream, SseConnection)
    for _ in range(100):
        connection.writer.write(b"x" * 10_000)
    assert stream.transport is not None
    await until(lambda: not stream.transport.is_reading())
    assert len(stream._received) <= held_connections.MAX_BUFFERED_BYTES + (1 << 18)
    await hear(server, connection, "still sent")


@pytest.mark.parametrize("runner", [ConnectionRunner, ParkingRunner])
@KINDS
async def test_held_connection_counts_in_the_limits(
    kind: str, runner: type[ConnectionRunner]
) -> None:
    def limited(*args: object, **kwargs: object) -> ConnectionRunner:
        return runner(*args, max_connections=4, **kwargs)  # type: ignore[arg-type]

    async with run_parking_server(limited) as server:  # type: ignore[arg-type]
        assert isinstance(server.server, ConnectionServer)
        first, second = [await open_feed(server, kind) for _ in range(2)]
        await until(lambda: len(server.server.connections) == 2)
        assert dict(server.server.held) == {"127.0.0.1": 2}
        third = await server.connect()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            assert (await third.reader.read()).startswith(b"HTTP/1.1 503")
        first.writer.transport.abort()
        await until(lambda: len(server.server.connections) == 1)
        assert dict(server.server.held) == {"127.0.0.1": 1}
        second.writer.transport.abort()
        await until(lambda: not server.server.connections)
        assert not server.server.held


async def test_connection_is_counted_once_after_its_stream(server: ParkingServer) -> None:
    connection = await open_feed(server, "stream")
    [stream] = held(server)
    assert isinstance(stream, SseConnection) and stream.stream is not None
    stream.stream.close(1000)
    await read_until(connection, b"0\r\n\r\n")
    connection.writer.write(GET_HEALTH.encode())
    assert (await connection.read_response())[0] == 200
    assert len(server.server.connections) == 1
    assert not held(server)


async def test_frames_behind_the_handshake_are_read(server: ParkingServer, way: str) -> None:
    connection = await open_feed(server, "socket", b"\x89\x82\0\0\0\0hi")
    assert await read_until(connection, b"hi") == b"\x8a\x02hi"


async def test_large_read_of_a_feed_is_handled_before_later_bytes(server: ParkingServer) -> None:
    connection, socket = await open_socket(server)
    pings = [b"%04d" % number for number in range(700)]
    frames = [b"\x89\x84\0\0\0\0" + ping for ping in pings]
    # As the socket reader calls it. From then on the transport reads, and pauses.
    socket.data_received(b"".join(frames[:600]))
    assert socket.number not in server.server.reader._connections
    connection.writer.write(b"".join(frames[600:]))
    answers = await read_until(connection, pings[-1])
    assert [answers[at : at + 4] for at in range(2, len(answers), 6)] == pings
    await hear(server, connection, "still open")


# WebSockets.


async def open_socket(server: ParkingServer) -> tuple[Connection, FeedConnection]:
    connection = await open_feed(server, "socket")
    await until(lambda: len(held(server)) == 1)
    [socket] = held(server)
    assert isinstance(socket, FeedConnection)
    return connection, socket


async def test_parser_is_kept_only_while_a_message_is_incomplete(server: ParkingServer) -> None:
    connection, socket = await open_socket(server)
    for piece in (b"\x89", b"\x82\0\0", b"\0\0h"):
        heard = socket._heard_at
        connection.writer.write(piece)
        await until(lambda heard=heard: socket._heard_at != heard)
        assert socket._parser is not None
    connection.writer.write(b"i")
    assert await read_until(connection, b"hi") == b"\x8a\x02hi"
    assert socket._parser is None


async def test_parser_with_a_fragmented_message_is_not_lent_to_another_socket(
    server: ParkingServer,
) -> None:
    connection, socket = await open_socket(server)
    connection.writer.write(b"\x01\x81\0\0\0\0a")
    await until(lambda: socket._parser is not None)
    parser = socket._parser
    assert parser not in FrameParser._spare.get(event_stream.MAX_MESSAGE_BYTES, [])
    connection.writer.write(b"\x80\x81\0\0\0\0b")
    await until(lambda: socket._parser is None)
    assert parser in FrameParser._spare[event_stream.MAX_MESSAGE_BYTES]


async def test_spare_parsers_have_a_bound_and_refer_to_no_socket() -> None:
    parsers = [FrameParser.take(7) for _ in range(MAX_SPARE_PARSERS + 3)]
    for parser in parsers:
        parser.put_back()
    spare = FrameParser._spare.pop(7)
    assert len(spare) == MAX_SPARE_PARSERS
    assert {parser.inbox.socket for parser in spare} == {None}


async def test_silent_client_gets_a_ping_and_is_dropped_without_an_answer(
    server: ParkingServer,
) -> None:
    connection, socket = await open_socket(server)
    socket.expire()
    assert not socket._pinged
    socket._heard_at -= event_stream.PING_SECONDS
    socket.expire()
    assert await connection.reader.readexactly(2) == b"\x89\0"
    socket.expire()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        # Without a close frame.
        assert await connection.reader.read() == b""
    await until(lambda: not server.server.connections)
    assert not server.core.presence._connections


async def test_client_that_answers_a_ping_stays(server: ParkingServer) -> None:
    connection, socket = await open_socket(server)
    socket._heard_at -= event_stream.PING_SECONDS
    socket.expire()
    connection.writer.write(b"\x8a\x80\0\0\0\0")
    await until(lambda: not socket._pinged)
    socket.expire()
    await hear(server, connection, "still here")


async def test_idle_feed_has_one_timer_and_the_control_topic(server: ParkingServer) -> None:
    """What is done each second for each open feed would stop the loop with thousands of them."""
    timers = server.core.feed.waiter_count()
    connection, socket = await open_socket(server)
    app = socket._app
    assert not app.timers._watched
    assert sum(len(bucket) for bucket in app.timers._buckets.values()) == 1
    assert server.core.feed.waiter_count() > timers
    connection.writer.transport.abort()
    await until(lambda: not server.server.connections)
    assert sum(len(bucket) for bucket in app.timers._buckets.values()) == 0


async def test_close_frame_is_answered_with_its_code_and_the_connection_closed(
    server: ParkingServer, way: str
) -> None:
    connection = await open_feed(server, "socket")
    connection.writer.write(b"\x88\x82\0\0\0\0\x0f\xa0")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert await connection.reader.read() == b"\x88\x02\x0f\xa0"


async def test_client_that_does_not_answer_a_close_frame_is_closed(
    server: ParkingServer, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CLOSING_SECONDS", 0.01)
    connection = await open_feed(server, "socket")
    server.core.feed.close()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert await connection.reader.read() == b"\x88\x02\x03\xf4"


# The end of the server.


@KINDS
async def test_stop_does_not_wait_long_for_clients_that_do_not_answer(
    server: ParkingServer, kind: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (event_stream, websocket):
        monkeypatch.setattr(module, "CLOSING_SECONDS", 1000)
    monkeypatch.setattr(held_connections, "STOPPING_SECONDS", 0.01)
    connection = await open_feed(server, kind)
    if way == "let go":
        # The end of the stream is not enough: its client must have read it.
        monkeypatch.setattr(SseConnection, "_finish", lambda self: None)
    await server.send_chat("the last message")
    server.core.feed.close()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await server.server.shutdown(1000)
        rest = await connection.reader.read()
    assert b"the last message" in rest
    # The close frame, or the last chunk.
    assert b"\x88\x02\x03\xf4" in rest or rest.endswith(b"0\r\n\r\n")


async def test_stop_waits_for_clients_that_answer_and_no_longer(
    server: ParkingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_connections, "STOPPING_SECONDS", 1000)
    connection = await open_feed(server, "socket")
    server.core.feed.close()
    stopping = asyncio.ensure_future(server.server.shutdown(1000))
    await read_until(connection, b"\x88\x02\x03\xf4")
    assert not stopping.done()
    connection.writer.write(CLOSE_1000)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await stopping


@KINDS
@pytest.mark.parametrize("step", ["pre_shutdown", "shutdown"])
async def test_stop_closes_feeds_that_are_opened_meanwhile(
    server: ParkingServer, kind: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, stops = HeldConnection.hold, []

    async def stop_and_hold(self: HeldConnection, *args: Any, **kwargs: Any) -> AlreadySent:
        if step == "pre_shutdown":
            server.server.pre_shutdown()
        else:
            stops.append(asyncio.ensure_future(server.server.shutdown(1000)))
            await asyncio.sleep(0)
        server.core.feed.close()
        return await hold(self, *args, **kwargs)

    monkeypatch.setattr(HeldConnection, "hold", stop_and_hold)
    connection = await server.connect()
    request = (
        f"GET {URL}?after-event-id={server.core.feed.head} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.token}\r\n{HEADERS[kind]}\r\n"
    )
    connection.writer.write(request.encode())
    async with asyncio.timeout(TIMEOUT_SECONDS):
        if kind == "socket":
            await connection.reader.readuntil(b"\x88\x02\x03\xf4")
            connection.writer.write(CLOSE_1000)
        # The next request on this connection would be served by the stopped server.
        await connection.reader.read()
        await asyncio.gather(server.server.shutdown(1000), *stops)
    assert not server.server.connections


async def test_stopping_server_closes_a_connection_that_was_accepted_before(
    server: ParkingServer,
) -> None:
    server.server.pre_shutdown()
    connection = await server.connect()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert await connection.reader.read() == b""


async def test_many_connections_are_closed_a_number_at_a_time(
    server: ParkingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CLOSED_AT_ONCE", 2)
    monkeypatch.setattr(connections, "SHUT_DOWN_AT_ONCE", 2)
    monkeypatch.setattr(held_connections, "STOPPING_SECONDS", 0.01)
    for _ in range(7):
        await open_feed(server, "socket")
    sockets = held(server)
    steps = server.core.feed.close_in_steps()
    counts = [sum(one.code != 0 for one in sockets) for _ in steps]
    # The sockets and their group.
    assert counts == [2, 4, 6, 7]
    begun = []
    monkeypatch.setattr(HeldConnection, "shutdown", lambda self, timeout: note(begun, self))
    stopping = asyncio.ensure_future(server.server.shutdown(1000))
    counts = [0]
    while not stopping.done():
        await asyncio.sleep(0)
        counts.append(len(begun))
    assert max(after - before for before, after in pairwise(counts)) == 2 and counts[-1] == 7


async def test_streams_of_a_server_that_stops_are_not_used_again(server: ParkingServer) -> None:
    """They would be connections of aiohttp, thousands of which the server closes next."""
    connection = await open_feed(server, "stream")
    [stream] = held(server)
    connection.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: stream._received)
    server.core.feed.close()
    received = await connection.reader.read()
    assert received.endswith(b"0\r\n\r\n") and b'"status"' not in received
    assert not server.server.connections


async def note(notes: list[object], one: object) -> None:
    notes.append(one)


async def test_each_client_that_waits_counts_once(server: ParkingServer) -> None:
    for kind in ("socket", "socket", "stream"):
        await open_feed(server, kind)
    polls = [await server.connect() for _ in range(3)]
    for poll in polls:
        poll.send_poll(server.token, server.core.feed.head)
    # It waits in its handler, and on another feed.
    other = await server.connect()
    other.send_poll(server.token, server.core.feed.head, extra="Connection: close\r\n")
    await server.until_parked(3)
    await until(lambda: server.core.feed.waiter_count() == 7)
    asking = await server.connect()
    asking.writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b'"listeners":7,' in (await asking.read_response())[2]
    await server.send_chat("hello")
    for poll in (*polls, other):
        await poll.read_response()
    await until(lambda: server.core.feed.waiter_count() == 3)


@KINDS
async def test_tokens_that_end_in_one_second_end_their_streams_in_portions(
    server: ParkingServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "MAX_EXPIRING", 2)
    for _ in range(5):
        await open_feed(server, kind)
    streams = [one.stream for one in held(server)]
    app = streams[0]._app
    monkeypatch.setattr(app, "timers", timers.Timers())
    for stream in streams:
        valid_until = app.core.expiry_time + 100
        stream._subscription = replace(stream._subscription, valid_until=valid_until)
        stream.check()
        stream._subscription = replace(stream._subscription, valid_until=0.0)
    entries = [one for bucket in app.timers._buckets.values() for one in bucket]
    assert len(entries) == 5
    app.timers._buckets = {0: dict.fromkeys(entries)}
    app.timers._expire_due(asyncio.get_running_loop())
    ended = [sum(stream.ended for stream in streams)]
    while ended[-1] < 5:
        await asyncio.sleep(0)
        ended.append(sum(stream.ended for stream in streams))
    assert max(after - before for before, after in pairwise([0, *ended])) == 2


@KINDS
async def test_event_that_ends_many_streams_closes_them_in_portions(
    server: ParkingServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to them in between."""
    monkeypatch.setattr(event_stream, "REQUESTS_AT_ONCE", 2)
    clients = [await open_feed(server, kind) for _ in range(7)]
    streams = [one.stream for one in held(server)]
    token = server.core.query(token_by_secret, secret=server.token)
    await server.core.execute(revoke_token, token_id=token.id)
    counts = [sum(stream.ended for stream in streams)]
    clients[0].writer.transport.abort()
    chat = asyncio.ensure_future(server.send_chat("not for them"))
    while counts[-1] < 7:
        await asyncio.sleep(0)
        counts.append(sum(stream.ended for stream in streams))
    await chat
    assert max(after - before for before, after in pairwise(counts)) <= 2
    for client in clients[1:]:
        end = b"\x88\x02\x03\xf0" if kind == "socket" else b"0\r\n\r\n"
        assert b"not for them" not in await read_until(client, end)
    assert server.bob not in server.core.presence._connections
    assert server.core.feed.waiter_count() == 0


@KINDS
async def test_nothing_is_read_for_a_stream_that_has_lost_its_rights(
    server: ParkingServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that reads from disk when its token is revoked writes nothing of that."""
    found: asyncio.Future[tuple[list[tuple[int, bytes]], int]] = asyncio.Future()

    async def read(*args: object) -> tuple[list[tuple[int, bytes]], int]:
        return await found

    connection = await open_feed(server, kind)
    [stream] = [one.stream for one in held(server)]
    monkeypatch.setattr(event_stream, "read", read)
    with monkeypatch.context() as patch:
        patch.setattr(type(server.core.feed), "covers", lambda *_: False)
        await server.send_chat("what makes it read")
        await until(lambda: stream._catching_up)
        await asyncio.sleep(0)
    token = server.core.query(token_by_secret, secret=server.token)
    await server.core.execute(revoke_token, token_id=token.id)
    found.set_result(([(7, b'"not for them"')], server.core.feed.head))
    end = b"\x88\x02\x03\xf0" if kind == "socket" else b"0\r\n\r\n"
    assert b"not for them" not in await read_until(connection, end)


# The check of aiohttp's members.


def test_this_version_of_aiohttp_has_all_members(caplog: pytest.LogCaptureFixture) -> None:
    can_let_go.cache_clear()
    can_be_opened.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert can_let_go() and can_be_opened()
    assert not caplog.records


def test_missing_member_is_one_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRIVATE_MEMBERS, HELD_CONNECTIONS, ("_manager", "_nothing"))  # type: ignore[misc]
    can_let_go.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert not can_let_go()
            assert not can_let_go()
    finally:
        can_let_go.cache_clear()
    [record] = caplog.records
    assert "_nothing" in record.getMessage() and HELD_CONNECTIONS in record.getMessage()


class FailingHandler:
    """A handler with a fault."""

    def __init__(self) -> None:
        self.ended_count = 0

    def text(self, raw: bytes) -> None:
        raise KeyError(raw.decode())

    def binary(self) -> None: ...

    def pong(self) -> None: ...

    def ended(self) -> None:
        self.ended_count += 1


@pytest.mark.parametrize("pieces", [1, 2])
async def test_message_that_fails_closes_the_socket_and_is_logged(
    server: ParkingServer, caplog: pytest.LogCaptureFixture, pieces: int
) -> None:
    connection, socket = await open_socket(server)
    socket.handler = handler = FailingHandler()
    first, second = text_frame(b"what", b"\x84"), text_frame(b"more", b"\x84")
    if pieces == 1:
        connection.writer.write(first)
    else:
        connection.writer.write(first + second)
    assert await connection.reader.readexactly(4) == b"\x88\x02\x03\xf3"
    connection.writer.write(second)
    connection.writer.close()
    await until(lambda: not server.server.connections)
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None and "what" in str(record.exc_info[1])
    assert handler.ended_count == 1


async def test_looks_at_clients_are_spread_over_seconds(server: ParkingServer) -> None:
    """Feeds that were opened at once must not all be looked at in one second, again and again."""
    _, socket = await open_socket(server)
    buckets = set()
    for _ in range(200):
        assert socket._timer is not None
        socket._app.timers.cancel(socket, socket._timer)
        socket.expire()
        buckets.add(socket._timer)
    assert len(buckets) >= 4


#: Bytes that Python's allocator may hold for an idle feed. A request, its tasks and aiohttp's connection took 20 kB.
MAX_IDLE_BYTES = 7_000


@KINDS
async def test_idle_feed_weighs_little(server: ParkingServer, kind: str) -> None:
    loop, clients = asyncio.get_running_loop(), []
    request = (
        f"GET {URL}?after-event-id={server.core.feed.head} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.token}\r\n{HEADERS[kind]}\r\n"
    ).encode()

    async def open_feeds(count: int) -> None:
        for _ in range(count):
            # Without asyncio's streams, which would be weighed too.
            client = socket.create_connection(("127.0.0.1", server.port))
            client.setblocking(False)
            clients.append(client)
            await loop.sock_sendall(client, request)
        await until(lambda: len(server.server.connections) == len(held(server)) == len(clients))
        gc.collect()

    await open_feeds(20)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await open_feeds(50)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        for client in clients:
            client.close()
    assert (after - before) / 50 < MAX_IDLE_BYTES


# Whole text frames, which need no parser.


def text_frame(payload: bytes, length: bytes) -> bytes:
    mask = b"\x11\x22\x33\x44"
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return b"\x81" + length + mask + masked


@pytest.mark.parametrize("size", [2, 125, 126, 127, 1000])
def test_whole_text_frame_is_unmasked(size: int) -> None:
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    payload = bytes(index % 128 for index in range(size))
    raw = text_frame(payload, length)
    assert whole_text(raw, 4096) == payload
    assert whole_text(raw, size + 1) == payload
    assert whole_text(raw, size) is None
    for part in (
        raw[:-1],
        raw[:2],
        raw[:7],
        raw + b"\x81",
        raw + raw,
        b"\x01" + raw[1:],
        b"\xc1" + raw[1:],
    ):
        assert whole_text(part, 4096) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x81",
        # Without a mask, as control frame, as binary.
        b"\x81\x06abcdef",
        b"\x89\x82\0\0\0\0ab",
        b"\x82\x82\0\0\0\0ab",
        # A length of eight bytes; the rest looks as if 127 were the length.
        b"\x81\xff" + b"\0" * 131,
        b"\x81\xff" + (127).to_bytes(8) + b"\0" * 131,
    ],
)
def test_other_frames_are_left_to_the_parser(raw: bytes) -> None:
    assert whole_text(raw, 4096) is None
