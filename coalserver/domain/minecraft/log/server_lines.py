"""Log lines about the server process: start, readiness, lag, stop and failures."""

import re
from collections import defaultdict

from coalserver.domain.minecraft.log.kinds import LineDetails, LineKind, ParsedText

#: Whole lines.
_EXACT = {
    "Stopping server": LineKind.STOPPING,
    "Stopping the server": LineKind.STOP_REQUESTED,
    "Saved the game": LineKind.SAVED,
    "Saved the world": LineKind.SAVED,
}
#: Beginnings of lines, in the order they are tried. Named groups are fields of LineDetails.
_PHRASES = (
    (LineKind.STARTING, r"Starting minecraft server version (?P<version>.*\S)"),
    (LineKind.LISTENING, r"Starting Minecraft server on (?P<ip>.*):(?P<port>[0-9]+)"),
    (LineKind.BRAND, r"This server is running (?P<message>.+)"),
    (LineKind.BRAND, r"Loading Minecraft (?P<message>\S+ with .+)"),
    (LineKind.BRAND, r"(?P<message>ModLauncher running\b.*)"),
    (LineKind.BRAND, r"(?P<message>Forge mod loading\b.*)"),
    # The time has a decimal comma in some languages and was in nanoseconds in early versions.
    (LineKind.READY, r'Done \([0-9.,]+ ?n?s\)! For help, type "help"'),
    (LineKind.RCON, r"RCON running on (?P<ip>.*):(?P<port>[0-9]+)"),
    (LineKind.PAUSED, r"Server empty for [0-9]+ seconds, pausing"),
    (LineKind.OVERLOADED, r"Can't keep up!"),
    (LineKind.FAILED, r"(?P<message>\*\*\*\* FAILED TO BIND TO PORT!)"),
    (LineKind.FAILED, r"(?P<message>You need to agree to the EULA\b.*)"),
    (LineKind.CRASHED, r"This crash report has been saved to: (?P<message>.+)"),
    (LineKind.CRASHED, r"(?P<message>Encountered an unexpected exception)"),
    (LineKind.CRASHED, r"(?P<message>A single server tick took .+ seconds)"),
    (LineKind.MOB_DEATH, r"Named entity .* died: (?P<message>.*)"),
    (LineKind.MOB_DEATH, r"Villager .* died, message: '(?P<message>.*)'"),
)
#: Output of Java itself, before logging starts, without a header.
_JAVA_ERROR = re.compile(
    r"(?P<message>Error: (?:Invalid or corrupt|Unable to access) jarfile .*"
    r"|.*\bUnsupportedClassVersionError\b.*)"
)
#: The formats up to 1.12 and since.
_LAG = re.compile(r"Running ([0-9]{1,15})ms (?:behind, skipping|or) ([0-9]{1,15}) ")


def _by_first_word() -> dict[str, list[tuple[LineKind, re.Pattern[str]]]]:
    patterns = defaultdict(list)
    for kind, words in _PHRASES:
        first = words.removeprefix("(?P<message>").partition(" ")[0].replace("\\", "")
        patterns[first].append((kind, re.compile(words)))
    return dict(patterns)


_BY_FIRST_WORD = _by_first_word()


def parse_server_line(first_word: str, text: str) -> ParsedText | None:
    """Return kind and details of a text with this first word; None for other texts."""
    if text in _EXACT:
        return _EXACT[text], {}
    for kind, pattern in _BY_FIRST_WORD.get(first_word, ()):
        match = pattern.match(text)
        if match is not None:
            return (
                (kind, _parse_lag(text)) if kind is LineKind.OVERLOADED else (kind, _details(match))
            )
    return None


def parse_headerless_line(text: str) -> ParsedText | None:
    """Return kind and details of a line without a header: a failed start; None for other lines."""
    match = _JAVA_ERROR.match(text) if "Error" in text else None
    return (LineKind.FAILED, _details(match)) if match else None


def _details(match: re.Match[str]) -> LineDetails:
    details: LineDetails = {}
    groups = match.groupdict("")
    if "version" in groups:
        details["version"] = groups["version"]
    if "message" in groups:
        details["message"] = groups["message"]
    if "port" in groups:
        details["ip"], details["port"] = groups["ip"], groups["port"]
    return details


def _parse_lag(text: str) -> LineDetails:
    """Return milliseconds and ticks of lag; empty for early versions without numbers."""
    match = _LAG.search(text)
    return {"behind": int(match[1]), "skipped": int(match[2])} if match else {}
