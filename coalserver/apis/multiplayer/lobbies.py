"""`matchmaking.php`: gather until the host starts. requests.py asks to be let in."""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.membership import (
    capacity_param,
    get_own_lobby,
    id_routes,
    last_activity,
    limit_param,
    limit_password_attempts,
    lobby_in_path,
    member_fields,
    seats_host_first,
)
from coalserver.apis.multiplayer.render import (
    JSON,
    format_iso_time,
    format_time,
    format_time_or_null,
    json_member,
    last_seen,
    success,
)
from coalserver.apis.multiplayer.requests import pending_row
from coalserver.apis.multiplayer.schemas import PARAMS, Params, invalid_request
from coalserver.core.commands import lobbies
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.lobbies import join_requests_to_lobby, lobby_of_player, open_lobbies
from coalserver.core.queries.players import player_name
from coalserver.core.queries.rooms import room_of_player
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby, LobbyState
from coalserver.domain.play.roster import Roster, Seat
from coalserver.web.api import Route
from coalserver.web.context import RequestContext

FILE = "/api/matchmaking.php"
DEFAULT_NAME_PREFIX = "Matchmaking "
STARTED_NAME_PREFIX = "Game from Matchmaking "


async def list_lobbies(ctx: RequestContext) -> web.StreamResponse:
    """Lobbies with a free place, newest first."""
    params = Params({**ctx.query, **ctx.body["params"].members})
    found, _ = ctx.core.query(
        open_lobbies,
        game=ctx.caller.get_game().tag,
        limit=limit_param(params),
        search=params.text("search"),
        full=False,
    )
    return success({"lobbies": [_lobby_row(ctx, lobby) for lobby in found]})


def _lobby_row(ctx: RequestContext, lobby: Lobby) -> JSON:
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
    }


async def create(ctx: RequestContext) -> web.StreamResponse:
    """Open a lobby and be its host."""
    player, params = ctx.caller.player_id, ctx.body["params"]
    if ctx.core.query(lobby_of_player, player=player) is not None:
        raise DomainError(ErrorCode.ALREADY_IN_LOBBY)
    if ctx.core.query(room_of_player, player=player) is not None:
        raise DomainError(ErrorCode.ALREADY_IN_ROOM)
    max_players = capacity_param(params)
    if not max_players:
        raise invalid_request("max_players")
    lobby = await ctx.core.execute(
        lobbies.open_lobby,
        game=ctx.caller.get_game().tag,
        player_id=player,
        name=params.text("matchmaking_name"),
        default_name=DEFAULT_NAME_PREFIX,
        password=params.secret("password"),
        options=params.json_object("rules") or b"{}",
        capacity=max_players,
        strict_full=params.boolean("strict_full"),
        requires_approval=params.boolean("join_by_requests"),
        transfer_host=params.boolean("host_switch"),
        can_leave=params.boolean("can_leave_room", True),
        realtime=params.boolean("realtime_room"),
        data=params.json_object("player_data") or b"{}",
    )
    return success(
        {
            "matchmaking_id": lobby.code,
            "max_players": lobby.roster.capacity,
            "strict_full": lobby.strict_full,
            "join_by_requests": lobby.requires_approval,
            "is_host": True,
        }
    )


async def join(ctx: RequestContext) -> web.StreamResponse:
    """Take a seat, where the host need not approve of it."""
    lobby, params = lobby_in_path(ctx), ctx.body["params"]
    data = params.player_data()
    with limit_password_attempts(ctx, f"lobby {lobby.id}", lobby.password):
        await ctx.core.execute(
            lobbies.join_lobby,
            lobby_id=lobby.id,
            player_id=ctx.caller.player_id,
            password=params.secret("password"),
            data=data,
        )
    return success(
        {"matchmaking_id": lobby.code, "message": "Successfully joined matchmaking lobby"}
    )


async def leave(ctx: RequestContext) -> web.StreamResponse:
    """Give up one's seat; after the start only where members may."""
    await ctx.core.execute(
        lobbies.leave_lobby, lobby_id=get_own_lobby(ctx).id, player_id=ctx.caller.player_id
    )
    return success({"message": "Successfully left matchmaking lobby"})


async def list_members(ctx: RequestContext) -> web.StreamResponse:
    """Who sits in one's lobby, the host first."""
    lobby = get_own_lobby(ctx)
    rows = [_member_row(ctx, lobby.roster, seat) for seat in seats_host_first(lobby.roster)]
    return success({"players": rows, "last_updated": format_iso_time(ctx.now)})


def _member_row(ctx: RequestContext, roster: Roster, seat: Seat) -> JSON:
    seen_at = last_seen(ctx.core, seat.player) or seat.joined
    return {
        "player_id": seat.player,
        "joined_at": format_time(seat.joined),
        "last_heartbeat": format_time(seen_at),
        "status": _status(ctx, seat.player),
        "seconds_since_heartbeat": max(0, int(ctx.now - seen_at)),
        **member_fields(ctx, roster, seat),
    }


