"""Endpoints: authentication, limit of use, body, handler and errors of one request, in this order."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from coalserver.core.commands.presence import mark_back
from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Api, Route, allow_anonymous
from coalserver.web.base_path import with_base_path_added
from coalserver.web.body import check_length, read_body
from coalserver.web.content_encoding import ACCEPTED, decode_content
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import AlreadySent, close_after, with_header_lines
from coalserver.web.slow_bodies import BodyTimeout, SlowBodies
from coalserver.web.streaming.refusals import refuse_websocket, wants_websocket

log = logging.getLogger(__name__)


def endpoint(
    app: AppContext, api: Api, route: Route
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler of one route."""
    header_lines = b"" if route.private else api.header_lines
    core, schema, handler = app.core, route.body, route.handler
    limit, take = route.limit, app.use_limiter.take
    base_path = app.base_path
    ignores_body = schema is None and not route.reads_body
    auth = None if route.auth is allow_anonymous else route.auth

    async def handle(request: web.Request) -> web.StreamResponse:
        ctx = RequestContext(app, api, route, request)
        # Most bodies arrive with the head and are complete already.
        has_body = not request.content.is_eof()
        if has_body:
            app.per_process(SlowBodies).watch(request)
        try:
            if auth is not None:
                caller = ctx.caller = auth(ctx)
                if caller.player_id and core.record_activity(caller.player_id):
                    await core.execute(mark_back, player_id=caller.player_id)
            # The body of a refused request is neither read nor parsed: that would cost more than the refusal.
            if limit is not None:
                take(ctx, limit)
            if "Content-Encoding" in request.headers:
                decode_content(request)
            if schema is not None:
                ctx.body, ctx.raw = await read_body(ctx, schema, route.media)
            elif ignores_body and (has_body or request.content.total_bytes):
                check_length(request)
            response = await handler(ctx)
        except Exception as error:
            response = await _refusal(ctx, error)
        if core.feed.closed:
            # The server stops: a further request on this connection would be lost.
            close_after(response)
        if base_path:
            with_base_path_added(response, base_path)
        return with_header_lines(response, header_lines) if header_lines else response

    return handle


async def _refusal(ctx: RequestContext, error: Exception) -> web.StreamResponse:
    """Return the answer to a request that has raised an exception."""
    response = _error_response(ctx, error)
    if wants_websocket(ctx.request) and response.status >= 400:
        response = await refuse_websocket(ctx.request, response, _error_code(ctx, error))
    return response


def _error_response(ctx: RequestContext, error: Exception) -> web.StreamResponse:
    """Render an exception in the format of the request's API."""
    api, request = ctx.api, ctx.request
    try:
        if isinstance(error, DomainError):
            ctx.app.count_refusal(error)
            if error.code is ErrorCode.RULES_FAILED:
                log.error("The rules of a game have failed.", exc_info=error)
            response = api.render_error(error, ctx)
            if error.code is ErrorCode.UNSUPPORTED_ENCODING:
                return with_header_lines(response, b"Accept-Encoding: %b\r\n" % ACCEPTED.encode())
            return response
        if isinstance(error, StoreFailed) and api.render_unavailable:
            return api.render_unavailable(ctx)
    except Exception as render_failure:
        error = render_failure
    if isinstance(error, web.HTTPRequestEntityTooLarge | web.HTTPUnsupportedMediaType):
        return api.render_http_error(error.status, request)
    if isinstance(error, BodyTimeout):
        response = api.render_http_error(408, request)
        close_after(response)
        return response
    if isinstance(error, ConnectionError):
        # The client has disconnected: no response can be sent, and there is no fault to log.
        return AlreadySent(keep_alive=False)
    if not isinstance(error, StoreFailed):
        log.error("%s %s failed.", request.method, ctx.route.path, exc_info=error)
    return api.render_http_error(500, request)


def _error_code(ctx: RequestContext, error: Exception) -> str:
    """Return the code by which a refused WebSocket is told an error."""
    if not isinstance(error, DomainError):
        return "server_failed"
    return ctx.api.error_code(error, ctx) if ctx.api.error_code else error.code.value


async def record_activity(ctx: RequestContext) -> None:
    """Mark the calling player as online, and as back for other members if the player was away."""
    player_id = ctx.caller.player_id
    if ctx.core.record_activity(player_id):
        await ctx.core.execute(mark_back, player_id=player_id)


@contextmanager
def ignoring(*codes: ErrorCode) -> Iterator[None]:
    """Suppress DomainErrors with these codes, where an API is more lenient than the core."""
    try:
        yield
    except DomainError as error:
        if error.code not in codes:
            raise
