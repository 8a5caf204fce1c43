"""Endpoints that lobbies and rooms share: list of members, heartbeat, leave, kick, password.

Also what both need to find a lobby or room and to list it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.render import (
    JSON,
    format_iso_time,
    format_time,
    json_member,
    last_seen,
    success,
    success_with_rows,
)
from coalserver.apis.multiplayer.schemas import (
    KICK,
    PASSWORD,
    invalid_request,
    load_deferred,
)
from coalserver.core.commands import members
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

LOBBY_FILE, ROOM_FILE = "/api/matchmaking.php", "/api/game_room.php"


def get_own_lobby(ctx: RequestContext) -> Lobby:
    """Return the caller's lobby, open or started. Raises NOT_MEMBER."""
    lobby = ctx.core.query(lobby_of_player, player=ctx.caller.player_id)
    if lobby is None:
        raise DomainError(ErrorCode.NOT_MEMBER)
    return lobby


def get_own_room(ctx: RequestContext) -> Room:
    """Return the caller's room. Raises NOT_MEMBER."""
    room = ctx.core.query(room_of_player, player=ctx.caller.player_id)
    if room is None:
        raise DomainError(ErrorCode.NOT_MEMBER)
    return room


async def create_as_host(
    ctx: RequestContext,
    command: Callable[..., Any],
    default_name: str,
    render: Callable[[Any], JSON],
    *codes: ErrorCode,
) -> web.StreamResponse:
    """Create a lobby or room from the body, with the caller as its host, and render it.

    Raises the first of `codes`, ALREADY_IN_LOBBY and ALREADY_IN_ROOM, that applies, before errors in the body.
    """
    queries = {
        ErrorCode.ALREADY_IN_LOBBY: lobby_of_player,
        ErrorCode.ALREADY_IN_ROOM: room_of_player,
    }
    for code in codes:
        if ctx.core.query(queries[code], player=ctx.caller.player_id) is not None:
            raise DomainError(code)
    return await execute(
        ctx,
        command,
        render,
        game=ctx.caller.get_game().tag,
        player_id=ctx.caller.player_id,
        default_name=default_name,
        **load_deferred(ctx),
    )


def lobby_in_path(ctx: RequestContext) -> Lobby:
    """Return the lobby that the path names, even a closed one. Raises LOBBY_NOT_FOUND."""
    return ctx.core.query(
        lobby_by_code, game=ctx.caller.get_game().tag, code=id_in_request(ctx, "matchmakingId")
    )


def room_in_path(ctx: RequestContext) -> Room:
    """Return the room that the path names, even an ended one. Raises ROOM_NOT_FOUND."""
    return ctx.core.query(
        room_by_code, game=ctx.caller.get_game().tag, code=id_in_request(ctx, "roomId")
    )


def id_in_request(ctx: RequestContext, parameter: str) -> str:
    """Return the id in the path or, if the path has none, in a query parameter.

    Raises INVALID_REQUEST if both are missing.
    """
    value = ctx.path.get("id", "") or ctx.query.get(parameter, "")
    if not value:
        raise invalid_request(parameter)
    return value.lower()


def last_activity(ctx: RequestContext, roster: Roster, since: float) -> float:
    """Return when any member was last seen, at the earliest `since`."""
    return max([since, *(last_seen(ctx.core, player) or since for player in roster)])


def limit_password_attempts(
    ctx: RequestContext, name: str, password: str
) -> AbstractContextManager[None]:
    """Return a guard that counts wrong passwords for a lobby or room with a password.

    Raises RATE_LIMITED on entry after too many of them from this address.
    """
    limit_keys = (f"{name} {ctx.network}",) if password else ()
    return ctx.app.failure_limiter.guard(*limit_keys, on=ErrorCode.WRONG_PASSWORD)


def id_routes(
    method: str, endpoint: str, handler: Handler, body: BodySchema | None = None
) -> tuple[Route, ...]:
    """Return the routes of a lobby endpoint with an id in the path, and of those where the id is missing."""
    paths = (
        f"{LOBBY_FILE}/{{id}}/{endpoint}",
        f"{LOBBY_FILE}//{endpoint}",
        f"{LOBBY_FILE}/{endpoint}",
    )
    return tuple(Route(method, path, handler, body, auth.player, media=()) for path in paths)


def _render_lobby_member(ctx: RequestContext, roster: Roster, seat: Seat) -> JSON:
    seen_at = last_seen(ctx.core, seat.player) or seat.joined
    return {
        "player_id": seat.player,
        "joined_at": format_time(seat.joined),
        "last_heartbeat": format_time(seen_at),
        "status": lobby_member_status(ctx, seat.player),
        "seconds_since_heartbeat": max(0, int(ctx.now - seen_at)),
        **_member_fields(ctx, roster, seat),
        "is_online": int(ctx.core.online(seat.player)),
        **_player_data(ctx, seat),
    }


