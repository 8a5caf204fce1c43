"""The logbook beside MCDReforged, whose handlers read the same lines and were written by others."""

import re
from itertools import chain

import pytest

from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine, parse_line
from tests.domain.minecraft.log.corpus import Line, corpus
from tests.domain.minecraft.log.test_parser import TODAY

pytest.importorskip(
    "mcdreforged", reason="MCDReforged is not installed; the extra `test` brings it"
)

from mcdreforged.handler.impl.arclight_handler import ArclightHandler  # noqa: E402
from mcdreforged.handler.impl.beta18_handler import Beta18Handler  # noqa: E402
from mcdreforged.handler.impl.bukkit_handler import BukkitHandler  # noqa: E402
from mcdreforged.handler.impl.forge_handler import ForgeHandler  # noqa: E402
from mcdreforged.handler.impl.vanilla_handler import VanillaHandler  # noqa: E402

#: Which of theirs reads which header. The shapes not named here none of them reads.
HANDLERS = {
    "coal": Beta18Handler(),
    "vanilla": VanillaHandler(),
    "paper": BukkitHandler(),
    "forge": ForgeHandler(),
    "arclight": ArclightHandler(),
}


def by_them(line: Line) -> tuple[str, ...] | None:
    """What they say of a line, as far as both say anything of such lines."""
    handler = HANDLERS[line.shape]
    info = handler.parse_server_stdout(line.line)
    if info.is_player:
        return "chat", info.player, info.content
    if name := handler.parse_player_joined(info):
        return "logged in", name
    if name := handler.parse_player_left(info):
        return "left", name
    if version := handler.parse_server_version(info):
        return "starting", version
    if address := handler.parse_server_address(info):
        return "listening", *map(str, address)
    if handler.test_server_startup_done(info):
        return ("ready",)
    if handler.test_rcon_started(info):
        return ("rcon",)
    return ("stopping",) if handler.test_server_stopping(info) else None


def by_us(reading: ParsedLine) -> tuple[str, ...] | None:
    """The same of a reading."""
    match reading.kind:
        case LineKind.CHAT | LineKind.CHANNEL:
            return "chat", reading.username, reading.chat
        case LineKind.LOGGED_IN:
            return "logged in", reading.username
        case LineKind.LEFT:
            return "left", reading.username
        case LineKind.STARTING:
            return "starting", reading.version
        case LineKind.LISTENING:
            return "listening", reading.ip, reading.port
        case LineKind.READY | LineKind.RCON | LineKind.STOPPING:
            return (reading.kind.value,)
    return None


#: Where both differ, and why: in which shapes, and how a line shows it.
DIFFERENCES = {
    "they want 3 to 16 letters in a name, offline worlds do not": ("", r"^(\[.*?\] ?)?<?20\b"),
    "they take no name with a team in it": ("", r"^<\[Admin\] "),
    "they take a world in front of a name only from Bukkit": ("", r"^\[world_nether\]<"),
    "they want a decimal point whatever the language": ("", r"^Done \(12,3s\)"),
    "a date in front is beta 1.8 to them, with the words of that time": (
        "coal",
        r" lost connection: | left the game$|^Done |^RCON running",
    ),
}


def why(line: Line) -> str:
    """The reason for a difference, if it is a known one."""
    for reason, (shape, sign) in DIFFERENCES.items():
        if line.shape.startswith(shape) and re.search(sign, line.said):
            return reason
    return ""


def test_both_read_the_same_but_for_known_reasons():
    seen, compared = set(), 0
    for line in chain.from_iterable(corpus(seed) for seed in range(12)):
        if line.shape not in HANDLERS:
            continue
        theirs, ours = by_them(line), by_us(parse_line(line.line, TODAY))
        compared += theirs is not None
        if theirs != ours:
            reason = why(line)
            assert reason, f"{line.line!r}: they say {theirs}, we say {ours}"
            seen.add(reason)
    assert seen == set(DIFFERENCES), "these are no differences any more"
    assert compared > 500


@pytest.mark.parametrize("shape", sorted(HANDLERS))
def test_both_read_the_same_time(shape):
    for line in corpus(7):
        if line.shape == shape:
            info = HANDLERS[shape].parse_server_stdout(line.line)
            assert info.hour * 3600 + info.min * 60 + info.sec == line.second
