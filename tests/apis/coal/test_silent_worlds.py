"""Worlds that fall silent: visits end with the last sign of life, whether agents ping or only send lines."""

import pytest

from coalserver.core.ports import VisitQuery
from coalserver.core.queries.worlds import online_visitors
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import WorldFixture, make_world

PING, LINE = "/api/v1/agents/ping", "/api/v1/agents/logline"
UP = {"server_name": "x", "is_server_running": True}
#: The first time of the clock is 22:13:20 of this day.
DAY = 1_699_920_000.0


async def write(world: WorldFixture, clock: str, text: str, day: str = "2023-11-14") -> None:
    """Send a line as the original agent does."""
    line = {"line": f"{day} {clock} [INFO] {text}", "zone": "UTC"}
    assert (await world.agent.post(LINE, line)).status == 201


def login(name: str = "Ada") -> str:
    return f"{name}[/192.0.2.7:5] logged in with entity id 1 at (1.5, 64.0, -2.25)"


def online(world: WorldFixture) -> list[str]:
    found = world.test_app.core.query(online_visitors, world=world.id)
    return sorted(visitor.name for visitor in found)


async def visits(world: WorldFixture) -> list[tuple[str, float | None]]:
    """Return player and end of each visit in seconds of the day, newest login first."""
    found = await world.test_app.core.history.visits(VisitQuery(world.id), 100)
    return [
        (one.visit.username, None if one.visit.ended_at is None else one.visit.ended_at - DAY)
        for one in found
    ]


async def advance(test_app: TestApp, minutes: int, each: int = 1) -> None:
    for _ in range(0, minutes, each):
        await test_app.advance(60.0 * each)


def seconds(hour: int, minute: int, second: int = 0) -> float:
    return 3600.0 * hour + 60 * minute + second


async def test_visit_to_a_world_without_pings_ends_with_the_last_line(
    persistent_test_app: TestApp,
):
    world = await make_world(persistent_test_app)
    await write(world, "22:12:00", login())
    await write(world, "22:13:00", "<Ada> hi")
    await advance(persistent_test_app, 59)
    # Players can build for a long time without a chat message.
    assert online(world) == ["Ada"]
    await advance(persistent_test_app, 7)
    assert online(world) == []
    assert await visits(world) == [("Ada", seconds(22, 13))]


async def test_departure_after_a_long_quiet_time_ends_the_visit(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    await write(world, "22:13:00", login())
    await advance(persistent_test_app, 90)
    assert await visits(world) == [("Ada", seconds(22, 13))]
    await write(world, "23:43:00", "Ada left the game")
    assert await visits(world) == [("Ada", seconds(23, 43))]


async def test_departure_days_later_does_not_count_the_silence(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    await write(world, "22:13:00", login())
    await advance(persistent_test_app, 3 * 1440, 60)
    await write(world, "22:10:00", "Ada left the game", "2023-11-17")
    assert await visits(world) == [("Ada", seconds(22, 13))]


async def test_lines_keep_the_visits_to_a_world_without_pings(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    await write(world, "22:12:00", "Starting minecraft server version 1.21.4")
    await write(world, "22:13:00", login())
    assert world.current.status is WorldStatus.RUNNING
    await advance(persistent_test_app, 2)
    assert world.current.status is WorldStatus.RUNNING
    for hour, minute in ((22, 15), (22, 50), (23, 25)):
        await write(world, f"{hour}:{minute}:00", "<Ada> still here")
        await advance(persistent_test_app, 35)
        assert online(world) == ["Ada"]
    assert world.current.status is WorldStatus.UNKNOWN


async def test_lines_after_the_last_ping_keep_the_visits(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    assert (await world.agent.post(PING, UP)).status == 200
    await write(world, "22:13:00", login())
    await advance(persistent_test_app, 4)
    await write(world, "22:17:00", "<Ada> hi")
    await advance(persistent_test_app, 2)
    assert world.current.status is WorldStatus.UNKNOWN
    assert online(world) == ["Ada"]
    await advance(persistent_test_app, 66)
    assert await visits(world) == [("Ada", seconds(22, 17))]


@pytest.mark.parametrize("pings", [False, True])
async def test_imported_visit_without_an_end_ends_with_the_last_imported_line(
    persistent_test_app: TestApp, pings
):
    world = await make_world(persistent_test_app)
    if pings:
        down = {**UP, "is_server_running": None}
        assert (await world.agent.post(PING, down)).status == 200
    await write(world, "10:00:00", login())
    for minute in range(0, 12, 3):
        await write(world, f"10:{minute:02}:30", "<Bob> while the import goes on")
        await advance(persistent_test_app, 3)
        assert online(world) == ["Ada"]
    await advance(persistent_test_app, 5)
    assert await visits(world) == [("Ada", seconds(10, 9, 30))]
    assert online(world) == []


async def test_silent_visit_does_not_grow_with_later_silences(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    await write(world, "10:00:00", login())
    await advance(persistent_test_app, 8)
    await write(world, "22:20:00", login("Bob"))
    await advance(persistent_test_app, 70)
    assert sorted(await visits(world)) == [("Ada", seconds(10, 0)), ("Bob", seconds(22, 20))]


async def test_ping_lets_only_recent_visits_go_on(persistent_test_app: TestApp):
    world = await make_world(persistent_test_app)
    await write(world, "10:00:00", login(), "2023-11-12")
    await write(world, "22:12:00", login("Bob"), "2023-11-12")
    await advance(persistent_test_app, 8)
    assert online(world) == []
    await world.agent.post(PING, UP)
    assert online(world) == []
