"""The site: pages for people. See README.md beside this file."""

from aiohttp import web

from coalserver.core.queries.games import listed_games
from coalserver.core.queries.lobbies import open_lobbies
from coalserver.core.queries.players import name_of
from coalserver.core.queries.worlds import active_worlds
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby
from coalserver.site import auth, downloads, redirects
from coalserver.site.access import member, refused, speaks_json
from coalserver.site.account import profile, security
from coalserver.site.admin import overview
from coalserver.site.worlds import chats, players, screenshots
from coalserver.site.worlds import world as worlds
from coalserver.site.worlds.context import hue_of, lasting, told
from coalserver.web.api import Call, Dialect, Route
from coalserver.web.pages.cookies import signed_in
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.pages import page

#: Rows that a card of the home page shows.
SHOWN = 20

#: What is refused as if nothing were there.
MISSING = {
    Why.WORLD_NOT_FOUND: 404,
    Why.VISITOR_NOT_FOUND: 404,
    Why.OTHER_NOT_FOUND: 404,
    Why.NOT_YOURS: 403,
}
SENTENCES = {
    403: N_("That is not yours to do."),
    404: N_("There is nothing at this address."),
    405: N_("This address does not work that way."),
    413: N_("That is too large."),
    415: N_("That is of a kind we cannot read."),
    500: N_("Something went wrong on our side."),
}
#: Pages that say themselves what was refused.
WHERE = {"/profile": profile.refuse, "/admin": overview.refuse}


async def home(call: Call) -> web.StreamResponse:
    """What runs here: the worlds one may see, games, and rooms one can join."""
    cursor = call.core.feed.head
    cards, total = [], 0
    for game in call.core.see(listed_games):
        rooms, count = call.core.see(open_lobbies, game=game.tag, limit=SHOWN)
        total += count
        cards.append(
            {
                "tag": game.tag,
                "name": game.name,
                "minPlayers": game.min_players,
                "maxPlayers": game.max_players,
                "rooms": [_row(call, room) for room in rooms],
            }
        )
    account = member(call)
    worlds = [
        told(call, world, account)
        for world in call.core.see(active_worlds)
        if account is not None or world.public
    ]
    context = {
        "games": cards,
        "rooms_open": total,
        "cursor": cursor,
        "worlds": worlds,
        # Who belongs here comes for the worlds; who does not is told first what this is.
        "is_member": account is not None,
        "hue": hue_of,
        "lasting": lasting,
        "now": call.now,
    }
    return page(call.request, "home.html", context)


def _row(call: Call, room: Lobby) -> dict[str, object]:
    host = room.roster.host
    return {
        "roomId": room.id,
        "name": room.name,
        "game": room.game,
        "numUsers": len(room.roster),
        "maxUsers": room.roster.capacity,
        "active": True,
        "private": bool(room.password),
        "host": {"userId": host, "username": name_of(call.core.state, id=host)},
    }


def refuse(refusal: Refusal, call: Call) -> web.StreamResponse:
    """The form again, with what was wrong; or a page that says it; or what a script understands."""
    for path, refused_there in WHERE.items():
        if call.route.path.startswith(path):
            return refused_there(refusal, call)
    if speaks_json(call):
        return refused(refusal, call)
    status = MISSING.get(refusal.why)
    return auth.refuse(refusal, call) if status is None else astray(status, call.request)


def astray(status: int, request: web.Request) -> web.StreamResponse:
    """A page that says what went wrong."""
    context = {"status": status, "sentence": SENTENCES[status]}
    return page(request, "astray.html", context, status)


DIALECT = Dialect(
    "site",
    prefixes=("/",),
    routes=(
        Route("GET", "/", home, who=signed_in),
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
    refuse=refuse,
    astray=astray,
)
