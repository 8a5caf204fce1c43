"""Settings of hosting that administrators change while the server runs ("Configure")."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from coalserver.domain.errors import DomainError, ErrorCode

#: Id of the only HostingSettings.
SETTINGS_ID = 1


@dataclass(frozen=True, slots=True)
class HostingSettings:
    """The settings of all hosted worlds, within the bounds of the configuration.

    The first four apply from a world's next start.
    """

    id: int = SETTINGS_ID
    #: Memory in MiB for all worlds together; 0: that of the configuration.
    budget: int = 0
    #: Ports for worlds, `first-last`; empty: those of the configuration.
    ports: str = ""
    #: Host of the worlds' addresses; empty: found by the server.
    public_address: str = ""
    cpu_weight: int = 100
    #: Unpinned saved games that are kept for each world, besides the newest.
    backup_depth: int = 10
    #: Time of the nightly saved games, `HH:MM`, and its zone.
    save_at: str = "00:00"
    save_zone: str = "UTC"
    save_on_pause: bool = True
    #: Seconds between the warning to players and the stop; 0: no warning.
    stop_warning: int = 10
    #: MiB that stay free on the disk.
    disk_free: int = 1024
    #: Largest size of a world, in MiB.
    world_limit: int = 10 * 1024
    #: Whether the ticks are asked for each minute.
    ticks: bool = False
    #: Whether a world that does not answer is killed.
    kill_hung: bool = False


@dataclass(frozen=True, slots=True)
class SettingBounds:
    """What the configuration allows: memory in MiB for all worlds, and the first and last port."""

    budget: int = 1 << 30
    first_port: int = 1
    last_port: int = 65535

    @property
    def ports(self) -> str:
        return f"{self.first_port}-{self.last_port}"


@dataclass(frozen=True, slots=True)
class SettingError:
    """Why the value of a setting is refused: the name of the setting, and what it can be."""

    name: str
    bounds: SettingBounds

    @property
    def template(self) -> str:
        """The sentence, with the names of `values`."""
        return ALLOWED.get(self.name, NO_SETTING)

    @property
    def values(self) -> dict[str, str]:
        """What the sentence names."""
        bounds = self.bounds
        return {
            "name": self.name,
            "names": ", ".join(SETTING_NAMES),
            "budget": str(bounds.budget),
            "first": str(bounds.first_port),
            "last": str(bounds.last_port),
        }

    @property
    def text(self) -> str:
        """The sentence in English."""
        sentence = self.template.format(**self.values)
        return f"{self.name}: {sentence}" if self.name in ALLOWED else sentence


#: What each setting can be.
ALLOWED = {
    "budget": "MiB of memory from 1 to {budget}, or 0 for all of it.",
    "ports": "The first and the last port with a hyphen between them, from {first} to {last}.",
    "public_address": "A host name or an IP address without a port, or nothing.",
    "cpu_weight": "A whole number from 1 to 10000.",
    "backup_depth": "A whole number from 1 to 1000.",
    "save_at": "A time of day from 00:00 to 23:59.",
    "save_zone": "A time zone of the IANA list, such as Europe/Berlin.",
    "save_on_pause": "Yes or no.",
    "stop_warning": "A whole number of seconds from 0 to 3600.",
    "disk_free": "MiB of disk space from 0 to 1000000000.",
    "world_limit": "MiB of disk space from 1 to 1000000000.",
    "ticks": "Yes or no.",
    "kill_hung": "Yes or no.",
}
NO_SETTING = "There is no setting {name}. The settings are: {names}."
SETTING_NAMES = tuple(ALLOWED)
_WORDS = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_NUMBERS = {
    "cpu_weight": (1, 10_000),
    "backup_depth": (1, 1000),
    "stop_warning": (0, 3600),
    "disk_free": (0, 1_000_000_000),
    "world_limit": (1, 1_000_000_000),
}
_MAX_DIGITS = 12


def parse_settings(texts: Mapping[str, str], bounds: SettingBounds) -> dict[str, Any]:
    """Return the values of settings as they are stored.

    A value that equals that of the configuration is stored as unset, so that it follows the configuration. Raises
    INVALID_REQUEST, with a list of SettingError as `settings`.
    """
    values: dict[str, Any] = {}
    errors = []
    for name, text in texts.items():
        try:
            values[name] = _parse(name, text.strip(), bounds)
        except ValueError:
            errors.append(SettingError(name, bounds))
    if errors:
        fields = {error.name: ["invalid"] for error in errors}
        raise DomainError(ErrorCode.INVALID_REQUEST, fields=fields, settings=errors)
    return values


def _parse(name: str, text: str, bounds: SettingBounds) -> Any:
    """Return one value. Raises ValueError."""
    if name in _NUMBERS:
        return _parse_number(text, *_NUMBERS[name])
    match name:
        case "budget":
            budget = _parse_number(text, 0, bounds.budget)
            return 0 if budget == bounds.budget else budget
        case "ports":
            return _parse_ports(text, bounds)
        case "public_address":
            return _parse_host(text)
        case "save_at" if _TIME.fullmatch(text):
            return text
        case "save_zone" if text == "UTC" or text in available_timezones():
            return text
        case "save_on_pause" | "ticks" | "kill_hung" if text.lower() in _WORDS:
            return _WORDS[text.lower()]
    raise ValueError(name)


def _parse_number(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise ValueError(text)
    if not low <= int(text) <= high:
        raise ValueError(text)
    return int(text)


def _parse_ports(text: str, bounds: SettingBounds) -> str:
    if not text:
        return ""
    low, dash, high = (part.strip() for part in text.partition("-"))
    first = _parse_number(low, bounds.first_port, bounds.last_port)
    last = _parse_number(high, first, bounds.last_port) if dash else first
    ports = f"{first}-{last}"
    return "" if ports == bounds.ports else ports


def _parse_host(text: str) -> str:
    if ":" in text:
        return str(ipaddress.IPv6Address(text.removeprefix("[").removesuffix("]")))
    if text and (len(text) > 253 or not _HOST_NAME.fullmatch(text)):
        raise ValueError(text)
    return text


def effective_ports(ports: str, bounds: SettingBounds) -> tuple[int, int]:
    """Return the first and the last port of worlds: those that were set, within what the configuration has now."""
    low, dash, high = ports.partition("-")
    if dash:
        first, last = max(bounds.first_port, int(low)), min(bounds.last_port, int(high))
        if first <= last:
            return first, last
    return bounds.first_port, bounds.last_port


def shown_settings(settings: HostingSettings, bounds: SettingBounds) -> dict[str, Any]:
    """Return name and value of each setting as it applies, in the order in which they are shown."""
    first, last = effective_ports(settings.ports, bounds)
    budget = min(settings.budget or bounds.budget, bounds.budget)
    stored = {name: getattr(settings, name) for name in SETTING_NAMES}
    return {**stored, "budget": budget, "ports": f"{first}-{last}"}
