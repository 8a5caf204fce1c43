"""Slow bodies: given up after a time, whether a handler reads them or not."""

import asyncio

import pytest
from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import AnyJson
from tests.web.conftest import Serve
from tests.web.sample_api import echo, make_api

HEAD = b"POST /sample/%b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"


async def read_raw(ctx: RequestContext) -> web.StreamResponse:
    """Read the body as an upload is read."""
    return json_response([len(chunk) async for chunk in ctx.request.content.iter_chunked(64)])


async def ignore(ctx: RequestContext) -> web.StreamResponse:
    return json_response("ignored")


API = make_api(
    Route("POST", "/sample/json", echo, body=AnyJson()),
    Route("POST", "/sample/raw", read_raw),
    Route("POST", "/sample/ignored", ignore),
)


@pytest.mark.parametrize(
    ("path", "status"), [(b"json", b"408"), (b"raw", b"408"), (b"ignored", b"200")]
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
