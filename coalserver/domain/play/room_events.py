"""Events of rooms: what has happened in them, in the past tense. The whole dataclass is kept of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoomOpened:
    """Play began."""

    game: str
    room: int
    lobby: int | None = None


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """Play is over. `ending` is an Ending; `outcome` is what the rules say came of it, as JSON."""

    game: str
    room: int
    close_reason: str
    outcome: bytes | None = None


@dataclass(frozen=True, slots=True)
class RoomMemberJoined:
    """A player took a seat in a room that was already running."""

    game: str
    room: int
    player: int
    name: str
    seat: int


@dataclass(frozen=True, slots=True)
class RoomMemberLeft:
    """A player's seat in a room is free again. `how` is left, kicked, timeout or banned."""

    game: str
    room: int
    player: int
    name: str
    seat: int
    reason: str


@dataclass(frozen=True, slots=True)
class RoomMemberAway:
    """A member of a room has gone silent, or (`away` false) is back."""

    game: str
    room: int
    player: int
    name: str
    away: bool


@dataclass(frozen=True, slots=True)
class RoomHostChanged:
    """Somebody else leads the room."""

    game: str
    room: int
    player: int
    name: str


@dataclass(frozen=True, slots=True)
class RoomPasswordChanged:
    """The host of a room set a password, or removed it."""

    game: str
    room: int
    has_password: bool


@dataclass(frozen=True, slots=True)
class TurnTaken:
    """A member took a turn: any JSON. `state` is the rules' state after it, None without rules.

    Turns of a room count from 1, so that who has seen one in a snapshot does not count it twice.
    """

    game: str
    room: int
    player: int
    seat: int
    turn: bytes
    state: bytes | None = None
    current: tuple[int, ...] | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class RoomChat:
    """A member of a room said something."""

    game: str
    room: int
    player: int
    name: str
    text: str
