"""The queue: asking for a hosted world to run, or to rest (document, 2.3.4)."""

from aiohttp import web

from coalserver.apis.coal.auth import admin, user
from coalserver.apis.coal.servers import ONE, do, world_in_path
from coalserver.core.commands.worlds import pause_world, play_world
from coalserver.domain.audit import What
from coalserver.domain.minecraft.world import Status
from coalserver.web.api import Call, Route
from coalserver.web.responses import answer

QUEUE = ONE + "/queue"
#: What asked for it is done, and what was asked for is not there yet: said as if it were asked for once more.
STARTING = frozenset((Status.LOADING, Status.LOADED))
ENDING = frozenset((Status.SAVING,))


async def play(call: Call) -> web.StreamResponse:
    """Ask for a world to run; 200 where it does, or waits to, and 202 where it will."""
    world = world_in_path(call)
    queued = await call.core.do(play_world, world_id=world.id)
    return answer(b"", 202 if queued or world.status in STARTING else 200)


async def pause(call: Call) -> web.StreamResponse:
    """Ask for a world to be stopped and put away; 200 where it is, or waits to be, and 202 where it will be."""
    world = world_in_path(call)
    queued = await do(call, What.WORLD_PAUSED, world.name, pause_world, world_id=world.id)
    return answer(b"", 202 if queued or world.status in ENDING else 200)


ROUTES = (
    Route("POST", QUEUE + "/play", play, who=user),
    Route("POST", QUEUE + "/pause", pause, who=admin),
)
