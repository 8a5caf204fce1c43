"""Transports: one URL speaks to a client as it asked."""

from aiohttp import web

from coalserver.web import push
from coalserver.web.dialect import Call
from coalserver.web.listen import Subscribe, first_cursor
from coalserver.web.poll import long_poll


async def listened(call: Call, subscribe: Subscribe) -> web.StreamResponse:
    """Answer as a WebSocket, as server-sent events (`Accept: text/event-stream`) or as a long-poll."""
    request = call.request
    cursor = first_cursor(call)
    if request.method == "HEAD":
        return await long_poll(call, subscribe, cursor)
    upgrade = request.headers.get("Upgrade", "").lower()
    if upgrade == "websocket":
        return await push.websocket(call, subscribe, cursor)
    if "text/event-stream" in request.headers.get("Accept", ""):
        return await push.server_sent(call, subscribe, cursor)
    return await long_poll(call, subscribe, cursor)
