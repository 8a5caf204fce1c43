"""Properties: how a world of ours is to be run. What may be said of it, and what holds until it is said. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from coalserver.domain.text import one_line

PropertyValue = str | int | bool | None


@dataclass(frozen=True, slots=True)
class IntegerProperty:
    """A whole number between two others."""

    default: int | None
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class BooleanProperty:
    """Yes or no."""

    default: bool


@dataclass(frozen=True, slots=True)
class ChoiceProperty:
    """One of these words, to the letter."""

    default: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextProperty:
    """A text on one line."""

    default: str | None = None
    #: Whether it may be empty: then that is kept, and else what was said before.
    allow_empty: bool = True


#: What a port is by which a world is reached; None is any that is free.
PORT = "server_port"
#: Everything that may be said of how a world is run, in the order it is shown.
PROPERTIES: dict[str, IntegerProperty | BooleanProperty | ChoiceProperty | TextProperty] = {
    PORT: IntegerProperty(None, 25565, 25575),
    "version": TextProperty(allow_empty=False),
    "memory": ChoiceProperty("256M", ("256M", "512M", "1G", "2G", "3G", "4G")),
    "operator": TextProperty(),
    # Minutes; 0 is never.
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
    # Whether somebody has agreed to Mojang's terms for it.
    "eula_agree": BooleanProperty(False),
}


def effective_properties(stored: bytes) -> dict[str, PropertyValue]:
    """All properties of a world of which these are kept."""
    values: dict[str, PropertyValue] = json.loads(stored)
    return {name: values.get(name, kind.default) for name, kind in PROPERTIES.items()}


def update_properties(stored: bytes, changes: Mapping[str, PropertyValue]) -> bytes:
    """What to keep once some more is said; what is not said stays, and no text is more than one line."""
    values: dict[str, PropertyValue] = json.loads(stored)
    for name, value in changes.items():
        if name in PROPERTIES:
            values[name] = one_line(value) if isinstance(value, str) else value
    return json.dumps(values, separators=(",", ":")).encode()
