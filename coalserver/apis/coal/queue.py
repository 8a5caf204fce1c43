"""The queue: asking for a hosted world to run, or to rest (document, 2.3.4)."""

from aiohttp import web

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.servers import SERVER_PATH, run_audited, world_in_path
from coalserver.core.commands.worlds import start_world, stop_world
from coalserver.domain.audit import AuditAction
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.web.api import RequestContext, Route
from coalserver.web.responses import raw_response

QUEUE = SERVER_PATH + "/queue"
#: What asked for it is done, and what was asked for is not there yet: said as if it were asked for once more.
STARTING = frozenset((WorldStatus.LOADING, WorldStatus.LOADED))
STOPPING = frozenset((WorldStatus.SAVING,))


async def play(ctx: RequestContext) -> web.StreamResponse:
    """Ask for a world to run; 200 where it does, or waits to, and 202 where it will."""
    world = world_in_path(ctx)
    queued = await ctx.core.execute(start_world, world_id=world.id)
    return raw_response(b"", 202 if queued or world.status in STARTING else 200)


async def pause(ctx: RequestContext) -> web.StreamResponse:
    """Ask for a world to be stopped and put away; 200 where it is, or waits to be, and 202 where it will be."""
    world = world_in_path(ctx)
    queued = await run_audited(
        ctx, AuditAction.WORLD_PAUSED, world.name, stop_world, world_id=world.id
    )
    return raw_response(b"", 202 if queued or world.status in STOPPING else 200)


ROUTES = (
    Route("POST", QUEUE + "/play", play, auth=user),
    Route("POST", QUEUE + "/pause", pause, auth=admin),
)
