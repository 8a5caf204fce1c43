"""Idempotency keys: a repeated request acts once."""

import asyncio

import pytest
from aiohttp import web

from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import quick_join
from coalserver.core.ports import Entry
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Player
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.idempotency import execute_idempotent, result_ids
from coalserver.web.responses import json_response
from coalserver.web.schemas import AnyJson
from tests.web.sample_api import make_api, player_in_header


def create_player(uow: UnitOfWork, *, by: int) -> Player:
    """Create another player with each call."""
    if by == 13:
        raise DomainError(ErrorCode.NOT_MEMBER)
    return create_guest(uow, name="x")[0]


async def respond_with_id(ctx: RequestContext) -> web.StreamResponse:
    return json_response(
        await execute_idempotent(ctx, create_player, by=ctx.body["value"].get("by", 0))
    )


ROUTES = make_api(
    Route("POST", "/sample", respond_with_id, AnyJson(), player_in_header),
    Route("POST", "/sample/other", respond_with_id, AnyJson(), player_in_header),
    Route("PUT", "/sample", respond_with_id, AnyJson(), player_in_header),
)


async def send_in_turn(server, *requests) -> list[bytes]:
    """Return the bodies for requests sent in turn: (method, path, body, player, key)."""
    answers = []
    for method, path, body, player, key in requests:
        headers = {"Player": player} | ({"Idempotency_Key": key} if key else {})
        answers.append((await server.send(method, path, body, **headers)).body)
    return answers


async def test_repeated_request_acts_once(serve):
    server = await serve(ROUTES)
    request = ("POST", "/sample", b"{}", "1", "k")
    assert await send_in_turn(server, request, request, request) == [b"1"] * 3


@pytest.mark.parametrize(
    "other",
    [
        ("POST", "/sample", b"{ }", "1", "k"),
        ("POST", "/sample/other", b"{}", "1", "k"),
        ("PUT", "/sample", b"{}", "1", "k"),
    ],
)
async def test_other_request_with_the_same_key_is_rejected(serve, other):
    server = await serve(ROUTES)
    request = ("POST", "/sample", b"{}", "1", "k")
    assert await send_in_turn(server, request, other, request) == [b"1", b"error: key_reused", b"1"]


async def test_other_caller_or_key_is_another_request(serve):
    server = await serve(ROUTES)
    requests = [("1", "k"), ("2", "k"), ("1", "K"), ("1", ""), ("1", "")]
    requests = [("POST", "/sample", b"{}", player, key) for player, key in requests]
    assert await send_in_turn(server, *requests) == [b"1", b"2", b"3", b"4", b"5"]


async def test_concurrent_repeats_act_once(serve):
    server = await serve(ROUTES)
    requests = [
        server.send("POST", "/sample", b"{}", Player="1", Idempotency_Key="k") for _ in range(20)
    ]
    assert {answer.body for answer in await asyncio.gather(*requests)} == {b"1"}


async def test_rejected_request_leaves_no_record(serve):
    server = await serve(ROUTES)
    refused = ("POST", "/sample", b'{"by":13}', "1", "k")
    accepted = ("POST", "/sample", b'{"by":1}', "1", "k")
    assert await send_in_turn(server, refused, refused, accepted, refused) == [
        b"error: not_here",
        b"error: not_here",
        b"1",
        b"error: key_reused",
    ]


@pytest.mark.parametrize(
    ("key", "good"),
    [("x", True), ("x" * 255, True), ("é 1", True), ("x" * 256, False), ("", False)],
)
async def test_key_has_1_to_255_printable_characters(serve, key: str, good: bool):
    server = await serve(ROUTES)
    answer = await server.send("POST", "/sample", b"{}", Player="1", Idempotency_Key=key)
    assert (answer.status == 200) is good
    assert good or b"Must have 1 to 255 printable characters" in answer.body


async def test_record_holds_ids_instead_of_entities(serve):
    server = await serve(ROUTES)
    await server.core.execute(add_game, tag="free")
    player, _ = await server.core.execute(create_guest, name="x")
    created = await server.core.execute(quick_join, game="free", player_id=player.id, name="x")
    assert result_ids(created) == [1, True]
    assert result_ids(created[0]) == 1
    assert result_ids(Entry(7, 0.0, None, ())) == 7
    assert result_ids("x") == "x" and result_ids(None) is None
