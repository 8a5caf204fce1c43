"""Connections: their limit, and the log lines of malformed requests."""

import asyncio
import gc
import logging
import re
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from coalserver.web.connections import ConnectionRunner
from coalserver.web.repeats.connection import PORTION_BYTES, RepeatingConnection
from coalserver.web.streaming.parked_poll import ParkingRunner

RUNNERS = pytest.mark.parametrize("runner_class", [ConnectionRunner, ParkingRunner])


async def start(runner: ConnectionRunner) -> int:
    """Start a runner on a free port and return the port."""
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


async def send(port: int, request: bytes) -> bytes:
    """Write a request on a new connection; return all that is answered until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


@RUNNERS
async def test_malformed_requests_are_one_log_line_of_each_kind(
    runner_class: type[ConnectionRunner], caplog: pytest.LogCaptureFixture
) -> None:
    runner = runner_class(web.Application(), access_log=None)
    port = await start(runner)
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                answer = await send(port, b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"Server:" not in answer
        [record] = caplog.records
        assert "is malformed" in record.getMessage()
        assert "\n" not in record.getMessage()
        assert record.exc_info is None
    finally:
        await runner.cleanup()


async def log_line_of(
    runner_class: type[ConnectionRunner], request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> str:
    """Send a malformed request, which is answered with 400, and return its one log line."""
    runner = runner_class(web.Application(), access_log=None)
    port = await start(runner)
    try:
        with caplog.at_level(logging.DEBUG, "coalserver"):
            assert (await send(port, request_bytes)).startswith(b"HTTP/1.1 400 ")
        [text] = [record.getMessage() for record in caplog.records]
        return text
    finally:
        await runner.cleanup()


@RUNNERS
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\nHost: x\nAuthorization: Bearer secret\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer secret\r\n\r\n",
        b"GET /?ticket=secret HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"GET /?ticket=secret\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://[::1/?ticket=secret HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Player-Token: secret" + b"t" * 9000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
    ],
)
async def test_malformed_requests_leave_no_secret_in_the_log(
    runner_class: type[ConnectionRunner], request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    text = await log_line_of(runner_class, request_bytes, caplog)
    assert "is malformed" in text and "secret" not in text


@RUNNERS
@pytest.mark.parametrize(
    ("request_bytes", "end"),
    [
        (b"GET /" + b"u" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", "when reading"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-" + b"n" * 9000 + b": 1\r\n\r\n", "when reading"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"v" * 9000 + b"\r\n\r\n", "when reading"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "Duplicate 'Host' header found."),
        (b"GET / HTTP/1.1\r\n\r\n", "Missing 'Host' header in request."),
        (b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n", "Invalid URL"),
        (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", "Invalid URL"),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", "Invalid HTTP version"),
        (b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", "Invalid header token"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
            "Invalid character in Content-Length",
        ),
    ],
)
async def test_the_log_line_of_a_malformed_request_ends_with_whole_words(
    runner_class: type[ConnectionRunner],
    request_bytes: bytes,
    end: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = await log_line_of(runner_class, request_bytes, caplog)
    assert text.endswith(end) and "message:" not in text


@RUNNERS
@pytest.mark.parametrize("waits", [True, False])
async def test_malformed_requests_leave_no_cycles(
    runner_class: type[ConnectionRunner], waits: bool
) -> None:
    runner = runner_class(web.Application(), access_log=None)
    port = await start(runner)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            if waits:
                await send(port, b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n")
            else:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\nHo st: x\r\n\r\n")
                writer.transport.abort()
        await asyncio.sleep(0.1)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        assert not [one for one in gc.garbage if isinstance(one, RequestHandler)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        await runner.cleanup()


@RUNNERS
async def test_connection_above_the_limit_is_refused_and_logged_once(
    runner_class: type[ConnectionRunner], caplog: pytest.LogCaptureFixture
) -> None:
    runner = runner_class(web.Application(), access_log=None, max_connections=1)
    port = await start(runner)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 404")
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert (await send(port, b"")).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert [record.levelname for record in caplog.records] == ["WARNING"]
    finally:
        writer.close()
        await runner.cleanup()


@RUNNERS
@pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not run on Windows")
def test_connection_above_the_limit_is_refused_on_the_loop_of_the_server(
    runner_class: type[ConnectionRunner], caplog: pytest.LogCaptureFixture
) -> None:
    import uvloop

    async def refuse() -> None:
        runner = runner_class(web.Application(), access_log=None, max_connections=1)
        port = await start(runner)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            assert (await send(port, b"")).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        finally:
            writer.close()
            await runner.cleanup()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(refuse())
    [record] = caplog.records
    assert record.getMessage().startswith("New connections are refused: 1 are open")


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@RUNNERS
async def test_one_address_cannot_hold_all_connections(
    runner_class: type[ConnectionRunner], caplog: pytest.LogCaptureFixture
) -> None:
    runner = runner_class(web.Application(), access_log=None, max_connections=6)
    port = await start(runner)
    local = ("127.0.0.2", 0)
    held = [await asyncio.open_connection("127.0.0.1", port, local_addr=local) for _ in range(3)]
    try:
        refused, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=local)
        assert (await refused.read()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        writer.close()
        assert (await send(port, GET)).startswith(b"HTTP/1.1 404")
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        # A connection that ends makes room for the next one.
        held[0][1].close()
        async with asyncio.timeout(10):
            while runner.server.held["127.0.0.2"] == 3:
                await asyncio.sleep(0.01)
        held.append(await asyncio.open_connection("127.0.0.1", port, local_addr=local))
        held[-1][1].write(GET)
        assert (await held[-1][0].read()).startswith(b"HTTP/1.1 404")
    finally:
        for _, writer in held:
            writer.close()
        await runner.cleanup()


@RUNNERS
async def test_a_proxy_may_hold_all_connections(runner_class: type[ConnectionRunner]) -> None:
    networks = (ip_network("127.0.0.1"),)
    runner = runner_class(web.Application(), access_log=None, max_connections=3, unlimited=networks)
    port = await start(runner)
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    try:
        assert (await send(port, GET)).startswith(b"HTTP/1.1 404")
    finally:
        for _, writer in held:
            writer.close()
        await runner.cleanup()


@RUNNERS
@pytest.mark.parametrize("accepted_late", [True, False])
async def test_connection_without_a_request_does_not_delay_the_stop(
    runner_class: type[ConnectionRunner], accepted_late: bool
) -> None:
    runner = runner_class(web.Application(), access_log=None)
    port = await start(runner)
    assert runner.server is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            while not runner.server.connections:
                await asyncio.sleep(0)
            if not accepted_late:
                runner.server.pre_shutdown()
            await runner.server.shutdown(60)
            assert await reader.read() == b""
    finally:
        writer.close()
        await runner.cleanup()


@RUNNERS
async def test_connections_without_an_address_leave_nothing_counted(
    runner_class: type[ConnectionRunner], tmp_path: Path
) -> None:
    runner = runner_class(web.Application(), access_log=None, max_connections=6)
    await runner.setup()
    path = str(tmp_path / "socket")
    await web.UnixSite(runner, path).start()
    try:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(GET)
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()
        assert not runner.server.held
    finally:
        await runner.cleanup()


@RUNNERS
async def test_parser_runs_once_for_a_request_with_a_body(
    runner_class: type[ConnectionRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[bytes] = []
    receive = RequestHandler.data_received

    def record(connection: RequestHandler, data: bytes) -> None:
        parsed.append(data)
        receive(connection, data)

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    monkeypatch.setattr(RequestHandler, "data_received", record)
    app = web.Application()
    app.router.add_post("/", handle)
    runner = runner_class(app, access_log=None)
    request = b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"
    try:
        assert (await send(await start(runner), request)).endswith(b"hello")
        assert parsed == [request]
    finally:
        await runner.cleanup()


@RUNNERS
async def test_body_that_paused_reading_arrives_whole(
    runner_class: type[ConnectionRunner],
) -> None:
    sizes: list[int] = []

    async def handle(request: web.Request) -> web.Response:
        # Nothing is read while the client sends: the buffer fills, and reading from the client pauses.
        while not request.protocol._reading_paused:
            await asyncio.sleep(0)
        sizes.append(len(await request.read()))
        return web.Response()

    app = web.Application(client_max_size=1 << 23)
    app.router.add_post("/", handle)
    runner = runner_class(app, access_log=None)
    body = bytes(1 << 22)
    head = b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(body)
    try:
        assert b"200 OK" in await send(await start(runner), head + body)
        assert sizes == [len(body)]
    finally:
        await runner.cleanup()


@RUNNERS
@pytest.mark.parametrize("count", [1, 3])
async def test_many_bytes_at_once_are_parsed_in_portions(
    runner_class: type[ConnectionRunner], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 KiB in chunks of one byte would hold the loop for 15 ms."""
    parsed: list[int] = []
    receive = RequestHandler.data_received

    def record(connection: RequestHandler, data: bytes) -> None:
        parsed.append(len(data))
        receive(connection, data)

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    monkeypatch.setattr(RequestHandler, "data_received", record)
    app = web.Application(client_max_size=1 << 20)
    app.router.add_post("/", handle)
    runner = runner_class(app, access_log=None)
    body = bytes(range(256)) * 300
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    request = head + b"\r\n" + chunks
    last = head + b"Connection: close\r\n\r\n" + chunks
    try:
        answer = await send(await start(runner), request * (count - 1) + last)
        assert answer.count(body) == count
        assert max(parsed) <= PORTION_BYTES
    finally:
        await runner.cleanup()


