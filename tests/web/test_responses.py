"""Responses: their bytes for every kind of connection."""

import asyncio

import pytest
from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import (
    JSON,
    MAX_SINGLE_WRITE,
    StreamedResponse,
    header_value,
    json_response,
    no_content,
    raw_response,
)
from tests.web.sample_api import SampleServer, make_api


async def small(ctx: RequestContext) -> web.StreamResponse:
    return json_response({"a": "ü", "free": b'{"x":[1]}'}, 201, {"X-Own": "1"})


async def empty(ctx: RequestContext) -> web.StreamResponse:
    return no_content({"X-Own": "1"})


async def large(ctx: RequestContext) -> web.StreamResponse:
    return raw_response(b"x" * (MAX_SINGLE_WRITE + 1), 200, {"X-Own": "1"}, "text/x")


async def odd(ctx: RequestContext) -> web.StreamResponse:
    return json_response([], headers={"X-Own": ctx.query["x"]})


ROUTES = [Route("GET", f"/sample/{one.__name__}", one) for one in (small, empty, large, odd)]
KEEP, CLOSE = b"HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
OLD, OLD_KEEP = b"HTTP/1.0\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n"


async def test_json_response_has_status_headers_and_body(serve):
    server = await serve(make_api(*ROUTES))
    answer = await server.send("GET", "/sample/small")
    assert answer.head.startswith("HTTP/1.1 201 Created\r\n")
    assert answer.header("Content-Type") == "application/json; charset=utf-8"
    assert answer.header("X-Own") == "1"
    assert answer.body == '{"a":"ü","free":{"x":[1]}}'.encode()


async def test_no_content_has_neither_body_nor_content_type(serve):
    server = await serve(make_api(*ROUTES))
    answer = await server.send("GET", "/sample/empty")
    assert answer.head == "HTTP/1.1 204 No Content\r\nX-Own: 1\r\n\r\n"


@pytest.mark.parametrize("name", ["small", "large"])
async def test_head_has_the_headers_of_get(serve, name: str):
    server = await serve(make_api(*ROUTES))
    whole = await server.send("GET", f"/sample/{name}")
    head = await server.send("HEAD", f"/sample/{name}")
    assert head.header("Content-Length") == str(len(whole.body))
    assert (head.status, head.body) == (whole.status, b"")


async def test_connection_stays_open_after_head(serve):
    server = await serve(make_api(*ROUTES))
    line = b"HEAD /sample/small " + KEEP + b"\r\n"
    assert [answer.status for answer in await server.send_raw(line * 3, 3)] == [201] * 3


@pytest.mark.parametrize("name", ["small", "empty", "large"])
@pytest.mark.parametrize(
    ("version", "answer"),
    [(KEEP, None), (CLOSE, "close"), (OLD, "close"), (OLD_KEEP, "keep-alive")],
    ids=["1.1", "1.1 close", "1.0", "1.0 keep-alive"],
)
async def test_connection_header_follows_the_request(
    serve, name: str, version: bytes, answer: str | None
):
    server = await serve(make_api(*ROUTES))
    [one] = await server.send_raw(b"GET /sample/%b " % name.encode() + version + b"\r\n")
    found = one.header("Connection")
    # HTTP/1.0 responses may omit the header.
    assert found == answer or (version == OLD and found is None)


@pytest.mark.parametrize("version", [CLOSE, OLD], ids=["1.1", "1.0"])
async def test_closed_connection_ends_after_the_response(serve, version: bytes):
    server = await serve(make_api(*ROUTES))
    assert (await read_all(server, b"GET /sample/small " + version + b"\r\n")).endswith(b"]}}")


