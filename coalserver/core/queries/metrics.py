"""Queries about the hosted worlds of a server for programs that watch it (hosting.md, 8)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from coalserver.core.queries.hosting import hosted_world, hosted_worlds
from coalserver.core.queries.worlds import count_online
from coalserver.core.state import Reader
from coalserver.core.steps import Steps
from coalserver.domain.minecraft.hosting.hosted_world import WITH_PROCESS, Figures, HostedWorld
from coalserver.domain.minecraft.world import STARTING, World, WorldStatus

#: The work of a step, see `Steps`.
WORLD_WORK = 10
#: States of worlds that are about to run.
_STARTING = STARTING | {WorldStatus.QUEUED_RESTART}


@dataclass(frozen=True, slots=True)
class WorldMetrics:
    """The metrics of one hosted world."""

    #: Its short name or name; unique.
    label: str
    #: Whether it is ready for players.
    up: bool
    players: int
    figures: Figures
    #: All crashes since it was added.
    crashes: int


def world_counts(reader: Reader) -> dict[str, int]:
    """Return the number of active hosted worlds that run, start and are stopped, and of those with a trouble.

    The first three are all worlds; a world that stops counts as running while it has a process. A stop from inside
    the game is no trouble.
    """
    counts = {"running": 0, "starting": 0, "stopped": 0, "trouble": 0}
    for status in WorldStatus:
        counts[_count_name(status)] += reader.count_under(World, "hosted_status", status)
    for hosted in reader.find(HostedWorld, "troubled", ""):
        world = reader.get(World, hosted.id)
        counts["trouble"] += world is not None and world.active and world.hosted
    return counts


def _count_name(status: WorldStatus) -> str:
    if status in _STARTING:
        return "starting"
    return "running" if status in WITH_PROCESS else "stopped"


def world_metrics(
    reader: Reader, *, figures: Callable[[int], Figures], key: Callable[[int], str]
) -> Steps[list[WorldMetrics]]:
    """Return the metrics of all active hosted worlds, oldest first.

    `figures` returns what is measured of a world. `key` returns a world's key, which is added to a name that several
    worlds have.
    """
    worlds = hosted_worlds(reader)
    names = [world.short_name or world.name for world in worlds]
    uses = Counter(names)
    found = []
    for world, name in zip(worlds, names, strict=True):
        yield WORLD_WORK
        found.append(
            WorldMetrics(
                label=name if uses[name] == 1 else f"{name} {key(world.id)}",
                up=world.status is WorldStatus.RUNNING,
                players=count_online(reader, world=world.id),
                figures=figures(world.id),
                crashes=hosted_world(reader, world).crash_count,
            )
        )
    return found
