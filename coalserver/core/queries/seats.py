"""Questions about who sits anywhere."""

from collections.abc import Iterator

from coalserver.core.state import State
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster


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
