"""The operations API: the health check and metrics. See README.md in this folder."""

from aiohttp import web

from coalserver import __version__
from coalserver.apis.ops.metrics import metrics
from coalserver.core.queries.metrics import world_counts
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room
from coalserver.web.api import Api, Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

#: A write that takes longer is reported as waiting.
SLOW_WRITE_SECONDS = 2
HTTP_ERRORS = {
    404: "not found",
    405: "method not allowed",
    408: "too slow",
    413: "too large",
    415: "not JSON",
    500: "failed",
}
DOMAIN_ERRORS = {
    ErrorCode.UNSUPPORTED_ENCODING: (415, ErrorCode.UNSUPPORTED_ENCODING.value),
    ErrorCode.TOKEN_REQUIRED: (401, "token required"),
    ErrorCode.INVALID_TOKEN: (401, "wrong token"),
    ErrorCode.PERMISSION_DENIED: (403, "only from this machine: metrics_token is not set"),
    ErrorCode.RATE_LIMITED: (429, "too many failures"),
}


async def health(ctx: RequestContext) -> web.StreamResponse:
    """Return 200 while the server accepts requests; it exits when it cannot write to its disk.

    Has `"writing": "waiting"` while a write takes longer than usual, for instance because another program has
    locked the database.
    """
    state = ctx.core.state
    document: dict[str, object] = {
        "status": "ok",
        "version": __version__,
        "last_event": ctx.core.feed.head,
        "listeners": ctx.core.feed.waiter_count(),
        "refused": ctx.app.all_refused,
        "usage": {
            "guests": len(state.ids(Player, "guest", "")),
            "players": state.count(Player),
            "lobbies": state.count(Lobby),
            "rooms": state.count(Room),
            "largest_game_bytes": max(state.game_bytes.values(), default=0),
            "feed_bytes": ctx.core.feed.bytes,
        },
        "worlds": ctx.core.query(world_counts),
    }
    if ctx.core.writer.write_seconds > SLOW_WRITE_SECONDS:
        document["writing"] = "waiting"
    return json_response(document, headers={"Cache-Control": "no-store"})


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Return `{"error": <reason>}` with the status of DOMAIN_ERRORS, or the code with status 400."""
    status, reason = DOMAIN_ERRORS.get(error.code, (400, str(error.code)))
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    elif status == 429:
        headers["Retry-After"] = str(error.details.get("retry_after", 60))
    return json_response({"error": reason}, status, headers=headers)


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    """Return `{"error": <reason>}` with the status."""
    return json_response({"error": HTTP_ERRORS[status]}, status)


API = Api(
    "ops",
    ("/health", "/metrics"),
    (Route("GET", "/health", health), Route("GET", "/metrics", metrics)),
    render_error=render_error,
    render_http_error=render_http_error,
)
