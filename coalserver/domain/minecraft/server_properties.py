"""Server properties: the settings of hosted worlds, their types, ranges and defaults."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from coalserver.domain.text import one_line

PropertyValue = str | int | bool | None


@dataclass(frozen=True, slots=True)
class IntegerProperty:
    """An integer with inclusive bounds."""

    default: int | None
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class BooleanProperty:
    """A boolean."""

    default: bool


@dataclass(frozen=True, slots=True)
class ChoiceProperty:
    """One of a fixed set of words, case-sensitive."""

    default: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextProperty:
    """A single line of text."""

    default: str | None = None
    #: Whether an empty text is stored; otherwise it leaves the property unchanged.
    allow_empty: bool = True


#: The property for the world's port; None: any free port.
PORT = "server_port"
#: The property for the program that runs the world, and the one for the agreement to Mojang's EULA.
VERSION, EULA = "version", "eula_agree"
#: All properties, in display order.
PROPERTIES: dict[str, IntegerProperty | BooleanProperty | ChoiceProperty | TextProperty] = {
    PORT: IntegerProperty(None, 25565, 25575),
    "version": TextProperty(allow_empty=False),
    "memory": ChoiceProperty("256M", ("256M", "512M", "1G", "2G", "3G", "4G")),
    "operator": TextProperty(),
    # Minutes; 0: never.
    "idle_timeout": IntegerProperty(5, 0, 60),
    "motd": TextProperty("A Minecraft Server"),
    "white_list": BooleanProperty(False),
    "gamemode": IntegerProperty(0, 0, 2),
    "force_gamemode": BooleanProperty(False),
    "level_type": ChoiceProperty("DEFAULT", ("DEFAULT", "FLAT", "LARGEBIOMES", "AMPLIFIED")),
    "level_seed": TextProperty(),
    "generator_settings": TextProperty(),
    "difficulty": IntegerProperty(1, 0, 3),
    "pvp": BooleanProperty(False),
    "hardcore": BooleanProperty(False),
    "allow_flight": BooleanProperty(False),
    "allow_nether": BooleanProperty(True),
    "max_build_height": IntegerProperty(256, 0, 1024),
    "generate_structures": BooleanProperty(True),
    "spawn_npcs": BooleanProperty(True),
    "spawn_animals": BooleanProperty(True),
    "spawn_monsters": BooleanProperty(True),
    "view_distance": IntegerProperty(10, 3, 15),
    "player_idle_timeout": IntegerProperty(0, 0, 60),
    "max_players": IntegerProperty(20, 0, 10_000),
    "max_world_size": IntegerProperty(29_999_984, 1, 29_999_984),
    "spawn_protection": IntegerProperty(16, 0, 24),
    "enable_command_block": BooleanProperty(False),
    "snooper_enabled": BooleanProperty(True),
    "resource_pack": TextProperty(),
    "op_permission_level": IntegerProperty(3, 0, 4),
    # Whether an admin has accepted Mojang's EULA for this world.
    "eula_agree": BooleanProperty(False),
}


def effective_properties(stored: bytes) -> dict[str, PropertyValue]:
    """Return all properties by name: the stored values (a JSON object) and defaults."""
    values: dict[str, PropertyValue] = json.loads(stored)
    return {name: values.get(name, kind.default) for name, kind in PROPERTIES.items()}


@lru_cache(maxsize=1024)
def version_name(stored: bytes) -> str:
    """Return the name of the version among stored properties, empty if none is set."""
    return str(effective_properties(stored)[VERSION] or "")


def update_properties(stored: bytes, changes: Mapping[str, PropertyValue]) -> bytes:
    """Return the stored values (a JSON object) with changes applied.

    Unknown names are ignored; control characters in texts become spaces.
    """
    values: dict[str, PropertyValue] = json.loads(stored)
    for name, value in changes.items():
        if name in PROPERTIES:
            values[name] = one_line(value) if isinstance(value, str) else value
    return json.dumps(values, separators=(",", ":")).encode()
