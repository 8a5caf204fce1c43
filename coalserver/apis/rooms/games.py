"""Games: which there are, and what one keeps for its users."""

import re

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.schemas import DATUM
from coalserver.core.commands.games import keep_datum
from coalserver.core.queries.games import datum, game_tagged, listed_games
from coalserver.core.queries.players import player_called
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call, Route
from coalserver.web.responses import answer, document, nothing

KEY = re.compile(r"[a-zA-Z0-9_-]{1,32}")


async def games(call: Call) -> web.StreamResponse:
    """Every game that shows itself."""
    return document([render.game(one) for one in call.core.see(listed_games)])


async def user_data(call: Call) -> web.StreamResponse:
    """The value kept for a user under a key, as it was put."""
    call.core.see(game_tagged, tag=call.path["game"])
    who = call.core.see(player_called, id=call.number("user"))
    kept = call.core.see(datum, game=call.path["game"], player=who.id, key=_key(call))
    return answer(kept)


async def keep_user_data(call: Call) -> web.StreamResponse:
    """Keep any JSON for oneself."""
    await call.core.do(
        keep_datum,
        game=call.path["game"],
        player=call.number("user"),
        by=call.caller.player,
        key=_key(call),
        value=call.body["dumped"],
    )
    return nothing()


def _key(call: Call) -> str:
    key = call.path["key"]
    if not KEY.fullmatch(key):
        raise Refusal(Why.MALFORMED, fields={"key": ["Must match [a-zA-Z0-9_-]{1,32}."]})
    return key


ROUTES = (
    Route("GET", "/games", games, who=player),
    Route("GET", "/games/{game}/user-data/{user}/{key}", user_data, who=player),
    Route("PUT", "/games/{game}/user-data/{user}/{key}", keep_user_data, DATUM, player),
)
