"""Worlds, lines of their logs, and their visitors."""

from collections.abc import Iterable
from typing import Any

from coalserver.core.commands.ingest import log_lines
from coalserver.core.commands.worlds import create_world
from coalserver.domain.minecraft.history import line_digest
from coalserver.domain.minecraft.log.parser import ParsedLine, parse_line
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import World
from tests.core.table import Table

#: The begin of 2024-01-01 UTC, the day of all lines.
DAY = 1_704_067_200.0


def log_line(clock: str, text: str, level: str = "INFO") -> str:
    """Return a line of that day."""
    return f"2024-01-01 {clock} [{level}] {text}"


def login(clock: str, name: str = "Ada") -> str:
    return log_line(clock, f"{name}[/192.0.2.7:5] logged in with entity id 1 at (1.5, 64.0, -2.25)")


def logout(clock: str, name: str = "Ada") -> str:
    return log_line(clock, f"{name} lost connection: Disconnected")


def chat(clock: str, text: str, name: str = "Ada") -> str:
    return log_line(clock, f"<{name}> {text}")


def parse_all(lines: Iterable[str]) -> list[ParsedLine]:
    return [parse_line(line) for line in lines]


def make_world(table: Table, **kwargs: Any) -> World:
    return table.execute(create_world, **{"name": "World", **kwargs})


def ingest(table: Table, world: World, *lines: str) -> list[bool] | None:
    """Ingest lines; return for each whether it is new, or None if the history is needed."""
    parsed_lines = parse_all(lines)
    return table.execute(
        log_lines,
        world_id=world.id,
        parsed_lines=parsed_lines,
        digests=[line_digest(world.id, one) for one in parsed_lines],
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
