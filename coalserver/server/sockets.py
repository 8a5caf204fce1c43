"""Listening: the sockets at which clients knock. They outlast a server that ends for a restore and begins again."""

import errno
import socket

#: What the system answers of an address, or a kind of addresses, that it does not have.
UNAVAILABLE_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
#: Connections that may wait to be taken.
BACKLOG = 4096


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that a name has here; those that this system does not have may be missing."""
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
