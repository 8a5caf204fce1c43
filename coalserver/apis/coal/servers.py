"""Servers: every world, made and renamed by admins (document, 2.3.4)."""

from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.pagination import asked_by_age, listed
from coalserver.apis.coal.params import OneLine, Yes, asked
from coalserver.apis.coal.render import keys_of, server_document
from coalserver.core.commands.agents import open_world
from coalserver.core.commands.audit import noted
from coalserver.core.commands.worlds import change_world
from coalserver.core.queries.worlds import active_worlds, world_with
from coalserver.domain.audit import What
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER
from coalserver.web.api import Call, Route
from coalserver.web.responses import document
from coalserver.web.schemas import Form
from coalserver.web.streaming.subscriptions import CURSOR

SERVERS = "/api/v1/servers"
ONE = SERVERS + "/{server}"
LONGEST_NAME = 1000
T = TypeVar("T")


class Naming(Form):
    name = OneLine(LONGEST_NAME, required=True)


class Making(Naming):
    gce = Yes(required=True)


async def list_servers(call: Call) -> web.StreamResponse:
    """All worlds that are ours still, oldest first."""
    size, found = await asked_by_age(call, active_worlds, _age)
    return listed(
        "servers",
        found,
        size,
        lambda world: server_document(call, world),
        _age,
        call.core.feed.head,
    )


async def create_server(call: Call) -> web.StreamResponse:
    """Make a world and its agent's credentials; 201. Nothing but name and gce is looked at."""
    said = await asked(call, Making())
    name = said["name"]
    world, _ = await do(call, What.WORLD_ADDED, name, open_world, name=name, hosted=said["gce"])
    return _one(call, world, 201)


async def read_server(call: Call) -> web.StreamResponse:
    """How a world is."""
    return _one(call, world_in_path(call))


async def rename_server(call: Call) -> web.StreamResponse:
    """Give a world another name."""
    said = await asked(call, Naming())
    world, name = world_in_path(call), said["name"]
    renaming: dict[str, Any] = {"world_id": world.id, "name": name}
    world = await do(call, What.WORLD_RENAMED, world.name, change_world, detail=name, **renaming)
    return _one(call, world)


async def do(
    call: Call, what: What, about: str, command: Callable[..., T], /, detail: str = "", **asked: Any
) -> T:
    """Run a command for the admin who calls, and keep that he asked for it."""
    given: dict[str, Any] = {"by": call.caller.account, "what": what, "about": about}
    return await call.core.do(noted, **given, detail=detail, act=command, **asked)


def world_in_path(call: Call) -> World:
    """The world that the path names by its key, while it is one of ours."""
    return call.core.see(world_with, id=keys_of(call).id(SERVER, call.path["server"]))


def _one(call: Call, world: World, status: int = 200) -> web.StreamResponse:
    """A world, and where in the feed who listens goes on: nothing that changes it is missed."""
    return document(server_document(call, world), status, {CURSOR: str(call.core.feed.head)})


def _age(world: World) -> tuple[float, int]:
    return world.created, world.id


ROUTES = (
    Route("GET", SERVERS, list_servers, who=user),
    Route("POST", SERVERS, create_server, who=admin),
    Route("GET", ONE, read_server, who=user),
    Route("POST", ONE, rename_server, who=admin),
)
