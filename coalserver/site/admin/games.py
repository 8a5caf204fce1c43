"""Admin page of games: adding them and replacing their tokens."""

from typing import Any

from aiohttp import web

from coalserver.core.audit import run_audited
from coalserver.core.commands.games import add_game, rotate_game_tokens
from coalserver.core.queries.games import games_by_age, get_game
from coalserver.domain.audit import AuditAction
from coalserver.domain.play.game import Game
from coalserver.site.admin.layout import confirm_page, get, post, render_admin_page
from coalserver.site.pagination import kept_query, paginate
from coalserver.web.context import RequestContext
from coalserver.web.pages.forms import (
    Checkbox,
    FormSchema,
    TypedInteger,
    load_form,
    read_csrf_form,
)
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.schemas import Name, Text

GAMES_PATH, MAX_PLAYERS = "/admin/games", 1000


class GameSchema(FormSchema):
    """The form that adds a game."""

    tag = Text(high=100)
    name = Name(high=100)
    min_players = TypedInteger(1, MAX_PLAYERS, data_key="min")
    max_players = TypedInteger(1, MAX_PLAYERS, data_key="max")
    open = Checkbox()
    typed = Checkbox()


GAME = GameSchema()


def render_games(ctx: RequestContext, fresh: Any = None, **overrides: Any) -> web.StreamResponse:
    """Return the page of games. `fresh` is a game whose tokens only this response shows."""
    games, pagination = paginate(ctx, GAMES_PATH, games_by_age)
    context = {"games": games, "pagination": pagination, "fresh": fresh}
    return render_admin_page(ctx, "games", context, **overrides)


async def games_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the games, without tokens."""
    return render_games(ctx)


async def register_game(ctx: RequestContext) -> web.StreamResponse:
    """Add a game. The response is the only page that shows its tokens."""
    form = await load_form(ctx, GAME)
    game = await run_audited(
        ctx.core, ctx.caller, AuditAction.GAME_ADDED, form["tag"], add_game, **form
    )
    return render_games(ctx, game)


def requested_game(ctx: RequestContext) -> Game:
    """Return the game that the path names. Raises GAME_NOT_FOUND."""
    return ctx.core.query(get_game, tag=ctx.path["tag"])


async def confirm_rotate(ctx: RequestContext) -> web.StreamResponse:
    """Ask before the tokens of a game are replaced."""
    game = requested_game(ctx)
    return confirm_page(
        ctx,
        title=N_("Reset tokens"),
        texts=[
            N_(
                "All clients of <bdi>%(name)s</bdi> are cut off until they have the new tokens. The next"
                " page shows the new tokens once."
            )
        ],
        values={"name": game.name},
        button=N_("Reset tokens"),
        back_label=request_language(ctx.request).gettext(N_("Games")),
        back_path=GAMES_PATH,
        place=kept_query(ctx),
        active_page="games",
        section="rotate",
    )


async def rotate_tokens(ctx: RequestContext) -> web.StreamResponse:
    """Replace the tokens of a game. The response is the only page that shows the new ones."""
    await read_csrf_form(ctx)
    tag = requested_game(ctx).tag
    game = await run_audited(
        ctx.core, ctx.caller, AuditAction.GAME_TOKENS_ROTATED, tag, rotate_game_tokens, tag=tag
    )
    return render_games(ctx, game)


ROUTES = (
    get("/admin/games", games_page),
    post("/admin/games", register_game, render_games, "create"),
    get("/admin/games/{tag}/rotate", confirm_rotate, render_games, "games"),
    post("/admin/games/{tag}/rotate", rotate_tokens, render_games, "games"),
)
