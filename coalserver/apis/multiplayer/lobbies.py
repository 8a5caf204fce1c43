"""`matchmaking.php`: lobbies, where players gather until the host starts a room.

The endpoints that lobbies share with rooms are in `membership`, join requests in `requests`.
"""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.membership import (
    LOBBY_FILE,
    create_as_host,
    get_own_lobby,
    id_routes,
    last_activity,
    limit_password_attempts,
    lobby_in_path,
    lobby_member_status,
)
from coalserver.apis.multiplayer.render import (
    JSON,
    format_time,
    format_time_or_null,
    json_member,
    last_seen,
    render_removal,
    success,
    success_with_rows,
)
from coalserver.apis.multiplayer.requests import render_pending_request
from coalserver.apis.multiplayer.schemas import (
    CREATE_LOBBY,
    JOIN,
    LIST,
    load_deferred,
    load_params,
)
from coalserver.core.commands import lobbies, members
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.lobbies import join_requests_to_lobby, lobby_of_player, open_lobbies
from coalserver.core.queries.players import get_player, player_name
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.throttling import UseLimit

DEFAULT_NAME_PREFIX = "Matchmaking "
STARTED_NAME_PREFIX = "Game from Matchmaking "


async def list_lobbies(ctx: RequestContext) -> web.StreamResponse:
    """Return the open lobbies with a free seat, newest first."""
    params = load_params(ctx, LIST.schema)
    found, _ = await ctx.core.query_in_steps(
        open_lobbies, game=ctx.caller.get_game().tag, full=False, **params
    )
    rows = [_render_lobby(ctx, lobby) for lobby in found]
    return await success_with_rows(ctx, {"lobbies": rows}, "lobbies")


def _render_lobby(ctx: RequestContext, lobby: Lobby) -> JSON:
    roster = lobby.roster
    return {
        "matchmaking_id": lobby.code,
        "matchmaking_name": lobby.name,
        "host_player_id": roster.host,
        "max_players": roster.capacity,
        "strict_full": int(lobby.strict_full),
        "has_password": int(bool(lobby.password)),
        **json_member(ctx, "rules", lobby.options),
        "created_at": format_time(lobby.opened),
        "last_heartbeat": format_time(last_activity(ctx, roster, lobby.opened)),
        "current_players": len(roster),
        "host_name": ctx.core.query(player_name, id=roster.host),
        "join_by_requests": int(lobby.requires_approval),
        "host_switch": int(roster.transfer_host),
        "can_leave_room": int(roster.can_leave),
        "realtime_room": int(lobby.realtime),
        "is_online": int(ctx.core.online(roster.host)),
    }


async def create(ctx: RequestContext) -> web.StreamResponse:
    """Create a lobby with the caller as its host."""
    codes = ErrorCode.ALREADY_IN_LOBBY, ErrorCode.ALREADY_IN_ROOM

    def render(lobby: Lobby) -> JSON:
        return {
            "matchmaking_id": lobby.code,
            "max_players": lobby.roster.capacity,
            "strict_full": lobby.strict_full,
            "join_by_requests": lobby.requires_approval,
            "is_host": True,
            "matchmaking_name": lobby.name,
            "host_switch": lobby.roster.transfer_host,
            "can_leave_room": lobby.roster.can_leave,
            "realtime_room": lobby.realtime,
        }

    return await create_as_host(ctx, lobbies.open_lobby, DEFAULT_NAME_PREFIX, render, *codes)


async def join(ctx: RequestContext) -> web.StreamResponse:
    """Add the caller to a lobby. Raises APPROVAL_REQUIRED if its host approves members."""
    lobby, body = lobby_in_path(ctx), load_deferred(ctx)

    def render(_: Lobby) -> JSON:
        return {"matchmaking_id": lobby.code, "message": "Successfully joined matchmaking lobby"}

    player = ctx.caller.player_id
    with limit_password_attempts(ctx, f"lobby {lobby.id}", lobby.password):
        return await execute(
            ctx, lobbies.join_lobby, render, lobby_id=lobby.id, player_id=player, **body
        )


