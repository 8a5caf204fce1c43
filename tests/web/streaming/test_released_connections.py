"""Released connections: a parked poll holds no request, parser and task of aiohttp, and gets them back when needed."""

import asyncio
import gc

import pytest
from aiohttp import web

from tests.core.stores import let_others_run
from tests.web.streaming.parking_server import ParkingServer, run_parking_server

HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def server():
    async with run_parking_server() as one:
        yield one


async def park(server: ParkingServer):
    """Return a connection on which a poll is parked and everything is released."""
    connection = await server.connect()
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    (protocol,) = server.parked_connections
    await server.until(lambda: protocol.released)
    return connection, protocol


async def test_parked_poll_holds_no_request_parser_task_or_timer_of_aiohttp(server):
    tasks = len(asyncio.all_tasks())
    _, protocol = await park(server)
    await let_others_run()
    assert len(asyncio.all_tasks()) == tasks
    assert protocol._parser is protocol._task_handler is protocol._keepalive_handle is None
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, web.Request)]


async def test_polls_after_a_release_make_no_parser(server):
    connection, protocol = await park(server)
    for number in range(5):
        await server.send_chat(f"line {number}")
        assert f"line {number}".encode() in (await connection.read_response())[2]
        connection.send_poll(server.token, server.core.feed.head)
        await server.until_parked()
    assert protocol.released and protocol._request_count == 1


async def test_other_request_after_a_release_is_handled_by_aiohttp(server):
    connection, protocol = await park(server)
    await server.send_chat("hello")
    assert b"hello" in (await connection.read_response())[2]
    for _ in range(2):
        connection.writer.write(HEALTH)
        assert b'"status":"ok"' in (await connection.read_response())[2]
        assert not protocol.released and protocol._keepalive_handle is not None
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_parked()
    await server.until(lambda: protocol.released)


async def test_malformed_request_after_a_release_is_a_400(server):
    connection, _ = await park(server)
    await server.send_chat("hello")
    await connection.read_response()
    connection.writer.write(b"nonsense\r\n\r\n")
    assert (await connection.read_response())[0] == 400


async def test_connection_of_a_released_poll_may_end_at_any_time(server):
    connection, protocol = await park(server)
    connection.writer.close()
    await server.until(lambda: not server.server.connections)
    await let_others_run()
    assert protocol._task_handler is None and not protocol._messages


async def test_stopping_server_closes_released_connections(server):
    connection, protocol = await park(server)
    await asyncio.wait_for(protocol.shutdown(5), 5)
    assert await asyncio.wait_for(connection.reader.read(), 5) == b""
