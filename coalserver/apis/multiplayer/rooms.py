"""`game_room.php`: where play happens. actions.py and updates.py are what members send one another."""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.actions import pending_row
from coalserver.apis.multiplayer.membership import (
    capacity_param,
    get_own_room,
    last_activity,
    limit_param,
    limit_password_attempts,
    member_fields,
    room_in_path,
    seats_host_first,
)
from coalserver.apis.multiplayer.render import (
    JSON,
    format_iso_time,
    format_time,
    json_member,
    last_seen,
    success,
)
from coalserver.apis.multiplayer.schemas import PARAMS, Params, invalid_request
from coalserver.core.commands import rooms
from coalserver.core.queries.lobbies import lobby_of_player
from coalserver.core.queries.players import player_name
from coalserver.core.queries.rooms import joinable_rooms, room_of_player, waiting_actions
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster, Seat
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import ignoring

FILE = "/api/game_room.php"
DEFAULT_NAME_PREFIX = "Game Room "
#: Places in a room unless its host says how many.
DEFAULT_CAPACITY = 6


async def create(ctx: RequestContext) -> web.StreamResponse:
    """Open a room and be its host."""
    player, params = ctx.caller.player_id, ctx.body["params"]
    if ctx.core.query(room_of_player, player=player) is not None:
        raise DomainError(ErrorCode.ALREADY_IN_ROOM)
    if ctx.core.query(lobby_of_player, player=player) is not None:
        raise DomainError(ErrorCode.ALREADY_IN_LOBBY)
    room = await ctx.core.execute(
        rooms.open_room,
        game=ctx.caller.get_game().tag,
        player_id=player,
        name=params.text("room_name"),
        default_name=DEFAULT_NAME_PREFIX,
        capacity=capacity_param(params, DEFAULT_CAPACITY),
        password=params.secret("password"),
        options=params.json_object("rules") or b"{}",
        transfer_host=params.boolean("host_switch"),
        can_leave=params.boolean("can_leave_room", True),
        realtime=params.boolean("realtime"),
        data=params.json_object("player_data") or b"{}",
    )
    return success(
        {
            "room_id": room.code,
            "room_name": room.name,
            "is_host": True,
            "realtime": room.realtime,
        }
    )


async def list_rooms(ctx: RequestContext) -> web.StreamResponse:
    """Rooms with a free place: most players first, then by name."""
    params = Params({**ctx.query, **ctx.body["params"].members})
    found = ctx.core.query(
        joinable_rooms,
        game=ctx.caller.get_game().tag,
        limit=limit_param(params),
        search=params.text("search"),
    )
    return success({"rooms": [_room_row(room) for room in found]})


def _room_row(room: Room) -> JSON:
    return {
        "room_id": room.code,
        "room_name": room.name,
        "max_players": room.roster.capacity,
        "current_players": len(room.roster),
        "has_password": int(bool(room.password)),
    }


async def join(ctx: RequestContext) -> web.StreamResponse:
    """Take a free seat; well also if one has it already."""
    room, params = room_in_path(ctx), ctx.body["params"]
    with (
        limit_password_attempts(ctx, f"room {room.id}", room.password),
        ignoring(ErrorCode.ALREADY_MEMBER),
    ):
        await ctx.core.execute(
            rooms.join_room,
            room_id=room.id,
            player_id=ctx.caller.player_id,
            password=params.secret("password"),
            data=params.player_data(),
        )
    return success({"room_id": room.code, "message": "Successfully joined the room"})


async def list_members(ctx: RequestContext) -> web.StreamResponse:
    """Who plays in one's room, the host first."""
    room = get_own_room(ctx)
    rows = [_member_row(ctx, room.roster, seat) for seat in seats_host_first(room.roster)]
    return success({"players": rows, "last_updated": format_iso_time(ctx.now)})


def _member_row(ctx: RequestContext, roster: Roster, seat: Seat) -> JSON:
    return {
        "player_id": str(seat.player),
        **member_fields(ctx, roster, seat),
        "is_online": int(ctx.core.online(seat.player)),
        "last_heartbeat": format_time(last_seen(ctx.core, seat.player) or seat.joined),
        **json_member(ctx, "player_data", b"{}" if seat.data == b"null" else seat.data),
    }


