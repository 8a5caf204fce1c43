"""A world in a test: its log as text, and what becomes of it."""

from collections.abc import Iterable
from typing import Any

from coalserver.core.commands.ingest import log_lines
from coalserver.core.commands.worlds import add_world
from coalserver.domain.minecraft.history import digest_of
from coalserver.domain.minecraft.log.parser import Reading, read
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from tests.core.table import Table

#: When the day begins on which everything happens: 2024-01-01, UTC.
DAY = 1_704_067_200.0


def said(clock: str, text: str, level: str = "INFO") -> str:
    """A line of that day."""
    return f"2024-01-01 {clock} [{level}] {text}"


def login(clock: str, name: str = "Ada") -> str:
    return said(clock, f"{name}[/192.0.2.7:5] logged in with entity id 1 at (1.5, 64.0, -2.25)")


def logout(clock: str, name: str = "Ada") -> str:
    return said(clock, f"{name} lost connection: Disconnected")


def chat(clock: str, text: str, name: str = "Ada") -> str:
    return said(clock, f"<{name}> {text}")


def readings(lines: Iterable[str]) -> list[Reading]:
    return [read(line) for line in lines]


def a_world(table: Table, **parts: Any) -> World:
    return table.do(add_world, **{"name": "World", **parts})


def log(table: Table, world: World, *lines: str) -> list[bool] | None:
    """Lines come, one after another; tells which are new."""
    read_all = readings(lines)
    return table.do(
        log_lines,
        world_id=world.id,
        readings=read_all,
        digests=[digest_of(world.id, one) for one in read_all],
        known=frozenset(),
        landed=table.state.recent.landed,
    )


def visitor(table: Table, world: World, name: str = "Ada") -> Visitor:
    found = table.state.one(Visitor, "name", (world.id, name))
    assert found is not None
    return found


def now(table: Table, world: World) -> World:
    found = table.state.get(World, world.id)
    assert found is not None
    return found
