"""Admin page of bans: players who are banned from a game, for how long and why."""

from typing import Any

from aiohttp import web

from coalserver.core.audit import run_audited
from coalserver.core.commands.moderation import ban, unban
from coalserver.core.queries.admin import active_bans
from coalserver.core.queries.games import games_by_age
from coalserver.core.queries.players import player_name
from coalserver.domain.audit import AuditAction
from coalserver.domain.play.player import BAN_DURATIONS
from coalserver.site.admin.layout import confirm_page, get, post, render_admin_page
from coalserver.site.pagination import kept_query, paginate_in_steps
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import FormSchema, TypedInteger, load_form, load_query
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.schemas import Text, one_of

BANS_PATH = "/admin/bans"
#: Names of `BAN_DURATIONS` in the order of the form, with their labels.
DURATIONS = (
    ("hour", N_("1 hour")),
    ("day", N_("1 day")),
    ("week", N_("1 week")),
    ("month", N_("1 month")),
    ("quarter", N_("3 months")),
    ("year", N_("1 year")),
    ("forever", N_("No expiry")),
)
#: Games that the form lets choose from; of more, the tag is typed, and the first ones are suggested.
MAX_GAMES = 200
MAX_PLAYER_ID = 10**9 - 1
SUCCESS_MESSAGES = {
    "banned": ("bans", N_("Player banned")),
    "lifted": ("bans", N_("Ban removed")),
}


class UnbanSchema(FormSchema):
    """The form that removes a ban."""

    game = Text(high=40)
    player_id = TypedInteger(1, MAX_PLAYER_ID, data_key="player")


class BanSchema(UnbanSchema):
    """The form that bans a player."""

    duration = Text(high=20, validate=one_of(*BAN_DURATIONS))
    reason = Text(high=200)


BAN, UNBAN = BanSchema(), UnbanSchema()


async def render_bans(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    language = request_language(ctx.request)
    bans, pagination = await paginate_in_steps(ctx, BANS_PATH, active_bans, now=ctx.now)
    games, game_count = ctx.core.query(games_by_age, limit=MAX_GAMES)
    context = {
        "bans": [(row, player_name(ctx.core.state, id=row.player)) for row in bans],
        "pagination": pagination,
        "games": [(game.tag, game.name) for game in games],
        "game_count": game_count,
        "durations": [(name, language.gettext(label)) for name, label in DURATIONS],
        "selected_player": ctx.query.get("player", "")[:10],
        "selected_game": ctx.query.get("game", "")[:40],
    }
    return render_admin_page(ctx, "bans", context, success=SUCCESS_MESSAGES, **overrides)


async def bans_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the active bans, newest first, and the form for a new one."""
    return await render_bans(ctx)


async def confirm_ban(ctx: RequestContext) -> web.StreamResponse:
    """Ask before the player of the form is banned, with the player's name."""
    form = load_query(ctx, BAN)
    label = next(label for name, label in DURATIONS if name == form["duration"])
    language = request_language(ctx.request)
    details = (language.gettext(label), form["reason"])
    return _confirm(
        ctx,
        form,
        N_("Ban player"),
        N_(
            "<bdi>%(player)s</bdi> is removed from all rooms of <bdi>%(game)s</bdi> and cannot join one"
            " while the ban holds."
        ),
        subject=" · ".join(filter(None, details)),
    )


async def confirm_unban(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a ban is removed."""
    text = N_("<bdi>%(player)s</bdi> can join rooms of <bdi>%(game)s</bdi> again.")
    return _confirm(ctx, load_query(ctx, UNBAN), N_("Remove ban"), text)


def _confirm(
    ctx: RequestContext, form: dict[str, Any], title: str, text: str, subject: str = ""
) -> web.Response:
    """Return the page that asks before the form in the address is sent."""
    language, id = request_language(ctx.request), form["player_id"]
    name = player_name(ctx.core.state, id=id) or language.gettext(N_("Unknown player"))
    return confirm_page(
        ctx,
        title=title,
        texts=[text],
        values={"player": f"{name} ({id})", "game": form["game"]},
        button=title,
        back_label=language.gettext(N_("Bans")),
        back_path=BANS_PATH,
        place=kept_query(ctx),
        active_page="bans",
        section="confirm",
        subject=subject,
        fields=ctx.body,
        action=BANS_PATH if "duration" in form else "/admin/bans/lift",
    )


async def add_ban(ctx: RequestContext) -> web.StreamResponse:
    """Ban a player from a game, which removes them from its rooms."""
    form = await load_form(ctx, BAN)
    detail = ", ".join(filter(None, (form["duration"], form["reason"])))
    await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.PLAYER_BANNED,
        _subject(ctx, form),
        ban,
        detail=detail,
        **form,
    )
    return redirect("/admin/bans?done=banned")


async def remove_ban(ctx: RequestContext) -> web.StreamResponse:
    """Remove a player's ban from a game."""
    form = await load_form(ctx, UNBAN)
    await run_audited(
        ctx.core, ctx.caller, AuditAction.PLAYER_UNBANNED, _subject(ctx, form), unban, **form
    )
    return redirect(BANS_PATH + kept_query(ctx, done="lifted"))


def _subject(ctx: RequestContext, form: dict[str, Any]) -> str:
    """Return the name and id of a player, and the game, for the audit log."""
    id = form["player_id"]
    return f"{player_name(ctx.core.state, id=id)} ({id}), {form['game']}"


ROUTES = (
    get("/admin/bans", bans_page),
    get("/admin/bans/confirm", confirm_ban, render_bans, "ban"),
    get("/admin/bans/lift", confirm_unban, render_bans, "bans"),
    post("/admin/bans", add_ban, render_bans, "ban"),
    post("/admin/bans/lift", remove_ban, render_bans, "bans"),
)
