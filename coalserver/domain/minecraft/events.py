"""Events of worlds, their log lines and screenshots. All fields of each event are stored."""

from dataclasses import dataclass

from coalserver.domain.construction import maker
from coalserver.domain.minecraft.history import LogLine


@dataclass(frozen=True, slots=True)
class WorldAdded:
    """A world was added."""

    world: int
    name: str


@dataclass(frozen=True, slots=True)
class WorldChanged:
    """A field of this event changed in a world. An archived world is not `active`."""

    world: int
    name: str
    status: str
    version: str
    address: str
    active: bool
    public: bool = False


@dataclass(frozen=True, slots=True)
class LineLogged:
    """A line of a world's log was stored.

    `live` is false for a line written long before it arrived, which causes no notification.
    """

    world: int
    line: LogLine
    live: bool


#: Makes a LineLogged from all its fields.
make_line_logged = maker(LineLogged)


@dataclass(frozen=True, slots=True)
class ConsoleCommandsDelivered:
    """The agent of a world fetched queued console commands."""

    world: int
    #: Their ids, oldest first.
    commands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UsernameClaimed:
    """An account proved that it owns a Minecraft username."""

    account: int
    username: str


@dataclass(frozen=True, slots=True)
class ScreenshotAdded:
    """A screenshot was added or (`ready`) its small and blurred versions were made."""

    world: int
    screenshot: int
    account: int
    ready: bool


@dataclass(frozen=True, slots=True)
class ScreenshotDeleted:
    """A screenshot was deleted."""

    world: int
    screenshot: int
