"""Listening sockets. They stay open while the server restarts after a restore."""

import errno
import socket

#: Errors for an address, or an address family, that this machine does not have.
UNAVAILABLE_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
#: Connections that can wait to be accepted.
BACKLOG = 4096


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of a host.

    Addresses that this machine does not have are skipped if another one works. Raises OSError.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    errors: list[OSError] = []
    for family, address in dict.fromkeys((info[0], info[4]) for info in addresses):
        try:
            listener = socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as error:
            errors.append(error)
            continue
        listener.setblocking(False)
        listeners.append(listener)
    if not listeners or any(error.errno not in UNAVAILABLE_ADDRESS for error in errors):
        for listener in listeners:
            listener.close()
        raise errors[0]
    return listeners
