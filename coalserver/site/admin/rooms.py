"""Admin page of open rooms and running sessions: their members, kicking and closing.

The domain calls a room with free seats a lobby, and a session a room.
"""

from collections.abc import Callable, Sequence
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
from coalserver.domain.play.roster import Seat
from coalserver.site.admin.layout import confirm_page, get, post, render_admin_page
from coalserver.site.pagination import (
    PAGE,
    Pagination,
    kept_params,
    kept_query,
    paginate,
    paginate_rows,
)
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import read_csrf_form
from coalserver.web.pages.i18n import N_, request_language

ROOMS_PATH = "/admin/rooms"
#: The parameter with the page of the members of a single room.
MEMBERS_PAGE = "members"
#: Rows of a page of each list, and the members that each row shows; a room's own page shows all in pages.
PAGE_SIZE, MAX_MEMBERS = 20, 8
#: Digits of an id in the address.
MAX_DIGITS = 15
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
    #: The section of the page, and the parameter of its address with the page of the list.
    section: str
    page_name: str
    not_found: ErrorCode
    close_action: AuditAction
    #: The messages of the page after a room was closed or a player was kicked, and where it is scrolled to.
    closed: str
    kicked: str
    anchor: str
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
            back_path=ROOMS_PATH,
            place=list_query(ctx),
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
        # A page of the room alone has gone with it.
        return redirect(ROOMS_PATH + list_query(ctx, single=False, done=self.closed) + self.anchor)

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
        return redirect(ROOMS_PATH + list_query(ctx, done=self.kicked) + self.anchor)

    def _get(self, ctx: RequestContext) -> Lobby | Room:
        found: Lobby | Room | None = ctx.core.state.get(self.kind, ctx.int_param(self.path_name))
        if found is None:
            raise DomainError(self.not_found)
        return found


OPEN_ROOMS = RoomForms(
    kind=Lobby,
    path_name="room",
    section="open-rooms",
    page_name=PAGE,
    not_found=ErrorCode.LOBBY_NOT_FOUND,
    close_action=AuditAction.LOBBY_CLOSED,
    closed="closed",
    kicked="out",
    anchor="",
    close_title=N_("Close room"),
    close_text=N_("All players lose their seats in <bdi>%(name)s</bdi>. This cannot be undone."),
)
SESSIONS = RoomForms(
    kind=Room,
    path_name="session",
    section="playing",
    page_name="playing",
    not_found=ErrorCode.ROOM_NOT_FOUND,
    close_action=AuditAction.ROOM_CLOSED,
    closed="ended",
    kicked="out-of-session",
    anchor="#playing",
    close_title=N_("End game"),
    close_text=N_("<bdi>%(name)s</bdi> ends for all players. This cannot be undone."),
)


#: The parameters with the pages of both lists.
LIST_PAGES = (OPEN_ROOMS.page_name, SESSIONS.page_name)


def list_query(ctx: RequestContext, *, single: bool = True, **added: str) -> str:
    """Return the query of the page of rooms from which the address was reached; `single`: of that of one room, too."""
    if not single:
        return kept_query(ctx, numbers=LIST_PAGES, **added)
    ids = (OPEN_ROOMS.path_name, SESSIONS.path_name)
    return kept_query(ctx, numbers=(*LIST_PAGES, MEMBERS_PAGE), texts=ids, **added)


def render_rooms(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    single = _requested(ctx, OPEN_ROOMS) or _requested(ctx, SESSIONS)
    context: dict[str, Any] = {"is_single": single is not None}
    if single is None:
        open_rows, open_pages = _list_page(ctx, OPEN_ROOMS, all_open_lobbies)
        running_rows, running_pages = _list_page(ctx, SESSIONS, all_running_rooms)
        context["open_rooms"] = _shown_rooms(ctx, open_rows, open_pages.beside(running_pages))
        context["sessions"] = _shown_rooms(ctx, running_rows, running_pages.beside(open_pages))
    else:
        context["list_query"] = list_query(ctx, single=False)
        name = "open_rooms" if isinstance(single, Lobby) else "sessions"
        context[name] = _single_room(ctx, single)
    return render_admin_page(ctx, "rooms", context, success=SUCCESS_MESSAGES, **overrides)


def _requested(ctx: RequestContext, forms: RoomForms) -> Lobby | Room | None:
    """Return the only room or session that the address names in its query; None: the lists are wanted."""
    id = ctx.query.get(forms.path_name, "")
    if not (id.isascii() and id.isdigit() and len(id) <= MAX_DIGITS):
        return None
    found: Lobby | Room | None = ctx.core.state.get(forms.kind, int(id))
    return found if found is not None and found.open else None


def _list_page(
    ctx: RequestContext,
    forms: RoomForms,
    query: Callable[..., tuple[Sequence[Lobby | Room], int]],
) -> tuple[Sequence[Lobby | Room], Pagination]:
    return paginate(
        ctx,
        ROOMS_PATH,
        query,
        name=forms.page_name,
        fragment=forms.section,
        page_size=PAGE_SIZE,
    )


def _shown_rooms(
    ctx: RequestContext, rows: Sequence[Lobby | Room], pages: Pagination
) -> dict[str, Any]:
    """Return rows with some members, their number and pages."""
    shown = [(row, _member_rows(ctx, row, row.roster.seats[:MAX_MEMBERS])) for row in rows]
    return {"rows": shown, "pages": pages, "total": pages.total}


def _single_room(ctx: RequestContext, single: Lobby | Room) -> dict[str, Any]:
    """Return the only row with a page of its members, and the number of all rooms."""
    forms, query = (
        (OPEN_ROOMS, all_open_lobbies)
        if isinstance(single, Lobby)
        else (SESSIONS, all_running_rooms)
    )
    filters = {**kept_params(ctx, LIST_PAGES), forms.path_name: str(single.id)}
    seats, pages = paginate_rows(
        ctx,
        ROOMS_PATH,
        single.roster.seats,
        name=MEMBERS_PAGE,
        filters=filters,
        fragment=forms.section,
    )
    rows = [(single, _member_rows(ctx, single, seats))]
    return {"rows": rows, "pages": pages, "total": ctx.core.query(query, limit=0)[1]}


async def rooms_page(ctx: RequestContext) -> web.StreamResponse:
    """Render pages of open rooms and of running sessions, the newest first."""
    return render_rooms(ctx)


def _member_rows(
    ctx: RequestContext, lobby_or_room: Lobby | Room, seats: Sequence[Seat]
) -> list[dict[str, Any]]:
    """Return some members."""
    return [
        {
            "player": seat.player,
            "name": player_name(ctx.core.state, id=seat.player),
            "host": seat.player == lobby_or_room.roster.host,
            "away": seat.away,
        }
        for seat in seats
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
