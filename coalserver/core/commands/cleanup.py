"""Upkeep commands: what time asks for. Each does a bounded piece and says how much."""

from collections.abc import Mapping
from itertools import islice

from coalserver.core.commands.accounts import end_token
from coalserver.core.commands.pieces import PIECE, drop_piece
from coalserver.core.commands.rooms import shut_room
from coalserver.core.unit_of_work import Unit
from coalserver.domain.play.actions import ANSWERED_SECONDS, Action, JoinRequest
from coalserver.domain.play.game import Datum
from coalserver.domain.play.lobby import Ending, Lobby
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import Truth


def forget_closed(unit: Unit, *, kept: float) -> int:
    """Drop lobbies and rooms that closed more than `kept` seconds ago."""
    rooms = [
        room
        for room in unit.state.find(Room, "closed", "")
        if unit.now - (room.closed or 0) >= kept
    ][:PIECE]
    lobbies = [
        lobby
        for lobby in unit.state.find(Lobby, "closed", "")
        if not lobby.roster.seats and unit.now - (lobby.closed or 0) >= kept
    ][:PIECE]
    for room in rooms:
        unit.drop(room)
        truth = unit.get(Truth, room.id)
        if truth is not None:
            unit.drop(truth)
    for lobby in lobbies:
        unit.drop(lobby)
        for request in unit.find(JoinRequest, "lobby", lobby.id):
            unit.drop(request)
    return len(rooms) + len(lobbies)


def abandon_idle_rooms(unit: Unit, *, idle: float) -> int:
    """End the rooms in which nothing has happened for that many seconds."""
    stale = (
        room for room in unit.state.all(Room) if not room.over and unit.now - room.touched >= idle
    )
    done = list(islice(stale, PIECE))
    for room in done:
        shut_room(unit, room, Ending.EXPIRED)
    return len(done)


def end_old_tokens(unit: Unit, *, signs: Mapping[int, float]) -> int:
    """End the tokens that are good for nothing any more."""
    old = (
        token
        for token in unit.state.all(Token)
        if token.spent(signs.get(token.player, 0.0), unit.now)
    )
    done = list(islice(old, PIECE))
    for token in done:
        end_token(unit, token_id=token.id)
    return len(done)


def forget_guests(unit: Unit, *, signs: Mapping[int, float], kept: float) -> int:
    """Drop guests who can never come back, sit nowhere and have been silent for `kept` seconds."""
    old = (
        player
        for player in unit.state.find(Player, "guest", "")
        if unit.now - max(signs.get(player.id, 0.0), player.created) >= kept
        and not unit.state.ids(Token, "player", player.id)
        and not unit.state.ids(Lobby, "member", player.id)
        and not unit.state.ids(Room, "member", player.id)
    )
    done = list(islice(old, PIECE))
    for player in done:
        unit.drop(player)
        for datum in unit.find(Datum, "player", player.id):
            unit.drop(datum)
    return len(done)


def forget_answered_actions(unit: Unit, *, kept: float = ANSWERED_SECONDS) -> int:
    """Drop the actions that were answered so long ago that their senders are not told any more."""
    old = (
        action
        for action in unit.state.all(Action)
        if action.answered is not None and unit.now - action.answered >= kept
    )
    return drop_piece(unit, old)


def forget_ended_bans(unit: Unit) -> int:
    """Drop the bans that shut nobody out any more."""
    old = (one for one in unit.state.all(Ban) if not one.holds(unit.now))
    return drop_piece(unit, old)
