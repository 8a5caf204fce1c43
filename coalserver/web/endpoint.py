"""Endpoints: what every request goes through. Who calls, what is said, the handler, and what went wrong."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

from coalserver.core.commands.presence import mark_back
from coalserver.core.ports import StoreFailed
from coalserver.domain.errors import Refusal, Why
from coalserver.web.api import Call, Dialect, Route, Web
from coalserver.web.body import read_body
from coalserver.web.responses import Written, with_head

log = logging.getLogger(__name__)


def endpoint(
    shared: Web, dialect: Dialect, route: Route
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The aiohttp handler of one route."""
    head = b"" if route.private else dialect.head

    async def handle(request: web.Request) -> web.StreamResponse:
        call = Call(shared, dialect, route, request)
        try:
            answer = await answered(call)
        except web.HTTPRequestEntityTooLarge:
            answer = dialect.astray(413, request)
        except web.HTTPUnsupportedMediaType:
            answer = dialect.astray(415, request)
        except StoreFailed:
            answer = dialect.unkept(call) if dialect.unkept else dialect.astray(500, request)
        except asyncio.CancelledError:
            raise
        except ConnectionError:
            # The client has gone: there is nobody to answer, and nothing for the log.
            answer = Written(keep_alive=False)
        except Exception:
            log.exception("%s %s has failed.", request.method, route.path)
            answer = dialect.astray(500, request)
        return with_head(answer, head)

    return handle


async def answered(call: Call) -> web.StreamResponse:
    """What the handler answers, or the dialect's words for why it was refused."""
    route = call.route
    try:
        call.caller = route.who(call)
        if call.caller.player:
            await heard(call)
        if route.body is not None:
            call.body, call.raw = await read_body(call.request, route.body, route.media)
        return await route.handler(call)
    except Refusal as refusal:
        if refusal.why is Why.RULES_FAILED:
            log.error("The rules of a game have failed.", exc_info=refusal)
        return call.dialect.refuse(refusal, call)


async def heard(call: Call) -> None:
    """Whoever calls is there; who was away until now is back for the others too."""
    player = call.caller.player
    if call.core.heard(player):
        await call.core.do(mark_back, player=player)


@contextmanager
def allowing(*reasons: Why) -> Iterator[None]:
    """Let these reasons pass: where the core refuses, this dialect does not mind."""
    try:
        yield
    except Refusal as refusal:
        if refusal.why not in reasons:
            raise