def lobby_member_status(ctx: RequestContext, player: int) -> str:
    """Return `active` if the player is online, otherwise `inactive`."""
    return "active" if ctx.core.online(player) else "inactive"


def _render_room_member(ctx: RequestContext, roster: Roster, seat: Seat) -> JSON:
    return {
        "player_id": str(seat.player),
        **_member_fields(ctx, roster, seat),
        "is_online": int(ctx.core.online(seat.player)),
        "last_heartbeat": format_time(last_seen(ctx.core, seat.player) or seat.joined),
        **_player_data(ctx, seat),
    }


def _player_data(ctx: RequestContext, seat: Seat) -> JSON:
    return json_member(ctx, "player_data", b"{}" if seat.data == b"null" else seat.data)


def _member_fields(ctx: RequestContext, roster: Roster, seat: Seat) -> JSON:
    return {
        "player_name": ctx.core.query(player_name, id=seat.player),
        "is_host": int(seat.player == roster.host),
        "is_local": seat.player == ctx.caller.player_id,
    }


@dataclass(frozen=True, slots=True)
class Membership:
    """The functions and messages of the shared endpoints for lobbies, or for rooms."""

    file: str
    kind: type[Lobby] | type[Room]
    #: Return the caller's lobby or room, or raise NOT_MEMBER.
    get_own: Callable[[RequestContext], Lobby | Room]
    render_member: Callable[[RequestContext, Roster, Seat], JSON]
    left_message: str


MEMBERSHIPS = (
    Membership(
        LOBBY_FILE,
        Lobby,
        get_own_lobby,
        _render_lobby_member,
        "Successfully left matchmaking lobby",
    ),
    Membership(
        ROOM_FILE,
        Room,
        get_own_room,
        _render_room_member,
        "Successfully left the room",
    ),
)


async def list_members(membership: Membership, ctx: RequestContext) -> web.StreamResponse:
    """Return the members of the caller's lobby or room, the host first."""
    roster = membership.get_own(ctx).roster
    rows = [membership.render_member(ctx, roster, seat) for seat in seats_host_first(roster)]
    members = {"players": rows, "last_updated": format_iso_time(ctx.now)}
    return await success_with_rows(ctx, members, "players")


def seats_host_first(roster: Roster) -> Sequence[Seat]:
    """Return the seats with the host first, then in order of joining."""
    return sorted(
        roster.seats, key=lambda seat: (seat.player != roster.host, seat.joined, seat.number)
    )


async def heartbeat(membership: Membership, ctx: RequestContext) -> web.StreamResponse:
    """Confirm that the caller is a member. The request itself counts as activity."""
    membership.get_own(ctx)
    return success(ctx, {"status": "ok"})


async def leave(membership: Membership, ctx: RequestContext) -> web.StreamResponse:
    """Remove the caller. A player who leaves a room also leaves the lobby it was started from."""

    def render(_: Any) -> JSON:
        return {"message": membership.left_message}

    own_id, player_id = _own_id(membership, ctx), ctx.caller.player_id
    return await execute(ctx, members.leave, render, **own_id, player_id=player_id)


async def kick(membership: Membership, ctx: RequestContext) -> web.StreamResponse:
    """Remove another member, as the host."""
    own_id, player_id = _own_id(membership, ctx), load_deferred(ctx)["player_id"]

    def render(_: Any) -> JSON:
        return {"message": "Player kicked successfully", "kicked_player_id": player_id}

    by = ctx.caller.player_id
    return await execute(ctx, members.kick, render, **own_id, by=by, player_id=player_id)


async def set_password(membership: Membership, ctx: RequestContext) -> web.StreamResponse:
    """Set the password, as the host; null or an empty string removes it."""
    own_id, body = _own_id(membership, ctx), load_deferred(ctx)

    def render(_: Any) -> JSON:
        return {"message": "Password updated successfully"}

    by = ctx.caller.player_id
    return await execute(ctx, members.set_join_password, render, **own_id, by=by, **body)


def _own_id(membership: Membership, ctx: RequestContext) -> dict[str, Any]:
    return {"kind": membership.kind, "id": membership.get_own(ctx).id}


def _routes(membership: Membership) -> tuple[Route, ...]:
    def route(
        method: str, endpoint: str, handler: Callable[..., Any], body: BodySchema | None = None
    ) -> Route:
        return Route(
            method,
            f"{membership.file}/{endpoint}",
            partial(handler, membership),
            body,
            auth.player,
            name=endpoint,
            media=(),
        )

    return (
        route("GET", "players", list_members),
        route("POST", "heartbeat", heartbeat),
        route("POST", "leave", leave),
        route("POST", "kick", kick, KICK),
        route("POST", "password", set_password, PASSWORD),
    )


ROUTES = tuple(route for membership in MEMBERSHIPS for route in _routes(membership))
