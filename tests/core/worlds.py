"""A world in a test: its log as text, and what becomes of it."""

from collections.abc import Iterable
from typing import Any

from coalserver.core.commands.ingest import log_lines
from coalserver.core.commands.worlds import create_world
from coalserver.domain.minecraft.history import line_digest
from coalserver.domain.minecraft.log.parser import ParsedLine, parse_line
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from tests.core.table import Table

#: When the day begins on which everything happens: 2024-01-01, UTC.
DAY = 1_704_067_200.0


def log_line(clock: str, text: str, level: str = "INFO") -> str:
    """A line of that day."""
    return f"2024-01-01 {clock} [{level}] {text}"


def login(clock: str, name: str = "Ada") -> str:
    return log_line(clock, f"{name}[/192.0.2.7:5] logged in with entity id 1 at (1.5, 64.0, -2.25)")


def logout(clock: str, name: str = "Ada") -> str:
    return log_line(clock, f"{name} lost connection: Disconnected")


def chat(clock: str, text: str, name: str = "Ada") -> str:
    return log_line(clock, f"<{name}> {text}")


def readings(lines: Iterable[str]) -> list[ParsedLine]:
    return [parse_line(line) for line in lines]


def make_world(table: Table, **parts: Any) -> World:
    return table.execute(create_world, **{"name": "World", **parts})


def ingest(table: Table, world: World, *lines: str) -> list[bool] | None:
    """Lines come, one after another; tells which are new."""
    read_all = readings(lines)
    return table.execute(
        log_lines,
        world_id=world.id,
        parsed_lines=read_all,
        digests=[line_digest(world.id, one) for one in read_all],
        known_digests=frozenset(),
        written=table.state.recent.written,
    )


def visitor(table: Table, world: World, name: str = "Ada") -> Visitor:
    found = table.state.first(Visitor, "name", (world.id, name))
    assert found is not None
    return found


def current_world(table: Table, world: World) -> World:
    found = table.state.get(World, world.id)
    assert found is not None
    return found
