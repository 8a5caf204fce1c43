"""Private members of aiohttp: that this version has them, and what happens where one is missing."""

import logging

import pytest
from aiohttp import web, web_protocol

from coalserver.config import Config
from coalserver.server.lifecycle import build_runner
from coalserver.web import connections
from coalserver.web.aiohttp_internals import PRIVATE_MEMBERS, missing_members, usable
from coalserver.web.connections import Connection, ConnectionRunner
from coalserver.web.repeats.requests import REPEATS, Repeats
from coalserver.web.streaming import parked_poll
from coalserver.web.streaming.parked_poll import ParkingRunner, runner_class
from tests.web.streaming.parking_server import run_parking_server


class Other:
    """A request handler of another version."""


@pytest.mark.parametrize("feature", PRIVATE_MEMBERS)
def test_this_aiohttp_has_all_members(feature):
    assert missing_members(feature) == []
    assert missing_members(feature, Other) == list(PRIVATE_MEMBERS[feature])


def test_missing_members_are_one_warning(caplog):
    with caplog.at_level(logging.WARNING):
        assert not usable(PRIVATE_MEMBERS, Other)
    [record] = caplog.records
    assert "_waiter" in record.getMessage() and "parked polls" in record.getMessage()


async def test_server_without_a_member_serves_polls_in_the_ordinary_way(monkeypatch, caplog):
    monkeypatch.setitem(PRIVATE_MEMBERS, "parked polls", ("_paused", "_not_in_this_version"))
    with caplog.at_level(logging.WARNING):
        runner = runner_class(True)
    assert runner is ConnectionRunner and "_not_in_this_version" in caplog.text
    async with run_parking_server(runner) as server:
        connection = await server.connect()
        for text in ("first", "second"):
            connection.send_poll(server.token, server.core.feed.head)
            await server.until_waiting()
            await server.send_chat(text)
            assert text.encode() in (await connection.read_response())[2]
        assert server.parked_count == 0


@pytest.mark.parametrize(("park_polls", "kind"), [(True, ParkingRunner), (False, ConnectionRunner)])
async def test_setting_turns_both_fast_paths_off(park_polls, kind):
    application = web.Application()
    application[REPEATS] = Repeats(application)
    runner = build_runner(application, Config(park_polls=park_polls), 10)
    assert type(runner) is kind
    await runner.setup()
    try:
        assert (runner.server.repeats is not None) is park_polls
    finally:
        await runner.cleanup()


async def test_polls_are_parked_where_nothing_can_be_released(monkeypatch):
    monkeypatch.setattr(Connection, "can_release", False)
    async with run_parking_server() as server:
        connection = await server.connect()
        for text in ("first", "second", "third"):
            connection.send_poll(server.token, server.core.feed.head)
            await server.until_parked()
            await server.send_chat(text)
            assert text.encode() in (await connection.read_response())[2]
        (protocol,) = server.server.connections
        assert not protocol.released and protocol._parser is not None


async def test_restored_parser_is_made_as_aiohttp_makes_it(monkeypatch):
    made = []
    original = web_protocol.HttpRequestParser

    def record(*args, **kwargs):
        made.append((args[1:], kwargs))
        return original(*args, **kwargs)

    monkeypatch.setattr(web_protocol, "HttpRequestParser", record)
    monkeypatch.setattr(connections, "HttpRequestParser", record)
    async with run_parking_server(parked_poll.ParkingRunner) as server:
        await server.connect()
        await server.until(lambda: server.server.connections)
        (protocol,) = server.server.connections
        protocol._new_parser()
    assert made[0] == made[1] and issubclass(web.RequestPayloadError, Exception)
