"""Events of a world: all transports, members and the public, same origin only."""

import gc
from dataclasses import dataclass

import pytest
from aiohttp import web

from coalserver.core.commands.worlds import queue_console_command, update_world
from tests.apis.app import TestApp
from tests.apis.browser import Browser, deactivate_account, make_signed_in_browser
from tests.apis.listeners import TRANSPORTS, listen
from tests.site.sample_worlds import log_lines, login, make_world, send_ping

WORLD = "/servers/mill"
ALL_TRANSPORTS = pytest.mark.parametrize("transport", TRANSPORTS)


@dataclass
class Watcher:
    """A client that subscribes with the cookies of a browser."""

    test_app: TestApp
    bearer: dict[str, str]

    @classmethod
    def of(cls, browser, **headers):
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        return cls(browser.test_app, {"Cookie": cookie, **headers})


@ALL_TRANSPORTS
async def test_log_lines_are_sent_as_events(test_app, world, ann, transport):
    async with listen(transport, Watcher.of(ann), WORLD) as listener:
        await log_lines(test_app, world, login(), "Some plugin says nothing", "<Ada> hi")
        first, second = await listener.next(), await listener.next()
    assert (first["type"], first["live"], first["row"]["kind"]) == ("line", True, "login")
    assert (second["row"]["who"], second["row"]["text"]) == ("Ada", "hi")
    assert second["row"]["at"] == int(test_app.clock.now) + 2
    assert "203.0.113.7" not in str(first)


@pytest.mark.parametrize("transport", ["sse", "socket"])
async def test_open_stream_keeps_no_request(test_app, world, ann, transport):
    async with listen(transport, Watcher.of(ann), WORLD) as listener:
        await log_lines(test_app, world, login())
        await listener.next()
        gc.collect()
        requests = [one for one in gc.get_objects() if isinstance(one, web.BaseRequest)]
        assert not [one for one in requests if one.path == f"{WORLD}/events"]


@ALL_TRANSPORTS
async def test_delivered_commands_and_stopped_world_are_sent_as_events(
    test_app, world, ann, transport
):
    line = await test_app.core.execute(queue_console_command, world_id=world.id, text="/say hi")
    async with listen(transport, Watcher.of(ann), WORLD) as listener:
        await send_ping(test_app, world)
        assert await listener.next() == {"type": "told", "lines": [line.id]}
        await send_ping(test_app, world, running=False)
        assert await listener.next() == {"type": "world"}


async def test_missed_events_are_sent_after_a_restart(persistent_test_app):
    world = await make_world(persistent_test_app)
    ann = await make_signed_in_browser(persistent_test_app)
    cursor = persistent_test_app.core.feed.head
    await log_lines(persistent_test_app, world, "<Ada> one")
    await persistent_test_app.restart()
    await log_lines(persistent_test_app, world, "<Ada> two", at=persistent_test_app.clock.now + 5)
    response = await ann.get(f"{WORLD}/events?after-event-id={cursor}&wait=0")
    assert [entry["event"]["row"]["text"] for entry in response.json] == ["one", "two"]


async def test_line_that_arrives_late_is_not_live(test_app, world, ann):
    await log_lines(test_app, world, "<Ada> long ago", at=test_app.clock.now - 86400)
    response = await ann.get(f"{WORLD}/events?after-event-id=-1&wait=0")
    assert [
        entry["event"]["live"] for entry in response.json if entry["event"]["type"] == "line"
    ] == [False]


@ALL_TRANSPORTS
async def test_events_end_when_the_account_is_deactivated(test_app, world, ann, transport):
    async with listen(transport, Watcher.of(ann), WORLD) as listener:
        await deactivate_account(test_app)
        await log_lines(test_app, world, "<Ada> secret")
        await listener.wait_ended()
        assert listener._events.empty()


@ALL_TRANSPORTS
async def test_events_without_account_require_public_world_and_hide_e_mail(
    test_app, world, transport
):
    watcher = Watcher.of(Browser(test_app))
    rejected = TRANSPORTS[transport](watcher, WORLD, test_app.core.feed.head)
    await rejected.run()
    assert await rejected.wait_ended() == 401
    await test_app.core.execute(update_world, world_id=world.id, public=True)
    async with listen(transport, watcher, WORLD) as listener:
        await test_app.core.execute(queue_console_command, world_id=world.id, text="/say hi")
        await send_ping(test_app, world)
        await log_lines(test_app, world, "[Server] <ann@example.org> hi")
        assert (await listener.next())["row"]["who"] == "ann@…"
        await test_app.core.execute(update_world, world_id=world.id, public=False)
        await log_lines(test_app, world, "<Ada> secret", at=test_app.clock.now + 9)
        await listener.wait_ended()
        assert listener._events.empty()


@ALL_TRANSPORTS
@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "", "http://["])
async def test_cross_origin_request_is_rejected(test_app, world, ann, transport, origin):
    listener = TRANSPORTS[transport](Watcher.of(ann, Origin=origin), WORLD, -1)
    await listener.run()
    assert await listener.wait_ended() == (4403 if transport == "socket" else 403)


async def test_invalid_cursor_is_rejected(test_app, world, ann):
    for query in ("?after-event-id=x", "?after-event-id=99999", "?wait=x"):
        response = await ann.get(f"{WORLD}/events{query}")
        assert response.status == 400 and "error" in response.json
    assert (await ann.get("/servers/nowhere/events")).status == 404
