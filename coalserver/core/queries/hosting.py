"""Queries about hosted worlds, their versions and settings."""

import json
import math
from itertools import chain, islice
from operator import attrgetter
from typing import Any

from coalserver.core.queries.worlds import count_online, get_world
from coalserver.core.state import Reader, State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import (
    AT_REST,
    EulaAgreement,
    Figures,
    HostedWorld,
    Wanted,
    pending_properties,
    wire_status,
)
from coalserver.domain.minecraft.hosting.refusals import trouble_text
from coalserver.domain.minecraft.hosting.settings import SETTINGS_ID, HostingSettings
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.hosting.version import Version
from coalserver.domain.minecraft.server_properties import PORT, effective_properties, version_name
from coalserver.domain.minecraft.world import World, WorldStatus
from coalserver.domain.text import format_coal_time


def get_run(reader: Reader, world_id: int, *, archived: bool = False) -> Run:
    """Return a hosted world with its run.

    Raises WORLD_NOT_FOUND for a world hosted elsewhere and, unless `archived`, for an archived one.
    """
    world = reader.get(World, world_id) if archived else get_world(reader, world_id)
    if world is None or not world.hosted:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return Run(world, hosted_world(reader, world))


def runs_to_drive(reader: Reader) -> list[Run]:
    """Return the hosted worlds that are not at rest or should not be, by id.

    An archived world is among them until its process has ended.
    """
    return [
        run
        for run in (get_run(reader, world.id, archived=True) for world in all_hosted_worlds(reader))
        if run.status not in AT_REST or run.hosted.wanted is Wanted.PLAY
    ]


def hosted_world(reader: Reader, world: World) -> HostedWorld:
    """Return what is stored about the run of a world, or the initial values.

    Before 0.3, an agreement to the EULA was a property without an author.
    """
    hosted = reader.get(HostedWorld, world.id)
    if hosted is not None:
        return hosted
    agreed = json.loads(world.properties).get("eula_agree") is True
    return HostedWorld(world.id, eula=EulaAgreement(world.updated) if agreed else None)


def status_word(reader: Reader, *, world: World) -> str:
    """Return a world's status as the COAL document has it, one of five words."""
    if not world.hosted:
        return world.status.upper()
    return wire_status(world, reader.get(HostedWorld, world.id))


def describe_run(
    reader: Reader, *, world_id: int, now: float, figures: Figures, for_admins: bool
) -> dict[str, Any]:
    """Return what the API and the command line show of a hosted world (hosting.md, 3).

    Times are those of the COAL document. Raises WORLD_NOT_FOUND.
    """
    run = get_run(reader, world_id)
    world, hosted = run.world, run.hosted
    properties = effective_properties(world.properties)
    trouble = hosted.trouble
    view: dict[str, Any] = {
        "state": world.status.upper(),
        "percent": world.percent,
        "wanted": str(hosted.wanted),
        "trouble": trouble
        and {
            "code": str(trouble.code),
            "text": trouble_text(trouble),
            "at": format_coal_time(trouble.at),
        },
        "pending": pending_properties(world, hosted),
        "version": properties["version"] or None,
        "memory": properties["memory"],
        "port": hosted.port or properties[PORT],
        "players": count_online(reader, world=world.id),
        "max_players": properties["max_players"],
        "cpu": figures.cpu,
        "memory_used": figures.memory_used,
        "ticks_per_second": figures.ticks_per_second,
        "idle_seconds_left": idle_seconds_left(reader, run, now),
        "started": None if hosted.spawned_at is None else format_coal_time(hosted.spawned_at),
        "crashes": len(hosted.crashes),
        "saving": hosted.saving,
        "saved_games": figures.saved_games,
    }
    return {**view, "pid": figures.pid} if for_admins else view