async def read_all(server: SampleServer, request: bytes) -> bytes:
    """Return all bytes until the server closes the connection."""
    reader, writer = await asyncio.open_connection(server.test_server.host, server.test_server.port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_pipelined_requests_are_answered_in_order(serve):
    server = await serve(make_api(*ROUTES))
    names = (b"small", b"large", b"empty", b"small")
    request = b"".join(b"GET /sample/%b " % name + KEEP + b"\r\n" for name in names)
    assert [answer.status for answer in await server.send_raw(request, 4)] == [201, 200, 204, 201]


async def test_large_response_keeps_headers_and_body(serve):
    server = await serve(make_api(*ROUTES))
    answer = await server.send("GET", "/sample/large")
    assert (len(answer.body), answer.header("X-Own")) == (MAX_SINGLE_WRITE + 1, "1")
    assert answer.header("Content-Type") == "text/x"


@pytest.mark.parametrize("value", ["a%0d%0aX-Evil: 1", "a%0aX-Evil: 1", "a%0dX-Evil: 1"])
async def test_header_value_with_line_breaks_stays_one_header(serve, value: str):
    server = await serve(make_api(*ROUTES))
    answer = await server.send("GET", f"/sample/odd?x={value.replace(' ', '%20')}")
    assert answer.header("X-Evil") is None
    assert answer.header("X-Own").replace("  ", " ") == "a X-Evil: 1"


def test_header_value_has_no_line_breaks():
    assert header_value("a\r\nb\nc\rd") == "a  b c d"


@pytest.mark.parametrize("name", ["small", "empty", "large", "nowhere"])
@pytest.mark.parametrize("origin", [True, False])
async def test_cors_headers_are_on_every_response_of_an_api(serve, name: str, origin: bool):
    server = await serve(make_api(*ROUTES, cors=origin))
    answer = await server.send("GET", f"/sample/{name}")
    assert answer.header("Access-Control-Allow-Origin") == ("*" if origin else None)
    exposed = answer.header("Access-Control-Expose-Headers")
    assert (exposed is not None and "X-Event-Cursor" in exposed) is origin


def test_unserialisable_value_raises():
    with pytest.raises(TypeError):
        json_response({"x": object()})


#: More than the buffers of both sides hold, together.
PIECES, PIECE = 1000, b"x" * MAX_SINGLE_WRITE


class Streamed:
    """A route whose answer is streamed; counts the pieces that are made."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.made = 0
        self.routes = [Route("GET", "/sample/streamed", self.streamed), ROUTES[0]]

    async def streamed(self, ctx: RequestContext) -> web.StreamResponse:
        def body():
            for piece in self.pieces:
                self.made += 1
                yield piece

        return StreamedResponse(body())


@pytest.mark.parametrize(("version", "chunked"), [(CLOSE, True), (OLD, False)], ids=["1.1", "1.0"])
async def test_streamed_response_has_the_pieces_one_after_another(
    serve, version: bytes, chunked: bool
):
    server = await serve(make_api(*Streamed(b"[1", b"", b",2", b"]").routes, cors=True))
    answer = await read_all(server, b"GET /sample/streamed " + version + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Type: {JSON}".encode() in head
    assert b"Access-Control-Allow-Origin: *" in head
    assert (b"Transfer-Encoding: chunked" in head) is chunked
    assert body == (b"2\r\n[1\r\n2\r\n,2\r\n1\r\n]\r\n0\r\n\r\n" if chunked else b"[1,2]")


async def test_head_of_a_streamed_response_makes_no_piece(serve):
    streamed = Streamed(b"[]")
    server = await serve(make_api(*streamed.routes))
    line = b"HEAD /sample/streamed " + CLOSE + b"\r\n"
    answer = await read_all(server, line)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\n")
    assert streamed.made == 0


async def test_pieces_are_made_as_the_client_takes_them_and_others_are_answered(serve):
    streamed = Streamed(*[PIECE] * PIECES)
    server = await serve(make_api(*streamed.routes))
    reader, writer = await asyncio.open_connection(server.test_server.host, server.test_server.port)
    writer.write(b"GET /sample/streamed " + CLOSE + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(100):
        assert (await server.send("GET", "/sample/small")).status == 201
    assert 0 < streamed.made < PIECES
    assert (await reader.read()).count(b"x") == len(PIECE) * PIECES
    assert streamed.made == PIECES
    writer.close()


async def test_streamed_response_ends_with_its_client(serve):
    streamed = Streamed(*[PIECE] * PIECES)
    server = await serve(make_api(*streamed.routes))
    reader, writer = await asyncio.open_connection(server.test_server.host, server.test_server.port)
    writer.write(b"GET /sample/streamed " + CLOSE + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    assert (await server.send("GET", "/sample/small")).status == 201
    assert streamed.made < PIECES
