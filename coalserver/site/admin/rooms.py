"""Admin page of open rooms and running sessions: their members, kicking and closing.

The domain calls a room with free seats a lobby, and a session a room.
"""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from coalserver.core.audit import run_audited
from coalserver.core.commands.moderation import admin_close, admin_kick
from coalserver.core.queries.admin import all_open_lobbies, all_running_rooms
from coalserver.core.queries.players import player_name
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.site.admin.layout import get, post, render_admin_page
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import read_csrf_form
from coalserver.web.pages.i18n import N_

#: Rows of each list, the newest first.
MAX_ROWS = 100
SUCCESS_MESSAGES = {
    "closed": ("open-rooms", N_("Room closed")),
    "out": ("open-rooms", N_("Player kicked from the room")),
    "ended": ("playing", N_("Game ended")),
    "out-of-session": ("playing", N_("Player kicked from the game")),
}


@dataclass(frozen=True, slots=True)
class RoomForms:
    """The forms of one of the two lists: what they act on and where they lead."""

    kind: type[Lobby] | type[Room]
    #: The name of the id in paths.
    path_name: str
    not_found: ErrorCode
    close_action: AuditAction
    closed_path: str
    kicked_path: str

    async def close(self, ctx: RequestContext) -> web.StreamResponse:
        """Close a room or session."""
        await read_csrf_form(ctx)
        found = self._get(ctx)
        target: dict[str, Any] = {"kind": self.kind, "id": found.id}
        await run_audited(
            ctx.core, ctx.caller, self.close_action, _label(found), admin_close, **target
        )
        return redirect(self.closed_path)

    async def kick(self, ctx: RequestContext) -> web.StreamResponse:
        """Kick the player that the path names."""
        await read_csrf_form(ctx)
        found, player = self._get(ctx), ctx.int_param("player")
        subject = f"{player_name(ctx.core.state, id=player)} ({player})"
        target: dict[str, Any] = {"kind": self.kind, "id": found.id, "player_id": player}
        await run_audited(
            ctx.core,
            ctx.caller,
            AuditAction.PLAYER_KICKED,
            subject,
            admin_kick,
            detail=_label(found),
            **target,
        )
        return redirect(self.kicked_path)

    def _get(self, ctx: RequestContext) -> Lobby | Room:
        found: Lobby | Room | None = ctx.core.state.get(self.kind, ctx.int_param(self.path_name))
        if found is None:
            raise DomainError(self.not_found)
        return found


OPEN_ROOMS = RoomForms(
    kind=Lobby,
    path_name="room",
    not_found=ErrorCode.LOBBY_NOT_FOUND,
    close_action=AuditAction.LOBBY_CLOSED,
    closed_path="/admin/rooms?done=closed",
    kicked_path="/admin/rooms?done=out",
)
SESSIONS = RoomForms(
    kind=Room,
    path_name="session",
    not_found=ErrorCode.ROOM_NOT_FOUND,
    close_action=AuditAction.ROOM_CLOSED,
    closed_path="/admin/rooms?done=ended#playing",
    kicked_path="/admin/rooms?done=out-of-session#playing",
)


def render_rooms(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    lobbies, lobby_count = ctx.core.query(all_open_lobbies, limit=MAX_ROWS)
    rooms, room_count = ctx.core.query(all_running_rooms, limit=MAX_ROWS)
    context = {
        "lobbies": [(lobby, _member_rows(ctx, lobby)) for lobby in lobbies],
        "lobby_count": lobby_count,
        "rooms": [(room, _member_rows(ctx, room)) for room in rooms],
        "room_count": room_count,
    }
    return render_admin_page(ctx, "rooms", context, success=SUCCESS_MESSAGES, **overrides)


async def rooms_page(ctx: RequestContext) -> web.StreamResponse:
    """Render open rooms and running sessions, the newest first."""
    return render_rooms(ctx)


def _member_rows(ctx: RequestContext, lobby_or_room: Lobby | Room) -> list[dict[str, Any]]:
    """Return the members in the order in which they joined."""
    return [
        {
            "player": seat.player,
            "name": player_name(ctx.core.state, id=seat.player),
            "host": seat.player == lobby_or_room.roster.host,
            "away": seat.away,
        }
        for seat in lobby_or_room.roster.seats
    ]


def _label(lobby_or_room: Lobby | Room) -> str:
    return f"{lobby_or_room.name or lobby_or_room.game} ({lobby_or_room.game} {lobby_or_room.id})"


ROUTES = (
    get("/admin/rooms", rooms_page),
    post("/admin/rooms/{room}/close", OPEN_ROOMS.close, render_rooms, "open-rooms"),
    post("/admin/rooms/{room}/kick/{player}", OPEN_ROOMS.kick, render_rooms, "open-rooms"),
    post("/admin/sessions/{session}/close", SESSIONS.close, render_rooms, "playing"),
    post("/admin/sessions/{session}/kick/{player}", SESSIONS.kick, render_rooms, "playing"),
)
