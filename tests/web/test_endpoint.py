"""Endpoints: who calls, then what is said, then the handler; and whatever goes wrong."""

import asyncio
import logging
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
from coalserver.web.schemas import AnyJson
from tests.web.sample_api import echo, serving, somebody, toy


async def test_who_calls_is_asked_before_what_he_says():
    async with serving(toy(Route("POST", "/toy", echo, AnyJson(), somebody))) as server:
        assert (await server.ask("POST", "/toy", b"[")).body == b"no: no_token"
        assert b"no: malformed" in (await server.ask("POST", "/toy", b"[", Who="1")).body
        said = await server.ask("POST", "/toy", b'{"a":1}', Who="1")
        assert said.body == b'{"caller":1,"body":{"a":1}}'


async def test_what_he_says_is_read_before_the_handler_runs():
    ran = []

    async def handler(ctx: RequestContext) -> web.StreamResponse:
        ran.append(ctx.body)
        return no_content()

    async with serving(toy(Route("POST", "/toy", handler, AnyJson()))) as server:
        assert (await server.ask("POST", "/toy", b"[")).status == 400
        assert ran == []


async def test_a_route_without_a_shape_reads_no_body():
    async with serving(toy(Route("POST", "/toy", echo))) as server:
        said = await server.ask("POST", "/toy", b"[", Content_Type="text/plain")
        assert (said.status, said.body) == (200, b'{"caller":0,"body":{}}')


async def test_of_a_client_that_has_gone_the_log_says_nothing(caplog):
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        raise ConnectionResetError("the client has gone")

    async with serving(toy(Route("GET", "/toy", handler))) as server:
        with pytest.raises(asyncio.IncompleteReadError):
            await server.ask("GET", "/toy")
    assert not caplog.records


async def test_a_call_brings_who_was_away_back():
    async with serving(toy(Route("GET", "/toy", echo, auth=somebody))) as server:
        core = server.core
        await core.execute(add_game, tag="free")
        player, _ = await core.execute(create_guest, name="Ann")
        await core.execute(open_lobby, game="free", player_id=player.id, name="x")
        core.record_activity(player.id)
        assert core.presence.expire(2000, 60) == [player.id]
        await core.execute(mark_away, player_id=player.id)
        await server.ask("GET", "/toy", Who=str(player.id))
        lobby = core.query(get_lobby, game="free", id=1)
        assert not lobby.roster.get_seat(player.id).away


async def test_a_bug_is_a_stray_500_and_a_traceback_in_the_log(caplog):
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        raise ZeroDivisionError

    async with serving(toy(Route("GET", "/toy/{x}", handler))) as server:
        said = await server.ask("GET", "/toy/secret")
        assert (said.status, said.body) == (500, b"astray: 500")
    [record] = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert record.exc_info and "secret" not in record.getMessage()


async def test_words_that_fail_are_a_bug_like_any_other():
    def speechless(refusal: DomainError, ctx: RequestContext) -> web.StreamResponse:
        raise KeyError(refusal.code)

    route = Route("POST", "/toy", echo, AnyJson(), somebody)
    async with serving(replace(toy(route), render_error=speechless)) as server:
        said = await server.ask("POST", "/toy", b"{}")
        assert (said.status, said.body) == (500, b"astray: 500")


async def test_rules_that_fail_are_logged_and_refused(caplog):
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        raise DomainError(ErrorCode.RULES_FAILED) from KeyError("x")

    async with serving(toy(Route("GET", "/toy", handler))) as server:
        assert (await server.ask("GET", "/toy")).body == b"no: rules_failed"
    assert any(record.exc_info for record in caplog.records)


async def full_disk(batch: Batch) -> None:
    raise OSError(28, "No space left on device")


async def write(ctx: RequestContext) -> web.StreamResponse:
    await ctx.core.execute(add_game, tag="x")
    return no_content()


@pytest.mark.parametrize("worded", [True, False])
async def test_a_write_that_fails_is_a_500_in_the_dialect_s_words(worded: bool):
    def unkept(ctx: RequestContext) -> web.StreamResponse:
        return json_response({"sorry": ctx.route.path}, 500)

    more = {"render_unavailable": unkept} if worded else {}
    with pytest.raises(OSError, match="No space"):
        async with serving(toy(Route("POST", "/toy", write), **more)) as server:
            server.core.writer._store.write = full_disk  # type: ignore[method-assign]
            said = await server.ask("POST", "/toy")
            assert said.status == 500
            assert said.body == (b'{"sorry":"/toy"}' if worded else b"astray: 500")
            assert (await server.ask("POST", "/toy")).status == 500


def test_reasons_that_are_allowed_pass_and_others_do_not():
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
        ("1?n=11", b"no: malformed {'n': ['Must be from -5 to 10.']}"),
        ("1?n=-6", b"no: malformed {'n': ['Must be from -5 to 10.']}"),
        ("1?n=", b"no: malformed {'n': ['Not a whole number.']}"),
        ("1?n=--5", b"no: malformed {'n': ['Not a whole number.']}"),
        ("1?n=+5", b"no: malformed {'n': ['Not a whole number.']}"),
        ("1?n=1_0", b"no: malformed {'n': ['Not a whole number.']}"),
        ("1?n=%C2%B2", b"no: malformed {'n': ['Not a whole number.']}"),
        ("1?n=5%0A", b"no: malformed {'n': ['Not a whole number.']}"),
        ("1?n=" + "9" * 19, b"no: malformed {'n': ['Not a whole number.']}"),
    ],
)
async def test_numbers_in_paths_and_queries(path: str, expected: bytes):
    async with serving(toy(Route("GET", "/toy/{id}", number))) as server:
        assert (await server.ask("GET", f"/toy/{path}")).body == expected


async def where(ctx: RequestContext) -> web.StreamResponse:
    return json_response([ctx.address, ctx.origin])


FORWARDED = {"X_Forwarded_For": "6.6.6.6, 5.5.5.5", "X_Forwarded_Proto": "https"}


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        ([], FORWARDED, ["127.0.0.1", "http://toy"]),
        (["10.0.0.0/8"], FORWARDED, ["127.0.0.1", "http://toy"]),
        (["127.0.0.1"], FORWARDED, ["5.5.5.5", "https://toy"]),
        (["127.0.0.1", "5.5.0.0/16"], FORWARDED, ["6.6.6.6", "https://toy"]),
        (["127.0.0.0/8", "0.0.0.0/0"], FORWARDED, ["127.0.0.1", "https://toy"]),
        (["127.0.0.1"], {}, ["127.0.0.1", "http://toy"]),
        (["127.0.0.1"], {"X_Forwarded_For": " , "}, ["127.0.0.1", "http://toy"]),
        (["127.0.0.1"], {"X_Forwarded_Proto": "https, http"}, ["127.0.0.1", "https://toy"]),
    ],
)
async def test_a_trusted_proxy_is_believed_and_nobody_else(trusted, forwarded, expected):
    networks = tuple(ip_network(one) for one in trusted)
    route = Route("GET", "/toy", where)
    async with serving(toy(route), trusted_proxies=networks) as server:
        said = await server.ask("GET", "/toy", **forwarded)
        assert said.body.decode().replace('"', "") == f"[{','.join(expected)}]"


async def test_the_base_url_wins_over_what_a_request_says():
    async with serving(toy(Route("GET", "/toy", where)), base_url="https://x.example/") as server:
        assert b'"https://x.example"' in (await server.ask("GET", "/toy")).body
