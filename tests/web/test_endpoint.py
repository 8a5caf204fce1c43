"""Endpoints: authentication, body, handler and errors."""

import asyncio
import gc
import logging
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
from aiohttp import web

from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.presence import mark_away
from coalserver.core.ports import Batch
from coalserver.core.queries.lobbies import get_lobby
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Route
from coalserver.web.context import RequestContext, int_query_param
from coalserver.web.endpoint import ignoring
from coalserver.web.responses import json_response, no_content
from coalserver.web.schemas import AnyJson, RawJson, RequestSchema, Text
from coalserver.web.throttling import Rate, UseLimit, UseLimiter
from tests.web.sample_api import echo, make_api, player_in_header


async def test_authentication_precedes_the_body(serve):
    server = await serve(make_api(Route("POST", "/sample", echo, AnyJson(), player_in_header)))
    assert (await server.send("POST", "/sample", b"[")).body == b"error: no_token"
    assert b"error: malformed" in (await server.send("POST", "/sample", b"[", Player="1")).body
    answer = await server.send("POST", "/sample", b'{"a":1}', Player="1")
    assert answer.body == b'{"caller":1,"body":{"a":1}}'


async def test_invalid_body_does_not_reach_the_handler(serve):
    received = []

    async def handler(ctx: RequestContext) -> web.StreamResponse:
        received.append(ctx.body)
        return no_content()

    server = await serve(make_api(Route("POST", "/sample", handler, AnyJson())))
    assert (await server.send("POST", "/sample", b"[")).status == 400
    assert received == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_ignored_body_above_the_limit_is_refused(serve, method: str):
    received = []

    async def handler(ctx: RequestContext) -> web.StreamResponse:
        received.append(ctx.request.method)
        return no_content()

    server = await serve(make_api(Route(method, "/sample", handler)), body_limit=2000)
    head = f"{method} /sample HTTP/1.1\r\nHost: x\r\nContent-Length: ".encode()
    for body in (b"2001\r\n\r\n", b"2001\r\n\r\n" + bytes(2001), b"999999999999\r\n\r\n"):
        [answer] = await server.send_raw(head + body)
        assert (answer.status, answer.body, received) == (413, b"http error: 413", [])
    for body in (b"0\r\n\r\n", b"2000\r\n\r\n" + bytes(2000)):
        [answer] = await server.send_raw(head + body)
        assert (answer.status, received.pop()) == (204, method)


async def test_large_body_that_its_handler_reads_is_not_refused_before(serve):
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        return json_response(len(await ctx.request.content.read()))

    server = await serve(make_api(Route("POST", "/sample", handler, reads_body=True)))
    assert (await server.send("POST", "/sample", bytes(2 << 20))).body == b"2097152"


LIMITED = Route("POST", "/sample", echo, AnyJson(), player_in_header, limit=UseLimit.MESSAGES)


def one_message() -> UseLimiter:
    """Return limits that admit one message in an hour."""
    return UseLimiter({UseLimit.MESSAGES: Rate.hourly(1)})


async def test_body_of_a_refused_request_is_not_waited_for(serve):
    server = await serve(make_api(LIMITED), use_limiter=one_message())
    assert (await server.send("POST", "/sample", b"{}", Player="1")).status == 200
    head = b"POST /sample HTTP/1.1\r\nHost: x\r\nPlayer: 1\r\nContent-Length: 100000\r\n\r\n"
    [answer] = await server.send_raw(head)
    assert answer.body == b"error: too_many_requests"
    # What comes of the body later is skipped, and the connection serves the next request.
    answers = await server.send_raw((head + b"[" * 100_000) * 2, answers=2)
    assert [one.body for one in answers] == [b"error: too_many_requests"] * 2


@pytest.mark.parametrize(
    "headers", [{}, {"Content_Encoding": "unknown"}, {"Content_Type": "text/plain"}]
)
async def test_invalid_body_counts_in_the_limit_of_use(serve, headers: dict[str, str]):
    server = await serve(make_api(LIMITED), use_limiter=one_message())
    answer = await server.send("POST", "/sample", b"[", Player="1", **headers)
    assert answer.status in (400, 415) and answer.body != b"error: too_many_requests"
    answer = await server.send("POST", "/sample", b"[", Player="1", **headers)
    assert answer.body == b"error: too_many_requests"


