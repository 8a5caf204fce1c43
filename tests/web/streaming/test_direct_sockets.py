"""Sockets that are read and written past their transports: nothing is lost, reordered, or kept from other requests."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

import pytest

from coalserver.web.connections import ConnectionRunner
from coalserver.web.streaming import direct_writes, socket_reader
from coalserver.web.streaming.direct_writes import NO_SOCKET
from coalserver.web.streaming.event_stream import FeedConnection, SseConnection
from coalserver.web.streaming.held_connections import HeldConnection
from coalserver.web.streaming.parked_poll import ParkingProtocol, ParkingRunner
from coalserver.web.streaming.socket_reader import SocketReader
from tests.web.streaming.parking_server import URL, Connection, ParkingServer, run_parking_server
from tests.web.streaming.test_held_connections import (
    CLOSE_1000,
    HEADERS,
    KINDS,
    open_feed,
    read_until,
)

PING = b"\x89\x81\0\0\0\0y"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def write_some(number: int, raw: bytes) -> int:
    return os.write(number, raw[:10])


def write_none(number: int, raw: bytes) -> int:
    raise BlockingIOError


def write_to_lost(number: int, raw: bytes) -> int:
    raise BrokenPipeError


WRITES = pytest.mark.parametrize("write", [write_some, write_none, write_to_lost])


@pytest.fixture
async def server() -> AsyncIterator[ParkingServer]:
    async with run_parking_server() as one:
        yield one


async def park(server: ParkingServer, count: int = 1) -> list[Connection]:
    """Return connections whose polls are parked and which the socket reader reads."""
    connections = [await server.connect() for _ in range(count)]
    for connection in connections:
        connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked(count)
    await server.until(lambda: all(one._socket != NO_SOCKET for one in protocols(server)))
    return connections


def protocols(server: ParkingServer) -> list[ParkingProtocol]:
    return [one for one in server.server.connections if isinstance(one, ParkingProtocol)]


def reader_of(server: ParkingServer) -> SocketReader:
    return server.server.reader


async def hear(server: ParkingServer, connection: Connection, text: str) -> int:
    """Send a chat message, read it as the answer to a parked poll, and return the cursor."""
    await server.send_chat(text)
    _, head, body = await connection.read_response()
    assert text.encode() in body
    return int(re.search(rb"X-Event-Cursor: (\d+)", head)[1])


# Reading.


async def test_poll_after_an_answer_is_read_past_the_transport(server):
    (connection,) = await park(server)
    (protocol,) = protocols(server)
    for number in range(3):
        cursor = await hear(server, connection, f"line {number}")
        connection.send_poll(server.token, cursor)
        await server.until_parked()
        assert not protocol.transport.is_reading() and protocol._request_count == 1


async def test_request_behind_many_polls_does_not_wait_for_all_of_them(server, monkeypatch):
    connections = await park(server, 40)
    other = await server.connect()
    await server.send_chat("hello")
    for connection in connections:
        await connection.read_response()
    monkeypatch.setattr(socket_reader, "SOCKETS_AT_ONCE", 1)
    for connection in connections:
        connection.send_poll(server.token, server.core.feed.head)
    other.writer.write(HEALTH)
    assert (await other.read_response())[0] == 200
    assert server.parked_count < 40
    await server.until_parked(40)
    await server.send_chat("all")
    for connection in connections:
        assert b"all" in (await connection.read_response())[2]


async def test_other_request_is_read_by_the_transport_again(server):
    (connection,) = await park(server)
    (protocol,) = protocols(server)
    reader = reader_of(server)
    await hear(server, connection, "hello")
    connection.writer.write(HEALTH)
    assert (await connection.read_response())[0] == 200
    assert protocol.transport.is_reading() and protocol._socket == NO_SOCKET
    assert reader._epoll is None and not reader._connections


async def test_bytes_behind_a_parked_poll_are_read_by_the_transport(server):
    (connection,) = await park(server)
    (protocol,) = protocols(server)
    connection.writer.write(HEALTH)
    await server.until(lambda: protocol._socket == NO_SOCKET)
    await hear(server, connection, "first")
    assert b"status" in (await connection.read_response())[2]


async def test_request_that_fills_a_whole_read_is_handled_whole(server, monkeypatch):
    (connection,) = await park(server)
    cursor = await hear(server, connection, "hello")
    monkeypatch.setattr(socket_reader, "MAX_BYTES", 50)
    for number in range(2):
        connection.send_poll(server.token, cursor)
        await server.until(server.core.feed.waiter_count)
        cursor = await hear(server, connection, f"line {number}")


@pytest.mark.parametrize("end", ["close", "abort", "half"])
async def test_client_that_disconnects_is_released(server, end):
    first, second = await park(server, 2)
    reader = reader_of(server)
    for connection in (first, second):
        if end == "half":
            connection.writer.write_eof()
        elif end == "abort":
            connection.writer.transport.abort()
        else:
            connection.writer.close()
    await server.until(lambda: not server.server.connections)
    assert reader._epoll is None and not reader._connections
    await park(server)


async def most_in_one_turn(server: ParkingServer, count: Callable[[], int], final: int) -> int:
    """Return by how much a number changes in one iteration of the loop at most, until it is `final`."""
    most, last = 0, count()
    async with asyncio.timeout(5):
        while last != final:
            await asyncio.sleep(0)
            most, last = max(most, abs(count() - last)), count()
    return most


@pytest.mark.parametrize("end", ["close", "abort"])
@pytest.mark.parametrize("kind", ["poll", *HEADERS])
async def test_clients_that_disconnect_in_one_moment_are_released_a_number_at_a_time(
    server: ParkingServer, kind: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "poll":
        connections = await park(server, 20)
    else:
        connections = [await open_feed(server, kind) for _ in range(20)]
    reader = reader_of(server)
    await server.until(lambda: len(reader._connections) == len(server.server.connections) == 20)
    monkeypatch.setattr(socket_reader, "SOCKETS_AT_ONCE", 2)
    for connection in connections:
        getattr(connection.writer.transport, end)()
    assert await most_in_one_turn(server, lambda: len(server.server.connections), 0) <= 2
    assert reader._epoll is None and not reader._connections
    assert server.core.feed.waiter_count() == 0 and not server.core.presence._holders


@pytest.mark.parametrize("runner", [ParkingRunner, ConnectionRunner])
async def test_first_requests_of_many_connections_are_handled_a_number_at_a_time(
    runner: type[ConnectionRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_parking_server(runner) as server:
        connections = await connect_silently(server, 20)
        monkeypatch.setattr(socket_reader, "REQUESTS_AT_ONCE", 2)
        for connection in connections:
            connection.writer.write(HEALTH)
        assert await most_in_one_turn(server, lambda: request_count(server), 20) <= 2
        for connection in connections:
            assert (await connection.read_response())[0] == 200
            # The following ones are read by the transport.
            connection.writer.write(HEALTH)
            assert (await connection.read_response())[0] == 200
        assert server.server.first_reader._epoll is None


async def connect_silently(server: ParkingServer, count: int = 1) -> list[Connection]:
    """Return connections that have sent nothing, and on which the server waits for a first request."""
    connections = [await server.connect() for _ in range(count)]
    await server.until(lambda: len(server.server.first_reader._connections) == count)
    return connections


def request_count(server: ParkingServer) -> int:
    return sum(one._request_count for one in server.server.connections)


@pytest.mark.parametrize("size", [1, 30, len(HEALTH)])
async def test_first_request_that_comes_in_parts_is_handled_whole(server, size):
    (connection,) = await connect_silently(server)
    for start in range(0, len(HEALTH), size):
        connection.writer.write(HEALTH[start : start + size])
        await asyncio.sleep(0.001)
    assert (await connection.read_response())[0] == 200


async def test_first_request_that_is_longer_than_one_read_is_handled_whole(server):
    (connection,) = await connect_silently(server)
    body = b"x" * 15_000
    connection.writer.write(
        b"POST /accounts/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    connection.writer.write(HEALTH)
    assert (await connection.read_response())[0] == 400
    assert (await connection.read_response())[0] == 200


@pytest.mark.parametrize("by", ["close", "abort", "half", "server", "data and end"])
async def test_connection_without_a_request_ends(server, by):
    (connection,) = await connect_silently(server)
    (protocol,) = protocols(server)
    if by == "server":
        protocol.force_close()
    elif by == "half":
        connection.writer.write_eof()
    elif by == "data and end":
        connection.writer.write(HEALTH[:20])
        connection.writer.write_eof()
    else:
        getattr(connection.writer.transport, by)()
    await server.until(lambda: not server.server.connections)
    reader = server.server.first_reader
    assert reader._epoll is None and not reader._connections and protocol._socket == NO_SOCKET


async def test_last_message_of_a_client_that_disconnects_is_read(server: ParkingServer) -> None:
    connection = await open_feed(server, "socket")
    await server.until(lambda: reader_of(server)._connections)
    connection.writer.write(CLOSE_1000)
    connection.writer.write_eof()
    # The answer to the close frame.
    assert await connection.reader.read() == b"\x88\x02\x03\xe8"


async def test_message_that_is_longer_than_one_read_is_read_whole(
    server: ParkingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_reader, "MAX_BYTES", 10)
    connection = await open_feed(server, "socket")
    await server.until(lambda: reader_of(server)._connections)
    connection.writer.write(b"\x81\xbc\0\0\0\0" + b"x" * 60 + PING)
    assert await read_until(connection, b"y") == b"\x8a\x01y"
    await server.send_chat("hello")
    assert b"hello" in await read_until(connection, b"hello")


@pytest.mark.parametrize("turns", range(5))
async def test_frames_behind_a_handshake_are_read_in_their_order(
    server: ParkingServer, turns: int
) -> None:
    """They are handled in portions, and no later ones before the rest of those that came first."""
    pings = [b"%04d" % number for number in range(1500)]
    frames = [b"\x89\x84\0\0\0\0" + ping for ping in pings]
    connection = await server.connect()
    handshake = (
        f"GET {URL}?after-event-id={server.core.feed.head} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {server.token}\r\n{HEADERS['socket']}\r\n"
    )
    connection.writer.write(handshake.encode() + b"".join(frames[:700]))
    for _ in range(turns):
        await asyncio.sleep(0)
    connection.writer.write(b"".join(frames[700:]))
    for end in (b"\r\n\r\n", b"}"):
        await read_until(connection, end)
    answers = await read_until(connection, pings[-1])
    assert [answers[at : at + 4] for at in range(2, len(answers), 6)] == pings


async def test_connection_that_fails_is_closed_and_holds_up_no_other(
    server: ParkingServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are told once of new bytes, so those that came with the failing one would never be read."""
    connections = [await open_feed(server, "socket") for _ in range(5)]
    await server.until(lambda: len(reader_of(server)._connections) == 5)
    original, failed = FeedConnection.data_received, []

    def fail_once(connection: FeedConnection, data: bytes) -> None:
        if not failed:
            failed.append(connection)
            raise ZeroDivisionError
        original(connection, data)

    monkeypatch.setattr(FeedConnection, "data_received", fail_once)
    for connection in connections:
        connection.writer.write(PING)
    answers = []
    for connection in connections:
        with suppress(ConnectionResetError):
            answers.append(await connection.reader.read(3))
    assert sorted(answers)[-4:] == [b"\x8a\x01y"] * 4
    assert "ZeroDivisionError" in caplog.text


