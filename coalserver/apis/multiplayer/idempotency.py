"""Requests that change something: executed once per `Idempotency-Key`, and answered with the first response.

The response of such a request is stored with the change. Repetitions are recognised before the handler runs,
because its checks may fail after the change: a player who has left is in no room.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiohttp import web

from coalserver.apis.multiplayer.auth import CREDENTIAL_SOURCES
from coalserver.apis.multiplayer.render import JSON, success
from coalserver.core.commands.idempotency import find_idempotent_result
from coalserver.core.engine import IdempotencyKey
from coalserver.web.api import Handler
from coalserver.web.context import RequestContext
from coalserver.web.idempotency import HEADER, check_key

#: Query parameters that are credentials: a repetition may send them in headers.
_CREDENTIALS = frozenset(name for name, _ in CREDENTIAL_SOURCES.values())


async def execute(
    ctx: RequestContext,
    command: Callable[..., Any],
    render: Callable[[Any], JSON],
    /,
    **params: Any,
) -> web.StreamResponse:
    """Run a command for this request and return a success with its rendered result.

    With an Idempotency-Key the rendered members are stored: they must be plain JSON without secrets.
    Raises IDEMPOTENCY_KEY_REUSED for a key of a different request, and what the command raises.
    """
    if HEADER not in ctx.headers:
        return success(ctx, render(await ctx.core.execute(command, **params)))
    key = _idempotency_key(ctx)
    members = await ctx.core.execute_idempotent(key, command, to_ids=render, **params)
    return success(ctx, members)


def answering_repeats(handler: Handler) -> Handler:
    """Return a handler that returns the first response to repetitions of a request."""

    @wraps(handler)
    def handle(ctx: RequestContext) -> Awaitable[web.StreamResponse]:
        return _answer(ctx, handler) if HEADER in ctx.headers else handler(ctx)

    return handle


async def _answer(ctx: RequestContext, handler: Handler) -> web.StreamResponse:
    key = _idempotency_key(ctx)
    found = ctx.core.query(
        find_idempotent_result, key_digest=key.key_digest, request_digest=key.request_digest
    )
    if found is None:
        return await handler(ctx)
    # The change may not be on disk yet.
    await ctx.core.writer.flushed()
    return success(ctx, found[0])


def _idempotency_key(ctx: RequestContext) -> IdempotencyKey:
    """Return the key of a request that has one. Raises INVALID_REQUEST for an invalid one."""
    text = ctx.headers[HEADER]
    check_key(text)
    caller, request = ctx.caller, ctx.request
    name = caller.player_id or f"game {caller.get_game().tag}"
    query = sorted(pair for pair in request.query.items() if pair[0] not in _CREDENTIALS)
    content = (request.method, request.path, repr(query))
    return IdempotencyKey.of(
        f"{ctx.api.name}/{name}", text, *(part.encode() for part in content), ctx.raw
    )
