"""Admins and bans: who is shut out of a game, for how long, and no more."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.moderation import ban, unban
from coalserver.core.queries.admin import active_bans
from coalserver.core.queries.games import all_games
from coalserver.core.queries.players import player_name
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import BAN_DURATIONS
from coalserver.site.admin.layout import (
    PAGE_SIZE,
    FormPages,
    get,
    page_number,
    paginate,
    post,
    render_admin_page,
    run_audited,
    success_messages,
)
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import clean_text, parse_integer, read_fields
from coalserver.web.pages.i18n import N_, request_language

#: How long, as the form offers it.
DURATIONS = (
    ("hour", N_("an hour")),
    ("day", N_("a day")),
    ("week", N_("a week")),
    ("month", N_("a month")),
    ("quarter", N_("three months")),
    ("year", N_("a year")),
    ("forever", N_("for ever")),
)
MAX_PLAYER_ID = 10**9 - 1
SUCCESS_MESSAGES = {
    "banned": ("bans", N_("The player is shut out.")),
    "lifted": ("bans", N_("The ban is lifted.")),
}


def render_bans(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    language = request_language(ctx.request)
    offset = (page_number(ctx) - 1) * PAGE_SIZE
    bans, total = ctx.core.query(active_bans, now=ctx.now, limit=PAGE_SIZE, offset=offset)
    context = {
        "bans": [(ban_row, player_name(ctx.core.state, id=ban_row.player)) for ban_row in bans],
        "pagination": paginate(ctx, total),
        "games": [(game.tag, game.name) for game in ctx.core.query(all_games)],
        "durations": [(name, language.gettext(label)) for name, label in DURATIONS],
        "selected_player": ctx.query.get("player", "")[:10],
        "selected_game": ctx.query.get("game", "")[:40],
    }
    return render_admin_page(
        ctx, "bans", context, **{"messages": success_messages(ctx, SUCCESS_MESSAGES), **overrides}
    )


async def bans_page(ctx: RequestContext) -> web.StreamResponse:
    """Who is shut out of which game, the latest first."""
    return render_bans(ctx)


async def add_ban(ctx: RequestContext) -> web.StreamResponse:
    """Shut a player out of a game, and free every seat he has in it."""
    form = await read_fields(ctx, {"game": 40, "player": 20, "duration": 20, "reason": 200})
    player = parse_integer(form["player"], 1, MAX_PLAYER_ID, "player")
    if form["duration"] not in BAN_DURATIONS:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"duration": ["Unknown."]})
    reason = clean_text(form["reason"])
    kwargs: dict[str, Any] = {
        "game": form["game"],
        "player_id": player,
        "duration": form["duration"],
        "reason": reason,
    }
    detail = ", ".join(filter(None, (form["duration"], reason)))
    await run_audited(
        ctx,
        AuditAction.PLAYER_BANNED,
        _subject(ctx, form["game"], player),
        ban,
        detail=detail,
        **kwargs,
    )
    return redirect("/admin/bans?done=banned")


async def remove_ban(ctx: RequestContext) -> web.StreamResponse:
    """Let a player into a game again."""
    form = await read_fields(ctx, {"game": 40, "player": 20})
    player = parse_integer(form["player"], 1, MAX_PLAYER_ID, "player")
    kwargs: dict[str, Any] = {"game": form["game"], "player_id": player}
    await run_audited(
        ctx, AuditAction.PLAYER_UNBANNED, _subject(ctx, form["game"], player), unban, **kwargs
    )
    return redirect("/admin/bans?done=lifted")


def _subject(ctx: RequestContext, game: str, player: int) -> str:
    return f"{player_name(ctx.core.state, id=player)} ({player}), {game}"


ROUTES = (
    get("/admin/bans", bans_page),
    post("/admin/bans", add_ban),
    post("/admin/bans/lift", remove_ban),
)
FORM_PAGES: FormPages = {"add_ban": (render_bans, "ban"), "remove_ban": (render_bans, "bans")}
