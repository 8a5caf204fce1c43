"""JSON shapes of users, games, rooms and sessions, which are Lobby and Room in the core."""

from collections.abc import Iterable
from typing import Any

import orjson

from coalserver.core.queries.lobbies import join_requests_to_lobby
from coalserver.core.queries.players import player_name
from coalserver.core.queries.rooms import unfinished_actions
from coalserver.core.state import State
from coalserver.domain.play.game import Game, Rules
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from coalserver.web.context import AppContext

JSON = dict[str, Any]


def user(id: int, name: str) -> JSON:
    """Return `{"userId", "username"}`."""
    return {"userId": id, "username": name}


def game(entity: Game) -> JSON:
    """Return a row of the list of games."""
    return {
        "tag": entity.tag,
        "name": entity.name,
        "minPlayers": entity.min_players,
        "maxPlayers": entity.max_players,
    }


def reference(kind: str, id: int, game: str) -> JSON:
    """Return `{"id", "game", "type"}`, the answer to joining or starting."""
    return {"id": id, "game": game, "type": kind}


def room_row(state: State, lobby: Lobby) -> JSON:
    """Return a row of the list of rooms, without `userInRoom`."""
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
        "hostAway": lobby.open and lobby.roster.host_away,
        "needsApproval": lobby.requires_approval,
    }


class RoomRowCache:
    """Rendered rows of the list of rooms, cached until the lobby or its host changes."""

    #: The cache is cleared above these sizes, so that closed lobbies do not use memory forever. Bytes are those of rows
    #: and options.
    MAX_ROWS, MAX_BYTES = 20_000, 32 << 20

    def __init__(self, shared: AppContext) -> None:
        self._state = shared.core.state
        #: Lobby id -> (lobby, host, row with `userInRoom` false, row with it true).
        self._rows: dict[int, tuple[Lobby, Player | None, bytes, bytes]] = {}
        self._bytes = 0

    def render_list(self, lobbies: Iterable[Lobby], player: int) -> bytes:
        """Return the lobbies as a JSON list, with `userInRoom` for this player."""
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
        if len(self._rows) >= self.MAX_ROWS or self._bytes > self.MAX_BYTES:
            self._rows.clear()
            self._bytes = 0
        row = orjson.dumps(room_row(self._state, lobby))[:-1]
        outside, inside = (row + b',"userInRoom":%b}' % value for value in (b"false", b"true"))
        self._bytes += 2 * len(row) + len(lobby.options)
        cached = self._rows[lobby.id] = (lobby, host, outside, inside)
        return cached


def members(state: State, lobby: Lobby) -> list[JSON]:
    """Return the members of a room in the order of their seats."""
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


def room(state: State, lobby: Lobby, player: int) -> JSON:
    """Return a room with its members and, for its host, the pending join requests."""
    document = {
        **room_row(state, lobby),
        "readyCheck": lobby.ready_check,
        "users": members(state, lobby),
    }
    if player == lobby.roster.host:
        document["joinRequests"] = join_requests(state, lobby)
    return document


def join_requests(state: State, lobby: Lobby) -> list[JSON]:
    """Return the pending requests to join a room, oldest first, as their events have them."""
    return [
        {
            "requestId": request.code,
            "user": user(request.player, player_name(state, id=request.player)),
            "at": int(request.requested_at * 1000),
        }
        for request in reversed(join_requests_to_lobby(state, lobby=lobby.id))
    ]


def created_room(state: State, lobby: Lobby) -> JSON:
    """Return the answer to creating a room, in the shape of the document plus `roomId`."""
    return {
        "roomId": lobby.id,
        "name": lobby.name,
        "game": lobby.game,
        "users": members(state, lobby),
        "options": orjson.Fragment(lobby.options),
    }


def session_row(state: State, room: Room) -> JSON:
    """Return a row of the list of sessions."""
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
    """Return a session with the state that this player may see."""
    seat = find_seat_number(room, player)
    return {
        **session_row(state, room),
        "environment": orjson.Fragment(room.view(rules, seat)),
        "actions": [] if seat is None else actions(state, room, player),
    }


def actions(state: State, room: Room, player: int) -> list[JSON]:
    """Return the actions that a member has yet to answer, oldest first, as their events have them."""
    return [
        {
            "actionType": action.type,
            "actionId": action.code,
            "playerId": find_seat_number(room, action.sender),
            "userId": action.sender,
            "data": orjson.Fragment(action.request),
        }
        for action in unfinished_actions(state, room=room.id, player=player)
    ]


def find_seat_number(room: Room, player: int) -> int | None:
    """Return the seat number of a player, or None for a spectator."""
    for seat in room.roster.seats:
        if seat.player == player:
            return seat.number
    return None
