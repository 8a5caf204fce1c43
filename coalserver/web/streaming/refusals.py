"""Refused WebSockets: browsers show a page neither the status of a failed handshake nor its body, only close code 1006.

A browser, which sends `Origin`, and a client that asks for it with `?refuse=message` get the handshake, and at once the
close code 4000 + status with the error code as reason.
"""

import orjson
from aiohttp import web

from coalserver.web.context import RequestContext
from coalserver.web.responses import AlreadySent
from coalserver.web.streaming.websocket import CheckedSocket, WebSocketConnection, frame

#: Added to an HTTP status to form a close code; 4000 to 4999 are for applications (RFC 6455, 7.4.2).
CLOSE_CODE_OFFSET = 4000
#: The client's messages are not read.
MAX_MESSAGE_BYTES = 4096


def wants_websocket(request: web.Request | RequestContext) -> bool:
    """Return whether a request is the handshake of a WebSocket."""
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


async def refuse_websocket(
    request: web.Request, response: web.StreamResponse, error_code: str
) -> web.StreamResponse:
    """Refuse a handshake by a close code instead of this response, if its client can see only that.

    Returns the response unchanged to other clients, and for a handshake that is not valid itself.
    """
    with_message = request.query.get("refuse") == "message"
    if not with_message and "Origin" not in request.headers:
        return response
    if not CheckedSocket().can_prepare(request):
        return response
    connection = WebSocketConnection(MAX_MESSAGE_BYTES)
    try:
        connection.accept(request)
    except ConnectionResetError:
        # The client has disconnected.
        return response
    with connection.ended_by_failure():
        if with_message:
            message = {"type": "refused", "status": response.status, "error": error_code}
            connection.write(frame(orjson.dumps(message)))
        connection.end(CLOSE_CODE_OFFSET + response.status, error_code)
    return await connection.receive_messages(request)


async def close_upgraded(request: web.Request, error: Exception) -> web.StreamResponse:
    """Close a WebSocket whose handler has raised an exception after the handshake, in place of a response."""
    transport = request.transport
    if transport is None or transport.is_closing() or isinstance(error, ConnectionError):
        return AlreadySent(keep_alive=False)
    connection = WebSocketConnection(MAX_MESSAGE_BYTES)
    connection.transport = transport
    connection.failed(error)
    return await connection.receive_messages(request)
