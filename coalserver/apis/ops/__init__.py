"""For those who run the server: is it alive? See README.md beside this file."""

from aiohttp import web

from coalserver import __version__
from coalserver.domain.errors import DomainError
from coalserver.web.api import Api, RequestContext, Route
from coalserver.web.responses import json_response

HTTP_ERRORS = {
    404: "not found",
    405: "method not allowed",
    413: "too large",
    415: "not JSON",
    500: "failed",
}


async def health(ctx: RequestContext) -> web.StreamResponse:
    """200 while the server takes requests and writes to its disk; it ends when it cannot write."""
    return json_response(
        {
            "status": "ok",
            "version": __version__,
            "last_event": ctx.core.feed.head,
            "listeners": ctx.core.feed.waiter_count(),
        },
        headers={"Cache-Control": "no-store"},
    )


def render_error(refusal: DomainError, ctx: RequestContext) -> web.StreamResponse:
    return json_response({"error": refusal.code}, 400)


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    return json_response({"error": HTTP_ERRORS[status]}, status)


API = Api(
    "ops",
    ("/health",),
    (Route("GET", "/health", health),),
    render_error=render_error,
    render_http_error=render_http_error,
)
