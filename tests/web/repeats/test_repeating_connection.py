"""Connections that answer repeated requests: order, ends, stops, and what is left to aiohttp."""

import asyncio
import re
from typing import Any

import pytest
from aiohttp import web

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.repeats import connection
from coalserver.web.repeats.connection import RepeatContext, RepeatingConnection
from coalserver.web.responses import json_response, no_content
from coalserver.web.schemas import AnyJson
from tests.web.sample_api import make_api, player_in_header

HEAD = b"Host: x\r\nPlayer: 1\r\nContent-Type: application/json\r\n"


def post(body: bytes = b"{}", path: bytes = b"/sample/7/echo", more: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
        path,
        HEAD,
        more,
        len(body),
        body,
    )


class Client:
    """A connection to the server under test, and its other end."""

    def __init__(self, server: Any) -> None:
        self.server = server

    async def __aenter__(self) -> "Client":
        address = self.server.test_server.host, self.server.test_server.port
        before = set(self.connections)
        self.reader, self.writer = await asyncio.open_connection(*address)
        await until(lambda: set(self.connections) - before)
        (self.protocol,) = set(self.connections) - before
        return self

    async def __aexit__(self, *error: object) -> None:
        self.writer.close()

    @property
    def connections(self) -> list[RepeatingConnection]:
        return list(self.server.test_server.runner.server.connections)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read(self) -> tuple[int, bytes, bytes]:
        async with asyncio.timeout(5):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            body = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head.split(b" ")[1]), head, body

    async def ask(self, data: bytes) -> tuple[int, bytes, bytes]:
        self.send(data)
        return await self.read()


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


class Handlers:
    """Handlers that note how they were called."""

    def __init__(self) -> None:
        self.repeated: list[bool] = []
        self.waiting: list[asyncio.Future[None]] = []
        self.cancelled = 0

    async def echo(self, ctx: RequestContext) -> web.StreamResponse:
        self.repeated.append(isinstance(ctx, RepeatContext))
        return json_response(
            {"body": ctx.body["value"], "in": dict(ctx.path), "player": ctx.caller.player_id}
        )

    async def wait(self, ctx: RequestContext) -> web.StreamResponse:
        self.repeated.append(isinstance(ctx, RepeatContext))
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        try:
            await future
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return no_content()

    async def ask_aiohttp(self, ctx: RequestContext) -> web.StreamResponse:
        """Respond with what aiohttp's request says."""
        self.repeated.append(isinstance(ctx, RepeatContext))
        request = ctx.request
        assert ctx.method == request.method and ctx.remote == request.remote
        assert ctx.content_type == request.content_type and ctx.query_string == request.query_string
        assert dict(ctx.query) == dict(request.query) and ctx.path == dict(request.match_info)
        assert all(request.headers[name] == value for name, value in ctx.headers.items())
        said = {
            "headers": [list(pair) for pair in request.headers.items()],
            "path": request.path_qs,
            "body": (await request.read()).decode(),
            "length": request.content_length,
            "resource": request.match_info.route.resource.canonical,
            "app": ctx.request.app is request.match_info.current_app,
            "host": request.host,
        }
        return web.json_response(said)

    async def refuse(self, ctx: RequestContext) -> web.StreamResponse:
        self.repeated.append(isinstance(ctx, RepeatContext))
        raise DomainError(ErrorCode.INVALID_TOKEN)

    async def fail(self, ctx: RequestContext) -> web.StreamResponse:
        self.repeated.append(isinstance(ctx, RepeatContext))
        raise ZeroDivisionError

    async def send_much(self, ctx: RequestContext) -> web.StreamResponse:
        self.repeated.append(isinstance(ctx, RepeatContext))
        return json_response("x" * 100_000)

    async def time_out(self, ctx: RequestContext) -> web.StreamResponse:
        self.repeated.append(isinstance(ctx, RepeatContext))
        try:
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return json_response("late")
        return json_response("never")


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
async def server(serve: Any, handlers: Handlers) -> Any:
    names = ("echo", "wait", "ask_aiohttp", "refuse", "fail", "send_much", "time_out")
    return await serve(
        make_api(
            *(
                Route(
                    "POST",
                    f"/sample/{{id}}/{name}",
                    getattr(handlers, name),
                    body,
                    player_in_header,
                )
                for name in names
                for body in [AnyJson() if name == "echo" else None]
            )
        )
    )


