"""Lobbies and rooms as the two kinds of a group, for tests of rules that both share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from coalserver.core import topics
from coalserver.core.commands.lobbies import join_lobby
from coalserver.core.commands.rooms import join_room
from coalserver.core.ports import Topic
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play import events
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from tests.core.table import Table


@dataclass(frozen=True)
class GroupKind:
    """What differs between lobbies and rooms in these tests."""

    cls: type[Lobby] | type[Room]
    create: Callable[..., Any]
    join_command: Callable[..., Any]
    id_param: str
    topic: Callable[[int], Topic]
    list_topic: Callable[[str], Topic]
    chat_topic: Callable[[int], Topic]
    #: Classes of events.
    joined: Callable[..., Any]
    left: Callable[..., Any]
    away: Callable[..., Any]
    host_changed: Callable[..., Any]
    password_changed: Callable[..., Any]
    chat: Callable[..., Any]
    closed: Callable[..., Any]
    #: Error codes.
    not_found: ErrorCode
    full: ErrorCode
    ended: ErrorCode
    already_in: ErrorCode
    #: Whether events about members have the number of the seat.
    has_seat_numbers: bool

    def join(self, table: Table, id: int, player: int, **kwargs: Any) -> Any:
        """Run the command that adds a player to the group."""
        return table.execute(self.join_command, **{self.id_param: id}, player_id=player, **kwargs)

    def get(self, table: Table, id: int) -> Any:
        """Return the group as it is now."""
        return table.lobby(id) if self.cls is Lobby else table.room(id)

    def seat(self, number: int) -> tuple[int, ...]:
        """Return the seat number as an argument of a member's event; nothing for lobbies."""
        return (number,) if self.has_seat_numbers else ()

    def event_types(self, *names: str) -> list[str]:
        """Return the names of the kind's events: LobbyClosed or RoomClosed for "Closed"."""
        return [f"{self.cls.__name__}{name}" for name in names]


LOBBY = GroupKind(
    Lobby,
    Table.make_lobby,
    join_lobby,
    "lobby_id",
    topics.lobby,
    topics.lobbies,
    topics.lobby_chat,
    events.LobbyMemberJoined,
    events.LobbyMemberLeft,
    events.LobbyMemberAway,
    events.LobbyHostChanged,
    events.LobbyPasswordChanged,
    events.LobbyChat,
    events.LobbyClosed,
    ErrorCode.LOBBY_NOT_FOUND,
    ErrorCode.LOBBY_FULL,
    ErrorCode.LOBBY_CLOSED,
    ErrorCode.ALREADY_IN_LOBBY,
    has_seat_numbers=False,
)
ROOM = GroupKind(
    Room,
    Table.make_room,
    join_room,
    "room_id",
    topics.room,
    topics.rooms,
    topics.room_chat,
    events.RoomMemberJoined,
    events.RoomMemberLeft,
    events.RoomMemberAway,
    events.RoomHostChanged,
    events.RoomPasswordChanged,
    events.RoomChat,
    events.RoomClosed,
    ErrorCode.ROOM_NOT_FOUND,
    ErrorCode.ROOM_FULL,
    ErrorCode.ROOM_ENDED,
    ErrorCode.ALREADY_IN_ROOM,
    has_seat_numbers=True,
)

for_each_kind = pytest.mark.parametrize("kind", [LOBBY, ROOM], ids=["lobby", "room"])
