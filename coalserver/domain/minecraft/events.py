"""Events of worlds: what has happened in them, in the past tense. The whole dataclass is kept of each."""

from dataclasses import dataclass

from coalserver.domain.minecraft.history import LogLine


@dataclass(frozen=True, slots=True)
class WorldAdded:
    """There is another world."""

    world: int
    name: str


@dataclass(frozen=True, slots=True)
class WorldChanged:
    """A world has another name, status, version or address, or other readers; or it is not `active` any more."""

    world: int
    name: str
    status: str
    version: str
    address: str
    active: bool
    public: bool = False


@dataclass(frozen=True, slots=True)
class LineLogged:
    """A line of a world's log was stored: a chat, a death, whatever its tags say.

    `live` is false for one that was written long before it came: nobody is to be called for its sake.
    """

    world: int
    line: LogLine
    live: bool


@dataclass(frozen=True, slots=True)
class ConsoleCommandsDelivered:
    """Lines that waited for a world's console are on their way there: an agent has taken them."""

    world: int
    #: Their ids, oldest first.
    commands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UsernameClaimed:
    """An account has proved that a name in the game is its own."""

    account: int
    username: str


@dataclass(frozen=True, slots=True)
class ScreenshotAdded:
    """There is another screenshot, or (`ready`) its small and blurred versions are there."""

    world: int
    screenshot: int
    account: int
    ready: bool


@dataclass(frozen=True, slots=True)
class ScreenshotDeleted:
    """A screenshot was taken down."""

    world: int
    screenshot: int
