"""Transports: one URL speaks to a client as it asked."""

from aiohttp import web

from coalserver.web.api import Call
from coalserver.web.streaming import event_stream
from coalserver.web.streaming.long_poll import long_poll
from coalserver.web.streaming.subscriptions import Subscribe, first_cursor


async def listened(call: Call, subscribe: Subscribe) -> web.StreamResponse:
    """Answer as a WebSocket, as server-sent events (`Accept: text/event-stream`) or as a long-poll."""
    request = call.request
    cursor = first_cursor(call)
    if request.method == "HEAD":
        return await long_poll(call, subscribe, cursor)
    upgrade = request.headers.get("Upgrade", "").lower()
    if upgrade == "websocket":
        return await event_stream.websocket(call, subscribe, cursor)
    if "text/event-stream" in request.headers.get("Accept", ""):
        return await event_stream.server_sent(call, subscribe, cursor)
    return await long_poll(call, subscribe, cursor)
