"""How lobbies, rooms and events look in this dialect. Plain functions; nothing is decided here."""

from collections.abc import Iterable
from typing import Any

import orjson

from coalserver.core.queries.players import name_of
from coalserver.core.state import State
from coalserver.domain.game import Game, Rules
from coalserver.domain.lobby import Lobby
from coalserver.domain.room import Room
from coalserver.web.words import Words

JSON = dict[str, Any]


def user(id: int, name: str) -> JSON:
    return {"userId": id, "username": name}


def game(played: Game) -> JSON:
    return {
        "tag": played.tag,
        "name": played.name,
        "minPlayers": played.min_players,
        "maxPlayers": played.max_players,
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
        "host": user(host, name_of(state, id=host)),
    }


def room_rows(state: State, words: Words, lobbies: Iterable[Lobby], player: int) -> bytes:
    """The list of rooms. A row is made once for each state of its lobby and shared by all who ask."""

    def row(lobby: Lobby) -> bytes:
        host = name_of(state, id=lobby.roster.host)
        kept: tuple[Lobby, str, bytes] | None = words.get(("row", lobby.id))
        if kept is not None and kept[0] is lobby and kept[1] == host:
            return kept[2]
        made = orjson.dumps(room_row(state, lobby))[:-1]
        words.put(("row", lobby.id), (lobby, host, made))
        return made

    return b"[%b]" % b",".join(
        row(lobby) + (_IN if player in lobby.roster else _OUT) for lobby in lobbies
    )


_IN, _OUT = b',"userInRoom":true}', b',"userInRoom":false}'


def members(state: State, lobby: Lobby) -> list[JSON]:
    host = lobby.roster.host
    return [
        {
            "user": user(seat.player, name_of(state, id=seat.player)),
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


def created(state: State, lobby: Lobby) -> JSON:
    """The answer to creating a room."""
    return {
        "roomId": lobby.id,
        "name": lobby.name,
        "game": lobby.game,
        "users": members(state, lobby),
        "options": orjson.Fragment(lobby.options),
    }


def session_row(state: State, played: Room) -> JSON:
    """A row of the list of sessions."""
    current = played.current
    return {
        "sessionId": str(played.id),
        "game": played.game,
        "name": played.name,
        "active": not played.over,
        "players": [
            {
                "user": user(seat.player, name_of(state, id=seat.player)),
                "isHost": seat.player == played.roster.host,
                "isCurrent": not played.over if current is None else seat.number in current,
                "playerId": seat.number,
                "away": seat.away,
            }
            for seat in played.roster.seats
        ],
        "outcome": orjson.Fragment(played.outcome or b"null"),
    }


def session(state: State, played: Room, rules: Rules | None, player: int) -> JSON:
    """The document of one session, with the state as this player may see it."""
    return {
        **session_row(state, played),
        "environment": orjson.Fragment(played.view(rules, seat_of(played, player))),
    }


def seat_of(played: Room, player: int) -> int | None:
    """The player's seat number, None for a spectator."""
    for seat in played.roster.seats:
        if seat.player == player:
            return seat.number
    return None
