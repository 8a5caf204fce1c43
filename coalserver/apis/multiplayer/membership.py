"""What lobbies and rooms have in common here: finding one's own, and what their lists and members show."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, last_seen
from coalserver.apis.multiplayer.schemas import Params
from coalserver.core.queries.lobbies import lobby_by_code, lobby_of_player
from coalserver.core.queries.players import player_name
from coalserver.core.queries.rooms import room_by_code, room_of_player
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster, Seat
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.schemas import BodySchema

MIN_PLAYERS, MAX_PLAYERS = 2, 16
#: Rows a list holds at most, and unless it is asked for fewer.
PAGE_SIZE = 50


def get_own_lobby(ctx: RequestContext) -> Lobby:
    """The lobby in which the caller sits, started or not."""
    lobby = ctx.core.query(lobby_of_player, player=ctx.caller.player_id)
    if lobby is None:
        raise DomainError(ErrorCode.NOT_MEMBER)
    return lobby


def get_own_room(ctx: RequestContext) -> Room:
    """The room in which the caller plays."""
    room = ctx.core.query(room_of_player, player=ctx.caller.player_id)
    if room is None:
        raise DomainError(ErrorCode.NOT_MEMBER)
    return room


def lobby_in_path(ctx: RequestContext) -> Lobby:
    """The lobby that the path names, gone or not."""
    return ctx.core.query(
        lobby_by_code, game=ctx.caller.get_game().tag, code=id_in_request(ctx, "matchmakingId")
    )


def room_in_path(ctx: RequestContext) -> Room:
    """The room that the path names, over or not."""
    return ctx.core.query(
        room_by_code, game=ctx.caller.get_game().tag, code=id_in_request(ctx, "roomId")
    )


def id_in_request(ctx: RequestContext, parameter: str) -> str:
    """The id in the path; in the query under this name, where the path has none."""
    value = ctx.path.get("id", "") or ctx.query.get(parameter, "")
    if not value:
        raise DomainError(ErrorCode.INVALID_REQUEST, what=parameter)
    return value.lower()


def capacity_param(params: Params, default: int = 0) -> int:
    """How many may come, brought into bounds; the default where nothing is said."""
    requested = params.integer("max_players") or default
    return min(max(requested, MIN_PLAYERS), MAX_PLAYERS) if requested else 0


def limit_param(params: Params) -> int:
    """How many rows of a list, brought into bounds."""
    requested = params.integer("limit")
    return PAGE_SIZE if requested is None else min(max(requested, 1), PAGE_SIZE)


def seats_host_first(roster: Roster) -> Sequence[Seat]:
    """The host first, then as they came."""
    return sorted(
        roster.seats, key=lambda seat: (seat.player != roster.host, seat.joined, seat.number)
    )


def last_activity(ctx: RequestContext, roster: Roster, since: float) -> float:
    """When any of the members was last heard of."""
    return max([since, *(last_seen(ctx.core, player) or since for player in roster)])


def member_fields(ctx: RequestContext, roster: Roster, seat: Seat) -> JSON:
    """What both lists of members say in the same words."""
    return {
        "player_name": ctx.core.query(player_name, id=seat.player),
        "is_host": int(seat.player == roster.host),
        "is_local": seat.player == ctx.caller.player_id,
    }


def limit_password_attempts(
    ctx: RequestContext, name: str, password: str
) -> AbstractContextManager[None]:
    """Return a guard that counts wrong passwords for a lobby or room with a password.

    Raises RATE_LIMITED on entry after too many of them from this address.
    """
    limit_keys = (f"{name} {ctx.address}",) if password else ()
    return ctx.app.failure_limiter.guard(*limit_keys, on=ErrorCode.WRONG_PASSWORD)


def id_routes(
    method: str, file: str, endpoint: str, handler: Handler, body: BodySchema | None = None
) -> tuple[Route, ...]:
    """The routes of an endpoint whose path holds an id, or nothing where an id should be."""
    paths = (f"{file}/{{id}}/{endpoint}", f"{file}//{endpoint}", f"{file}/{endpoint}")
    return tuple(Route(method, path, handler, body, auth.player, media=()) for path in paths)
