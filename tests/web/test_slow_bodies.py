"""Slow bodies: given up after a time, whether a handler reads them or not."""

import asyncio
import contextlib
import logging

import pytest
from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import AnyJson
from coalserver.web.slow_bodies import MIN_BODY_RATE, SlowBodies
from tests.web.conftest import Serve
from tests.web.sample_api import SampleServer, echo, make_api

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD = b"POST /sample/%b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"


async def read_raw(ctx: RequestContext) -> web.StreamResponse:
    """Read the body as an upload is read."""
    return json_response([len(chunk) async for chunk in ctx.request.content.iter_chunked(64)])


async def ignore(ctx: RequestContext) -> web.StreamResponse:
    return json_response("ignored")


API = make_api(
    Route("POST", "/sample/json", echo, body=AnyJson()),
    Route("POST", "/sample/raw", read_raw, reads_body=True),
    Route("POST", "/sample/ignored", ignore),
    Route("GET", "/sample/get", ignore),
)


@pytest.mark.parametrize(
    ("path", "status"),
    [(b"json", b"408"), (b"raw", b"408"), (b"ignored", b"200"), (b"get", b"405"), (b"x/y", b"404")],
)
async def test_body_that_does_not_come_ends_the_connection(
    serve: Serve, path: bytes, status: bytes
) -> None:
    server = await serve(API, body_seconds=1)
    host, port = server.test_server.host, server.test_server.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(HEAD % path + b"[1,")
    async with asyncio.timeout(8):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 " + status)
    writer.close()


async def test_body_that_comes_in_parts_is_read(serve: Serve) -> None:
    server = await serve(API, body_seconds=1)
    host, port = server.test_server.host, server.test_server.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(HEAD % b"json" + b'{"a":')
    await server.core.writer.flushed()
    writer.write(b" 12}")
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def open_request(server: SampleServer, request: bytes) -> Connection:
    """Open a connection and write the beginning of a request."""
    host, port = server.test_server.host, server.test_server.port
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(request)
    return reader, writer


@pytest.mark.parametrize("path", [b"ignored", b"get", b"x/y"])
async def test_body_behind_a_response_does_not_hold_up_a_stop(serve: Serve, path: bytes) -> None:
    server = await serve(API)
    head = b"POST /sample/%b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n" % path
    reader, writer = await open_request(server, head)
    await reader.readuntil(b"\r\n\r\n")
    server.app_context.per_process(SlowBodies).stopping = True

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                # Fast enough for a body that a handler reads.
                writer.write(b"x" * MIN_BODY_RATE)
                await writer.drain()
                await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    async with asyncio.timeout(8):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    sending.cancel()
    writer.close()


async def test_trickling_body_does_not_hold_up_a_stop(serve: Serve) -> None:
    server = await serve(API)
    head = b"POST /sample/raw HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    reader, writer = await open_request(server, head)
    server.app_context.per_process(SlowBodies).stopping = True

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.1)

    sending = asyncio.create_task(send())
    async with asyncio.timeout(8):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    sending.cancel()
    writer.close()


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n{}\r\n", b"f" * 20 + b"\r\n", b"2\r\n{}{}"])
async def test_malformed_chunk_behind_the_head_is_an_invalid_body(
    serve: Serve, chunk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(API)
    head = (
        b"POST /sample/json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    reader, writer = await open_request(server, head)
    await reader.readuntil(b"\r\n\r\n")
    with caplog.at_level(logging.WARNING):
        writer.write(chunk)
        # Long before the body would be given up.
        async with asyncio.timeout(8):
            answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"does not match its Content-Encoding or Transfer-Encoding header" in answer
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None
    writer.close()


@pytest.mark.parametrize(
    ("path", "expected", "answers"),
    [
        (b"json", b"100-continue", [b"100", b"200"]),
        (b"json", b"100-Continue", [b"100", b"200"]),
        (b"json", b"something", [b"200"]),
        (b"get", b"100-continue", [b"405"]),
        (b"x/y", b"100-continue", [b"404"]),
        (b"x/y", b"something", [b"404"]),
    ],
)
async def test_client_is_asked_for_a_body_that_is_read(
    serve: Serve, path: bytes, expected: bytes, answers: list[bytes]
) -> None:
    server = await serve(API)
    head = b"POST /sample/%b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: %b\r\n\r\n" % (
        path,
        expected,
    )
    reader, writer = await open_request(server, head)
    async with asyncio.timeout(5):
        if answers[0] == b"100":
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        assert (await reader.readline()).split(b" ")[1] == answers[-1]
    writer.close()