def idle_seconds_left(reader: Reader, run: Run, now: float) -> int | None:
    """Return the seconds until a running world without players is paused; None where it is not."""
    world, hosted = run.world, run.hosted
    minutes = effective_properties(world.properties)["idle_timeout"]
    if world.status is not WorldStatus.RUNNING or not minutes or hosted.ready_at is None:
        return None
    if count_online(reader, world=world.id):
        return None
    since = max(hosted.ready_at, world.empty_since or 0.0)
    return max(0, math.ceil(since + int(minutes) * 60 - now))


def get_settings(reader: Reader) -> HostingSettings:
    """Return the settings of hosting."""
    return reader.get(HostingSettings, SETTINGS_ID) or HostingSettings()


def all_versions(reader: Reader) -> list[Version]:
    """Return all defined versions, by name."""
    return sorted(reader.find(Version, "all", ""), key=attrgetter("name"))


def find_versions(
    state: State, *, text: str = "", limit: int, offset: int = 0
) -> tuple[list[Version], int]:
    """Return a page of the versions that contain a text in their names, by name, and the number of all of them.

    Case does not matter.
    """
    if not text:
        return state.page_in_order(Version, "name", limit=limit, offset=offset)
    wanted = text.lower()
    found = [version for version in state.all(Version) if wanted in version.name.lower()]
    found.sort(key=attrgetter("name"))
    return found[offset : offset + limit], len(found)


def version_by_name(reader: Reader, name: str) -> Version | None:
    """Return the version with this name, or None."""
    return reader.first(Version, "name", name) if name else None


def get_version(reader: Reader, name: str) -> Version:
    """Return the version with this name. Raises VERSION_NOT_FOUND."""
    version = version_by_name(reader, name)
    if version is None:
        raise DomainError(ErrorCode.VERSION_NOT_FOUND)
    return version


def version_of_world(reader: Reader, world: World) -> Version | None:
    """Return the version that a world's properties name, or None if none is set or defined."""
    return version_by_name(reader, version_name(world.properties))


def worlds_with_version(reader: Reader, name: str) -> list[World]:
    """Return the active hosted worlds that use a version, oldest first."""
    return sorted(reader.find(World, "version", name), key=attrgetter("id"))


def some_worlds_with_version(
    state: State, *, name: str, limit: int | None
) -> tuple[list[World], int]:
    """Return some of the active hosted worlds that use a version, and the number of all of them."""
    ids = state.ids(World, "version", name)
    found = (state.get(World, id) for id in islice(ids, limit))
    return [world for world in found if world is not None], len(ids)


def all_hosted_worlds(reader: Reader) -> list[World]:
    """Return all hosted worlds that were ever started or changed, archived ones too, and the active others."""
    ids = {hosted.id for hosted in reader.find(HostedWorld, "all", "") if not hosted.deleting}
    ids.update(world.id for world in hosted_worlds(reader))
    found = (reader.get(World, id) for id in sorted(ids))
    return [world for world in found if world is not None]


def worlds_in_deletion(reader: Reader) -> list[int]:
    """Return the ids of deleted worlds whose files may not be all gone."""
    return [hosted.id for hosted in reader.find(HostedWorld, "all", "") if hosted.deleting]


def worlds_not_at_rest(state: State, *, limit: int) -> tuple[list[World], int]:
    """Return some of the active hosted worlds that are not at rest, and the number of all of them."""
    statuses = [status for status in WorldStatus if status not in AT_REST]
    ids = chain.from_iterable(state.ids(World, "hosted_status", status) for status in statuses)
    found = (state.get(World, id) for id in islice(ids, limit))
    total = sum(state.count_under(World, "hosted_status", status) for status in statuses)
    return [world for world in found if world is not None], total


def has_hosted_worlds(reader: Reader) -> bool:
    """Return whether this server hosts any active world."""
    return reader.first(World, "hosted", "") is not None


def hosted_worlds(reader: Reader) -> list[World]:
    """Return the active hosted worlds, oldest first."""
    return sorted(reader.find(World, "hosted", ""), key=attrgetter("id"))
