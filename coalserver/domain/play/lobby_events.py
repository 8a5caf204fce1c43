"""Events of lobbies: what has happened in them, in the past tense. The whole dataclass is kept of each."""

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
