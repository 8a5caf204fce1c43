"""Servers: every world, made and renamed by admins (document, 2.3.4)."""

from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.pagination import read_oldest_first, render_list
from coalserver.apis.coal.params import LenientBoolean, LineField, read_params
from coalserver.apis.coal.render import opaque_keys, render_server
from coalserver.core.commands.agents import create_world_with_agent
from coalserver.core.commands.audit import execute_audited
from coalserver.core.commands.worlds import start_world, stop_world, update_world
from coalserver.core.queries.worlds import active_worlds, get_world
from coalserver.domain.audit import AuditAction
from coalserver.domain.minecraft.world import World, WorldStatus
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, raw_response
from coalserver.web.schemas import RequestSchema
from coalserver.web.streaming.subscriptions import CURSOR_HEADER

SERVERS = "/api/v1/servers"
SERVER_PATH = SERVERS + "/{server}"
QUEUE = SERVER_PATH + "/queue"
MAX_NAME_LENGTH = 1000
#: A request for these states is in progress: repeating it is accepted with 202.
PENDING_START = frozenset((WorldStatus.LOADING, WorldStatus.LOADED))
PENDING_STOP = frozenset((WorldStatus.SAVING,))
T = TypeVar("T")


class RenameServerSchema(RequestSchema):
    name = LineField(MAX_NAME_LENGTH, required=True)


class CreateServerSchema(RenameServerSchema):
    gce = LenientBoolean(required=True)


async def list_servers(ctx: RequestContext) -> web.StreamResponse:
    """All worlds that are ours still, oldest first."""
    size, found = await read_oldest_first(ctx, active_worlds, _creation_order)
    return render_list(
        "servers",
        found,
        size,
        lambda world: render_server(ctx, world),
        _creation_order,
        ctx.core.feed.head,
    )


async def create_server(ctx: RequestContext) -> web.StreamResponse:
    """Make a world and its agent's credentials; 201. Nothing but name and gce is looked at."""
    params = await read_params(ctx, CreateServerSchema())
    name = params["name"]
    world, _ = await run_audited(
        ctx, AuditAction.WORLD_ADDED, name, create_world_with_agent, name=name, hosted=params["gce"]
    )
    return _server_response(ctx, world, 201)


async def read_server(ctx: RequestContext) -> web.StreamResponse:
    """How a world is."""
    return _server_response(ctx, world_in_path(ctx))


async def rename_server(ctx: RequestContext) -> web.StreamResponse:
    """Give a world another name."""
    params = await read_params(ctx, RenameServerSchema())
    world, name = world_in_path(ctx), params["name"]
    kwargs: dict[str, Any] = {"world_id": world.id, "name": name}
    world = await run_audited(
        ctx, AuditAction.WORLD_RENAMED, world.name, update_world, detail=name, **kwargs
    )
    return _server_response(ctx, world)


async def play(ctx: RequestContext) -> web.StreamResponse:
    """Start a hosted world; 202 once it is queued, 200 if it already runs or waits to."""
    world = world_in_path(ctx)
    queued = await ctx.core.execute(start_world, world_id=world.id)
    return raw_response(b"", 202 if queued or world.status in PENDING_START else 200)


async def pause(ctx: RequestContext) -> web.StreamResponse:
    """Stop a hosted world and save it; 202 once it is queued, 200 if it already rests or waits to."""
    world = world_in_path(ctx)
    queued = await run_audited(
        ctx, AuditAction.WORLD_PAUSED, world.name, stop_world, world_id=world.id
    )
    return raw_response(b"", 202 if queued or world.status in PENDING_STOP else 200)


async def run_audited(
    ctx: RequestContext,
    action: AuditAction,
    subject: str,
    command: Callable[..., T],
    /,
    detail: str = "",
    **kwargs: Any,
) -> T:
    """Run a command for the admin who calls, and keep that he asked for it."""
    entry: dict[str, Any] = {"actor": ctx.caller.account_id, "action": action, "subject": subject}
    return await ctx.core.execute(
        execute_audited, **entry, detail=detail, command=command, **kwargs
    )


def world_in_path(ctx: RequestContext) -> World:
    """The world that the path names by its key, while it is one of ours."""
    return ctx.core.query(get_world, id=opaque_keys(ctx).id(SERVER, ctx.path["server"]))


def _server_response(ctx: RequestContext, world: World, status: int = 200) -> web.StreamResponse:
    """A world, and where in the feed who listens goes on: nothing that changes it is missed."""
    return json_response(
        render_server(ctx, world), status, {CURSOR_HEADER: str(ctx.core.feed.head)}
    )


def _creation_order(world: World) -> tuple[float, int]:
    return world.created, world.id


ROUTES = (
    Route("GET", SERVERS, list_servers, auth=user),
    Route("POST", SERVERS, create_server, auth=admin),
    Route("GET", SERVER_PATH, read_server, auth=user),
    Route("POST", SERVER_PATH, rename_server, auth=admin),
    Route("POST", QUEUE + "/play", play, auth=user),
    Route("POST", QUEUE + "/pause", pause, auth=admin),
)