async def test_second_request_is_a_repeat_on_any_connection(server, handlers):
    for _ in range(2):
        async with Client(server) as client:
            for number in range(3):
                status, _, body = await client.ask(post(b'{"a":%d}' % number))
                assert (status, body) == (
                    200,
                    b'{"body":{"a":%d},"in":{"id":"7"},"player":1}' % number,
                )
            assert client.protocol._request_count == client.protocol._finished_count == 3
    assert handlers.repeated == [False, True, True, True, True, True]
    assert server.test_server.runner.server.requests_count == 6


def ask_within_the_answer(protocol: RepeatingConnection) -> None:
    """Send a request in the iteration of the next response: aiohttp's `start` has not come round."""
    original = protocol.transport

    class Transport:
        def __getattr__(self, name: str) -> Any:
            return getattr(original, name)

        def write(self, data: bytes) -> None:
            protocol.transport = original
            original.write(data)
            asyncio.get_running_loop().call_soon(protocol.data_received, post())

    protocol.transport = Transport()  # type: ignore[assignment]


async def test_request_of_a_fast_client_is_a_repeat(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        ask_within_the_answer(client.protocol)
        # With another header, so that aiohttp handles it.
        client.send(post(more=b"Accept: */*\r\n"))
        assert (await client.read())[0] == (await client.read())[0] == 200
    assert handlers.repeated == [False, False, True]


async def begin_waiting_repeat(client, handlers):
    """Send a request twice; the second one, a repeat, waits."""
    client.send(post(path=b"/sample/7/wait"))
    await until(lambda: handlers.waiting)
    handlers.waiting.pop().set_result(None)
    assert (await client.read())[0] == 204
    client.send(post(path=b"/sample/7/wait"))
    await until(lambda: handlers.waiting)


async def test_what_comes_behind_a_repeat_is_answered_behind_it(server, handlers):
    async with Client(server) as client:
        await begin_waiting_repeat(client, handlers)
        client.send(post(b'{"a":1}') + post(b'{"a":2}')[:-3])
        await until(lambda: client.protocol._behind)
        assert handlers.repeated == [False, True]
        handlers.waiting.pop().set_result(None)
        assert (await client.read())[0] == 204
        assert b'"a":1' in (await client.read())[2]
        client.send(b":2}")
        assert b'"a":2' in (await client.read())[2]
        assert (await client.ask(post()))[0] == 200
    assert client.protocol._behind == b""


async def test_one_whole_request_behind_a_repeat_is_a_repeat(server, handlers):
    async with Client(server) as client:
        for last in (False, True):
            client.send(post(path=b"/sample/7/wait"))
            await until(lambda: handlers.waiting)
            if last:
                client.send(post())
                await until(lambda: client.protocol._behind)
            handlers.waiting.pop().set_result(None)
            assert (await client.read())[0] == 204
        assert (await client.read())[0] == 200


async def test_reading_pauses_above_what_is_kept_behind_a_repeat(server, handlers, monkeypatch):
    monkeypatch.setattr(connection, "MAX_BUFFERED_BYTES", 1000)
    async with Client(server) as client:
        await client.ask(post())
        client.send(post(path=b"/sample/7/wait"))
        await until(lambda: handlers.waiting)
        client.send(post() * 20)
        await until(lambda: not client.protocol.transport.is_reading())
        handlers.waiting.pop().set_result(None)
        assert (await client.read())[0] == 204
        assert [(await client.read())[0] for _ in range(20)] == [200] * 20


async def test_what_is_kept_behind_a_repeat_has_a_bound_however_much_comes_at_once(
    server, handlers
):
    async with Client(server) as client:
        await begin_waiting_repeat(client, handlers)
        assert handlers.repeated == [False, True]
        count = (4 << 20) // len(post())
        client.send(post() * count)
        protocol = client.protocol
        for _ in range(1000):
            await asyncio.sleep(0)
        # One read of the event loop, and what is kept.
        assert 0 < len(protocol._behind) + len(protocol._rest) < 600_000
        assert not protocol.transport.is_reading()
        handlers.waiting.pop().set_result(None)
        assert (await client.read())[0] == 204
        assert [(await client.read())[0] for _ in range(count)] == [200] * count


async def test_part_of_a_request_leaves_what_follows_to_aiohttp(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        request = post(b'{"a":1}')
        # A body in pieces: the next request is a repeat again.
        client.send(request[:-3])
        await until(lambda: client.protocol._missing == 3)
        client.send(request[-3:])
        assert (await client.read())[0] == 200
        assert client.protocol._missing == 0
        await client.ask(request)
        # A head in pieces: what looks like a request may be a part of another one.
        client.send(b"POST /sample/7/echo HTTP/1.1\r\nX: ")
        await until(lambda: client.protocol._missing < 0)
        client.send(request)
        status, _, body = await client.read()
        assert status == 400 and b"no_token" in body or b'"a":1' in body
    assert handlers.repeated[:3] == [False, False, True] and True not in handlers.repeated[3:]


async def test_bytes_that_look_like_a_request_within_a_body_are_a_body(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        inner = post()
        head = b"POST /sample/7/echo HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (
            HEAD,
            2 + len(inner),
        )
        client.send(head)
        await until(lambda: client.protocol._missing == 2 + len(inner))
        client.send(inner)
        await until(lambda: client.protocol._missing == 2)
        client.send(b"{}")
        assert (await client.read())[0] == 400
        assert len(handlers.repeated) == 1
        assert (await client.ask(post()))[0] == 200


async def test_aiohttps_request_is_made_when_it_is_asked_for(server, handlers):
    async with Client(server) as client:
        first, second = [await client.ask(post(path=b"/sample/7/ask_aiohttp")) for _ in range(2)]
    assert handlers.repeated == [False, True]
    assert first[2] == second[2] and b'"body": "{}"' in first[2] and b'"app": true' in first[2]


@pytest.mark.parametrize(
    ("name", "status"), [(b"refuse", 400), (b"fail", 500), (b"send_much", 200)]
)
async def test_errors_and_large_responses_are_those_of_aiohttp(server, handlers, name, status):
    async with Client(server) as client:
        answers = [await client.ask(post(path=b"/sample/7/" + name)) for _ in range(3)]
        assert (await client.ask(post()))[0] == 200
    heads = {re.sub(rb"Date: [^\r]+", b"", head) for _, head, _ in answers}
    assert len(heads) == 1 and {answer[0] for answer in answers} == {status}
    assert len({body for _, _, body in answers}) == 1
    assert handlers.repeated == [False, True, True, True]


async def test_timeouts_work_in_a_repeat(server, handlers):
    async with Client(server) as client:
        answers = [(await client.ask(post(path=b"/sample/7/time_out")))[2] for _ in range(2)]
    assert answers == [b'"late"', b'"late"'] and handlers.repeated == [False, True]


async def test_lost_connection_cancels_its_repeat(server, handlers):
    server.test_server.runner.server.handler_cancellation = True
    async with Client(server) as client:
        await client.ask(post())
        client.send(post(path=b"/sample/7/wait"))
        await until(lambda: handlers.waiting)
    await until(lambda: handlers.cancelled)
    await until(lambda: client.protocol not in client.connections)
    assert handlers.repeated == [False, True]


async def test_repeat_goes_on_where_lost_connections_cancel_nothing(server, handlers):
    server.test_server.runner.server.handler_cancellation = False
    async with Client(server) as client:
        await client.ask(post())
        client.send(post(path=b"/sample/7/wait"))
        await until(lambda: handlers.waiting)
    await until(lambda: client.protocol.transport is None)
    handlers.waiting.pop().set_result(None)
    await until(lambda: client.protocol._repeat is None)
    await until(lambda: client.protocol not in client.connections)
    assert not handlers.cancelled


async def test_stopping_server_finishes_a_repeat_and_closes(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        client.send(post(path=b"/sample/7/wait"))
        await until(lambda: handlers.waiting)
        server.core.feed.close()
        http = server.test_server.runner.server
        http.pre_shutdown()
        stopping = asyncio.create_task(http.shutdown(5))
        await asyncio.sleep(0)
        handlers.waiting.pop().set_result(None)
        status, head, _ = await client.read()
        assert status == 204 and b"\r\nConnection: close\r\n" in head
        assert await client.reader.read() == b""
        await stopping


async def test_stopping_server_cancels_a_repeat_that_does_not_end(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        client.send(post(path=b"/sample/7/wait"))
        await until(lambda: handlers.waiting)
        await server.test_server.runner.server.shutdown(0.01)
        await until(lambda: handlers.cancelled)
        assert await client.reader.read() == b""


async def test_connection_with_a_repeat_is_not_idle(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        client.send(post(path=b"/sample/7/wait"))
        await until(lambda: handlers.waiting)
        client.protocol._next_keepalive_close_time = 0
        client.protocol._process_keepalive()
        assert client.protocol.transport is not None
        handlers.waiting.pop().set_result(None)
        assert (await client.read())[0] == 204
        # Now it is.
        client.protocol._next_keepalive_close_time = 0
        await asyncio.sleep(0.01)
        client.protocol._process_keepalive()
        assert await client.reader.read() == b""


async def test_request_behind_a_last_response_is_not_handled(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        ask_within_the_answer(client.protocol)
        client.send(post(more=b"Connection: close\r\n"))
        assert b"Connection: close" in (await client.read())[1]
        assert await client.reader.read() == b""
    assert handlers.repeated == [False, False]


async def test_slow_client_is_left_to_aiohttp(server, handlers):
    async with Client(server) as client:
        await client.ask(post())
        client.protocol.pause_writing()
        client.send(post())
        await until(lambda: len(handlers.repeated) == 2)
        client.protocol.resume_writing()
        assert (await client.read())[0] == 200
        await client.ask(post())
    assert handlers.repeated == [False, False, True]


async def test_repeat_waits_for_a_client_that_became_slow(server, handlers):
    async with Client(server) as client:
        for last in (False, True):
            client.send(post(path=b"/sample/7/wait"))
            await until(lambda: handlers.waiting)
            if last:
                client.protocol.pause_writing()
            handlers.waiting.pop().set_result(None)
            assert (await client.read())[0] == 204
        assert client.protocol._repeat is not None
        client.protocol.resume_writing()
        await until(lambda: client.protocol._repeat is None)


async def test_access_log_leaves_requests_to_aiohttp(server, handlers):
    async with Client(server) as client:
        client.protocol._logging_enabled = False
        await client.ask(post())
        client.protocol._logging_enabled = True
        client.send(post())
        await until(lambda: len(handlers.repeated) == 2)
    assert handlers.repeated == [False, False]


async def test_other_credentials_are_those_of_the_request(server, handlers):
    async with Client(server) as client:
        for token in (b"Bearer one", b"Bearer two", b"Bearer one"):
            more = b"Authorization: %b\r\n" % token
            _, _, body = await client.ask(post(path=b"/sample/7/ask_aiohttp", more=more))
            assert b'["Authorization", "%b"]' % token in body
    assert handlers.repeated == [False, True, True]
