"""Events of games: what has happened in them, in the past tense. The whole dataclass is kept of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LobbyOpened:
    """A lobby was made; its host sits in it. Says all that a list of lobbies shows of it."""

    game: str
    lobby: int
    name: str
    capacity: int
    host: int
    host_name: str
    private: bool
    options: bytes


@dataclass(frozen=True, slots=True)
class LobbyClosed:
    """Nobody gathers there any more. `ending` is an Ending; `room` is what was started from it."""

    game: str
    lobby: int
    close_reason: str
    room: int | None = None


@dataclass(frozen=True, slots=True)
class LobbyMemberJoined:
    """A player took a seat in a lobby."""

    game: str
    lobby: int
    player: int
    name: str


@dataclass(frozen=True, slots=True)
class LobbyMemberLeft:
    """A player's seat in a lobby is free again. `how` is left, kicked, timeout or banned."""

    game: str
    lobby: int
    player: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class LobbyMemberReady:
    """A member of a lobby said whether he is ready."""

    game: str
    lobby: int
    player: int
    name: str
    ready: bool


@dataclass(frozen=True, slots=True)
class LobbyMemberAway:
    """A member of a lobby has gone silent, or (`away` false) is back."""

    game: str
    lobby: int
    player: int
    name: str
    away: bool


@dataclass(frozen=True, slots=True)
class LobbyHostChanged:
    """Somebody else leads the lobby."""

    game: str
    lobby: int
    player: int
    name: str


@dataclass(frozen=True, slots=True)
class LobbyOptionsChanged:
    """The host of a lobby chose other options (a JSON object)."""

    game: str
    lobby: int
    options: bytes


@dataclass(frozen=True, slots=True)
class LobbyPasswordChanged:
    """The host of a lobby set a password, or removed it."""

    game: str
    lobby: int
    has_password: bool


@dataclass(frozen=True, slots=True)
class LobbyChat:
    """A member of a lobby said something."""

    game: str
    lobby: int
    player: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class JoinRequested:
    """A player asked the host to be let in."""

    game: str
    lobby: int
    player: int
    name: str
    request: str


@dataclass(frozen=True, slots=True)
class JoinRequestAnswered:
    """The host let a player in, or did not."""

    game: str
    lobby: int
    player: int
    request: str
    approved: bool


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


@dataclass(frozen=True, slots=True)
class UpdateSent:
    """A message from one member of a room to another: any JSON."""

    game: str
    room: int
    sender: int
    target: int
    from_host: bool
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class SyncedStateChanged:
    """The source of truth changed a room's state: by a patch, or wholly (None)."""

    game: str
    room: int
    by: int
    version: int
    patch: bytes | None


@dataclass(frozen=True, slots=True)
class CommandSent:
    """A member sent a command to another, or to all others."""

    game: str
    room: int
    sender: int
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class BinarySent:
    """A member sent all others what is no JSON: base64."""

    game: str
    room: int
    sender: int
    data: str


@dataclass(frozen=True, slots=True)
class ActionRequested:
    """A member asked another for something."""

    game: str
    room: int
    action: str
    sender: int
    target: int


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """An action was answered for good."""

    game: str
    room: int
    action: str
    sender: int
    target: int
    status: str


@dataclass(frozen=True, slots=True)
class PlayerBanned:
    """A player was shut out of a game, until a time or for ever (None)."""

    game: str
    player: int
    reason: str
    until: float | None


@dataclass(frozen=True, slots=True)
class PlayerUnbanned:
    """A player may come back to a game."""

    game: str
    player: int
