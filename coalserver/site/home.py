"""The home page: worlds that the visitor can see, games, and open rooms."""

from collections.abc import Iterable

from aiohttp import web

from coalserver.core.queries.games import listed_games_besides, listed_games_of
from coalserver.core.queries.lobbies import count_joinable_lobbies, open_lobbies
from coalserver.core.queries.players import player_name
from coalserver.core.queries.worlds import worlds_by_age
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.site.access import find_member
from coalserver.site.errors import wants_json
from coalserver.site.pagination import paginate
from coalserver.site.worlds.context import avatar_hue, world_summary
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.clock import format_duration
from coalserver.web.pages.cookies import optional_login
from coalserver.web.pages.pages import render_page
from coalserver.web.responses import json_response

#: Open rooms that the card of a game shows.
MAX_ROOMS = 20
#: Tags of the games that the scripts of the page have a board for; others are played in their own apps.
PLAYABLE_GAMES = ("noughts",)
#: The parameter of the address with the page of games that are played in their own apps.
GAMES_PAGE = "games"
#: Cards of worlds and of such games on a page: they are taller than the rows of other lists.
WORLDS_PER_PAGE, GAMES_PER_PAGE = 24, 12
#: Online players that the card of a world shows.
MAX_PLAYERS = 8


async def home(ctx: RequestContext) -> web.StreamResponse:
    """Render the home page; for a script, return the numbers of joinable rooms as JSON. The status is always 200.

    Worlds come in pages, and games that are played in their own apps in others.
    """
    cursor = ctx.core.feed.head
    account = find_member(ctx)
    worlds, world_pages = paginate(
        ctx,
        "/",
        worlds_by_age,
        fragment="worlds",
        page_size=WORLDS_PER_PAGE,
        public_only=account is None,
    )
    app_games, game_pages = paginate(
        ctx,
        "/",
        listed_games_besides,
        name=GAMES_PAGE,
        fragment="app-games",
        page_size=GAMES_PER_PAGE,
        tags=PLAYABLE_GAMES,
    )
    games = [*ctx.core.query(listed_games_of, tags=PLAYABLE_GAMES), *app_games]
    if wants_json(ctx):
        return json_response(_room_counts(ctx, games), 200, {"Cache-Control": "no-store"})
    cards = []
    for game in games:
        rooms, _ = await ctx.core.query_in_steps(open_lobbies, game=game.tag, limit=MAX_ROOMS)
        cards.append(
            {
                "tag": game.tag,
                "name": game.name,
                "minPlayers": game.min_players,
                "maxPlayers": game.max_players,
                "playable": game.tag in PLAYABLE_GAMES,
                "rooms": [_room_row(ctx, room) for room in rooms],
            }
        )
    context = {
        "games": cards,
        **_room_counts(ctx, games),
        "cursor": cursor,
        "worlds": [world_summary(ctx, world, account, MAX_PLAYERS) for world in worlds],
        "world_pages": world_pages.beside(game_pages),
        "game_pages": game_pages.beside(world_pages),
        # Members see the worlds first, visitors the introduction.
        "is_member": account is not None,
        "avatar_hue": avatar_hue,
        "format_duration": format_duration,
        "now": ctx.now,
    }
    return render_page(ctx.request, "home.html", context)


def _room_counts(ctx: RequestContext, shown: Iterable[Game]) -> dict[str, int]:
    """Return the number of joinable rooms of all games in lists, and of those among them that are not shown."""
    total = ctx.core.query(count_joinable_lobbies)
    counts = (ctx.core.query(count_joinable_lobbies, game=game.tag) for game in shown)
    return {"rooms_open": total, "rooms_elsewhere": total - sum(counts)}


def _room_row(ctx: RequestContext, room: Lobby) -> dict[str, object]:
    """Return a room with the members that scripts know from `GET /games/{game}/rooms`."""
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


ROUTES = (Route("GET", "/", home, auth=optional_login),)
