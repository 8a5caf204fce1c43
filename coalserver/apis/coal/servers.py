"""Servers: the worlds (document, 2.3.4)."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from aiohttp import web

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.pagination import oldest_first_page
from coalserver.apis.coal.params import LenientBoolean, LineField, read_params
from coalserver.apis.coal.render import JsonObject, opaque_keys, render_server
from coalserver.core.audit import run_audited
from coalserver.core.commands.agents import create_world_with_agent
from coalserver.core.commands.worlds import update_world
from coalserver.core.queries.worlds import active_worlds, get_world
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from coalserver.web.schemas import RequestSchema
from coalserver.web.streaming.subscriptions import CURSOR_HEADER

SERVERS = "/api/v1/servers"
SERVER_PATH = SERVERS + "/{server}"
MAX_NAME_LENGTH = 1000


class OfWorld(Protocol):
    """A stored row that belongs to a world."""

    @property
    def world(self) -> int: ...


T = TypeVar("T")
R = TypeVar("R", bound=OfWorld)


class RenameServerSchema(RequestSchema):
    """The new name of a server."""

    name = LineField(MAX_NAME_LENGTH, required=True)


class CreateServerSchema(RenameServerSchema):
    """The name of a new server, and whether this installation hosts it."""

    gce = LenientBoolean(required=True)


RENAME_SERVER, CREATE_SERVER = RenameServerSchema(), CreateServerSchema()


async def list_servers(ctx: RequestContext) -> web.StreamResponse:
    """Return all active worlds, oldest first."""
    payload = await oldest_first_page(ctx, "servers", active_worlds, render_server)
    return feed_response(ctx, payload)


async def create_server(ctx: RequestContext) -> web.StreamResponse:
    """Create a world and its agent's credentials; 201."""
    params = await read_params(ctx, CREATE_SERVER)
    name = params["name"]
    world, _ = await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.WORLD_ADDED,
        name,
        create_world_with_agent,
        name=name,
        hosted=params["gce"],
    )
    return feed_response(ctx, render_server(ctx, world), 201)


async def read_server(ctx: RequestContext) -> web.StreamResponse:
    """Return a world with its status."""
    return feed_response(ctx, render_server(ctx, world_in_path(ctx)))


async def rename_server(ctx: RequestContext) -> web.StreamResponse:
    """Rename a world."""
    params = await read_params(ctx, RENAME_SERVER)
    world, name = world_in_path(ctx), params["name"]
    kwargs: dict[str, Any] = {"world_id": world.id, "name": name}
    world = await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.WORLD_RENAMED,
        world.name,
        update_world,
        detail=name,
        **kwargs,
    )
    return feed_response(ctx, render_server(ctx, world))


def world_in_path(ctx: RequestContext) -> World:
    """Return the world whose key is in the path. Raises WORLD_NOT_FOUND, also if it is archived."""
    return ctx.core.query(get_world, id=opaque_keys(ctx).id(SERVER, ctx.path["server"]))


async def stored_in_path(
    ctx: RequestContext, kind: int, param: str, read: Callable[[int], Awaitable[R | None]]
) -> R:
    """Return the stored row whose key of a kind is in the path.

    Raises WORLD_NOT_FOUND, or TARGET_NOT_FOUND if the world in the path has no such row.
    """
    world = world_in_path(ctx)
    id = opaque_keys(ctx).id(kind, ctx.path[param])
    row = await read(id) if id != -1 else None
    if row is None or row.world != world.id:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return row


def feed_response(
    ctx: RequestContext, payload: JsonObject, status: int = 200
) -> web.StreamResponse:
    """Return live state with the cursor from which the feed holds every later change."""
    return json_response(payload, status, {CURSOR_HEADER: str(ctx.core.feed.head)})


ROUTES = (
    Route("GET", SERVERS, list_servers, auth=user),
    Route("POST", SERVERS, create_server, auth=admin, reads_body=True),
    Route("GET", SERVER_PATH, read_server, auth=user),
    Route("POST", SERVER_PATH, rename_server, auth=admin, reads_body=True),
)
