"""Play sessions: who was in a world from when to when (document, 2.3.6)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import read_time_range, render_list
from coalserver.apis.coal.players import PLAYER_PATH, player_in_path
from coalserver.apis.coal.render import JsonObject, opaque_keys, owner_fields, render_time
from coalserver.apis.coal.servers import SERVER_PATH, world_in_path
from coalserver.core.ports import StoredVisit, VisitQuery
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.visits import PresenceMark
from coalserver.security.opaque_keys import LINE, SESSION
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

SESSIONS = SERVER_PATH + "/sessions"


async def list_sessions(ctx: RequestContext) -> web.StreamResponse:
    """All sessions in a world, the newest login first."""
    size, filters = await read_time_range(ctx)
    return await _page(ctx, size, VisitQuery(world_in_path(ctx).id, **filters))


async def list_player_sessions(ctx: RequestContext) -> web.StreamResponse:
    """The sessions of one player, the newest login first."""
    size, filters = await read_time_range(ctx)
    visitor = player_in_path(ctx)
    return await _page(ctx, size, VisitQuery(visitor.world, visitor.name, **filters))


async def read_session(ctx: RequestContext) -> web.StreamResponse:
    """One session."""
    world = world_in_path(ctx)
    id = opaque_keys(ctx).id(SESSION, ctx.path["session"])
    visit = await ctx.core.history.visit(id) if id != -1 else None
    if visit is None or visit.world != world.id:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return json_response(render_session(ctx, visit))


async def _page(ctx: RequestContext, size: int, query: VisitQuery) -> web.StreamResponse:
    head = ctx.core.feed.head
    return render_list(
        "sessions",
        await ctx.core.history.visits(query, size + 1),
        size,
        lambda stay: render_session(ctx, stay),
        lambda stay: (stay.visit.login.at, stay.id),
        head,
    )


def render_session(ctx: RequestContext, stored: StoredVisit) -> JsonObject:
    """A session; login and logout in the zone the agent reported."""
    keys, visit = opaque_keys(ctx), stored.visit

    def line_key(mark: PresenceMark | None) -> str | None:
        return keys.of(LINE, mark.line) if mark is not None and mark.line else None

    return {
        "key": keys.of(SESSION, stored.id),
        **owner_fields(ctx.core, keys, stored.world, visit.username),
        "login_timestamp": render_time(visit.login.at, stored.zone),
        "logout_timestamp": render_time(visit.ended_at, stored.zone),
        "duration": int(visit.duration(ctx.now)),
        "login_logline_key": line_key(visit.login),
        "logout_logline_key": line_key(visit.logout),
        "created": render_time(stored.created),
        "updated": render_time(stored.updated),
    }


ROUTES = (
    Route("GET", SESSIONS, list_sessions, auth=user),
    Route("GET", SESSIONS + "/{session}", read_session, auth=user),
    Route("GET", PLAYER_PATH + "/sessions", list_player_sessions, auth=user),
)
