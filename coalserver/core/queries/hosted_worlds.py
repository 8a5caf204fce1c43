"""Queries about the settings of hosted worlds, as pages and the command line show and change them."""

import json
from collections.abc import Sequence

from coalserver.core.queries.hosting import get_run, version_of_world
from coalserver.core.state import Reader
from coalserver.domain.minecraft.hosting.minecraft_versions import choose_version
from coalserver.domain.minecraft.hosting.properties_file import FURTHER, obsolete_properties
from coalserver.domain.minecraft.server_properties import (
    EULA,
    VERSION,
    PropertyValue,
    effective_properties,
)


def editable_values(reader: Reader, *, world_id: int) -> dict[str, PropertyValue]:
    """Return everything that can be changed of a hosted world, by name.

    `name`, `short_name`, `public`, `members_may_start`, `wake_on_connect`, the server properties, and as `file.KEY`
    the further lines of server.properties. Raises WORLD_NOT_FOUND, also for a world hosted elsewhere.
    """
    world, hosted = (run := get_run(reader, world_id)).world, run.hosted
    further: dict[str, str] = json.loads(hosted.further)
    return {
        "name": world.name,
        "short_name": world.short_name,
        "public": world.public,
        "members_may_start": hosted.members_may_start,
        "wake_on_connect": hosted.wake_on_connect,
        **effective_properties(world.properties),
        EULA: hosted.eula is not None,
        **{FURTHER + key: value for key, value in further.items()},
    }


def obsolete_in_world(
    reader: Reader, *, world_id: int, newest_first: Sequence[str] = ()
) -> frozenset[str]:
    """Return the properties that the Minecraft version of a hosted world no longer has; their values are kept.

    `newest_first` are the ids of Mojang's list, if it is known. Raises WORLD_NOT_FOUND.
    """
    run = get_run(reader, world_id)
    name = effective_properties(run.world.properties)[VERSION]
    if not name:
        return frozenset()
    version = version_of_world(reader, run.world)
    listed = version.minecraft if version is not None else ""
    minecraft = choose_version(listed, run.hosted.minecraft, str(name))
    return obsolete_properties(minecraft, newest_first)
