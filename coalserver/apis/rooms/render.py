"""How lobbies, rooms and events look in this dialect. Plain functions; nothing is decided here."""

from collections.abc import Iterable
from typing import Any

import orjson

from coalserver.core.queries.players import player_name
from coalserver.core.state import State
from coalserver.domain.play.game import Game, Rules
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from coalserver.web.api import AppContext

JSON = dict[str, Any]


def user(id: int, name: str) -> JSON:
    return {"userId": id, "username": name}


def game(entity: Game) -> JSON:
    return {
        "tag": entity.tag,
        "name": entity.name,
        "minPlayers": entity.min_players,
        "maxPlayers": entity.max_players,
    }


def reference(kind: str, id: int, game: str) -> JSON:
    """What joining or starting answers: the id and where it belongs."""
    return {"id": id, "game": game, "type": kind}


def room_row(state: State, lobby: Lobby) -> JSON:
    """A row of the list of rooms, without `userInRoom`."""
    host = lobby.roster.host
    return {
        "roomId": lobby.id,
        "name": lobby.name,
        "game": lobby.game,
        "numUsers": len(lobby.roster),
        "maxUsers": lobby.roster.capacity,
        "active": lobby.open,
        "private": bool(lobby.password),
        "options": orjson.Fragment(lobby.options),
        "host": user(host, player_name(state, id=host)),
    }


class RoomRowCache:
    """Rows of lists of rooms, made once for each state of a lobby and shared by all who ask."""

    #: More than anybody looks at; then it begins anew.
    MAX_ROWS = 20_000

    def __init__(self, shared: AppContext) -> None:
        self._state = shared.core.state
        #: Lobby id -> what the row was made of, and the row for who is outside and for who is in.
        self._rows: dict[int, tuple[Lobby, Player | None, bytes, bytes]] = {}

    def render_list(self, lobbies: Iterable[Lobby], player: int) -> bytes:
        """The list of these rooms, with `userInRoom` for this player."""
        mine = self._state.ids(Lobby, "member", player)
        players, cached = self._state.table(Player), self._rows
        rows = []
        for lobby in lobbies:
            row = cached.get(lobby.id)
            if row is None or row[0] is not lobby or row[1] is not players.get(lobby.roster.host):
                row = self._render_row(lobby, players.get(lobby.roster.host))
            rows.append(row[3] if lobby.id in mine else row[2])
        return b"[%b]" % b",".join(rows)

    def _render_row(
        self, lobby: Lobby, host: Player | None
    ) -> tuple[Lobby, Player | None, bytes, bytes]:
        if len(self._rows) >= self.MAX_ROWS:
            self._rows.clear()
        row = orjson.dumps(room_row(self._state, lobby))[:-1]
        outside, inside = (row + b',"userInRoom":%b}' % word for word in (b"false", b"true"))
        cached = self._rows[lobby.id] = (lobby, host, outside, inside)
        return cached


def members(state: State, lobby: Lobby) -> list[JSON]:
    host = lobby.roster.host
    return [
        {
            "user": user(seat.player, player_name(state, id=seat.player)),
            "isHost": seat.player == host,
            "ready": seat.ready,
            "away": seat.away,
        }
        for seat in lobby.roster.seats
    ]


def room(state: State, lobby: Lobby) -> JSON:
    """The document of one room."""
    return {
        **room_row(state, lobby),
        "readyCheck": lobby.ready_check,
        "users": members(state, lobby),
    }


def created_room(state: State, lobby: Lobby) -> JSON:
    """The answer to creating a room."""
    return {
        "roomId": lobby.id,
        "name": lobby.name,
        "game": lobby.game,
        "users": members(state, lobby),
        "options": orjson.Fragment(lobby.options),
    }


def session_row(state: State, room: Room) -> JSON:
    """A row of the list of sessions."""
    current = room.current
    return {
        "sessionId": str(room.id),
        "game": room.game,
        "name": room.name,
        "active": not room.ended,
        "players": [
            {
                "user": user(seat.player, player_name(state, id=seat.player)),
                "isHost": seat.player == room.roster.host,
                "isCurrent": not room.ended if current is None else seat.number in current,
                "playerId": seat.number,
                "away": seat.away,
            }
            for seat in room.roster.seats
        ],
        "outcome": orjson.Fragment(room.outcome or b"null"),
    }


def session(state: State, room: Room, rules: Rules | None, player: int) -> JSON:
    """The document of one session, with the state as this player may see it."""
    return {
        **session_row(state, room),
        "environment": orjson.Fragment(room.view(rules, find_seat_number(room, player))),
    }


def find_seat_number(room: Room, player: int) -> int | None:
    """The player's seat number, None for a spectator."""
    for seat in room.roster.seats:
        if seat.player == player:
            return seat.number
    return None
