"""Queries about rooms, the actions in them and their members' seats."""

from collections.abc import Iterator
from heapq import nsmallest

from coalserver.core.listings import room_rank, select_flags
from coalserver.core.state import Reader, State
from coalserver.core.steps import Steps
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import FINISHED_ACTION_SECONDS, Action, ActionStatus
from coalserver.domain.play.group import Group
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.player import Player, Removal
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster

#: Rooms that a search sorts; of more that match, the first ones are looked for in the order of all rooms.
MAX_SORTED = 1000


def get_room(reader: Reader, id: int, game: str | None = None) -> Room:
    """Return the room with this id, running or ended and still kept.

    Raises ROOM_NOT_FOUND, also where `game` is given and the room belongs to another one.
    """
    room = reader.get(Room, id)
    if room is None or (game is not None and room.game != game):
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    return room


def room_by_code(reader: Reader, *, game: str, code: str) -> Room:
    """Return a game's room with this code, running or ended. Raises ROOM_NOT_FOUND."""
    room = reader.first(Room, "code", code)
    if room is None or room.game != game:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    return room


def room_of_player(reader: Reader, *, player: int) -> Room | None:
    """Return the running room of a player who is bound to one game, or None."""
    return reader.first(Room, "member", player)


def finished_room_of_player(state: State, *, player: int) -> Room | None:
    """Return the last room in which a player stayed to the end, if its rules ended it, or None."""
    ended = state.ids(Room, "ended", player)
    room = state.get(Room, max(ended)) if ended else None
    return room if room is not None and room.close_reason is CloseReason.FINISHED else None


def last_room_exit(state: State, *, player: int) -> Removal | None:
    """Return how a player who is bound to one game lost their last seat in a room, or None.

    The reason is that of their removal or, where they stayed to the end, the room's close reason.
    """
    entity = state.get(Player, player)
    removal = None if entity is None else entity.room_removal
    ended = state.ids(Room, "ended", player)
    room = state.get(Room, max(ended)) if ended else None
    if room is None or room.closed is None or (removal is not None and removal.at > room.closed):
        return removal
    return Removal(room.code, str(room.close_reason), room.closed)


def rooms_of_player(reader: Reader, *, player: int) -> list[Room]:
    """Return the running rooms of which a player is a member."""
    return reader.find(Room, "member", player)


def past_and_present_rooms(
    reader: Reader,
    *,
    game: str,
    player: int,
    active: bool | None,
    limit: int,
    offset: int,
) -> tuple[list[Room], int]:
    """Return a page of a player's rooms in a game, newest first, and their number.

    `active` True lists running rooms only, False ended ones only, None both.
    """
    found: list[Room] = []
    if active is not False:
        found += reader.find(Room, "member", player)
    if active is not True:
        found += reader.find(Room, "ended", player)
    mine = sorted((room for room in found if room.game == game), key=lambda room: -room.id)
    return mine[offset : offset + limit], len(mine)


def open_rooms(state: State, *, game: str, limit: int, offset: int) -> tuple[list[Room], int]:
    """Return a page of a game's running rooms with a free seat, newest first, and their number.

    Rooms whose host is away come last.
    """
    listing, flags, table = (
        state.running_rooms.of(game),
        select_flags(full=False),
        state.table(Room),
    )
    page = listing.present_first(limit, offset, flags)
    return [table[id] for id in page], listing.count(flags)


def joinable_rooms(state: State, *, game: str, limit: int, search: str = "") -> Steps[list[Room]]:
    """Return a game's running rooms with a free seat: most members first, then by name.

    Rooms whose host is away come last. A list without a search takes no step. A room that ends or fills up
    meanwhile may be left out.
    """
    table, listing = state.table(Room), state.running_rooms.of(game)
    if not search:
        return [table[rank[-1]] for rank in listing.ranked[:limit]]
    wanted = search.casefold()
    found = yield from listing.search(table, select_flags(full=False), wanted, keep=MAX_SORTED)
    if found.count <= MAX_SORTED:
        matching = (table.get(id) for id in found.ids)
        joinable = (room for room in matching if room and room.open and not room.full)
        return nsmallest(limit, joinable, key=room_rank)
    # So many match that the first ones are soon found in their order.
    rooms: list[Room] = []
    for rank in list(listing.ranked):
        yield 1
        if wanted in rank[2].casefold():
            room = table.get(rank[-1])
            if room is not None and room.open and not room.full:
                rooms.append(room)
                if len(rooms) >= limit:
                    break
    return rooms


def rosters(state: State) -> Iterator[Roster]:
    """Yield the rosters of all lobbies and running rooms."""
    for lobby in state.all(Lobby):
        yield lobby.roster
    for room in state.all(Room):
        if not room.ended:
            yield room.roster


def is_seated(state: State, *, player: int) -> bool:
    """Return whether a player is a member of any lobby or running room."""
    return bool(state.ids(Lobby, "member", player) or state.ids(Room, "member", player))


def short_grace_seats(reader: Reader, *, room: int) -> list[tuple[int, float]]:
    """Return the members of a room with a source of truth, with the seconds until they time out.

    There are none if the room has ended or its members' seats are kept.
    """
    found = reader.get(Room, room)
    if found is None or found.ended or not found.authority or found.roster.grace is None:
        return []
    return [(player, found.roster.grace) for player in found.roster]


def next_release(reader: Reader, *, player: int, silent: float, handover_after: float) -> float:
    """Return after how many silent seconds of an away member their seats are to be looked at again.

    That is the end of their grace in a group or, before it, the time at which they may be replaced as the host.
    """
    groups: list[Group] = [
        *reader.find(Room, "member", player),
        *reader.find(Lobby, "member", player),
    ]
    graces = (group.roster.grace for group in groups if group.open)
    due = [handover_after, *(grace for grace in graces if grace is not None)]
    return min((seconds for seconds in due if seconds > silent), default=silent)


def pending_actions(reader: Reader, *, room: int, player: int) -> list[Action]:
    """Return the actions that a member is asked for and has not begun, oldest first."""
    found = reader.find(Action, "target", (room, player))
    return [action for action in found if action.status is ActionStatus.PENDING]


def unfinished_actions(reader: Reader, *, room: int, player: int) -> list[Action]:
    """Return the actions that a member is asked for and has not finished, oldest first."""
    found = reader.find(Action, "target", (room, player))
    return [action for action in found if not action.finished]


def answered_actions(
    reader: Reader, *, room: int, player: int, now: float, limit: int = 50
) -> list[Action]:
    """Return a member's own actions that were answered in the last hour, latest answer first."""
    found = [
        (action.finished_at, action)
        for action in reader.find(Action, "sender", (room, player))
        if action.finished_at is not None and now - action.finished_at < FINISHED_ACTION_SECONDS
    ]
    found.sort(key=lambda pair: pair[0], reverse=True)
    return [action for _, action in found[:limit]]


def waiting_actions(reader: Reader, *, room: int, player: int, limit: int = 50) -> list[Action]:
    """Return a member's own actions that are not answered yet, newest first."""
    found = reader.find(Action, "sender", (room, player))
    return [action for action in reversed(found) if not action.finished][:limit]
