"""What happens in a world, as its pages hear it: on three transports, for members or for all, from here alone."""

from dataclasses import dataclass

import pytest

from coalserver.core.commands.worlds import change_world, tell_console
from tests.apis.app import House
from tests.apis.browser import Surfer, put_on_hold, signed_in
from tests.apis.listeners import WAYS, listening
from tests.site.sample_worlds import a_world, logged, login, pinged

HERE = "/servers/mill"
EACH_WAY = pytest.mark.parametrize("way", WAYS)


@dataclass
class Watcher:
    """One who listens with the cookie of a browser."""

    house: House
    bearer: dict[str, str]

    @classmethod
    def of(cls, surfer, **headers):
        cookie = "; ".join(f"{name}={value}" for name, value in surfer.cookies.items())
        return cls(surfer.house, {"Cookie": cookie, **headers})


@EACH_WAY
async def test_lines_are_heard_as_they_come(house, world, ann, way):
    async with listening(way, Watcher.of(ann), HERE) as ear:
        await logged(house, world, login(), "Some plugin says nothing", "<Ada> hi")
        first, second = await ear.next(), await ear.next()
    assert (first["type"], first["live"], first["row"]["kind"]) == ("line", True, "login")
    assert (second["row"]["who"], second["row"]["text"]) == ("Ada", "hi")
    assert second["row"]["at"] == int(house.clock.now) + 2
    assert "203.0.113.7" not in str(first)


@EACH_WAY
async def test_what_is_said_is_heard_to_be_on_its_way(house, world, ann, way):
    line = await house.core.do(tell_console, world_id=world.id, text="/say hi")
    async with listening(way, Watcher.of(ann), HERE) as ear:
        await pinged(house, world)
        assert await ear.next() == {"type": "told", "lines": [line.id]}
        await pinged(house, world, running=False)
        assert await ear.next() == {"type": "world"}


async def test_what_was_missed_comes_after_a_restart(stone_house):
    world = await a_world(stone_house)
    ann = await signed_in(stone_house)
    cursor = stone_house.core.feed.head
    await logged(stone_house, world, "<Ada> one")
    await stone_house.restart()
    await logged(stone_house, world, "<Ada> two", at=stone_house.clock.now + 5)
    answer = await ann.get(f"{HERE}/events?after-event-id={cursor}&wait=0")
    assert [one["event"]["row"]["text"] for one in answer.json] == ["one", "two"]


async def test_an_old_line_that_comes_late_is_no_news(house, world, ann):
    await logged(house, world, "<Ada> long ago", at=house.clock.now - 86400)
    answer = await ann.get(f"{HERE}/events?after-event-id=-1&wait=0")
    assert [one["event"]["live"] for one in answer.json if one["event"]["type"] == "line"] == [
        False
    ]


@EACH_WAY
async def test_who_is_signed_out_hears_no_more(house, world, ann, way):
    async with listening(way, Watcher.of(ann), HERE) as ear:
        await put_on_hold(house)
        await logged(house, world, "<Ada> secret")
        await ear.end()
        assert ear._heard.empty()


@EACH_WAY
async def test_strangers_hear_a_public_world_alone_and_no_e_mail(house, world, way):
    watcher = Watcher.of(Surfer(house))
    deaf = WAYS[way](watcher, HERE, house.core.feed.head)
    await deaf.run()
    assert await deaf.end() == 401
    await house.core.do(change_world, world_id=world.id, public=True)
    async with listening(way, watcher, HERE) as ear:
        await house.core.do(tell_console, world_id=world.id, text="/say hi")
        await pinged(house, world)
        await logged(house, world, "[Server] <ann@example.org> hi")
        assert (await ear.next())["row"]["who"] == "ann@…"
        await house.core.do(change_world, world_id=world.id, public=False)
        await logged(house, world, "<Ada> secret", at=house.clock.now + 9)
        await ear.end()
        assert ear._heard.empty()


@EACH_WAY
async def test_a_page_of_another_site_hears_nothing(house, world, ann, way):
    ear = WAYS[way](Watcher.of(ann, Origin="https://elsewhere.example"), HERE, -1)
    await ear.run()
    assert await ear.end() == 403


async def test_bad_cursors_are_refused(house, world, ann):
    for query in ("?after-event-id=x", "?after-event-id=99999", "?wait=x"):
        answer = await ann.get(f"{HERE}/events{query}")
        assert answer.status == 400 and "error" in answer.json
    assert (await ann.get("/servers/nowhere/events")).status == 404