def _status(ctx: RequestContext, player: int) -> str:
    return "active" if ctx.core.online(player) else "inactive"


async def heartbeat(ctx: RequestContext) -> web.StreamResponse:
    """Say that one is there."""
    get_own_lobby(ctx)
    return success({"status": "ok"})


async def get_current(ctx: RequestContext) -> web.StreamResponse:
    """The lobby one is in, and to its host, who asks to be let in."""
    player = ctx.caller.player_id
    lobby = ctx.core.query(lobby_of_player, player=player)
    if lobby is None:
        message = "Player is not in any matchmaking lobby"
        return success({"in_matchmaking": False, "message": message})
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
        "player_status": _status(ctx, player),
        "last_heartbeat": format_time(last_seen(ctx.core, player) or seat.joined),
        "lobby_heartbeat": format_time(last_activity(ctx, roster, lobby.opened)),
        "is_started": started,
        "started_at": format_time_or_null(lobby.closed) if started else None,
    }
    rows = [pending_row(ctx, lobby, request) for request in requests]
    return success({"in_matchmaking": True, "matchmaking": rendered, "pending_requests": rows})


async def start(ctx: RequestContext) -> web.StreamResponse:
    """The host begins play, in a room with everyone who is there."""
    lobby = get_own_lobby(ctx)
    unnamed = lobby.name == f"{DEFAULT_NAME_PREFIX}{lobby.code[:6]}"
    room = await ctx.core.execute(
        start_lobby,
        lobby_id=lobby.id,
        by=ctx.caller.player_id,
        name=f"{STARTED_NAME_PREFIX}{lobby.code[:6]}" if unnamed else None,
        only_present=True,
    )
    return success(
        {
            "room_id": room.code,
            "room_name": room.name,
            "players_transferred": len(room.roster),
            "message": "Game started successfully",
        }
    )


async def stop(ctx: RequestContext) -> web.StreamResponse:
    """The host ends the gathering, before play has begun."""
    await ctx.core.execute(
        lobbies.close_lobby, lobby_id=get_own_lobby(ctx).id, by=ctx.caller.player_id, open_only=True
    )
    return success({"message": "Matchmaking lobby stopped successfully"})


async def remove(ctx: RequestContext) -> web.StreamResponse:
    """The host ends the gathering, also after play has begun: the room goes on."""
    await ctx.core.execute(
        lobbies.close_lobby,
        lobby_id=get_own_lobby(ctx).id,
        by=ctx.caller.player_id,
        open_only=False,
    )
    return success({"message": "Matchmaking lobby removed successfully"})


async def kick(ctx: RequestContext) -> web.StreamResponse:
    """The host puts a member out, before play has begun."""
    lobby, params = get_own_lobby(ctx), ctx.body["params"]
    if params.get("player_id") in (None, ""):
        raise invalid_request("player_id")
    player = params.integer("player_id") or 0
    await ctx.core.execute(
        lobbies.kick_from_lobby, lobby_id=lobby.id, by=ctx.caller.player_id, player_id=player
    )
    return success({"message": "Player kicked successfully", "kicked_player_id": player})


async def set_password(ctx: RequestContext) -> web.StreamResponse:
    """The host sets a password; null or an empty one removes it."""
    await ctx.core.execute(
        lobbies.set_lobby_password,
        lobby_id=get_own_lobby(ctx).id,
        by=ctx.caller.player_id,
        password=ctx.body["params"].secret("password"),
    )
    return success({"message": "Password updated successfully"})


ROUTES = (
    Route("POST", f"{FILE}/list", list_lobbies, PARAMS, auth.game_or_player, media=()),
    Route("GET", f"{FILE}/list", list_lobbies, PARAMS, auth.game_or_player, media=()),
    Route("POST", f"{FILE}/create", create, PARAMS, auth.player, media=()),
    *id_routes("POST", FILE, "join", join, PARAMS),
    Route("POST", f"{FILE}/leave", leave, auth=auth.player),
    Route("GET", f"{FILE}/players", list_members, auth=auth.player),
    Route("POST", f"{FILE}/heartbeat", heartbeat, auth=auth.player),
    Route("GET", f"{FILE}/current", get_current, auth=auth.player),
    Route("POST", f"{FILE}/start", start, auth=auth.player),
    Route("POST", f"{FILE}/stop", stop, auth=auth.player),
    Route("POST", f"{FILE}/remove", remove, auth=auth.player),
    Route("POST", f"{FILE}/kick", kick, PARAMS, auth.player, media=()),
    Route("POST", f"{FILE}/password", set_password, PARAMS, auth.player, media=()),
)
