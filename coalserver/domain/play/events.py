"""Events of lobbies, rooms, the messages in them, and bans. All fields of each event are stored.

`game` is a tag; `lobby`, `room`, `player` and other participants are ids; `name` is the player's name at the time.
"""

from dataclasses import dataclass

from coalserver.domain.construction import quickly_made


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyOpened:
    """A lobby was created with its host as first member. Has all fields of lists of lobbies."""

    game: str
    lobby: int
    name: str
    capacity: int
    host: int
    host_name: str
    #: Whether it has a password.
    private: bool
    #: A JSON object.
    options: bytes
    #: Whether its host approves each new member.
    requires_approval: bool = False


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyClosed:
    """A lobby was started or closed. `close_reason` is a CloseReason; `room` is the started room."""

    game: str
    lobby: int
    close_reason: str
    room: int | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyMemberJoined:
    """A player joined a lobby."""

    game: str
    lobby: int
    player: int
    name: str


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyMemberLeft:
    """A member left a lobby. `reason` is left, kicked, timeout or banned.

    `by_admin`: kicked by an administrator instead of the host.
    """

    game: str
    lobby: int
    player: int
    name: str
    reason: str
    by_admin: bool = False


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyMemberReady:
    """A member of a lobby set their ready flag."""

    game: str
    lobby: int
    player: int
    name: str
    ready: bool


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyMemberRenamed:
    """A member of a lobby has another name."""

    game: str
    lobby: int
    player: int
    name: str


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyMemberAway:
    """A member of a lobby is away or (`away` false) present again."""

    game: str
    lobby: int
    player: int
    name: str
    away: bool


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyHostChanged:
    """A lobby has another host, `player`."""

    game: str
    lobby: int
    player: int
    name: str


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyOptionsChanged:
    """The host of a lobby set other options (a JSON object)."""

    game: str
    lobby: int
    options: bytes


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyPasswordChanged:
    """The host of a lobby, `by`, set or removed the password.

    `by` is None in events stored before it was recorded.
    """

    game: str
    lobby: int
    has_password: bool
    by: int | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class LobbyChat:
    """A member of a lobby sent a chat message."""

    game: str
    lobby: int
    player: int
    name: str
    text: str


@quickly_made
@dataclass(frozen=True, slots=True)
class JoinRequested:
    """A player requested to join a lobby. `request` is the join request's code."""

    game: str
    lobby: int
    player: int
    name: str
    request: str


@quickly_made
@dataclass(frozen=True, slots=True)
class JoinRequestAnswered:
    """A join request was approved or rejected, or ended without an answer.

    `request` is its code, `reason` the EndReason; empty for an answer of the host.
    """

    game: str
    lobby: int
    player: int
    request: str
    approved: bool
    name: str = ""
    reason: str = ""


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomOpened:
    """A room was opened; `lobby` is the lobby it was started from."""

    game: str
    room: int
    lobby: int | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomClosed:
    """A room was closed. `close_reason` is a CloseReason; `outcome` is the rules' outcome: JSON."""

    game: str
    room: int
    close_reason: str
    outcome: bytes | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomMemberJoined:
    """A player joined a running room."""

    game: str
    room: int
    player: int
    name: str
    seat: int


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomMemberLeft:
    """A member left a room. `reason` is left, kicked, timeout or banned.

    `by_admin`: kicked by an administrator instead of the host.
    """

    game: str
    room: int
    player: int
    name: str
    seat: int
    reason: str
    by_admin: bool = False


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomMemberRenamed:
    """A member of a room has another name."""

    game: str
    room: int
    player: int
    name: str


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomMemberAway:
    """A member of a room is away or (`away` false) present again."""

    game: str
    room: int
    player: int
    name: str
    away: bool


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomHostChanged:
    """A room has another host, `player`."""

    game: str
    room: int
    player: int
    name: str


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomPasswordChanged:
    """The host of a room, `by`, set or removed the password.

    `by` is None in events stored before it was recorded.
    """

    game: str
    room: int
    has_password: bool
    by: int | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class TurnTaken:
    """A member took a turn (any JSON). `state` is the state after it: JSON, None without rules.

    `number` counts the turns of a room from 1: clients skip turns that their snapshot includes.
    `action_targets` are members who have the turn as an action, and need it in no other form.
    """

    game: str
    room: int
    player: int
    seat: int
    turn: bytes
    state: bytes | None = None
    current: tuple[int, ...] | None = None
    number: int = 0
    action_targets: tuple[int, ...] = ()


@quickly_made
@dataclass(frozen=True, slots=True)
class RoomChat:
    """A member of a room sent a chat message.

    One that was sent as an update has the update's `data` (JSON), and whether the host sent it.
    """

    game: str
    room: int
    player: int
    name: str
    text: str
    data: bytes | None = None
    from_host: bool | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class UpdateSent:
    """A member of a room sent another a message; `data` is any JSON.

    `seat` is the sender's seat; None in events stored before it was recorded.
    """

    game: str
    room: int
    sender: int
    target: int
    from_host: bool
    type: str
    data: bytes
    seat: int | None = None


@quickly_made
@dataclass(frozen=True, slots=True)
class SyncedStateChanged:
    """The source of truth changed a room's synced state.

    `patch` is a JSON Merge Patch; None: the whole state was replaced.
    """

    game: str
    room: int
    by: int
    version: int
    patch: bytes | None


@quickly_made
@dataclass(frozen=True, slots=True)
class CommandSent:
    """A member of a room sent a command to one or all other members; `data` is any JSON."""

    game: str
    room: int
    sender: int
    name: str
    data: bytes


@quickly_made
@dataclass(frozen=True, slots=True)
class BinarySent:
    """A member of a room sent all others binary data, in base64."""

    game: str
    room: int
    sender: int
    data: str


@quickly_made
@dataclass(frozen=True, slots=True)
class ActionRequested:
    """A member of a room requested an action of another. `action` is its code.

    `seat` (the sender's), `type` and `request` are there for targets who read events instead of actions.
    """

    game: str
    room: int
    action: str
    sender: int
    target: int
    seat: int | None = None
    type: str = ""
    request: bytes = b"null"


@quickly_made
@dataclass(frozen=True, slots=True)
class ActionFinished:
    """An action was completed or failed. `action` is its code, `status` an ActionStatus."""

    game: str
    room: int
    action: str
    sender: int
    target: int
    status: str


@quickly_made
@dataclass(frozen=True, slots=True)
class PlayerBanned:
    """A player was banned from a game, until a time or permanently (None)."""

    game: str
    player: int
    reason: str
    until: float | None


@quickly_made
@dataclass(frozen=True, slots=True)
class PlayerUnbanned:
    """A player was unbanned from a game."""

    game: str
    player: int
