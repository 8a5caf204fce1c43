"""Admins and games: made, and given new tokens."""

from typing import Any

from aiohttp import web

from coalserver.core.commands.games import add_game, rotate_game
from coalserver.core.queries.games import all_games
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.site.admin.layout import Again, do, get, post, show
from coalserver.web.api import Call
from coalserver.web.pages.typed import shown, typed, whole

MOST_PLAYERS = 1000


def games_page(call: Call, fresh: Any = None, **said: Any) -> web.StreamResponse:
    """Every game; `fresh` are tokens that are shown this once."""
    context = {"games": call.core.see(all_games), "fresh": fresh}
    return show(call, "games", context, **said)


async def see_games(call: Call) -> web.StreamResponse:
    """Every game, with no token of any."""
    return games_page(call)


async def make_game(call: Call) -> web.StreamResponse:
    """A game; its tokens are shown this once."""
    said = await typed(call, {"tag": 100, "name": 100, "min": 10, "max": 10, "open": 5})
    low = whole(said["min"], 1, MOST_PLAYERS, "max")
    high = whole(said["max"], 1, MOST_PLAYERS, "max")
    tag = said["tag"].strip()
    asked: dict[str, Any] = {"tag": tag, "name": shown(said["name"]), "open": bool(said["open"])}
    made = await do(
        call, What.GAME_ADDED, tag, add_game, min_players=low, max_players=high, **asked
    )
    return games_page(call, made)


async def rotate(call: Call) -> web.StreamResponse:
    """New tokens for a game, shown this once; the old ones stop at once."""
    await typed(call, {})
    tag = call.path["tag"]
    if tag not in {game.tag for game in call.core.see(all_games)}:
        raise Refusal(Why.GAME_NOT_FOUND)
    return games_page(call, await do(call, What.GAME_ROTATED, tag, rotate_game, tag=tag))


ROUTES = (
    get("/admin/games", see_games),
    post("/admin/games", make_game),
    post("/admin/games/{tag}/rotate", rotate),
)
AGAIN: Again = {"make_game": (games_page, "make"), "rotate": (games_page, "games")}