async def get_current(ctx: RequestContext) -> web.StreamResponse:
    """Return the caller's lobby and, to its host, the pending join requests."""
    player = ctx.caller.player_id
    lobby = ctx.core.query(lobby_of_player, player=player)
    if lobby is None:
        message = "Player is not in any matchmaking lobby"
        removal = ctx.core.query(get_player, id=player).lobby_removal
        left = render_removal(removal, "matchmaking_id")
        return success(ctx, {"in_matchmaking": False, "message": message, **left})
    roster, seat = lobby.roster, lobby.roster.get_seat(player)
    requests = (
        ctx.core.query(join_requests_to_lobby, lobby=lobby.id) if roster.host == player else []
    )
    started = lobby.state is LobbyState.STARTED
    rendered = {
        "matchmaking_id": lobby.code,
        "is_host": roster.host == player,
        "max_players": roster.capacity,
        "current_players": len(roster),
        "strict_full": lobby.strict_full,
        "join_by_requests": lobby.requires_approval,
        **json_member(ctx, "rules", lobby.options),
        "joined_at": format_time(seat.joined),
        "player_status": lobby_member_status(ctx, player),
        "last_heartbeat": format_time(last_seen(ctx.core, player) or seat.joined),
        "lobby_heartbeat": format_time(last_activity(ctx, roster, lobby.opened)),
        "is_started": started,
        "started_at": format_time_or_null(lobby.closed) if started else None,
        "matchmaking_name": lobby.name,
        "has_password": bool(lobby.password),
        "is_online": ctx.core.online(player),
        "host_switch": roster.transfer_host,
        "can_leave_room": roster.can_leave,
        "realtime_room": lobby.realtime,
    }
    rows = [render_pending_request(ctx, lobby, request) for request in requests]
    return success(ctx, {"in_matchmaking": True, "matchmaking": rendered, "pending_requests": rows})


async def start(ctx: RequestContext) -> web.StreamResponse:
    """Start a room with all members who are online, as the host."""
    lobby = get_own_lobby(ctx)
    unnamed = lobby.name == f"{DEFAULT_NAME_PREFIX}{lobby.code[:6]}"

    def render(room: Room) -> JSON:
        return {
            "room_id": room.code,
            "room_name": room.name,
            "players_transferred": len(room.roster),
            "message": "Game started successfully",
        }

    return await execute(
        ctx,
        start_lobby,
        render,
        lobby_id=lobby.id,
        by=ctx.caller.player_id,
        name=f"{STARTED_NAME_PREFIX}{lobby.code[:6]}" if unnamed else None,
        only_present=True,
    )


async def stop(ctx: RequestContext) -> web.StreamResponse:
    """Close the lobby before its start, as the host."""
    return await _close(ctx, "Matchmaking lobby stopped successfully", open_only=True)


async def remove(ctx: RequestContext) -> web.StreamResponse:
    """Close the lobby at any time, as the host. A room started from it continues."""
    return await _close(ctx, "Matchmaking lobby removed successfully", open_only=False)


async def _close(ctx: RequestContext, message: str, *, open_only: bool) -> web.StreamResponse:
    return await execute(
        ctx,
        members.close,
        lambda _: {"message": message},
        kind=Lobby,
        id=get_own_lobby(ctx).id,
        by=ctx.caller.player_id,
        open_only=open_only,
    )


ROUTES = (
    Route("POST", f"{LOBBY_FILE}/list", list_lobbies, LIST, auth.game_or_player, media=()),
    Route("GET", f"{LOBBY_FILE}/list", list_lobbies, LIST, auth.game_or_player, media=()),
    Route(
        "POST",
        f"{LOBBY_FILE}/create",
        create,
        CREATE_LOBBY,
        auth.player,
        media=(),
        limit=UseLimit.ROOMS,
    ),
    *id_routes("POST", "join", join, JOIN),
    Route("GET", f"{LOBBY_FILE}/current", get_current, auth=auth.player),
    Route("POST", f"{LOBBY_FILE}/start", start, auth=auth.player),
    Route("POST", f"{LOBBY_FILE}/stop", stop, auth=auth.player),
    Route("POST", f"{LOBBY_FILE}/remove", remove, auth=auth.player),
)