async def test_invalid_credentials_do_not_count_in_the_limit_of_use(serve):
    server = await serve(make_api(LIMITED), use_limiter=one_message())
    assert (await server.send("POST", "/sample", b"{}")).body == b"error: no_token"
    assert (await server.send("POST", "/sample", b"{}", Player="1")).status == 200


async def test_route_without_a_schema_ignores_the_body(serve):
    server = await serve(make_api(Route("POST", "/sample", echo)))
    answer = await server.send("POST", "/sample", b"[", Content_Type="text/plain")
    assert (answer.status, answer.body) == (200, b'{"caller":0,"body":{}}')


async def test_disconnected_client_is_not_logged(serve, caplog):
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        raise ConnectionResetError("the client has gone")

    server = await serve(make_api(Route("GET", "/sample", handler)))
    with pytest.raises(asyncio.IncompleteReadError):
        await server.send("GET", "/sample")
    assert not caplog.records


async def test_request_marks_an_away_player_as_back(serve):
    server = await serve(make_api(Route("GET", "/sample", echo, auth=player_in_header)))
    core = server.core
    await core.execute(add_game, tag="free")
    player, _ = await core.execute(create_guest, name="Ann")
    await core.execute(open_lobby, game="free", player_id=player.id, name="x")
    core.record_activity(player.id)
    assert core.presence.expire(2000, 60) == [player.id]
    await core.execute(mark_away, player_id=player.id)
    await server.send("GET", "/sample", Player=str(player.id))
    lobby = core.query(get_lobby, game="free", id=1)
    assert not lobby.roster.get_seat(player.id).away


async def test_exception_is_a_500_with_a_logged_traceback(serve, caplog):
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        raise ZeroDivisionError

    server = await serve(make_api(Route("GET", "/sample/{x}", handler)))
    answer = await server.send("GET", "/sample/secret")
    assert (answer.status, answer.body) == (500, b"http error: 500")
    [record] = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert record.exc_info and "secret" not in record.getMessage()


async def test_exception_in_render_error_is_a_500(serve):
    def render_failing(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
        raise KeyError(error.code)

    route = Route("POST", "/sample", echo, AnyJson(), player_in_header)
    server = await serve(replace(make_api(route), render_error=render_failing))
    answer = await server.send("POST", "/sample", b"{}")
    assert (answer.status, answer.body) == (500, b"http error: 500")


async def test_failed_rules_are_logged_and_rendered_as_an_error(serve, caplog):
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        raise DomainError(ErrorCode.RULES_FAILED) from KeyError("x")

    server = await serve(make_api(Route("GET", "/sample", handler)))
    assert (await server.send("GET", "/sample")).body == b"error: rules_failed"
    assert any(record.exc_info for record in caplog.records)


async def full_disk(batch: Batch) -> None:
    raise OSError(28, "No space left on device")


async def write(ctx: RequestContext) -> web.StreamResponse:
    await ctx.core.execute(add_game, tag="x")
    return no_content()


@pytest.mark.parametrize("rendered", [True, False])
async def test_failed_write_is_a_500_in_the_format_of_the_api(serve, rendered: bool):
    def render_unavailable(ctx: RequestContext) -> web.StreamResponse:
        return json_response({"failed": ctx.route.path}, 500)

    kwargs = {"render_unavailable": render_unavailable} if rendered else {}
    server = await serve(make_api(Route("POST", "/sample", write), **kwargs))
    server.core.writer._store.write = full_disk  # type: ignore[method-assign]
    answer = await server.send("POST", "/sample")
    assert answer.status == 500
    assert answer.body == (b'{"failed":"/sample"}' if rendered else b"http error: 500")
    assert (await server.send("POST", "/sample")).status == 500
    with pytest.raises(OSError, match="No space"):
        await server.writer_task


def test_ignoring_suppresses_only_its_codes():
    with ignoring(ErrorCode.ALREADY_MEMBER, ErrorCode.NOT_MEMBER):
        raise DomainError(ErrorCode.NOT_MEMBER)
    with pytest.raises(DomainError), ignoring(ErrorCode.ALREADY_MEMBER):
        raise DomainError(ErrorCode.LOBBY_FULL)


async def number(ctx: RequestContext) -> web.StreamResponse:
    return json_response([int_query_param(ctx, "n", 7, -5, 10), ctx.int_param("id")])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("1", b"[7,1]"),
        ("007?n=-5", b"[-5,7]"),
        ("1?n=10", b"[10,1]"),
        ("-1", b"[7,-1]"),
        ("x", b"[7,-1]"),
        ("1.0", b"[7,-1]"),
        ("%D9%A1", b"[7,-1]"),
        ("9" * 18, b"[7," + b"9" * 18 + b"]"),
        ("9" * 19, b"[7,-1]"),
        ("1?n=" + "0" * 30 + "5", b"[5,1]"),
        ("1?n=-" + "9" * 5000, b"error: malformed {'n': ['Must be from -5 to 10.']}"),
        ("1?n=11", b"error: malformed {'n': ['Must be from -5 to 10.']}"),
        ("1?n=-6", b"error: malformed {'n': ['Must be from -5 to 10.']}"),
        ("1?n=", b"error: malformed {'n': ['Not a whole number.']}"),
        ("1?n=--5", b"error: malformed {'n': ['Not a whole number.']}"),
        ("1?n=+5", b"error: malformed {'n': ['Not a whole number.']}"),
        ("1?n=1_0", b"error: malformed {'n': ['Not a whole number.']}"),
        ("1?n=%C2%B2", b"error: malformed {'n': ['Not a whole number.']}"),
        ("1?n=5%0A", b"error: malformed {'n': ['Not a whole number.']}"),
        ("1?n=" + "9" * 20, b"error: malformed {'n': ['Must be from -5 to 10.']}"),
    ],
)
async def test_numbers_in_paths_and_queries(serve, path: str, expected: bytes):
    server = await serve(make_api(Route("GET", "/sample/{id}", number)))
    assert (await server.send("GET", f"/sample/{path}")).body == expected


