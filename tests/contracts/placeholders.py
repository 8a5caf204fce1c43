"""Normalisation: values that differ between runs become placeholders, equal values equal ones."""

import re
from collections.abc import Mapping
from typing import Any

#: Patterns of random values, the most specific first. Times before 2024 are from fixed log lines.
PATTERNS = (
    ("uuid", r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"),
    ("agent", r"\bmc-coal-agent-[0-9]{5}\b"),
    ("time", r"\b20(?:2[4-9]|[3-9]\d)-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d|Z|\b)"),
    ("day", r"\b20(?:2[4-9]|[3-9]\d)-\d\d-\d\d\b"),
    ("stamp", r"\b20(?:2[4-9]|[3-9]\d)[01]\d[0-3]\dT\d{6}Z"),
    ("hex", r"\b(?=[a-f]*[0-9])[0-9a-f]{32,}\b|\b(?=[A-F]*[0-9])[0-9A-F]{32,}\b"),
    ("code", r"(?:(?<=\bMatchmaking )|(?<=\bGame Room ))[0-9a-f]{6}\b"),
    ("client", r"(?<=/clients/)[A-Za-z0-9]{10}\b|(?<=\bmy_example_app)-[A-Za-z0-9]{3}\b"),
    ("seal", r"\b1[789]\d{8}\.[\w-]{16,}"),
    (
        "secret",
        r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?![A-Z][a-z]+(?:-[A-Z][A-Za-z]+)+(?![\w-]))[\w-]{22,}(?![\w-])",
    ),
    ("seconds", r"\b1[789]\d{8}(?:\d{3})?(?:\.\d+)?\b"),
)
FOUND = re.compile(
    "|".join(f"(?P<{name}>{pattern.removeprefix('(?i)')})" for name, pattern in PATTERNS)
)
UUID = re.compile(PATTERNS[0][1])
#: The id of a client that requests none.
CLIENT = re.compile("[A-Za-z0-9]{10}")
#: Kinds whose values are not compared: only their presence counts.
PASSING = {"time", "day", "stamp", "seal", "seconds"}
#: Members whose numbers depend on the speed of the machine or are random.
VARYING = {"seconds_since_heartbeat", "random_id", "server_time"}
#: Numbers between these are times in seconds, or in milliseconds if 1000 times larger.
RECENT, LATE = 1_700_000_000, 2_500_000_000


class Placeholders:
    """Placeholders of one part of the recording. `texts` names members that hold texts."""

    def __init__(self, texts: frozenset[str] = frozenset()) -> None:
        self._texts = texts
        self._named: dict[str, str] = {}
        self._numbers: dict[str, dict[str, int]] = {}

    def add(self, value: str, name: str) -> str:
        """Replace a value by a name from now on."""
        self._named[value] = f"<{name}>"
        return value

    def text(self, source: str) -> str:
        """Return a text with placeholders."""
        for value in sorted(self._named, key=len, reverse=True):
            if value in source:
                source = source.replace(value, self._named[value])
        source = UUID.sub(
            lambda found: self._placeholder("uuid", found[0].lower(), found[0]), source
        )
        return FOUND.sub(self._replaced, source)

    def value(self, source: Any, member: str = "") -> Any:
        """Return a JSON value with placeholders."""
        if isinstance(source, Mapping):
            return {self.text(name): self.value(one, name) for name, one in source.items()}
        if isinstance(source, (list, tuple)):
            return [self.value(one, member) for one in source]
        if isinstance(source, str):
            if member == "client_id" and CLIENT.fullmatch(source):
                return self._placeholder("client", source, source)
            return "<text>" if member in self._texts and source else self.text(source)
        if isinstance(source, bool) or source is None:
            return source
        moment = RECENT <= source <= LATE or RECENT * 1000 <= source <= LATE * 1000
        return "<number>" if moment or member in VARYING else source

    def _replaced(self, found: "re.Match[str]") -> str:
        kind = found.lastgroup or ""
        return self._placeholder(kind, found[0], found[0])

    def _placeholder(self, kind: str, value: str, shown: str) -> str:
        if kind in PASSING:
            return f"<{kind}>" if kind != "time" else "<time" + ("T>" if "T" in shown else ">")
        numbers = self._numbers.setdefault(kind, {})
        number = numbers.setdefault(value, len(numbers) + 1)
        upper = kind == "uuid" and shown == shown.upper() and shown != shown.lower()
        return f"<{'UUID' if upper else kind}:{number}>"
