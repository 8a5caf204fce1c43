"""Chats of several lines, and the hour that comes twice, whose lines come in different requests."""

from datetime import UTC, datetime
from typing import Any

import pytest

from coalserver.core import topics
from coalserver.core.ports import LineCategory, LineQuery
from tests.apis.app import TestApp
from tests.apis.coal.clients import WorldFixture, make_world

BATCH, LINE = "/api/v1/agents/loglines", "/api/v1/agents/logline"
CHAT = "[22:13:00] [Server thread/INFO]: <Ada> one"


async def send(world: WorldFixture, first: int, *lines: str, zone: str = "UTC", day: str = ""):
    date = {"date": day} if day else {}
    numbered = [
        {"sequence": number, "line": line, **date} for number, line in enumerate(lines, first)
    ]
    body = {"source": "latest.log", "zone": zone, "lines": numbered}
    answer = await world.agent.post(BATCH, body)
    assert answer.status == 200, answer.json


async def chats(world: WorldFixture, words: str | None = None) -> list[str]:
    query = LineQuery(world.id, LineCategory.CHAT, words=words, ascending=True)
    return [line.chat for line in await world.test_app.core.history.lines(query, 100)]


async def test_chat_goes_on_in_the_next_batches(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    await send(world, 1, CHAT)
    await send(world, 2, "two")
    await persistent_test_app.restart()
    await send(world, 3, "three", "four", CHAT.replace("one", "next"))
    await send(world, 6, "of the next")
    assert await chats(world) == ["one\ntwo\nthree\nfour", "next\nof the next"]
    for words, found in (("three", 1), ("one two", 1), ("next", 1), ("five", 0)):
        assert len(await chats(world, words)) == found, words


async def test_batch_that_is_sent_again_adds_nothing_to_a_chat(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    await send(world, 1, CHAT, "two")
    for _ in range(2):
        await send(world, 2, "two", "three")
    await send(world, 1, CHAT, "two", "three", "four")
    assert await chats(world) == ["one\ntwo\nthree\nfour"]


@pytest.mark.parametrize(
    "other",
    [
        "[22:13:01] [Server thread/WARN]: Something else",
        "java.lang.IllegalStateException: no",
        "x" * 1001,
    ],
)
async def test_line_that_ends_a_chat_ends_it_for_the_next_batch(test_app: TestApp, other):
    world = await make_world(test_app)
    await send(world, 1, CHAT, other)
    await send(world, 3, "no part of it")
    await send(world, 4, CHAT.replace("one", "two"))
    await send(world, 5, other)
    await send(world, 6, "no part of it")
    assert await chats(world) == ["one", "two"]


async def test_chat_in_many_batches_has_at_most_fifty_more_lines(test_app: TestApp):
    world = await make_world(test_app)
    await send(world, 1, CHAT)
    for number in range(2, 62):
        await send(world, number, f"more {number}")
    (chat,) = await chats(world)
    assert chat.count("\n") == 50


async def test_chat_of_single_lines_has_all_of_them(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    for line in ("2023-11-14 22:13:00 [INFO] <Ada> one", "two", "three", "three"):
        answer = await world.agent.post(LINE, {"line": line, "zone": "UTC"})
        assert answer.status in (200, 201)
    assert await chats(world) == ["one\ntwo\nthree"]


async def test_continued_chat_is_an_event_with_the_same_key(test_app: TestApp):
    world = await make_world(test_app)
    await send(world, 1, CHAT)
    await send(world, 2, "two")
    entries = await test_app.store.entries([topics.world(world.id)], 0, 100)
    lines = [entry.event.line for entry in entries if hasattr(entry.event, "line")]
    texts = [(line.id, line.chat) for line in lines if "chat" in line.tags]
    assert texts == [(1, "one"), (1, "one\ntwo")]


def times(lines: list[Any]) -> list[str]:
    return [f"{datetime.fromtimestamp(line.at, UTC):%H:%M:%S}" for line in lines if line.at]


async def stored_times(world: WorldFixture) -> list[str]:
    query = LineQuery(world.id, ascending=True)
    lines = await world.test_app.core.history.lines(query, 100)
    return times(sorted(lines, key=lambda line: line.sequence))


NIGHT = ["01:59:00", "02:10:00", "02:55:00", "02:05:00", "02:56:00", "03:01:00"]
UTC_TIMES = ["23:59:00", "00:10:00", "00:55:00", "01:05:00", "01:56:00", "02:01:00"]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("start", [0, 1, 2])
@pytest.mark.parametrize("stack", [False, True])
@pytest.mark.parametrize("dated", [False, True])
async def test_hour_that_comes_twice_is_in_order_across_batches(
    persistent_test_app: TestApp, size, start, stack, dated
):
    persistent_test_app.clock.now = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
    world = await make_world(persistent_test_app)
    lines = []
    for clock in NIGHT[start:]:
        text = f"2026-10-25 {clock} [INFO] <Ada> {clock}"
        lines.append(text if dated else f"[{clock}] [Server thread/INFO]: <Ada> {clock}")
        if stack:
            lines.append("\tat some.Java.code(Java.java:1)")
    for first in range(0, len(lines), size):
        # Each batch overlaps with the one before, as after a lost answer.
        begin = max(0, first - 2)
        batch = lines[begin : first + size]
        await send(
            world, begin + 1, *batch, zone="Europe/Berlin", day="" if dated else "2026-10-25"
        )
    assert await stored_times(world) == UTC_TIMES[start:]


async def test_live_lines_of_the_second_pass_are_not_moved_back(test_app: TestApp):
    """After an hour of silence only the time of receipt tells which pass it is."""
    test_app.clock.now = datetime(2026, 10, 25, tzinfo=UTC).timestamp()
    world = await make_world(test_app)
    for hour, clock in ((0, "02:20:00"), (1, "02:40:00")):
        minute = int(clock[3:5])
        test_app.clock.now = datetime(2026, 10, 25, hour, minute, 1, tzinfo=UTC).timestamp()
        line = f"[{clock}] [Server thread/INFO]: <Ada> {clock}"
        await send(world, hour + 1, line, zone="Europe/Berlin", day="2026-10-25")
    assert await stored_times(world) == ["00:20:00", "01:40:00"]
