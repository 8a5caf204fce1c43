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

FLAGS = {
    **dict.fromkeys(("yes", "true", "on", "1"), True),
    **dict.fromkeys(("no", "false", "off", "0"), False),
}


class BadConfig(Exception):
    """A setting that is unknown or has a value it cannot have, in one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a setting besides its name, type and default."""

    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    #: What the pattern means, for people.
    wanted: str = ""
    #: Never shown, and without a flag: every process of a machine can read another's arguments.
    secret: bool = False


def setting(
    default: Any, help: str, low: float | None = None, high: float | None = None, **about: Any
) -> Any:
    """A field of `Config`: its default, its help, the lowest and the highest value."""
    return field(default=default, metadata={"about": About(help, low, high, **about)})


@dataclass(frozen=True, slots=True)
class Known:
    """One setting as the three sources and the help see it."""

    name: str
    kind: Any
    default: Any
    about: About

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def read(self, given: str, source: str) -> Any:
        """The value of a text, or BadConfig with the name, the source and what would be right."""
        try:
            value = _reader(self)(given.strip())
        except ValueError as fault:
            shown = "what was given" if self.about.secret else repr(given)
            raise BadConfig(f"{self.name} must be {fault}, not {shown} ({source}).") from None
        return value

    def shown(self, value: Any) -> Any:
        """The value as JSON has it, without a secret."""
        if self.about.secret:
            return "(set)" if value else "(not set)"
        if isinstance(value, tuple):
            return [str(one) for one in value]
        return str(value) if isinstance(value, Path) else value


def perhaps(name: str, known: Iterable[str]) -> str:
    """How a sentence about an unknown name ends."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else "."


def settings(of: type) -> Iterator[Known]:
    """The settings of a class, in its order."""
    kinds = typing.get_type_hints(of)
    for one in dataclasses.fields(of):
        yield Known(one.name, kinds[one.name], one.default, one.metadata["about"])


def _reader(one: Known) -> Callable[[str], Any]:
    """What reads this setting; its ValueError completes the sentence "… must be"."""
    if one.kind in (int, float):
        return lambda given: _number(one.kind, given, one.about)
    if one.kind is str:
        return lambda given: _word(given, one.about)
    return READERS[one.kind]


def _number(kind: type[int] | type[float], given: str, about: About) -> float:
    low, high = about.low, about.high
    noun = "a whole number" if kind is int else "a number"
    try:
        value = kind(given)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high):
        return value
    least = "" if low is None else f" from {low:,}"
    most = "" if high is None else f" up to {high:,}"
    raise ValueError(noun + least + most)


def _word(given: str, about: About) -> str:
    if about.choices and given not in about.choices:
        raise ValueError(f"one of {', '.join(about.choices)}")
    if about.pattern and not re.fullmatch(about.pattern, given):
        raise ValueError(about.wanted)
    return given


def _flag(given: str) -> bool:
    if given.lower() not in FLAGS:
        raise ValueError(f"one of {', '.join(FLAGS)}")
    return FLAGS[given.lower()]


def _path(given: str) -> Path:
    if not given or "\0" in given:
        raise ValueError("a path")
    return Path(given).expanduser()


def _networks(given: str) -> tuple[Network, ...]:
    words = (word.strip() for word in given.split(","))
    try:
        return tuple(ipaddress.ip_network(word) for word in words if word)
    except ValueError:
        raise ValueError("addresses or networks (10.0.0.0/8) with commas between") from None


def _base_url(given: str) -> Url:
    try:
        url = urlsplit(given.rstrip("/"))
        more = url.path or url.query or url.fragment or url.username is not None
        odd = bool(more) or not url.hostname or url.port == 0
    except ValueError:
        odd = True
    if given and (odd or not re.fullmatch(r"https?://\S+", given)):
        raise ValueError("https:// or http:// and a host, perhaps with a port")
    return Url(given.rstrip("/"))


READERS: Mapping[Any, Callable[[str], Any]] = {
    bool: _flag,
    Path: _path,
    Url: _base_url,
    tuple[Network, ...]: _networks,
}
