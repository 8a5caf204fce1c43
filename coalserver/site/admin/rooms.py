"""Admins and what goes on: rooms that gather, sessions that play, who is in them, and their end."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.moderation import admin_close, admin_kick
from coalserver.core.queries.admin import all_open_lobbies, all_running_rooms
from coalserver.core.queries.players import player_name
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.site.admin.layout import (
    FormPages,
    get,
    post,
    render_admin_page,
    run_audited,
    success_messages,
)
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import read_fields
from coalserver.web.pages.i18n import N_

#: Of each kind, the newest.
MAX_ROWS = 100
SUCCESS_MESSAGES = {
    "closed": ("gathering", N_("The room is closed.")),
    "out": ("gathering", N_("The player is out of the room.")),
    "ended": ("playing", N_("The session is ended.")),
    "out-of-session": ("playing", N_("The player is out of the session.")),
}


def render_rooms(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    lobbies, lobby_count = ctx.core.query(all_open_lobbies, limit=MAX_ROWS)
    rooms, room_count = ctx.core.query(all_running_rooms, limit=MAX_ROWS)
    context = {
        "lobbies": [(lobby, _member_rows(ctx, lobby)) for lobby in lobbies],
        "lobby_count": lobby_count,
        "rooms": [(room, _member_rows(ctx, room)) for room in rooms],
        "room_count": room_count,
    }
    return render_admin_page(
        ctx, "rooms", context, **{"messages": success_messages(ctx, SUCCESS_MESSAGES), **overrides}
    )


def _member_rows(ctx: RequestContext, lobby_or_room: Lobby | Room) -> list[dict[str, Any]]:
    """Who is in a place, as they came."""
    return [
        {
            "player": seat.player,
            "name": player_name(ctx.core.state, id=seat.player),
            "host": seat.player == lobby_or_room.roster.host,
            "away": seat.away,
        }
        for seat in lobby_or_room.roster.seats
    ]


async def rooms_page(ctx: RequestContext) -> web.StreamResponse:
    """Every room that gathers and every session that plays; the newest first."""
    return render_rooms(ctx)


async def close_open_room(ctx: RequestContext) -> web.StreamResponse:
    """A gathering ends for everyone."""
    await read_fields(ctx, {})
    lobby = get_lobby(ctx)
    await run_audited(
        ctx, AuditAction.LOBBY_CLOSED, _label(lobby), admin_close, kind=Lobby, id=lobby.id
    )
    return redirect("/admin/rooms?done=closed")


async def kick_room_member(ctx: RequestContext) -> web.StreamResponse:
    """A member of a gathering has to go."""
    await read_fields(ctx, {})
    lobby = get_lobby(ctx)
    await _kick(ctx, lobby)
    return redirect("/admin/rooms?done=out")


async def close_session(ctx: RequestContext) -> web.StreamResponse:
    """Play ends for everyone."""
    await read_fields(ctx, {})
    room = get_room(ctx)
    await run_audited(
        ctx, AuditAction.ROOM_CLOSED, _label(room), admin_close, kind=Room, id=room.id
    )
    return redirect("/admin/rooms?done=ended#playing")


async def kick_session_member(ctx: RequestContext) -> web.StreamResponse:
    """One who plays has to go."""
    await read_fields(ctx, {})
    room = get_room(ctx)
    await _kick(ctx, room)
    return redirect("/admin/rooms?done=out-of-session#playing")


def get_lobby(ctx: RequestContext) -> Lobby:
    found = ctx.core.state.get(Lobby, ctx.int_param("room"))
    if found is None:
        raise DomainError(ErrorCode.LOBBY_NOT_FOUND)
    return found


def get_room(ctx: RequestContext) -> Room:
    found = ctx.core.state.get(Room, ctx.int_param("session"))
    if found is None:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    return found


def _label(lobby_or_room: Lobby | Room) -> str:
    return f"{lobby_or_room.name or lobby_or_room.game} ({lobby_or_room.game} {lobby_or_room.id})"


async def _kick(ctx: RequestContext, lobby_or_room: Lobby | Room) -> None:
    """Kick the player of the path from a lobby or room."""
    player = ctx.int_param("player")
    subject = f"{player_name(ctx.core.state, id=player)} ({player})"
    await run_audited(
        ctx,
        AuditAction.PLAYER_KICKED,
        subject,
        admin_kick,
        detail=_label(lobby_or_room),
        kind=type(lobby_or_room),
        id=lobby_or_room.id,
        player_id=player,
    )


ROUTES = (
    get("/admin/rooms", rooms_page),
    post("/admin/rooms/{room}/close", close_open_room),
    post("/admin/rooms/{room}/kick/{player}", kick_room_member),
    post("/admin/sessions/{session}/close", close_session),
    post("/admin/sessions/{session}/kick/{player}", kick_session_member),
)
FORM_PAGES: FormPages = {
    "close_open_room": (render_rooms, "gathering"),
    "kick_room_member": (render_rooms, "gathering"),
    "close_session": (render_rooms, "playing"),
    "kick_session_member": (render_rooms, "playing"),
}
