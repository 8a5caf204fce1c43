"""Play sessions: the stays of players in a world, from login to logout (document, 2.3.6)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import newest_first_page, read_filters
from coalserver.apis.coal.players import PLAYER_PATH, player_in_path
from coalserver.apis.coal.render import JsonObject, opaque_keys, owner_fields, render_time
from coalserver.apis.coal.servers import SERVER_PATH, stored_in_path, world_in_path
from coalserver.core.ports import StoredVisit, VisitQuery
from coalserver.domain.minecraft.visits import PresenceMark
from coalserver.security.opaque_keys import LINE, SESSION
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

SESSIONS = SERVER_PATH + "/sessions"


async def list_sessions(ctx: RequestContext) -> web.StreamResponse:
    """Return all sessions in a world, latest login first."""
    size, filters = await read_filters(ctx)
    return await _page(ctx, size, VisitQuery(world_in_path(ctx).id, **filters))


async def list_player_sessions(ctx: RequestContext) -> web.StreamResponse:
    """Return the sessions of one player, latest login first."""
    size, filters = await read_filters(ctx)
    visitor = player_in_path(ctx)
    return await _page(ctx, size, VisitQuery(visitor.world, visitor.name, **filters))


async def read_session(ctx: RequestContext) -> web.StreamResponse:
    """Return one session."""
    stored = await stored_in_path(ctx, SESSION, "session", ctx.core.history.visit)
    return json_response(render_session(ctx, stored))


def render_session(ctx: RequestContext, stored: StoredVisit) -> JsonObject:
    """Return a session; login and logout are in the zone that the agent reported."""
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


async def _page(ctx: RequestContext, size: int, query: VisitQuery) -> web.StreamResponse:
    return await newest_first_page(
        ctx, "sessions", size, ctx.core.history.visits, query, render_session, _position
    )


def _position(stored: StoredVisit) -> tuple[float, int]:
    return stored.visit.login.at, stored.id


ROUTES = (
    Route("GET", SESSIONS, list_sessions, auth=user),
    Route("GET", SESSIONS + "/{session}", read_session, auth=user),
    Route("GET", PLAYER_PATH + "/sessions", list_player_sessions, auth=user),
)
