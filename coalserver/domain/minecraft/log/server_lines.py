"""What a world's log says of the world itself: that it starts, is ready, lags, stops, or cannot."""

import re
from collections import defaultdict

from coalserver.domain.minecraft.log.kinds import Facts, Found, Kind

#: Whole lines.
_EXACT = {
    "Stopping server": Kind.STOPPING,
    "Stopping the server": Kind.STOP_ASKED,
    "Saved the game": Kind.SAVED,
    "Saved the world": Kind.SAVED,
}
#: Beginnings of lines, in the order they are tried. A group's name is that of what it tells.
_PHRASES = (
    (Kind.STARTING, r"Starting minecraft server version (?P<version>.*\S)"),
    (Kind.LISTENING, r"Starting Minecraft server on (?P<ip>.*):(?P<port>[0-9]+)"),
    (Kind.BRAND, r"This server is running (?P<message>.+)"),
    (Kind.BRAND, r"Loading Minecraft (?P<message>\S+ with .+)"),
    (Kind.BRAND, r"(?P<message>ModLauncher running\b.*)"),
    (Kind.BRAND, r"(?P<message>Forge mod loading\b.*)"),
    # The time has a decimal comma in some languages, and long ago was in nanoseconds.
    (Kind.READY, r'Done \([0-9.,]+ ?n?s\)! For help, type "help"'),
    (Kind.RCON, r"RCON running on (?P<ip>.*):(?P<port>[0-9]+)"),
    (Kind.PAUSED, r"Server empty for [0-9]+ seconds, pausing"),
    (Kind.OVERLOADED, r"Can't keep up!"),
    (Kind.FAILED, r"(?P<message>\*\*\*\* FAILED TO BIND TO PORT!)"),
    (Kind.FAILED, r"(?P<message>You need to agree to the EULA\b.*)"),
    (Kind.CRASHED, r"This crash report has been saved to: (?P<message>.+)"),
    (Kind.CRASHED, r"(?P<message>Encountered an unexpected exception)"),
    (Kind.CRASHED, r"(?P<message>A single server tick took .+ seconds)"),
    (Kind.MOB_DEATH, r"Named entity .* died: (?P<message>.*)"),
    (Kind.MOB_DEATH, r"Villager .* died, message: '(?P<message>.*)'"),
)
#: Written by Java itself before there is a log, and so without a header.
_NO_JAVA = re.compile(
    r"(?P<message>Error: (?:Invalid or corrupt|Unable to access) jarfile .*"
    r"|.*\bUnsupportedClassVersionError\b.*)"
)
#: Up to 1.12, and since.
_BEHIND = re.compile(r"Running ([0-9]{1,15})ms (?:behind, skipping|or) ([0-9]{1,15}) ")


def _by_first_word() -> dict[str, list[tuple[Kind, re.Pattern[str]]]]:
    found = defaultdict(list)
    for kind, words in _PHRASES:
        first = words.removeprefix("(?P<message>").partition(" ")[0].replace("\\", "")
        found[first].append((kind, re.compile(words)))
    return dict(found)


_BY_FIRST = _by_first_word()


def of_the_world(first: str, text: str) -> Found | None:
    """What a text that begins with that word says of the world."""
    if text in _EXACT:
        return _EXACT[text], {}
    for kind, pattern in _BY_FIRST.get(first, ()):
        match = pattern.match(text)
        if match is not None:
            return (kind, _late(text)) if kind is Kind.OVERLOADED else (kind, _told(match))
    return None


def without_a_header(text: str) -> Found | None:
    """What a line without a header says: of a world that was never started."""
    match = _NO_JAVA.match(text) if "Error" in text else None
    return (Kind.FAILED, _told(match)) if match else None


def _told(match: re.Match[str]) -> Facts:
    facts: Facts = {}
    groups = match.groupdict("")
    if "version" in groups:
        facts["version"] = groups["version"]
    if "message" in groups:
        facts["message"] = groups["message"]
    if "port" in groups:
        facts["ip"], facts["port"] = groups["ip"], groups["port"]
    return facts


def _late(text: str) -> Facts:
    """By how many ms and ticks; nothing, if a line of long ago does not say."""
    match = _BEHIND.search(text)
    return {"behind": int(match[1]), "skipped": int(match[2])} if match else {}
