"""`game_room.php`: rooms, where a game is played.

The endpoints that rooms share with lobbies are in `membership`. Members send one another `actions` and `updates`.
"""

import orjson
from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.actions import render_pending_action
from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.membership import (
    ROOM_FILE,
    create_as_host,
    get_own_room,
    last_activity,
    limit_password_attempts,
    room_in_path,
)
from coalserver.apis.multiplayer.render import (
    JSON,
    format_time,
    is_typed,
    is_unity_client,
    json_member,
    last_seen,
    render_removal,
    success,
    success_with_rows,
    typed,
)
from coalserver.apis.multiplayer.schemas import CREATE_ROOM, JOIN, LIST, load_deferred, load_params
from coalserver.core.commands import members, rooms
from coalserver.core.queries.players import player_name
from coalserver.core.queries.rooms import (
    joinable_rooms,
    last_room_exit,
    room_of_player,
    waiting_actions,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import ignoring
from coalserver.web.throttling import UseLimit

DEFAULT_NAME_PREFIX = "Game Room "


async def create(ctx: RequestContext) -> web.StreamResponse:
    """Create a room with the caller as its host."""
    codes = ErrorCode.ALREADY_IN_ROOM, ErrorCode.ALREADY_IN_LOBBY

    def render(room: Room) -> JSON:
        return {
            "room_id": room.code,
            "room_name": room.name,
            "is_host": True,
            "realtime": room.realtime,
        }

    return await create_as_host(ctx, rooms.open_room, DEFAULT_NAME_PREFIX, render, *codes)


async def list_rooms(ctx: RequestContext) -> web.StreamResponse:
    """Return the rooms with a free seat: most players first, then by name; last those whose host is away."""
    params = load_params(ctx, LIST.schema)
    game = ctx.caller.get_game().tag
    found = await ctx.core.query_in_steps(joinable_rooms, game=game, **params)
    rows = [_render_room(ctx, room) for room in found]
    return await success_with_rows(ctx, {"rooms": rows}, "rooms")


def _render_room(ctx: RequestContext, room: Room) -> JSON:
    return {
        "room_id": room.code,
        "room_name": room.name,
        "max_players": room.roster.capacity,
        "current_players": len(room.roster),
        "has_password": int(bool(room.password)),
        **json_member(ctx, "rules", room.options),
        "host_switch": int(room.roster.transfer_host),
        "can_leave": int(room.roster.can_leave),
        "realtime": int(room.realtime),
        "is_online": int(ctx.core.online(room.roster.host)),
    }


async def join(ctx: RequestContext) -> web.StreamResponse:
    """Add the caller to a room. Joining twice is not an error."""
    room, body = room_in_path(ctx), load_deferred(ctx)
    members = {"room_id": room.code, "message": "Successfully joined the room"}
    with (
        limit_password_attempts(ctx, f"room {room.id}", room.password),
        ignoring(ErrorCode.ALREADY_MEMBER),
    ):
        return await execute(
            ctx,
            rooms.join_room,
            lambda _: members,
            room_id=room.id,
            player_id=ctx.caller.player_id,
            **body,
        )
    return success(ctx, members)


async def get_current(ctx: RequestContext) -> web.StreamResponse:
    """Return the caller's room, and the caller's actions that are not finished.

    To a caller in no room it tells how the last seat was lost.

    `pending_updates` is always empty: only the cursor of a poll tells which updates a client has.
    """
    player = ctx.caller.player_id
    room = ctx.core.query(room_of_player, player=player)
    if room is None:
        left = render_removal(ctx.core.query(last_room_exit, player=player), "room_id")
        message = "Player is not in any game room"
        return success(ctx, {"in_room": False, "message": message, **left})
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
        **json_member(ctx, "rules", room.options),
        "host_switch": roster.transfer_host,
        "can_leave": roster.can_leave,
        "realtime": room.realtime,
    }
    waiting = ctx.core.query(waiting_actions, room=room.id, player=player)
    rows = [render_pending_action(ctx, room, action) for action in waiting]
    payload: JSON = {
        "in_room": True,
        "room": rendered,
        "pending_actions": rows,
        "pending_updates": [],
    }
    if is_unity_client(ctx):
        rendered_rows = orjson.dumps(typed(rows) if is_typed(ctx) else rows)
        payload |= {"pending_actions_json": rendered_rows.decode(), "pending_updates_json": "[]"}
    return success(ctx, payload)


async def stop(ctx: RequestContext) -> web.StreamResponse:
    """End the room for all members, as the host."""

    def render(_: Room) -> JSON:
        return {"message": "Game room stopped successfully"}

    room, player = get_own_room(ctx), ctx.caller.player_id
    return await execute(ctx, members.close, render, kind=Room, id=room.id, by=player)


ROUTES = (
    Route(
        "POST",
        f"{ROOM_FILE}/create",
        create,
        CREATE_ROOM,
        auth.player,
        media=(),
        limit=UseLimit.ROOMS,
    ),
    Route("POST", f"{ROOM_FILE}/list", list_rooms, LIST, auth.game_only, media=()),
    Route("GET", f"{ROOM_FILE}/list", list_rooms, LIST, auth.game_only, media=()),
    Route("POST", f"{ROOM_FILE}/{{id}}/join", join, JOIN, auth.player, media=()),
    Route("GET", f"{ROOM_FILE}/current", get_current, auth=auth.player),
    Route("POST", f"{ROOM_FILE}/stop", stop, auth=auth.player),
)
