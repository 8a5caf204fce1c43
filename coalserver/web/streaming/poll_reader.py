"""Reads the polls of released connections, a number at a time.

Whoever is answered polls again at once. The event loop reads up to a thousand sockets in the order in which bytes came,
and many thousand before it does anything else: a request that comes behind the polls waits for all of them, and with it
what it publishes. So the sockets of released connections are in an epoll of their own, which is one more file
descriptor to the loop: it reads some of them, looks at everything else, and goes on.
"""

import asyncio
import select
from os import read
from typing import Protocol

from coalserver.web.context import AppContext
from coalserver.web.streaming.direct_writes import NO_SOCKET, socket_of

#: Sockets that are read before the loop looks at everything else: about 0.3 ms.
SOCKETS_AT_ONCE = 100
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
        """Have the transport read again, which handles all but whole polls: the end, errors, more bytes."""


class PollReader:
    """The epoll of one process; none exists while no connection is read here."""

    def __init__(self, app: AppContext) -> None:
        self._connections: dict[int, ReadConnection] = {}
        self._epoll: select.epoll | None = None

    def add(self, connection: ReadConnection) -> int:
        """Read a connection in place of its transport; return its socket, NO_SOCKET if its transport must read it.

        Until `remove`, the transport has nothing to write: its owner writes to the socket.
        """
        transport = connection.transport
        if transport is None or not AVAILABLE or transport.is_closing():
            return NO_SOCKET
        number = socket_of(transport)
        if number == NO_SOCKET or transport.get_write_buffer_size():
            return NO_SOCKET
        epoll = self._epoll
        if epoll is None:
            epoll = self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(epoll.fileno(), self._read_some)
        transport.pause_reading()
        self._connections[number] = connection
        # Told once of new bytes, and not again while they are unread.
        epoll.register(number, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        return number

    def remove(self, number: int, connection: ReadConnection) -> None:
        """Have the transport of a connection read again. Called before the socket is closed."""
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
        for number, events in epoll.poll(0, SOCKETS_AT_ONCE):
            connection = find(number)
            if connection is None:
                continue
            data = b""
            if events == select.EPOLLIN:
                try:
                    data = read(number, MAX_BYTES)
                except BlockingIOError:
                    continue
                except OSError:
                    pass
            if not 0 < len(data) < MAX_BYTES:
                # The end, an error, or perhaps more to read.
                connection.hand_back()
            if data:
                connection.data_received(data)
