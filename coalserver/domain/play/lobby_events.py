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
    ending: str
    room: int | None = None


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """A player took a seat in a lobby."""

    game: str
    lobby: int
    player: int
    name: str


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """A player's seat in a lobby is free again. `how` is left, kicked, timeout or banned."""

    game: str
    lobby: int
    player: int
    name: str
    how: str


@dataclass(frozen=True, slots=True)
class MemberReady:
    """A member of a lobby said whether he is ready."""

    game: str
    lobby: int
    player: int
    name: str
    ready: bool


@dataclass(frozen=True, slots=True)
class MemberAway:
    """A member of a lobby has gone silent, or (`away` false) is back."""

    game: str
    lobby: int
    player: int
    name: str
    away: bool


@dataclass(frozen=True, slots=True)
class HostChanged:
    """Somebody else leads the lobby."""

    game: str
    lobby: int
    player: int
    name: str


@dataclass(frozen=True, slots=True)
class OptionsChanged:
    """The host of a lobby chose other options (a JSON object)."""

    game: str
    lobby: int
    options: bytes


@dataclass(frozen=True, slots=True)
class LobbyLocked:
    """The host of a lobby set a password, or removed it."""

    game: str
    lobby: int
    locked: bool


@dataclass(frozen=True, slots=True)
class LobbyChat:
    """A member of a lobby said something."""

    game: str
    lobby: int
    player: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class JoinAsked:
    """A player asked the host to be let in."""

    game: str
    lobby: int
    player: int
    name: str
    request: str


@dataclass(frozen=True, slots=True)
class JoinAnswered:
    """The host let a player in, or did not."""

    game: str
    lobby: int
    player: int
    request: str
    approved: bool
