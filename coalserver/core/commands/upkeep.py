"""Upkeep commands: what time asks for. Each does a bounded piece and says how much."""

from itertools import islice

from coalserver.core.commands.accounts import end_token
from coalserver.core.commands.rooms import shut_room
from coalserver.core.unit import Unit
from coalserver.domain.exchange import JoinRequest
from coalserver.domain.lobby import Ending, Lobby
from coalserver.domain.player import Token
from coalserver.domain.room import Room

#: Small enough that nobody waits for it.
PIECE = 500


def forget_closed(unit: Unit, *, kept: float) -> int:
    """Drop lobbies and rooms that closed more than `kept` seconds ago."""
    old: list[Lobby | Room] = [
        room
        for room in unit.state.find(Room, "closed", "")
        if unit.now - (room.closed or 0) >= kept
    ][:PIECE]
    old += [
        lobby
        for lobby in unit.state.find(Lobby, "closed", "")
        if not lobby.roster.seats and unit.now - (lobby.closed or 0) >= kept
    ][:PIECE]
    for value in old:
        unit.drop(value)
        if isinstance(value, Lobby):
            for request in unit.find(JoinRequest, "lobby", value.id):
                unit.drop(request)
    return len(old)


def abandon_idle_rooms(unit: Unit, *, idle: float) -> int:
    """End the rooms in which nothing has happened for that many seconds."""
    stale = (
        room
        for room in unit.state.all(Room)
        if not room.over and unit.now - room.touched >= idle
    )
    done = list(islice(stale, PIECE))
    for room in done:
        shut_room(unit, room, Ending.EXPIRED)
    return len(done)


def end_old_tokens(unit: Unit, *, signs: dict[int, float]) -> int:
    """End the tokens whose players have been silent for longer than they last."""
    old = (
        token
        for token in unit.state.all(Token)
        if token.ended(signs.get(token.player, 0.0), unit.now)
    )
    done = list(islice(old, PIECE))
    for token in done:
        end_token(unit, token_id=token.id)
    return len(done)
