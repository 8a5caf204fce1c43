"""Properties: how a world of ours is to be run. What may be said of it, and what holds until it is said. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from coalserver.domain.minecraft.visitor import one_line

Value = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number between two others."""

    default: int | None
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""

    default: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these words, to the letter."""

    default: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A text on one line."""

    default: str | None = None
    #: Whether it may be empty: then that is kept, and else what was said before.
    empty: bool = True


#: What a port is by which a world is reached; None is any that is free.
PORT = "server_port"
#: Everything that may be said of how a world is run, in the order it is shown.
PROPERTIES: dict[str, Number | Flag | Choice | Line] = {
    PORT: Number(None, 25565, 25575),
    "version": Line(empty=False),
    "memory": Choice("256M", ("256M", "512M", "1G", "2G", "3G", "4G")),
    "operator": Line(),
    # Minutes; 0 is never.
    "idle_timeout": Number(5, 0, 60),
    "motd": Line("A Minecraft Server"),
    "white_list": Flag(False),
    "gamemode": Number(0, 0, 2),
    "force_gamemode": Flag(False),
    "level_type": Choice("DEFAULT", ("DEFAULT", "FLAT", "LARGEBIOMES", "AMPLIFIED")),
    "level_seed": Line(),
    "generator_settings": Line(),
    "difficulty": Number(1, 0, 3),
    "pvp": Flag(False),
    "hardcore": Flag(False),
    "allow_flight": Flag(False),
    "allow_nether": Flag(True),
    "max_build_height": Number(256, 0, 1024),
    "generate_structures": Flag(True),
    "spawn_npcs": Flag(True),
    "spawn_animals": Flag(True),
    "spawn_monsters": Flag(True),
    "view_distance": Number(10, 3, 15),
    "player_idle_timeout": Number(0, 0, 60),
    "max_players": Number(20, 0, 10_000),
    "max_world_size": Number(29_999_984, 1, 29_999_984),
    "spawn_protection": Number(16, 0, 24),
    "enable_command_block": Flag(False),
    "snooper_enabled": Flag(True),
    "resource_pack": Line(),
    "op_permission_level": Number(3, 0, 4),
    # Whether somebody has agreed to Mojang's terms for it.
    "eula_agree": Flag(False),
}


def in_force(kept: bytes) -> dict[str, Value]:
    """All properties of a world of which these are kept."""
    said: dict[str, Value] = json.loads(kept)
    return {name: said.get(name, kind.default) for name, kind in PROPERTIES.items()}


def changed(kept: bytes, given: Mapping[str, Value]) -> bytes:
    """What to keep once some more is said; what is not said stays, and no text is more than one line."""
    said: dict[str, Value] = json.loads(kept)
    for name, value in given.items():
        if name in PROPERTIES:
            said[name] = one_line(value) if isinstance(value, str) else value
    return json.dumps(said, separators=(",", ":")).encode()
