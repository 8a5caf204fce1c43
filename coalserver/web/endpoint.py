"""Endpoints: what every request goes through. Who calls, what is said, the handler, and what went wrong."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from coalserver.core.commands.presence import mark_back
from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Api, Route
from coalserver.web.body import read_body
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import AlreadySent, with_header_lines

log = logging.getLogger(__name__)


def endpoint(
    app: AppContext, api: Api, route: Route
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of one route."""
    head = b"" if route.private else api.header_lines

    async def handle(request: web.Request) -> web.StreamResponse:
        ctx = RequestContext(app, api, route, request)
        try:
            response = await call_handler(ctx)
        except web.HTTPRequestEntityTooLarge:
            response = api.render_http_error(413, request)
        except web.HTTPUnsupportedMediaType:
            response = api.render_http_error(415, request)
        except StoreFailed:
            response = (
                api.render_unavailable(ctx)
                if api.render_unavailable
                else api.render_http_error(500, request)
            )
        except asyncio.CancelledError:
            raise
        except ConnectionError:
            # The client has gone: there is nobody to answer, and nothing for the log.
            response = AlreadySent(keep_alive=False)
        except Exception:
            log.exception("%s %s has failed.", request.method, route.path)
            response = api.render_http_error(500, request)
        return with_header_lines(response, head)

    return handle


async def call_handler(ctx: RequestContext) -> web.StreamResponse:
    """What the handler answers, or the dialect's words for why it was refused."""
    route = ctx.route
    try:
        ctx.caller = route.auth(ctx)
        if ctx.caller.player_id:
            await record_activity(ctx)
        if route.body is not None:
            ctx.body, ctx.raw = await read_body(ctx.request, route.body, route.media)
        return await route.handler(ctx)
    except DomainError as refusal:
        if refusal.code is ErrorCode.RULES_FAILED:
            log.error("The rules of a game have failed.", exc_info=refusal)
        return ctx.api.render_error(refusal, ctx)


async def record_activity(ctx: RequestContext) -> None:
    """Whoever calls is there; who was away until now is back for the others too."""
    player = ctx.caller.player_id
    if ctx.core.record_activity(player):
        await ctx.core.execute(mark_back, player_id=player)


@contextmanager
def ignoring(*codes: ErrorCode) -> Iterator[None]:
    """Let these reasons pass: where the core refuses, this dialect does not mind."""
    try:
        yield
    except DomainError as refusal:
        if refusal.code not in codes:
            raise
