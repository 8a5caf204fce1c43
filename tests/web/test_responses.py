"""Replies: one piece of bytes that any client of HTTP understands."""

import asyncio

import pytest
from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import (
    MAX_SINGLE_WRITE,
    header_value,
    json_response,
    no_content,
    raw_response,
)
from tests.web.sample_api import Server, serving, toy


async def small(ctx: RequestContext) -> web.StreamResponse:
    return json_response({"a": "ü", "free": b'{"x":[1]}'}, 201, {"X-Own": "1"})


async def empty(ctx: RequestContext) -> web.StreamResponse:
    return no_content({"X-Own": "1"})


async def large(ctx: RequestContext) -> web.StreamResponse:
    return raw_response(b"x" * (MAX_SINGLE_WRITE + 1), 200, {"X-Own": "1"}, "text/x")


async def odd(ctx: RequestContext) -> web.StreamResponse:
    return json_response([], headers={"X-Own": ctx.query["x"]})


ROUTES = [Route("GET", f"/toy/{one.__name__}", one) for one in (small, empty, large, odd)]
KEEP, CLOSE = b"HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
OLD, OLD_KEEP = b"HTTP/1.0\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n"


async def test_a_document_is_written_whole():
    async with serving(toy(*ROUTES)) as server:
        said = await server.ask("GET", "/toy/small")
        assert said.head.startswith("HTTP/1.1 201 Created\r\n")
        assert said.header("Content-Type") == "application/json; charset=utf-8"
        assert said.header("X-Own") == "1"
        assert said.body == '{"a":"ü","free":{"x":[1]}}'.encode()


async def test_nothing_has_no_body_and_no_kind():
    async with serving(toy(*ROUTES)) as server:
        said = await server.ask("GET", "/toy/empty")
        assert said.head == "HTTP/1.1 204 No Content\r\nX-Own: 1\r\n\r\n"


@pytest.mark.parametrize("name", ["small", "large"])
async def test_head_is_the_head_of_get(name: str):
    async with serving(toy(*ROUTES)) as server:
        whole = await server.ask("GET", f"/toy/{name}")
        head = await server.ask("HEAD", f"/toy/{name}")
        assert head.header("Content-Length") == str(len(whole.body))
        assert (head.status, head.body) == (whole.status, b"")


async def test_after_a_head_the_line_goes_on():
    async with serving(toy(*ROUTES)) as server:
        line = b"HEAD /toy/small " + KEEP + b"\r\n"
        assert [said.status for said in await server.raw(line * 3, 3)] == [201] * 3


@pytest.mark.parametrize("name", ["small", "empty", "large"])
@pytest.mark.parametrize(
    ("version", "said"),
    [(KEEP, None), (CLOSE, "close"), (OLD, "close"), (OLD_KEEP, "keep-alive")],
    ids=["1.1", "1.1 close", "1.0", "1.0 keep-alive"],
)
async def test_a_line_is_kept_or_closed_as_the_client_wants(
    name: str, version: bytes, said: str | None
):
    async with serving(toy(*ROUTES)) as server:
        [one] = await server.raw(b"GET /toy/%b " % name.encode() + version + b"\r\n")
        found = one.header("Connection")
        # An old answer need not say that it closes.
        assert found == said or (version == OLD and found is None)


@pytest.mark.parametrize("version", [CLOSE, OLD], ids=["1.1", "1.0"])
async def test_a_line_that_is_closed_ends(version: bytes):
    async with serving(toy(*ROUTES)) as server:
        assert (await all_of(server, b"GET /toy/small " + version + b"\r\n")).endswith(b"]}}")


async def all_of(server: Server, request: bytes) -> bytes:
    """Everything until the server closes."""
    reader, writer = await asyncio.open_connection(server.test.host, server.test.port)
    writer.write(request)
    async with asyncio.timeout(5):
        said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


async def test_requests_sent_at_once_are_answered_in_order():
    async with serving(toy(*ROUTES)) as server:
        names = (b"small", b"large", b"empty", b"small")
        request = b"".join(b"GET /toy/%b " % name + KEEP + b"\r\n" for name in names)
        assert [said.status for said in await server.raw(request, 4)] == [201, 200, 204, 201]


async def test_a_large_answer_is_the_same_but_for_its_way():
    async with serving(toy(*ROUTES)) as server:
        said = await server.ask("GET", "/toy/large")
        assert (len(said.body), said.header("X-Own")) == (MAX_SINGLE_WRITE + 1, "1")
        assert said.header("Content-Type") == "text/x"


@pytest.mark.parametrize("value", ["a%0d%0aX-Evil: 1", "a%0aX-Evil: 1", "a%0dX-Evil: 1"])
async def test_a_value_begins_no_other_header(value: str):
    async with serving(toy(*ROUTES)) as server:
        said = await server.ask("GET", f"/toy/odd?x={value.replace(' ', '%20')}")
        assert said.header("X-Evil") is None
        assert said.header("X-Own").replace("  ", " ") == "a X-Evil: 1"


def test_one_line_is_one_line():
    assert header_value("a\r\nb\nc\rd") == "a  b c d"


@pytest.mark.parametrize("name", ["small", "empty", "large", "nowhere"])
@pytest.mark.parametrize("origin", [True, False])
async def test_a_dialect_s_own_head_is_on_every_answer(name: str, origin: bool):
    async with serving(toy(*ROUTES, cors=origin)) as server:
        said = await server.ask("GET", f"/toy/{name}")
        assert said.header("Access-Control-Allow-Origin") == ("*" if origin else None)
        exposed = said.header("Access-Control-Expose-Headers")
        assert (exposed is not None and "X-Event-Cursor" in exposed) is origin


def test_what_is_no_json_is_no_document():
    with pytest.raises(TypeError):
        json_response({"x": object()})
