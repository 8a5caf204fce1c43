"""Players: all visitors of a world, by key or by username (document, 2.3.5)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import ListSchema, render_page
from coalserver.apis.coal.params import read_params
from coalserver.apis.coal.render import JsonObject, opaque_keys, render_time
from coalserver.apis.coal.servers import SERVER_PATH, feed_response, world_in_path
from coalserver.core.queries.accounts import find_account_by_username
from coalserver.core.queries.worlds import (
    get_visitor,
    visitor_by_id,
    visitors_of_world,
)
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.security.opaque_keys import PLAYER, SERVER, USER
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

PLAYERS = SERVER_PATH + "/players"
PLAYER_PATH = PLAYERS + "/{player}"


class ListPlayersSchema(ListSchema):
    """Parameters of the list of players; its cursor holds a username."""

    kinds = (str,)


LIST_PLAYERS = ListPlayersSchema()


async def list_players(ctx: RequestContext) -> web.StreamResponse:
    """Return all players of a world by username, upper case before lower."""
    params = await read_params(ctx, LIST_PLAYERS)
    size, (after,) = params["size"], params.get("after", (None,))
    found = ctx.core.query(
        visitors_of_world, world=world_in_path(ctx).id, after=after, limit=size + 1
    )
    payload = render_page(
        "players", found, size, lambda row: render_player(ctx, row), lambda row: (row.name,)
    )
    return feed_response(ctx, payload)


async def read_player(ctx: RequestContext) -> web.StreamResponse:
    """Return one player of a world."""
    return json_response(render_player(ctx, player_in_path(ctx)))


def player_in_path(ctx: RequestContext) -> Visitor:
    """Return the player whose key or exact username is in the path.

    Raises WORLD_NOT_FOUND, or VISITOR_NOT_FOUND if the world in the path has no such player.
    """
    world = world_in_path(ctx).id
    name_or_key = ctx.path["player"]
    id = opaque_keys(ctx).id(PLAYER, name_or_key)
    if id != -1:
        return ctx.core.query(visitor_by_id, world=world, id=id)
    return ctx.core.query(get_visitor, world=world, username=name_or_key)


def render_player(ctx: RequestContext, visitor: Visitor) -> JsonObject:
    """Return a player; the session of an online player lasts until now."""
    keys = opaque_keys(ctx)
    owner = ctx.core.query(find_account_by_username, username=visitor.name)
    latest = visitor.latest_visit
    return {
        "key": keys.of(PLAYER, visitor.id),
        "server_key": keys.of(SERVER, visitor.world),
        "username": visitor.name,
        "user_key": keys.of(USER, owner.id) if owner else None,
        "last_login": render_time(visitor.last_login),
        "last_session_duration": int(latest.duration(ctx.now)) if latest else None,
        "is_playing": visitor.online,
    }


ROUTES = (
    Route("GET", PLAYERS, list_players, auth=user),
    Route("GET", PLAYER_PATH, read_player, auth=user),
)
