"""What lobbies and rooms have in common here: finding one's own, and what their lists and members show."""

from collections.abc import Sequence

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, heard_at
from coalserver.apis.multiplayer.schemas import Said
from coalserver.core.queries.lobbies import lobby_coded, lobby_with
from coalserver.core.queries.players import name_of
from coalserver.core.queries.rooms import room_coded, room_with
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster, Seat
from coalserver.web.api import Call, Handler, Route
from coalserver.web.schemas import Shape

FEWEST, MOST = 2, 16
#: Rows a list holds at most, and unless it is asked for fewer.
LISTED = 50


def own_lobby(call: Call) -> Lobby:
    """The lobby in which the caller sits, started or not."""
    lobby = call.core.see(lobby_with, player=call.caller.player)
    if lobby is None:
        raise Refusal(Why.NOT_HERE)
    return lobby


def own_room(call: Call) -> Room:
    """The room in which the caller plays."""
    room = call.core.see(room_with, player=call.caller.player)
    if room is None:
        raise Refusal(Why.NOT_HERE)
    return room


def lobby_in_path(call: Call) -> Lobby:
    """The lobby that the path names, gone or not."""
    return call.core.see(lobby_coded, game=auth.game(call).tag, code=code(call, "matchmakingId"))


def room_in_path(call: Call) -> Room:
    """The room that the path names, over or not."""
    return call.core.see(room_coded, game=auth.game(call).tag, code=code(call, "roomId"))


def code(call: Call, parameter: str) -> str:
    """The id in the path; in the query under this name, where the path has none."""
    named = call.path.get("id", "") or call.query.get(parameter, "")
    if not named:
        raise Refusal(Why.MALFORMED, what=parameter)
    return named.lower()


def capacity(said: Said, default: int = 0) -> int:
    """How many may come, brought into bounds; the default where nothing is said."""
    asked = said.whole("max_players") or default
    return min(max(asked, FEWEST), MOST) if asked else 0


def rows_asked(said: Said) -> int:
    """How many rows of a list, brought into bounds."""
    asked = said.whole("limit")
    return LISTED if asked is None else min(max(asked, 1), LISTED)


def in_order(roster: Roster) -> Sequence[Seat]:
    """The host first, then as they came."""
    return sorted(
        roster.seats, key=lambda seat: (seat.player != roster.host, seat.joined, seat.number)
    )


def last_sign(call: Call, roster: Roster, since: float) -> float:
    """When any of the members was last heard of."""
    return max([since, *(heard_at(call.core, player) or since for player in roster)])


def member(call: Call, roster: Roster, seat: Seat) -> JSON:
    """What both lists of members say in the same words."""
    return {
        "player_name": call.core.see(name_of, id=seat.player),
        "is_host": int(seat.player == roster.host),
        "is_local": seat.player == call.caller.player,
    }


def guarded(call: Call, name: str, locked: bool) -> str:
    """Under which name wrong passwords are counted; refuses where there were too many."""
    tried = f"{name} {call.address}"
    if locked:
        call.web.failures.check(tried)
    return tried


def named(
    method: str, file: str, endpoint: str, handler: Handler, body: Shape | None = None
) -> tuple[Route, ...]:
    """The routes of an endpoint whose path holds an id, or nothing where an id should be."""
    paths = (f"{file}/{{id}}/{endpoint}", f"{file}//{endpoint}", f"{file}/{endpoint}")
    return tuple(Route(method, path, handler, body, auth.player, media=()) for path in paths)
