"""Steward commands: an admin puts a player out, or ends a lobby or room, whoever its host is."""

from coalserver.core.commands.finding import the_lobby, the_room
from coalserver.core.commands.lobbies import part, shut_lobby
from coalserver.core.commands.rooms import part_from_room, shut_room
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Ending, Lobby
from coalserver.domain.play.room import Room


def put_out_of_lobby(unit: Unit, *, lobby_id: int, player: int) -> Lobby:
    """A member has to go. Without its host a lobby that hands nothing over is gone."""
    lobby = the_lobby(unit, lobby_id)
    lobby.still_open()
    if player not in lobby.roster:
        raise Refusal(Why.TARGET_NOT_HERE)
    return part(unit, lobby, lobby.drop(player, unit.now), player, "kicked")


def end_lobby(unit: Unit, *, lobby_id: int) -> Lobby:
    """A gathering that has not begun to play ends for everyone."""
    lobby = the_lobby(unit, lobby_id)
    lobby.still_open()
    return shut_lobby(unit, lobby, Ending.CLOSED)


def put_out_of_room(unit: Unit, *, room_id: int, player: int) -> Room:
    """A member has to go; what follows for the game is for its rules."""
    room = the_room(unit, room_id)
    room.running()
    if player not in room.roster:
        raise Refusal(Why.TARGET_NOT_HERE)
    left = room.drop(player, unit.rules(room.game), unit.now)
    return part_from_room(unit, room, left, player, "kicked")


def end_room(unit: Unit, *, room_id: int) -> Room:
    """Play ends for everyone."""
    room = the_room(unit, room_id)
    room.running()
    return shut_room(unit, room, Ending.CLOSED)
