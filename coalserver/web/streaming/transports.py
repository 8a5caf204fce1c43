"""Transports: one URL speaks to a client as it asked."""

from aiohttp import web

from coalserver.web.context import RequestContext
from coalserver.web.streaming import event_stream
from coalserver.web.streaming.long_poll import long_poll
from coalserver.web.streaming.subscriptions import Subscribe, parse_cursor


async def serve_events(ctx: RequestContext, subscribe: Subscribe) -> web.StreamResponse:
    """Answer as a WebSocket, as server-sent events (`Accept: text/event-stream`) or as a long-poll."""
    request = ctx.request
    cursor = parse_cursor(ctx)
    if request.method == "HEAD":
        return await long_poll(ctx, subscribe, cursor)
    upgrade = request.headers.get("Upgrade", "").lower()
    if upgrade == "websocket":
        return await event_stream.websocket(ctx, subscribe, cursor)
    if "text/event-stream" in request.headers.get("Accept", ""):
        return await event_stream.server_sent_events(ctx, subscribe, cursor)
    return await long_poll(ctx, subscribe, cursor)
