"""Direct writes: to a client's socket past its transport.

A transport's own write takes 0.4 µs longer, of the 6 µs that a delivery takes. A direct write is right only while the
transport has nothing left to write, or the bytes would overtake others. What the socket does not take is for the
transport, which also notices that a client has disconnected.
"""

import asyncio
import os
from os import write

#: In place of a socket: a write to it fails, so that everything is left to the transport.
NO_SOCKET = -1


def socket_of(transport: asyncio.BaseTransport) -> int:
    """Return the descriptor of a transport's socket until the connection is lost; NO_SOCKET if it cannot be used."""
    found = transport.get_extra_info("socket")
    if found is None or os.name != "posix" or transport.get_extra_info("ssl_object") is not None:
        return NO_SOCKET
    number: int = found.fileno()
    return number


def write_directly(number: int, raw: bytes) -> int:
    """Write to a socket; return how many bytes it has taken: 0 if it takes none, or has failed."""
    try:
        return write(number, raw)
    except OSError:
        return 0
