"""Hosted servers: orders to their processes and what is known of those (document, 2.3.4)."""

from aiohttp import web

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.params import IntegerField, LineField, read_params
from coalserver.apis.coal.servers import SERVER_PATH, world_in_path
from coalserver.core.commands.ingest import MAX_SEQUENCE
from coalserver.core.commands.worlds import MAX_COMMAND_LENGTH
from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosting import describe_run
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.transitions import Answer, Order
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import format_coal_time
from coalserver.web.api import Handler, Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, raw_response
from coalserver.web.schemas import RequestSchema

QUEUE = SERVER_PATH + "/queue"
#: Lines of a console in one response.
CONSOLE_SIZE, MAX_CONSOLE_SIZE = 100, 1000
STATUSES = {Answer.ACCEPTED: 202, Answer.ALREADY: 200}


class ConsoleSchema(RequestSchema):
    """A part of a console: the lines after a number, or the newest."""

    after = IntegerField(0, MAX_SEQUENCE)
    size = IntegerField(1, MAX_CONSOLE_SIZE, strict=True, load_default=CONSOLE_SIZE)


class CommandSchema(RequestSchema):
    """A command for a console."""

    command = LineField(MAX_COMMAND_LENGTH, required=True)


CONSOLE, COMMAND = ConsoleSchema(), CommandSchema()


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


async def read_console(ctx: RequestContext) -> web.StreamResponse:
    """Return lines of a world's console after a number, or the newest ones, and the number to go on from."""
    world = hosted_world_in_path(ctx)
    params = await read_params(ctx, CONSOLE)
    lines, following = await ctx.app.service(Hosting).console(
        world.id, params.get("after"), params["size"]
    )
    rows = [
        {"number": line.number, "at": format_coal_time(line.at), "text": line.text}
        for line in lines
    ]
    return json_response({"lines": rows, "next": following})


async def write_console(ctx: RequestContext) -> web.StreamResponse:
    """Send a command to the console of a running world; 202."""
    world = hosted_world_in_path(ctx)
    params = await read_params(ctx, COMMAND)
    actor = ctx.caller.account_id
    await ctx.app.service(Hosting).send_command(world.id, params["command"], actor)
    return raw_response(b"", 202)


ROUTES = (
    Route("POST", QUEUE + "/play", order_handler(Order.PLAY), auth=user),
    Route("POST", QUEUE + "/pause", order_handler(Order.PAUSE), auth=admin),
    Route("POST", QUEUE + "/restart", order_handler(Order.RESTART), auth=admin),
    Route("POST", QUEUE + "/kill", order_handler(Order.KILL), auth=admin),
    Route("POST", QUEUE + "/save", save, auth=admin),
    Route("GET", SERVER_PATH + "/hosting", read_hosting, auth=user),
    Route("GET", SERVER_PATH + "/console", read_console, auth=admin),
    Route("POST", SERVER_PATH + "/console", write_console, auth=admin, reads_body=True),
)
