"""Hosted servers: orders to their processes and what is known of those (document, 2.3.4)."""

from aiohttp import web

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.servers import SERVER_PATH, world_in_path
from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosting import describe_run
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.transitions import Answer, Order
from coalserver.domain.minecraft.world import World
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, raw_response

QUEUE = SERVER_PATH + "/queue"
STATUSES = {Answer.ACCEPTED: 202, Answer.ALREADY: 200}


def hosted_world_in_path(ctx: RequestContext) -> World:
    """Return the hosted world whose key is in the path. Raises WORLD_NOT_FOUND for other worlds."""
    world = world_in_path(ctx)
    if not world.hosted:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    return world


def order_handler(order: Order) -> Handler:
    """Return the handler that gives an order to a hosted world.

    It answers 202 if the order will be carried out, and 200 if it is so already or was asked for before.
    """

    async def handler(ctx: RequestContext) -> web.StreamResponse:
        world = hosted_world_in_path(ctx)
        hosting = ctx.app.service(Hosting)
        answer = await hosting.order(world.id, order, ctx.caller.account_id)
        return raw_response(b"", STATUSES[answer])

    return handler


async def save(ctx: RequestContext) -> web.StreamResponse:
    """Make a saved game of a hosted world; 200 if one is being made."""
    world = hosted_world_in_path(ctx)
    answer = await ctx.app.service(Hosting).save(world.id, ctx.caller.account_id)
    return raw_response(b"", STATUSES[answer])


async def read_hosting(ctx: RequestContext) -> web.StreamResponse:
    """Return state, trouble and figures of a hosted world."""
    world = hosted_world_in_path(ctx)
    figures = ctx.app.service(Hosting).figures(world.id)
    for_admins = ctx.caller.get_account().admin
    params = {"world_id": world.id, "now": ctx.now, "figures": figures, "for_admins": for_admins}
    return json_response(ctx.core.query(describe_run, **params))


ROUTES = (
    Route("POST", QUEUE + "/play", order_handler(Order.PLAY), auth=user),
    Route("POST", QUEUE + "/pause", order_handler(Order.PAUSE), auth=admin),
    Route("POST", QUEUE + "/restart", order_handler(Order.RESTART), auth=admin),
    Route("POST", QUEUE + "/kill", order_handler(Order.KILL), auth=admin),
    Route("POST", QUEUE + "/save", save, auth=admin),
    Route("GET", SERVER_PATH + "/hosting", read_hosting, auth=user),
)