async def test_connections_are_read_by_the_loop_where_there_is_no_epoll(server, monkeypatch):
    monkeypatch.setattr(socket_reader, "AVAILABLE", False)
    connection = await server.connect()
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    (protocol,) = protocols(server)
    await server.until(lambda: protocol.released)
    cursor = await hear(server, connection, "hello")
    connection.send_poll(server.token, cursor)
    await server.until_parked()
    await hear(server, connection, "again")
    assert protocol.transport.is_reading() and protocol._socket == NO_SOCKET


def test_transport_without_a_plain_socket_is_written_to_itself():
    class Encrypted:
        def get_extra_info(self, name: str) -> object:
            return object() if name == "ssl_object" else self

        def fileno(self) -> int:
            return 1

    assert direct_writes.socket_of(Encrypted()) == NO_SOCKET


# Writing.


@WRITES
async def test_answer_that_the_socket_does_not_take_is_written_by_the_transport(
    server: ParkingServer, write: Callable[[int, bytes], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct_writes, "write", write)
    (connection,) = await park(server)
    (protocol,) = protocols(server)
    for number in range(3):
        cursor = await hear(server, connection, f"line {number}")
        assert protocol.transport.is_reading() and protocol._socket == NO_SOCKET
        connection.send_poll(server.token, cursor)
        await server.until_parked()


async def test_transport_with_bytes_to_write_keeps_its_socket(server):
    (connection,) = await park(server)
    (protocol,) = protocols(server)
    protocol.hand_back()

    class Full:
        def get_write_buffer_size(self) -> int:
            return 1

        def __getattr__(self, name: str) -> object:
            return getattr(transport, name)

    transport, protocol.transport = protocol.transport, Full()
    protocol._release()
    assert protocol._socket == NO_SOCKET
    protocol.transport = transport
    await hear(server, connection, "hello")


@KINDS
@WRITES
async def test_entries_that_a_socket_does_not_take_arrive_once_and_in_order(
    server: ParkingServer,
    kind: str,
    write: Callable[[int, bytes], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(direct_writes, "write", write)
    connection = await open_feed(server, kind)
    for number in range(5):
        await server.send_chat(f"line {number}")
    heard = await read_until(connection, b"line 4")
    assert re.findall(rb"line \d", heard) == [b"line %d" % number for number in range(5)]


@KINDS
async def test_client_that_stops_reading_for_a_while_misses_nothing(
    server: ParkingServer, kind: str
) -> None:
    """Until its transport has bytes to write, which then come before the later ones."""
    connection = await open_feed(server, kind)
    (held,) = (one for one in server.server.connections if isinstance(one, HeldConnection))
    connection.reader._transport.pause_reading()
    text, count = "x" * 400, 0
    while not held.transport.get_write_buffer_size():
        await server.send_chat(f"line {count}. {text}")
        count += 1
    for _ in range(20):
        await server.send_chat(f"line {count}. {text}")
        count += 1
    connection.reader._transport.resume_reading()
    heard = b""
    async with asyncio.timeout(20):
        while b"line %d." % (count - 1) not in heard[-2000:]:
            heard += await connection.reader.read(1 << 16)
    assert re.findall(rb"line (\d+)\.", heard) == [b"%d" % number for number in range(count)]


async def test_connection_after_a_stream_has_the_usual_limit_of_unread_bytes(
    server: ParkingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await open_feed(server, "stream")
    (held,) = (one for one in server.server.connections if isinstance(one, SseConnection))
    transport = held.transport
    assert transport.get_write_buffer_limits() == (0, 0)
    held.stream.close(1000)
    await server.until(lambda: not held.transport)
    assert transport.get_write_buffer_limits()[1] == 64 * 1024
    connection.writer.write(HEALTH)
    await read_until(connection, b'"status":"ok"')


@pytest.mark.parametrize("runner", [ConnectionRunner])
async def test_server_that_parks_nothing_has_no_reader(
    runner: type[ConnectionRunner],
) -> None:
    async with run_parking_server(runner) as server:
        connection = await server.connect()
        connection.send_poll(server.token, server.core.feed.head)
        await server.until_waiting()
        await hear(server, connection, "hello")
        assert protocols(server) == []


# The other event loop.


@pytest.mark.parametrize(
    "scenario",
    [
        test_poll_after_an_answer_is_read_past_the_transport,
        test_other_request_is_read_by_the_transport_again,
        test_bytes_behind_a_parked_poll_are_read_by_the_transport,
        partial(test_client_that_disconnects_is_released, end="close"),
        partial(test_client_that_disconnects_is_released, end="abort"),
        partial(test_client_that_disconnects_is_released, end="half"),
        test_last_message_of_a_client_that_disconnects_is_read,
        test_first_request_that_is_longer_than_one_read_is_handled_whole,
        partial(test_connection_without_a_request_ends, by="close"),
        partial(test_connection_without_a_request_ends, by="abort"),
        partial(test_connection_without_a_request_ends, by="server"),
        partial(test_connection_without_a_request_ends, by="data and end"),
        *(
            partial(test_frames_behind_a_handshake_are_read_in_their_order, turns=n)
            for n in range(5)
        ),
        partial(test_client_that_stops_reading_for_a_while_misses_nothing, kind="socket"),
        partial(test_client_that_stops_reading_for_a_while_misses_nothing, kind="stream"),
    ],
)
def test_the_same_holds_with_uvloop(scenario: Callable[[ParkingServer], Awaitable[None]]) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def run() -> None:
        async with run_parking_server() as server:
            await scenario(server)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(run())


@pytest.mark.parametrize("kinds", [("poll",), tuple(HEADERS)], ids=["poll", "streams"])
@WRITES
def test_what_sockets_do_not_take_arrives_with_uvloop(
    kinds: tuple[str, ...], write: Callable[[int, bytes], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def run() -> None:
        async with run_parking_server() as server:
            if kinds == ("poll",):
                await test_answer_that_the_socket_does_not_take_is_written_by_the_transport(
                    server, write, monkeypatch
                )
                return
            for kind in kinds:
                await test_entries_that_a_socket_does_not_take_arrive_once_and_in_order(
                    server, kind, write, monkeypatch
                )

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(run())
