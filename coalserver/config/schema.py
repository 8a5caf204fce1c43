"""Settings: what one is, and how a text becomes its value. Which there are stands in config.py."""

import dataclasses
import difflib
import ipaddress
import math
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NewType
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: Scheme and host, perhaps a port; no slash at its end.
Url = NewType("Url", str)

BOOLEANS = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}


class ConfigError(Exception):
    """A setting that is unknown or has a value it cannot have, in one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class SettingMeta:
    """What is known of a setting besides its name, type and default."""

    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    #: What the pattern means, for people.
    expected: str = ""
    #: Never shown, and without a flag: every process of a machine can read another's arguments.
    secret: bool = False


def setting(
    default: Any, help: str, low: float | None = None, high: float | None = None, **meta: Any
) -> Any:
    """A field of `Config`: its default, its help, the lowest and the highest value."""
    return field(default=default, metadata={"meta": SettingMeta(help, low, high, **meta)})


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting as the three sources and the help see it."""

    name: str
    kind: Any
    default: Any
    meta: SettingMeta

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def parse(self, text: str, source: str) -> Any:
        """The value of a text, or BadConfig with the name, the source and what would be right."""
        try:
            value = _parser_for(self)(text.strip())
        except ValueError as error:
            quoted = "what was given" if self.meta.secret else repr(text)
            raise ConfigError(f"{self.name} must be {error}, not {quoted} ({source}).") from None
        return value

    def to_json(self, value: Any) -> Any:
        """The value as JSON has it, without a secret."""
        if self.meta.secret:
            return "(set)" if value else "(not set)"
        if isinstance(value, tuple):
            return [str(one) for one in value]
        return str(value) if isinstance(value, Path) else value


def suggestion(name: str, known: Iterable[str]) -> str:
    """How a sentence about an unknown name ends."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else "."


def settings(of: type) -> Iterator[SettingField]:
    """The settings of a class, in its order."""
    kinds = typing.get_type_hints(of)
    for one in dataclasses.fields(of):
        yield SettingField(one.name, kinds[one.name], one.default, one.metadata["meta"])


def _parser_for(one: SettingField) -> Callable[[str], Any]:
    """What reads this setting; its ValueError completes the sentence "… must be"."""
    if one.kind in (int, float):
        return lambda text: _parse_number(one.kind, text, one.meta)
    if one.kind is str:
        return lambda text: _parse_text(text, one.meta)
    return PARSERS[one.kind]


def _parse_number(kind: type[int] | type[float], text: str, meta: SettingMeta) -> float:
    low, high = meta.low, meta.high
    noun = "a whole number" if kind is int else "a number"
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high):
        return value
    minimum = "" if low is None else f" from {low:,}"
    maximum = "" if high is None else f" up to {high:,}"
    raise ValueError(noun + minimum + maximum)


def _parse_text(text: str, meta: SettingMeta) -> str:
    if meta.choices and text not in meta.choices:
        raise ValueError(f"one of {', '.join(meta.choices)}")
    if meta.pattern and not re.fullmatch(meta.pattern, text):
        raise ValueError(meta.expected)
    return text


def _parse_boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError(f"one of {', '.join(BOOLEANS)}")
    return BOOLEANS[text.lower()]


def _parse_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("a path")
    return Path(text).expanduser()


def _parse_networks(text: str) -> tuple[Network, ...]:
    words = (word.strip() for word in text.split(","))
    try:
        return tuple(ipaddress.ip_network(word) for word in words if word)
    except ValueError:
        raise ValueError("addresses or networks (10.0.0.0/8) with commas between") from None


def _parse_base_url(text: str) -> Url:
    try:
        url = urlsplit(text.rstrip("/"))
        more = url.path or url.query or url.fragment or url.username is not None
        odd = bool(more) or not url.hostname or url.port == 0
    except ValueError:
        odd = True
    if text and (odd or not re.fullmatch(r"https?://\S+", text)):
        raise ValueError("https:// or http:// and a host, perhaps with a port")
    return Url(text.rstrip("/"))


PARSERS: Mapping[Any, Callable[[str], Any]] = {
    bool: _parse_boolean,
    Path: _parse_path,
    Url: _parse_base_url,
    tuple[Network, ...]: _parse_networks,
}
