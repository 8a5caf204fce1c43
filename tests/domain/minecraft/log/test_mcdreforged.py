"""Comparison with the independent parsers of MCDReforged."""

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

#: The handler for each format of header. MCDReforged does not support the other formats.
HANDLERS = {
    "coal": Beta18Handler(),
    "vanilla": VanillaHandler(),
    "paper": BukkitHandler(),
    "forge": ForgeHandler(),
    "arclight": ArclightHandler(),
}


def parse_with_mcdreforged(line: Line) -> tuple[str, ...] | None:
    """Return what MCDReforged parses from a line, for kinds that both parsers know."""
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


def comparable(parsed: ParsedLine) -> tuple[str, ...] | None:
    """Return the same form for a line of our parser."""
    match parsed.kind:
        case LineKind.CHAT | LineKind.CHANNEL:
            return "chat", parsed.username, parsed.chat
        case LineKind.LOGGED_IN:
            return "logged in", parsed.username
        case LineKind.LEFT:
            return "left", parsed.username
        case LineKind.STARTING:
            return "starting", parsed.version
        case LineKind.LISTENING:
            return "listening", parsed.ip, parsed.port
        case LineKind.READY | LineKind.RCON | LineKind.STOPPING:
            return (parsed.kind.value,)
    return None


#: Known differences: the reason, the format of header and the pattern of the text.
DIFFERENCES = {
    "MCDReforged requires names of 3 to 16 letters": ("", r"^(\[.*?\] ?)?<?20\b"),
    "MCDReforged does not parse names with a team": ("", r"^<\[Admin\] "),
    "MCDReforged parses a world before a name for Bukkit only": ("", r"^\[world_nether\]<"),
    "MCDReforged requires a decimal point": ("", r"^Done \(12,3s\)"),
    "MCDReforged parses lines with a date as beta 1.8": (
        "coal",
        r" lost connection: | left the game$|^Done |^RCON running",
    ),
}


def known_difference(line: Line) -> str:
    """Return the reason for a difference, or "" if it is unknown."""
    for reason, (shape, pattern) in DIFFERENCES.items():
        if line.shape.startswith(shape) and re.search(pattern, line.text):
            return reason
    return ""


def test_parsers_agree_except_for_known_differences():
    seen, compared = set(), 0
    for line in chain.from_iterable(corpus(seed) for seed in range(12)):
        if line.shape not in HANDLERS:
            continue
        expected, actual = parse_with_mcdreforged(line), comparable(parse_line(line.line, TODAY))
        compared += expected is not None
        if expected != actual:
            reason = known_difference(line)
            assert reason, f"{line.line!r}: MCDReforged: {expected}, ours: {actual}"
            seen.add(reason)
    assert seen == set(DIFFERENCES), "remove obsolete differences"
    assert compared > 500


@pytest.mark.parametrize("shape", sorted(HANDLERS))
def test_parsers_agree_about_the_time(shape):
    for line in corpus(7):
        if line.shape == shape:
            info = HANDLERS[shape].parse_server_stdout(line.line)
            assert info.hour * 3600 + info.min * 60 + info.sec == line.second