async def leave(ctx: RequestContext) -> web.StreamResponse:
    """Give up one's seat, and that in the lobby the room came from."""
    await ctx.core.execute(
        rooms.leave_room, room_id=get_own_room(ctx).id, player_id=ctx.caller.player_id
    )
    return success({"message": "Successfully left the room"})


async def heartbeat(ctx: RequestContext) -> web.StreamResponse:
    """Say that one is there."""
    get_own_room(ctx)
    return success({"status": "ok"})


async def get_current(ctx: RequestContext) -> web.StreamResponse:
    """The room one is in, and what one has asked there and still waits for.

    Updates wait until they are polled for, by whoever knows what he has seen: none is pending here.
    """
    player = ctx.caller.player_id
    room = ctx.core.query(room_of_player, player=player)
    if room is None:
        return success({"in_room": False, "message": "Player is not in any game room"})
    roster, seat = room.roster, room.roster.get_seat(player)
    rendered = {
        "room_id": room.code,
        "room_name": room.name,
        "is_host": roster.host == player,
        "is_online": ctx.core.online(player),
        "max_players": roster.capacity,
        "current_players": len(roster),
        "has_password": bool(room.password),
        "is_active": not room.ended,
        "player_name": ctx.core.query(player_name, id=player),
        "joined_at": format_time(seat.joined),
        "last_heartbeat": format_time(last_seen(ctx.core, player) or seat.joined),
        "room_created_at": format_time(room.opened),
        "room_last_activity": format_time(last_activity(ctx, roster, room.touched)),
    }
    waiting = ctx.core.query(waiting_actions, room=room.id, player=player)
    rows = [pending_row(ctx, room, action) for action in waiting]
    return success(
        {"in_room": True, "room": rendered, "pending_actions": rows, "pending_updates": []}
    )


async def stop(ctx: RequestContext) -> web.StreamResponse:
    """The host ends play for everyone."""
    await ctx.core.execute(rooms.close_room, room_id=get_own_room(ctx).id, by=ctx.caller.player_id)
    return success({"message": "Game room stopped successfully"})


async def kick(ctx: RequestContext) -> web.StreamResponse:
    """The host puts a member out."""
    room, params = get_own_room(ctx), ctx.body["params"]
    if params.get("player_id") in (None, ""):
        raise invalid_request("player_id")
    player = params.integer("player_id") or 0
    await ctx.core.execute(
        rooms.kick_from_room, room_id=room.id, by=ctx.caller.player_id, player_id=player
    )
    return success({"message": "Player kicked successfully", "kicked_player_id": player})


async def set_password(ctx: RequestContext) -> web.StreamResponse:
    """The host sets a password; null or an empty one removes it."""
    await ctx.core.execute(
        rooms.set_room_password,
        room_id=get_own_room(ctx).id,
        by=ctx.caller.player_id,
        password=ctx.body["params"].secret("password"),
    )
    return success({"message": "Password updated successfully"})


ROUTES = (
    Route("POST", f"{FILE}/create", create, PARAMS, auth.player, media=()),
    Route("POST", f"{FILE}/list", list_rooms, PARAMS, auth.game_only, media=()),
    Route("GET", f"{FILE}/list", list_rooms, PARAMS, auth.game_only, media=()),
    Route("POST", f"{FILE}/{{id}}/join", join, PARAMS, auth.player, media=()),
    Route("GET", f"{FILE}/players", list_members, auth=auth.player),
    Route("POST", f"{FILE}/leave", leave, auth=auth.player),
    Route("POST", f"{FILE}/heartbeat", heartbeat, auth=auth.player),
    Route("GET", f"{FILE}/current", get_current, auth=auth.player),
    Route("POST", f"{FILE}/stop", stop, auth=auth.player),
    Route("POST", f"{FILE}/kick", kick, PARAMS, auth.player, media=()),
    Route("POST", f"{FILE}/password", set_password, PARAMS, auth.player, media=()),
)
