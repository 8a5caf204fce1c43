"""Play sessions: who was in a world from when to when (document, 2.3.6)."""

from aiohttp import web

from coalserver.apis.coal.auth import user
from coalserver.apis.coal.pagination import asked_by_time, listed
from coalserver.apis.coal.players import ONE as PLAYER_PATH
from coalserver.apis.coal.players import player_in_path
from coalserver.apis.coal.render import JSON, keys_of, moment, names_of
from coalserver.apis.coal.servers import ONE as SERVER_PATH
from coalserver.apis.coal.servers import world_in_path
from coalserver.core.ports import Stay, Visits
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.visits import Mark
from coalserver.security.opaque_keys import LINE, SESSION
from coalserver.web.api import Call, Route
from coalserver.web.responses import document

SESSIONS = SERVER_PATH + "/sessions"


async def list_sessions(call: Call) -> web.StreamResponse:
    """All sessions in a world, the newest login first."""
    size, which = await asked_by_time(call)
    return await _page(call, size, Visits(world_in_path(call).id, **which))


async def list_player_sessions(call: Call) -> web.StreamResponse:
    """The sessions of one player, the newest login first."""
    size, which = await asked_by_time(call)
    visitor = player_in_path(call)
    return await _page(call, size, Visits(visitor.world, visitor.name, **which))


async def read_session(call: Call) -> web.StreamResponse:
    """One session."""
    world = world_in_path(call)
    id = keys_of(call).id(SESSION, call.path["session"])
    stay = await call.core.history.visit(id) if id != -1 else None
    if stay is None or stay.world != world.id:
        raise Refusal(Why.OTHER_NOT_FOUND)
    return document(session_document(call, stay))


async def _page(call: Call, size: int, wanted: Visits) -> web.StreamResponse:
    head = call.core.feed.head
    return listed(
        "sessions",
        await call.core.history.visits(wanted, size + 1),
        size,
        lambda stay: session_document(call, stay),
        lambda stay: (stay.visit.login.at, stay.id),
        head,
    )


def session_document(call: Call, stay: Stay) -> JSON:
    """A session; login and logout in the zone the agent reported."""
    keys, visit = keys_of(call), stay.visit

    def line_key(mark: Mark | None) -> str | None:
        return keys.of(LINE, mark.line) if mark is not None and mark.line else None

    return {
        "key": keys.of(SESSION, stay.id),
        **names_of(call.core, keys, stay.world, visit.username),
        "login_timestamp": moment(visit.login.at, stay.zone),
        "logout_timestamp": moment(visit.ended, stay.zone),
        "duration": int(visit.duration(call.now)),
        "login_logline_key": line_key(visit.login),
        "logout_logline_key": line_key(visit.logout),
        "created": moment(stay.created),
        "updated": moment(stay.updated),
    }


ROUTES = (
    Route("GET", SESSIONS, list_sessions, who=user),
    Route("GET", SESSIONS + "/{session}", read_session, who=user),
    Route("GET", PLAYER_PATH + "/sessions", list_player_sessions, who=user),
)
