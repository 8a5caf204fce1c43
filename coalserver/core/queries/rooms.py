"""Questions about rooms."""

from collections.abc import Iterator
from heapq import nsmallest

from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import FINISHED_ACTION_SECONDS, Action, ActionStatus
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster


def room_by_id(state: State, *, game: str, id: int) -> Room:
    """A room of a game, also one that is over and still remembered."""
    room = state.get(Room, id)
    if room is None or room.game != game:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    return room


def room_by_code(state: State, *, game: str, code: str) -> Room:
    """The same, found by its code."""
    room = state.first(Room, "code", code)
    if room is None or room.game != game:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    return room


def room_of_player(state: State, *, player: int) -> Room | None:
    """The running room in which a player of one game sits."""
    return state.first(Room, "member", player)


def finished_room_of_player(state: State, *, player: int) -> Room | None:
    """The room in which a player sat to its end, if the rules ended the last one he was in."""
    ended = state.ids(Room, "ended", player)
    room = state.get(Room, max(ended)) if ended else None
    return room if room is not None and room.close_reason is CloseReason.FINISHED else None


def rooms_of_player(state: State, *, player: int) -> list[Room]:
    """The running rooms in which a player sits."""
    return state.find(Room, "member", player)


def past_and_present_rooms(
    state: State,
    *,
    game: str,
    player: int,
    active: bool | None,
    limit: int,
    offset: int,
) -> tuple[list[Room], int]:
    """Rooms of a game in which a player sits or, when over, sat; newest first, and how many."""
    found: list[Room] = []
    if active is not False:
        found += state.find(Room, "member", player)
    if active is not True:
        found += [room for room in state.find(Room, "closed", "") if player in room.roster]
    mine = sorted((room for room in found if room.game == game), key=lambda room: -room.id)
    return mine[offset : offset + limit], len(mine)


def open_rooms(state: State, *, game: str, limit: int, offset: int) -> tuple[list[Room], int]:
    """Running rooms of a game with a free place, newest first, and how many."""
    running = state.find(Room, "running", game)
    found = [room for room in reversed(running) if not room.full]
    return found[offset : offset + limit], len(found)


def joinable_rooms(state: State, *, game: str, limit: int, search: str = "") -> list[Room]:
    """Running rooms of a game with a free place: most members first, then by name."""
    wanted = search.casefold()
    found = (
        room
        for room in state.find(Room, "running", game)
        if not room.full and wanted in room.name.casefold()
    )
    return nsmallest(limit, found, key=lambda room: (-len(room.roster), room.name, room.id))


def rosters(state: State) -> Iterator[Roster]:
    """The rosters of all lobbies and running rooms."""
    for lobby in state.all(Lobby):
        yield lobby.roster
    for room in state.all(Room):
        if not room.ended:
            yield room.roster


def is_seated(state: State, *, player: int) -> bool:
    """Whether a player sits anywhere."""
    return bool(state.ids(Lobby, "member", player) or state.ids(Room, "member", player))


def short_grace_seats(state: State) -> list[tuple[int, float]]:
    """Who sits in a room with a source of truth, and the seconds of silence that it bears: fewer than others."""
    return [
        (player, room.roster.grace)
        for room in state.find(Room, "with_authority", "")
        if room.roster.grace is not None
        for player in room.roster
    ]


def pending_actions(state: State, *, room: int, player: int) -> list[Action]:
    """What a member is asked for and has not begun, oldest first."""
    found = state.find(Action, "target", (room, player))
    return [action for action in found if action.status is ActionStatus.PENDING]


def answered_actions(
    state: State, *, room: int, player: int, now: float, limit: int = 50
) -> list[Action]:
    """What a member asked for and was answered lately, newest answer first."""
    found = [
        (action.finished_at, action)
        for action in state.find(Action, "sender", (room, player))
        if action.finished_at is not None and now - action.finished_at < FINISHED_ACTION_SECONDS
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [action for _, action in found[:limit]]


def waiting_actions(state: State, *, room: int, player: int, limit: int = 50) -> list[Action]:
    """What a member asked for and still waits for, newest first."""
    found = state.find(Action, "sender", (room, player))
    return [action for action in reversed(found) if not action.finished][:limit]
