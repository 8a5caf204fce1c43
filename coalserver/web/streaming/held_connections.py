"""Held connections: sockets and streams that keep a connection of their own, without aiohttp's objects.

A request, its task, its parser and the connection of aiohttp take 10 to 15 kB, and an open stream needs none of them.
So the handler writes the head of its answer and hands the transport to a HeldConnection, which is a protocol of
asyncio like aiohttp's own; all that aiohttp had is freed. To aiohttp's server a held connection is one more
connection: it counts in limits, and it is closed when the server stops. After an event stream, a new connection of
aiohttp takes the transport back.

    aiohttp's connection --request--> handler --hold()--> HeldConnection --give_back()--> aiohttp's connection (new)

Where aiohttp has read more than this one request, or lacks a private member that this needs (`aiohttp_internals`), its
connection and the handler stay, wait behind the held connection and go on after it. aiohttp's server calls `close` and
`shutdown` of all connections when it stops.
"""

import asyncio
import logging
from functools import cache
from typing import Any

from aiohttp import WSCloseCode, web
from aiohttp.web_protocol import RequestHandler

from coalserver.web.aiohttp_internals import HELD_CONNECTIONS, usable
from coalserver.web.connections import Connection, ConnectionServer
from coalserver.web.repeats.connection import RepeatingConnection
from coalserver.web.responses import AlreadySent
from coalserver.web.streaming.direct_writes import NO_SOCKET, socket_of
from coalserver.web.streaming.socket_reader import SocketReader

log = logging.getLogger(__name__)

#: Seconds for the clients of a stopping server to read what is left, and to answer the close frame.
STOPPING_SECONDS = 1.5
#: Bytes that are kept of what a client sends behind the request of a stream, before reading from it pauses.
MAX_BUFFERED_BYTES = 16 * 1024


@cache
def can_let_go() -> bool:
    """Return whether aiohttp's connections can be freed; otherwise log one warning."""
    return usable((HELD_CONNECTIONS,))


def closing_seconds(code: int, otherwise: float) -> float:
    """Return how long a client may take to read what precedes the end and to answer it, by the close code."""
    return min(STOPPING_SECONDS, otherwise) if code == WSCloseCode.SERVICE_RESTART else otherwise


class HeldConnection(asyncio.Protocol):
    """A connection whose transport belongs to a socket or a stream.

    A subclass handles `data_received` and `lost`. `hold` is the last that its handler awaits.
    """

    __slots__ = ("transport", "number", "stopping", "_server", "_network", "_behind", "_gone")

    #: A held connection has no task.
    _task_handler = None
    #: Whether its client sends much. Reading it past the transport takes 0.3 µs more for each message.
    talks = False

    def __init__(self) -> None:
        #: None once the connection is lost or given back.
        self.transport: asyncio.Transport | None = None
        #: The socket's descriptor, see `direct_writes`.
        self.number = NO_SOCKET
        #: Whether the server is stopping.
        self.stopping = False
        self._server: Any = None
        #: As of `Connection`: where the connection is counted.
        self._network = ""
        #: aiohttp's connection, if it was kept.
        self._behind: RequestHandler | None = None
        #: Resolved when the transport is lost or given back; None if nothing waits for that.
        self._gone: asyncio.Future[None] | None = None

    async def hold(
        self, request: web.Request, received: bytes = b"", *, let_go: bool = True
    ) -> AlreadySent:
        """Take the transport of a request; return what its handler returns next, without another await.

        `received` came behind the request. Without `let_go` it returns only after the transport is lost or given back.
        """
        connection, transport = request.protocol, request.transport
        if transport is None or transport.is_closing():
            self.transport = None
            self.lost()
            return AlreadySent(keep_alive=False)
        self.transport = transport
        if isinstance(connection, RepeatingConnection):
            received += connection.take_rest()
        freed = let_go and can_let_go()
        if freed:
            self._register(connection, transport)
        else:
            self._behind, self._gone = connection, asyncio.get_running_loop().create_future()
        transport.set_protocol(self)
        # So that it calls `pause_writing` as soon as a client does not read.
        transport.set_write_buffer_limits(0)
        self.number = socket_of(transport)
        reader = self._reader
        if reader is None or not reader.add(self, self.number):
            transport.resume_reading()
        if freed:
            # Without its transport, aiohttp's connection frees itself and closes nothing.
            connection.transport = None
            connection.connection_lost(None)
        try:
            self.held()
            if received and self.transport is not None:
                self.data_received(received)
        except Exception as error:
            # The handler's exception would be answered with HTTP, in the middle of a socket or a stream.
            self.failed(error)
        if self._gone is not None and not freed:
            await self._gone
        return AlreadySent(keep_alive=self._behind is not None)

    @property
    def _reader(self) -> SocketReader | None:
        """What reads the socket in place of the transport. aiohttp's server has none."""
        return None if self.talks else getattr(self._server, "reader", None)

    def hand_back(self) -> None:
        """Let the transport read again."""
        if self._reader is not None:
            self._reader.remove(self, self.number)

    def held(self) -> None:
        """Begin; the transport is this connection's now."""

    def failed(self, error: BaseException) -> None:
        """End, because `held` or the first bytes have failed."""
        log.error("A connection failed and is closed.", exc_info=error)
        if self.transport is not None:
            self.transport.abort()

    def lost(self) -> None:
        """End; the client has disconnected, or the transport was aborted or closed."""

    def give_back(self, received: bytes = b"") -> None:
        """Let aiohttp handle further requests on the transport; `received` is the beginning of them."""
        transport, server, connection = self.transport, self._server, self._behind
        if transport is None:
            return
        self._leave()
        transport.set_write_buffer_limits()
        if connection is None:
            connection = server()
            connection.connection_made(transport)
        transport.set_protocol(connection)
        transport.resume_reading()
        if received:
            connection.data_received(received)

    def connection_lost(self, exc: BaseException | None) -> None:
        behind = self._behind
        self._leave()
        if behind is not None:
            self._behind = None
            behind.connection_lost(exc)
        self.lost()

    def pause_writing(self) -> None:
        """Do nothing: who writes to a socket looks at the unread bytes. Streams note that their clients are slow."""

    def resume_writing(self) -> None:
        """Do nothing, see `pause_writing`."""

    def close(self) -> None:
        """Note that the server is about to stop. Its feed is closed, which ends sockets and streams."""
        self.stopping = True

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Wait for the end, and abort the connection after STOPPING_SECONDS, and at the latest after `timeout`."""
        self.stopping = True
        if self.transport is not None:
            if self._gone is None:
                self._gone = asyncio.get_running_loop().create_future()
            seconds = STOPPING_SECONDS if timeout is None else min(timeout, STOPPING_SECONDS)
            await asyncio.wait((self._gone,), timeout=seconds)
        if self.transport is not None:
            self.transport.abort()

    def _register(self, connection: RequestHandler, transport: asyncio.Transport) -> None:
        """Take the place of aiohttp's connection at its server."""
        self._server = connection._manager
        self._server.connection_made(self, transport)
        # aiohttp's connection was told before the request was handled.
        self.stopping = getattr(self._server, "stopping", False)
        if isinstance(connection, Connection):
            self._network, connection._network = connection._network, ""

    def _leave(self) -> None:
        """Let go of the transport, and leave the server."""
        self.hand_back()
        self.transport, self.number = None, NO_SOCKET
        server, self._server = self._server, None
        if server is not None:
            server.connection_lost(self)
            if self._network and isinstance(server, ConnectionServer):
                server.release(self._network)
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
