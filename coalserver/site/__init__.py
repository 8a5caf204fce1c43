"""The site: pages for people. See README.md beside this file."""

from aiohttp import web

from coalserver.core.queries.games import listed_games
from coalserver.core.queries.lobbies import open_lobbies
from coalserver.core.queries.players import player_name
from coalserver.core.queries.worlds import active_worlds
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.site import auth, downloads, redirects
from coalserver.site.access import find_member, render_json_error, wants_json
from coalserver.site.account import profile, security
from coalserver.site.admin import overview
from coalserver.site.worlds import chats, players, screenshots
from coalserver.site.worlds import world as worlds
from coalserver.site.worlds.context import avatar_hue, format_duration, world_summary
from coalserver.web.api import Api, Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import optional_login
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.pages import render_page

#: Rows that a card of the home page shows.
MAX_ROOMS = 20

#: What is refused as if nothing were there.
ERROR_STATUSES = {
    ErrorCode.WORLD_NOT_FOUND: 404,
    ErrorCode.VISITOR_NOT_FOUND: 404,
    ErrorCode.TARGET_NOT_FOUND: 404,
    ErrorCode.PERMISSION_DENIED: 403,
}
HTTP_ERRORS = {
    403: N_("That is not yours to do."),
    404: N_("There is nothing at this address."),
    405: N_("This address does not work that way."),
    413: N_("That is too large."),
    415: N_("That is of a kind we cannot read."),
    500: N_("Something went wrong on our side."),
}
#: Pages that say themselves what was refused.
ERROR_RENDERERS = {"/profile": profile.render_error, "/admin": overview.render_error}


async def home(ctx: RequestContext) -> web.StreamResponse:
    """What runs here: the worlds one may see, games, and rooms one can join."""
    cursor = ctx.core.feed.head
    cards, total = [], 0
    for game in ctx.core.query(listed_games):
        rooms, count = ctx.core.query(open_lobbies, game=game.tag, limit=MAX_ROOMS)
        total += count
        cards.append(
            {
                "tag": game.tag,
                "name": game.name,
                "minPlayers": game.min_players,
                "maxPlayers": game.max_players,
                "rooms": [_room_row(ctx, room) for room in rooms],
            }
        )
    account = find_member(ctx)
    worlds = [
        world_summary(ctx, world, account)
        for world in ctx.core.query(active_worlds)
        if account is not None or world.public
    ]
    context = {
        "games": cards,
        "rooms_open": total,
        "cursor": cursor,
        "worlds": worlds,
        # Who belongs here comes for the worlds; who does not is told first what this is.
        "is_member": account is not None,
        "avatar_hue": avatar_hue,
        "format_duration": format_duration,
        "now": ctx.now,
    }
    return render_page(ctx.request, "home.html", context)


def _room_row(ctx: RequestContext, room: Lobby) -> dict[str, object]:
    host = room.roster.host
    return {
        "roomId": room.id,
        "name": room.name,
        "game": room.game,
        "numUsers": len(room.roster),
        "maxUsers": room.roster.capacity,
        "active": True,
        "private": bool(room.password),
        "host": {"userId": host, "username": player_name(ctx.core.state, id=host)},
    }


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """The form again, with what was wrong; or a page that says it; or what a script understands."""
    for path, render in ERROR_RENDERERS.items():
        if ctx.route.path.startswith(path):
            return render(error, ctx)
    if wants_json(ctx):
        return render_json_error(error, ctx)
    status = ERROR_STATUSES.get(error.code)
    return (
        auth.render_error(error, ctx) if status is None else render_http_error(status, ctx.request)
    )


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """A page that says what went wrong."""
    context = {"status": status, "message": HTTP_ERRORS[status]}
    return render_page(request, "error.html", context, status)


API = Api(
    "site",
    prefixes=("/",),
    routes=(
        Route("GET", "/", home, auth=optional_login),
        *auth.ROUTES,
        *downloads.ROUTES,
        *worlds.ROUTES,
        *chats.ROUTES,
        *players.ROUTES,
        *screenshots.ROUTES,
        *redirects.ROUTES,
        *profile.ROUTES,
        *security.ROUTES,
        *overview.ROUTES,
    ),
    render_error=render_error,
    render_http_error=render_http_error,
)
