"""Listening: the sockets at which clients knock. They outlast a server that ends for a restore and begins again."""

import errno
import socket

#: What the system answers of an address, or a kind of addresses, that it does not have.
NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
#: Connections that may wait to be taken.
BACKLOG = 4096


def listening(host: str, port: int) -> list[socket.socket]:
    """A socket for each address that a name has here; those that this system does not have may be missing."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    doors: list[socket.socket] = []
    faults: list[OSError] = []
    for family, address in dict.fromkeys((one[0], one[4]) for one in found):
        try:
            door = socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as fault:
            faults.append(fault)
            continue
        door.setblocking(False)
        doors.append(door)
    if not doors or any(fault.errno not in NOT_HERE for fault in faults):
        for door in doors:
            door.close()
        raise faults[0]
    return doors
