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
from coalserver.site.admin.layout import confirm_page, get, post, render_admin_page
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import read_csrf_form
from coalserver.web.pages.i18n import N_, request_language

#: Rows of each list, the newest first.
MAX_ROWS = 100
SUCCESS_MESSAGES = {
    "closed": ("open-rooms", N_("Room closed")),
    "out": ("open-rooms", N_("Player kicked from the room")),
    "ended": ("playing", N_("Game ended")),
    "out-of-session": ("playing", N_("Player kicked from the game")),
}


KICK_TEXT = N_(
    "<bdi>%(player)s</bdi> loses the seat in <bdi>%(name)s</bdi>. To keep the player out of all rooms"
    " of this game, ban them instead."
)


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
    close_title: str
    close_text: str

    async def confirm_close(self, ctx: RequestContext) -> web.StreamResponse:
        """Ask before a room or session is closed."""
        found = self._get(ctx)
        return self._confirm(ctx, self.close_title, self.close_text, {"name": _name(found)})

    async def confirm_kick(self, ctx: RequestContext) -> web.StreamResponse:
        """Ask before the player that the path names is kicked."""
        found, player = self._get(ctx), ctx.int_param("player")
        if player not in {seat.player for seat in found.roster.seats}:
            raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
        values = {"name": _name(found), "player": player_name(ctx.core.state, id=player) or player}
        return self._confirm(ctx, N_("Kick player"), KICK_TEXT, values)

    def _confirm(
        self, ctx: RequestContext, title: str, text: str, values: dict[str, Any]
    ) -> web.Response:
        return confirm_page(
            ctx,
            title=title,
            texts=[text],
            values=values,
            button=title,
            back_label=request_language(ctx.request).gettext(N_("Rooms")),
            back_path="/admin/rooms",
            active_page="rooms",
            section="confirm",
        )

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
    close_title=N_("Close room"),
    close_text=N_("All players lose their seats in <bdi>%(name)s</bdi>. This cannot be undone."),
)
SESSIONS = RoomForms(
    kind=Room,
    path_name="session",
    not_found=ErrorCode.ROOM_NOT_FOUND,
    close_action=AuditAction.ROOM_CLOSED,
    closed_path="/admin/rooms?done=ended#playing",
    kicked_path="/admin/rooms?done=out-of-session#playing",
    close_title=N_("End game"),
    close_text=N_("<bdi>%(name)s</bdi> ends for all players. This cannot be undone."),
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


def _name(lobby_or_room: Lobby | Room) -> str:
    return lobby_or_room.name or lobby_or_room.game


def _label(lobby_or_room: Lobby | Room) -> str:
    return f"{_name(lobby_or_room)} ({lobby_or_room.game} {lobby_or_room.id})"


ROUTES = (
    get("/admin/rooms", rooms_page),
    get("/admin/rooms/{room}/close", OPEN_ROOMS.confirm_close, render_rooms, "open-rooms"),
    get("/admin/rooms/{room}/kick/{player}", OPEN_ROOMS.confirm_kick, render_rooms, "open-rooms"),
    get("/admin/sessions/{session}/close", SESSIONS.confirm_close, render_rooms, "playing"),
    get("/admin/sessions/{session}/kick/{player}", SESSIONS.confirm_kick, render_rooms, "playing"),
    post("/admin/rooms/{room}/close", OPEN_ROOMS.close, render_rooms, "open-rooms"),
    post("/admin/rooms/{room}/kick/{player}", OPEN_ROOMS.kick, render_rooms, "open-rooms"),
    post("/admin/sessions/{session}/close", SESSIONS.close, render_rooms, "playing"),
    post("/admin/sessions/{session}/kick/{player}", SESSIONS.kick, render_rooms, "playing"),
)
