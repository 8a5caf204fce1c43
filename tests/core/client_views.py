"""The view of a client: a snapshot, updated with events and with the initial state of new lobbies and rooms."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coalserver.core.ports import Entry
from coalserver.core.state import State
from coalserver.domain.play import events
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room

Opened = Mapping[tuple[type, int], Any]


@dataclass(slots=True)
class LobbyView:
    """An open lobby: its members (ready, away), host and settings."""

    members: dict[int, tuple[bool, bool]]
    host: int
    options: bytes
    has_password: bool
    ready_check: bool

    @classmethod
    def of(cls, lobby: Lobby) -> "LobbyView":
        members = {seat.player: (seat.ready, seat.away) for seat in lobby.roster.seats}
        has_password = bool(lobby.password)
        return cls(members, lobby.roster.host, lobby.options, has_password, lobby.ready_check)


@dataclass(slots=True)
class RoomView:
    """A running room: its members (seat, away), host and turns."""

    members: dict[int, tuple[int, bool]]
    host: int
    has_password: bool
    turns: int
    state: bytes | None
    current: tuple[int, ...] | None

    @classmethod
    def of(cls, room: Room) -> "RoomView":
        members = {seat.player: (seat.number, seat.away) for seat in room.roster.seats}
        has_password = bool(room.password)
        return cls(members, room.roster.host, has_password, room.turns, room.state, room.current)


@dataclass(slots=True)
class View:
    """All open lobbies and rooms, and how the others ended."""

    lobbies: dict[int, LobbyView] = field(default_factory=dict)
    rooms: dict[int, RoomView] = field(default_factory=dict)
    ended: dict[tuple[str, int], str] = field(default_factory=dict)

    @classmethod
    def of(cls, state: State) -> "View":
        view = cls()
        for lobby in state.all(Lobby):
            if lobby.open:
                view.lobbies[lobby.id] = LobbyView.of(lobby)
            else:
                view.ended["lobby", lobby.id] = "started" if lobby.room else str(lobby.close_reason)
        for room in state.all(Room):
            if room.ended:
                view.ended["room", room.id] = str(room.close_reason)
            else:
                view.rooms[room.id] = RoomView.of(room)
        return view

    def without_turns(self) -> "View":
        """Return this view without turns, which have no numbers and can be counted twice."""
        for room in self.rooms.values():
            room.turns = 0
        return self

    def apply(self, entries: Iterable[Entry], opened: Opened) -> "View":
        """Return this view after these events. Events of closed lobbies and rooms are ignored."""
        for entry in entries:
            event = entry.event
            if isinstance(event, events.LobbyOpened):
                self.lobbies[event.lobby] = LobbyView.of(opened[Lobby, event.lobby])
                self.ended.pop(("lobby", event.lobby), None)
            elif isinstance(event, events.RoomOpened):
                self.rooms[event.room] = RoomView.of(opened[Room, event.room])
                self.ended.pop(("room", event.room), None)
            elif isinstance(event, events.LobbyClosed):
                self.lobbies.pop(event.lobby, None)
                self.ended["lobby", event.lobby] = event.close_reason
            elif isinstance(event, events.RoomClosed):
                self.rooms.pop(event.room, None)
                self.ended["room", event.room] = event.close_reason
            elif (lobby := self.lobbies.get(getattr(event, "lobby", 0))) is not None:
                _apply_to_lobby(lobby, event)
            elif (room := self.rooms.get(getattr(event, "room", 0))) is not None:
                _apply_to_room(room, event)
        return self


def _apply_to_lobby(lobby: LobbyView, event: Any) -> None:
    match event:
        case events.LobbyMemberJoined():
            lobby.members[event.player] = (not lobby.ready_check, False)
        case events.LobbyMemberLeft():
            lobby.members.pop(event.player, None)
        case events.LobbyMemberReady() if event.player in lobby.members:
            lobby.members[event.player] = (event.ready, lobby.members[event.player][1])
        case events.LobbyMemberAway() if event.player in lobby.members:
            lobby.members[event.player] = (lobby.members[event.player][0], event.away)
        case events.LobbyHostChanged():
            lobby.host = event.player
        case events.LobbyOptionsChanged():
            lobby.options = event.options
        case events.LobbyPasswordChanged():
            lobby.has_password = event.has_password


def _apply_to_room(room: RoomView, event: Any) -> None:
    match event:
        case events.RoomMemberJoined():
            room.members[event.player] = (event.seat, False)
        case events.RoomMemberLeft():
            room.members.pop(event.player, None)
        case events.RoomMemberAway() if event.player in room.members:
            room.members[event.player] = (room.members[event.player][0], event.away)
        case events.RoomHostChanged():
            room.host = event.player
        case events.RoomPasswordChanged():
            room.has_password = event.has_password
        case events.TurnTaken():
            room.turns += 1
            room.state, room.current = event.state, event.current