async def show_address(ctx: RequestContext) -> web.StreamResponse:
    return json_response([ctx.address, ctx.public_url])


FORWARDED = {"X_Forwarded_For": "6.6.6.6, 5.5.5.5", "X_Forwarded_Proto": "https"}


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        ([], FORWARDED, ["127.0.0.1", "http://sample"]),
        (["10.0.0.0/8"], FORWARDED, ["127.0.0.1", "http://sample"]),
        (["127.0.0.1"], FORWARDED, ["5.5.5.5", "https://sample"]),
        (["127.0.0.1", "5.5.0.0/16"], FORWARDED, ["6.6.6.6", "https://sample"]),
        (["127.0.0.0/8", "0.0.0.0/0"], FORWARDED, ["127.0.0.1", "https://sample"]),
        (["127.0.0.1"], {}, ["127.0.0.1", "http://sample"]),
        (["127.0.0.1"], {"X_Forwarded_For": " , "}, ["127.0.0.1", "http://sample"]),
        (["127.0.0.1"], {"X_Forwarded_Proto": "https, http"}, ["127.0.0.1", "https://sample"]),
    ],
)
async def test_forwarded_headers_count_from_trusted_proxies_only(
    serve, trusted, forwarded, expected
):
    networks = tuple(ip_network(one) for one in trusted)
    route = Route("GET", "/sample", show_address)
    server = await serve(make_api(route), trusted_proxies=networks)
    answer = await server.send("GET", "/sample", **forwarded)
    assert answer.body.decode().replace('"', "") == f"[{','.join(expected)}]"


async def test_base_url_overrides_the_host_of_the_request(serve):
    server = await serve(
        make_api(Route("GET", "/sample", show_address)), base_url="https://x.example/"
    )
    assert b'"https://x.example"' in (await server.send("GET", "/sample")).body


class Sized(RequestSchema):
    name = Text(1, 5, required=True)
    data = RawJson(10)


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Switches the garbage collector off: what is only reachable from itself stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "body",
    [b'{"name":"abcdef"}', b'{"name":"a","data":{"a":"bcdefghij"}}', b"{}", b"[]", b"{", b"\xff",
     b'{"name":"a\\u0000"}', b'{"name":%b}' % (b"9" * 30), b"[" * 70 + b"]" * 70, b" " * 3000],
)  # fmt: skip
async def test_refused_body_does_not_wait_for_the_garbage_collector(serve, body: bytes):
    server = await serve(make_api(Route("POST", "/sample", echo, Sized())), body_limit=2000)
    before = {id(found) for found in gc.get_objects() if isinstance(found, BaseException)}
    assert (await server.send("POST", "/sample", body)).status in (400, 413)
    left = [found for found in gc.get_objects() if isinstance(found, BaseException)]
    assert [error for error in left if id(error) not in before] == []