@RUNNERS
async def test_many_requests_at_once_are_answered_in_their_order(
    runner_class: type[ConnectionRunner],
) -> None:
    async def handle(request: web.Request) -> web.Response:
        await asyncio.sleep(0)
        return web.Response(text=f"<{request.query['n']}>")

    app = web.Application()
    app.router.add_get("/", handle)
    runner = runner_class(app, access_log=None)
    requests = b"".join(
        b"GET /?n=%d HTTP/1.1\r\nHost: x\r\nX-A: %b\r\n\r\n" % (n, b"a" * (n % 100))
        for n in range(3000)
    )
    end = b"GET /?n=3000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    try:
        answer = (await send(await start(runner), requests + end)).decode()
        assert re.findall("<([0-9]+)>", answer) == [str(n) for n in range(3001)]
    finally:
        await runner.cleanup()


@RUNNERS
async def test_many_requests_behind_a_body_that_came_late_are_all_answered(
    runner_class: type[ConnectionRunner],
) -> None:
    """aiohttp's parser counts one request too many then, and stops early."""
    begun = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        begun.set()
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_route("*", "/", handle)
    runner = runner_class(app, access_log=None)
    reader, writer = await asyncio.open_connection("127.0.0.1", await start(runner))
    try:
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        await begun.wait()
        last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        writer.write(b"{}" + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100 + last)
        async with asyncio.timeout(10):
            assert (await reader.read()).count(b"HTTP/1.1 200 OK") == 102
    finally:
        writer.close()
        await runner.cleanup()


@RUNNERS
async def test_body_that_its_handler_reads_slowly_is_not_kept_in_memory(
    runner_class: type[ConnectionRunner],
) -> None:
    size, most = 16 << 20, 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal most
        total = 0
        async for chunk in request.content.iter_chunked(1 << 14):
            total += len(chunk)
            connection = request.protocol
            assert isinstance(connection, RepeatingConnection)
            most = max(most, len(connection._rest))
            await asyncio.sleep(0)
        return web.Response(text=str(total))

    app = web.Application()
    app.router.add_post("/", handle)
    runner = runner_class(app, access_log=None)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    try:
        answer = await send(await start(runner), head + bytes(size))
        assert answer.endswith(str(size).encode())
        # What is read at once.
        assert most <= 256 * 1024
    finally:
        await runner.cleanup()
