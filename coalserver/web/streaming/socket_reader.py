"""Reads the sockets of parked polls, WebSockets, event streams and new connections, a number at a time.

A client that is answered polls again at once, and thousands of them may connect or disconnect in one moment. The event
loop reads up to a thousand sockets in the order in which bytes came, and many thousand before it does anything else: a
request that comes behind the polls waits for all of them, and with it what it publishes. So these sockets are in an
epoll of their own, which is one more file descriptor to the loop: it reads some of them, looks at everything else, and
goes on.
"""

import asyncio
import logging
import select
from os import read
from typing import Protocol

from coalserver.web.streaming.direct_writes import NO_SOCKET

log = logging.getLogger(__name__)

#: Sockets that are read before the loop looks at everything else: about 0.3 ms, and 3 ms if all have disconnected.
SOCKETS_AT_ONCE = 100
#: The same for the first requests of connections, which aiohttp handles: 3 ms.
REQUESTS_AT_ONCE = 25
#: Bytes of one read. More is no poll.
MAX_BYTES = 8192
#: On Linux only; elsewhere the loop reads all connections.
AVAILABLE = hasattr(select, "epoll")


class ReadConnection(Protocol):
    """A connection whose socket is read here."""

    transport: asyncio.Transport | None

    def data_received(self, data: bytes) -> None:
        """Handle received bytes, as of a protocol of asyncio."""

    def hand_back(self) -> None:
        """Have the transport read again, which handles what is more than one read."""


class SocketReader:
    """An epoll of one server; none exists while no connection is read here.

    `once`: it is for the first bytes of new connections, which are handed back with them.
    """

    def __init__(self, *, once: bool = False) -> None:
        self._once = once
        self._connections: dict[int, ReadConnection] = {}
        self._epoll: select.epoll | None = None

    def add(self, connection: ReadConnection, number: int) -> bool:
        """Read a connection with this socket in place of its transport; False if its transport must read it."""
        transport = connection.transport
        if number == NO_SOCKET or transport is None or not AVAILABLE or transport.is_closing():
            return False
        epoll = self._epoll
        if epoll is None:
            epoll = self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(epoll.fileno(), self._read_some)
        transport.pause_reading()
        self._connections[number] = connection
        # Told once of new bytes, and not again while they are unread.
        epoll.register(number, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        return True

    def remove(self, connection: ReadConnection, number: int) -> None:
        """Have the transport of a connection read again, if this reads it. Called before the socket is closed."""
        if self._connections.get(number) is not connection:
            return
        del self._connections[number]
        epoll, transport = self._epoll, connection.transport
        if epoll is not None:
            epoll.unregister(number)
            if not self._connections:
                asyncio.get_running_loop().remove_reader(epoll.fileno())
                epoll.close()
                self._epoll = None
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    def _read_some(self) -> None:
        epoll, find = self._epoll, self._connections.get
        if epoll is None:
            return
        once = self._once
        for number, events in epoll.poll(0, REQUESTS_AT_ONCE if once else SOCKETS_AT_ONCE):
            connection = find(number)
            if connection is None:
                continue
            try:
                data = read(number, MAX_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                _close(connection)
                continue
            try:
                if once or events != select.EPOLLIN or len(data) == MAX_BYTES:
                    # The end, an error, or perhaps more to read is behind these bytes.
                    connection.hand_back()
                connection.data_received(data)
            except Exception:
                # The others are not told of their bytes again.
                log.exception("A connection failed and is closed.")
                _abort(connection)


def _abort(connection: ReadConnection) -> None:
    """Close a connection at once, as the event loop does after an error of its protocol."""
    if connection.transport is not None:
        connection.transport.abort()


def _close(connection: ReadConnection) -> None:
    """Handle that the client has disconnected, as a transport does."""
    if connection.transport is not None:
        connection.transport.close()
