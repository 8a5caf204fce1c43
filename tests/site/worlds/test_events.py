"""What happens in a world, as its pages hear it: on three transports, for members or for all, from here alone."""

from dataclasses import dataclass

import pytest

from coalserver.core.commands.worlds import queue_console_command, update_world
from tests.apis.app import TestApp
from tests.apis.browser import Browser, deactivate_account, make_signed_in_browser
from tests.apis.listeners import TRANSPORTS, listen
from tests.site.sample_worlds import logged, login, make_world, pinged

HERE = "/servers/mill"
EACH_WAY = pytest.mark.parametrize("way", TRANSPORTS)


@dataclass
class Watcher:
    """One who listens with the cookie of a browser."""

    test_app: TestApp
    bearer: dict[str, str]

    @classmethod
    def of(cls, browser, **headers):
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        return cls(browser.test_app, {"Cookie": cookie, **headers})


@EACH_WAY
async def test_lines_are_heard_as_they_come(test_app, world, ann, way):
    async with listen(way, Watcher.of(ann), HERE) as listener:
        await logged(test_app, world, login(), "Some plugin says nothing", "<Ada> hi")
        first, second = await listener.next(), await listener.next()
    assert (first["type"], first["live"], first["row"]["kind"]) == ("line", True, "login")
    assert (second["row"]["who"], second["row"]["text"]) == ("Ada", "hi")
    assert second["row"]["at"] == int(test_app.clock.now) + 2
    assert "203.0.113.7" not in str(first)


@EACH_WAY
async def test_what_is_said_is_heard_to_be_on_its_way(test_app, world, ann, way):
    line = await test_app.core.execute(queue_console_command, world_id=world.id, text="/say hi")
    async with listen(way, Watcher.of(ann), HERE) as listener:
        await pinged(test_app, world)
        assert await listener.next() == {"type": "told", "lines": [line.id]}
        await pinged(test_app, world, running=False)
        assert await listener.next() == {"type": "world"}


async def test_what_was_missed_comes_after_a_restart(persistent_test_app):
    world = await make_world(persistent_test_app)
    ann = await make_signed_in_browser(persistent_test_app)
    cursor = persistent_test_app.core.feed.head
    await logged(persistent_test_app, world, "<Ada> one")
    await persistent_test_app.restart()
    await logged(persistent_test_app, world, "<Ada> two", at=persistent_test_app.clock.now + 5)
    answer = await ann.get(f"{HERE}/events?after-event-id={cursor}&wait=0")
    assert [one["event"]["row"]["text"] for one in answer.json] == ["one", "two"]


async def test_an_old_line_that_comes_late_is_no_news(test_app, world, ann):
    await logged(test_app, world, "<Ada> long ago", at=test_app.clock.now - 86400)
    answer = await ann.get(f"{HERE}/events?after-event-id=-1&wait=0")
    assert [one["event"]["live"] for one in answer.json if one["event"]["type"] == "line"] == [
        False
    ]


@EACH_WAY
async def test_who_is_signed_out_hears_no_more(test_app, world, ann, way):
    async with listen(way, Watcher.of(ann), HERE) as listener:
        await deactivate_account(test_app)
        await logged(test_app, world, "<Ada> secret")
        await listener.wait_ended()
        assert listener._events.empty()


@EACH_WAY
async def test_strangers_hear_a_public_world_alone_and_no_e_mail(test_app, world, way):
    watcher = Watcher.of(Browser(test_app))
    deaf = TRANSPORTS[way](watcher, HERE, test_app.core.feed.head)
    await deaf.run()
    assert await deaf.wait_ended() == 401
    await test_app.core.execute(update_world, world_id=world.id, public=True)
    async with listen(way, watcher, HERE) as listener:
        await test_app.core.execute(queue_console_command, world_id=world.id, text="/say hi")
        await pinged(test_app, world)
        await logged(test_app, world, "[Server] <ann@example.org> hi")
        assert (await listener.next())["row"]["who"] == "ann@…"
        await test_app.core.execute(update_world, world_id=world.id, public=False)
        await logged(test_app, world, "<Ada> secret", at=test_app.clock.now + 9)
        await listener.wait_ended()
        assert listener._events.empty()


@EACH_WAY
async def test_a_page_of_another_site_hears_nothing(test_app, world, ann, way):
    listener = TRANSPORTS[way](Watcher.of(ann, Origin="https://elsewhere.example"), HERE, -1)
    await listener.run()
    assert await listener.wait_ended() == 403


async def test_bad_cursors_are_refused(test_app, world, ann):
    for query in ("?after-event-id=x", "?after-event-id=99999", "?wait=x"):
        answer = await ann.get(f"{HERE}/events{query}")
        assert answer.status == 400 and "error" in answer.json
    assert (await ann.get("/servers/nowhere/events")).status == 404
