"""Log lines about the server process: start, readiness, lag, stop and failures."""

import re
from collections import defaultdict

from coalserver.domain.minecraft.log.kinds import LineDetails, LineKind, ParsedText
from coalserver.domain.minecraft.log.tables import rows

#: Output of Java itself, before logging starts, without a header.
_JAVA_ERROR = re.compile(
    r"(?P<message>Error: (?:Invalid or corrupt|Unable to access) jarfile .*"
    r"|.*\bUnsupportedClassVersionError\b.*)"
)
#: The formats up to 1.12 and since.
_LAG = re.compile(r"Running ([0-9]{1,15})ms (?:behind, skipping|or) ([0-9]{1,15}) ")


def _by_first_word() -> dict[str, list[tuple[LineKind, re.Pattern[str]]]]:
    patterns = defaultdict(list)
    for kind, text in rows("phrases.txt"):
        first = text.removeprefix("(?P<message>").partition(" ")[0].replace("\\", "")
        patterns[first].append((LineKind(kind), re.compile(text)))
    return dict(patterns)


_BY_FIRST_WORD = _by_first_word()


def parse_server_line(first_word: str, text: str) -> ParsedText | None:
    """Return kind and details of a text with this first word; None for other texts."""
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
