"""Endpoints: authentication, limit of use, body, handler and errors of one request, in this order."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from coalserver.core.commands.presence import mark_back
from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Api, Route, allow_anonymous
from coalserver.web.base_path import with_base_path_added
from coalserver.web.body import check_length, load_raw_body, read_body
from coalserver.web.content_encoding import ACCEPTED, decode_content
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import AlreadySent, close_after, with_header_lines
from coalserver.web.slow_bodies import BodyTimeout, SlowBodies
from coalserver.web.streaming.refusals import close_upgraded, refuse_websocket, wants_websocket
from coalserver.web.streaming.websocket import UPGRADED

log = logging.getLogger(__name__)


class Endpoint:
    """One route with what does not depend on a request."""

    __slots__ = (
        "app",
        "api",
        "route",
        "_auth",
        "_header_lines",
        "_limit",
        "_base_path",
        "_ignores_body",
    )

    def __init__(self, app: AppContext, api: Api, route: Route) -> None:
        self.app, self.api, self.route = app, api, route
        self._auth = None if route.auth is allow_anonymous else route.auth
        self._header_lines = b"" if route.private else api.header_lines
        self._limit = route.limit
        self._base_path = app.base_path
        self._ignores_body = route.body is None and not route.reads_body

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle a request of aiohttp."""
        ctx = RequestContext(
            self.app, self.api, self.route, request.match_info, request.headers, request
        )
        # Most bodies arrive with the head and are complete already.
        if not request.content.is_eof():
            self.app.per_process(SlowBodies).watch(request)
        return await self.answer(ctx)

    async def answer(self, ctx: RequestContext) -> web.StreamResponse:
        """Return the response to a request, with all that concerns every response."""
        core, route, limit = ctx.core, self.route, self._limit
        try:
            if self._auth is not None:
                caller = ctx.caller = self._auth(ctx)
                if caller.player_id and core.record_activity(caller.player_id):
                    await core.execute(mark_back, player_id=caller.player_id)
            # The body of a refused request is neither read nor parsed: that would cost more than the refusal.
            if limit is not None:
                self.app.use_limiter.take(ctx, limit)
            if "Content-Encoding" in ctx.headers:
                decode_content(ctx.request)
            if route.body is not None:
                if ctx.received is None:
                    ctx.body, ctx.raw = await read_body(ctx, route.body, route.media)
                else:
                    ctx.raw = ctx.received
                    ctx.body = load_raw_body(ctx, ctx.raw, route.body, route.media)
            elif self._ignores_body and ctx.received is None:
                content = ctx.request.content
                if content.total_bytes or not content.is_eof():
                    check_length(ctx.request)
            response = await route.handler(ctx)
        except Exception as error:
            response = await _refusal(ctx, error)
        if core.feed.closed:
            # The server stops: a further request on this connection would be lost.
            close_after(response)
        if self._base_path:
            with_base_path_added(response, self._base_path)
        return with_header_lines(response, self._header_lines) if self._header_lines else response


async def _refusal(ctx: RequestContext, error: Exception) -> web.StreamResponse:
    """Return the answer to a request that has raised an exception."""
    is_handshake = wants_websocket(ctx)
    if is_handshake and UPGRADED in ctx.request:
        return await close_upgraded(ctx.request, error)
    response = _error_response(ctx, error)
    if is_handshake and response.status >= 400:
        response = await refuse_websocket(ctx.request, response, _error_code(ctx, error))
    return response


def _error_response(ctx: RequestContext, error: Exception) -> web.StreamResponse:
    """Render an exception in the format of the request's API."""
    api = ctx.api
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
        return api.render_http_error(error.status, ctx.request)
    if isinstance(error, BodyTimeout):
        response = api.render_http_error(408, ctx.request)
        close_after(response)
        return response
    if isinstance(error, ConnectionError):
        # The client has disconnected: no response can be sent, and there is no fault to log.
        return AlreadySent(keep_alive=False)
    if not isinstance(error, StoreFailed):
        log.error("%s %s failed.", ctx.method, ctx.route.path, exc_info=error)
    return api.render_http_error(500, ctx.request)


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
