"""Admins and games: made, and given new tokens."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.games import add_game, rotate_game_tokens
from coalserver.core.queries.games import all_games
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.admin.layout import FormPages, get, post, render_admin_page, run_audited
from coalserver.web.context import RequestContext
from coalserver.web.pages.forms import clean_text, parse_integer, read_fields

MAX_PLAYERS = 1000


def render_games(ctx: RequestContext, fresh: Any = None, **overrides: Any) -> web.StreamResponse:
    """Every game; `fresh` are tokens that are shown this once."""
    context = {"games": ctx.core.query(all_games), "fresh": fresh}
    return render_admin_page(ctx, "games", context, **overrides)


async def games_page(ctx: RequestContext) -> web.StreamResponse:
    """Every game, with no token of any."""
    return render_games(ctx)


async def register_game(ctx: RequestContext) -> web.StreamResponse:
    """A game; its tokens are shown this once."""
    form = await read_fields(ctx, {"tag": 100, "name": 100, "min": 10, "max": 10, "open": 5})
    low = parse_integer(form["min"], 1, MAX_PLAYERS, "max")
    high = parse_integer(form["max"], 1, MAX_PLAYERS, "max")
    tag = form["tag"].strip()
    kwargs: dict[str, Any] = {
        "tag": tag,
        "name": clean_text(form["name"]),
        "open": bool(form["open"]),
    }
    game = await run_audited(
        ctx, AuditAction.GAME_ADDED, tag, add_game, min_players=low, max_players=high, **kwargs
    )
    return render_games(ctx, game)


async def rotate_tokens(ctx: RequestContext) -> web.StreamResponse:
    """New tokens for a game, shown this once; the old ones stop at once."""
    await read_fields(ctx, {})
    tag = ctx.path["tag"]
    if tag not in {game.tag for game in ctx.core.query(all_games)}:
        raise DomainError(ErrorCode.GAME_NOT_FOUND)
    return render_games(
        ctx,
        await run_audited(ctx, AuditAction.GAME_TOKENS_ROTATED, tag, rotate_game_tokens, tag=tag),
    )


ROUTES = (
    get("/admin/games", games_page),
    post("/admin/games", register_game),
    post("/admin/games/{tag}/rotate", rotate_tokens),
)
FORM_PAGES: FormPages = {
    "register_game": (render_games, "make"),
    "rotate_tokens": (render_games, "games"),
}
