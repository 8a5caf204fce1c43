"""Games: the list of games, and the data that a game stores for its users."""

import re

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.schemas import STORAGE_ITEM
from coalserver.core.commands.games import save_storage_item
from coalserver.core.queries.games import get_listed_game, listed_games, storage_item
from coalserver.core.queries.players import get_player
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, no_content, raw_response
from coalserver.web.throttling import UseLimit

STORAGE_KEY = re.compile(r"[a-zA-Z0-9_-]{1,32}")


async def list_games(ctx: RequestContext) -> web.StreamResponse:
    """Return the listed games, oldest first."""
    return json_response([render.game(entity) for entity in ctx.core.query(listed_games)])


async def get_user_data(ctx: RequestContext) -> web.StreamResponse:
    """Return the JSON value stored for a user under a key. Every user may read it."""
    ctx.core.query(get_listed_game, tag=ctx.path["game"])
    user_player = ctx.core.query(get_player, id=ctx.int_param("user"))
    value = ctx.core.query(
        storage_item, game=ctx.path["game"], player=user_player.id, storage_key=_storage_key(ctx)
    )
    return raw_response(value)


async def save_user_data(ctx: RequestContext) -> web.StreamResponse:
    """Store any JSON for the caller under a key."""
    await ctx.core.execute(
        save_storage_item,
        game=ctx.path["game"],
        player_id=ctx.int_param("user"),
        by=ctx.caller.player_id,
        storage_key=_storage_key(ctx),
        value=ctx.body["dumped"],
    )
    return no_content()


def _storage_key(ctx: RequestContext) -> str:
    """Return the storage key in the path. Raises INVALID_REQUEST."""
    storage_key = ctx.path["key"]
    if not STORAGE_KEY.fullmatch(storage_key):
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={"key": ["Must match [a-zA-Z0-9_-]{1,32}."]}
        )
    return storage_key


ROUTES = (
    Route("GET", "/games", list_games, auth=player),
    Route("GET", "/games/{game}/user-data/{user}/{key}", get_user_data, auth=player),
    Route(
        "PUT",
        "/games/{game}/user-data/{user}/{key}",
        save_user_data,
        STORAGE_ITEM,
        player,
        limit=UseLimit.MESSAGES,
    ),
)
