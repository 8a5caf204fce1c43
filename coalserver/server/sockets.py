"""Listening sockets. They stay open while the server restarts after a restore."""

import errno
import os
import socket
from typing import Any

#: Errors for an address, or an address family, that this machine does not have.
UNAVAILABLE_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
#: Connections that can wait to be accepted.
BACKLOG = 4096
#: All addresses of IPv6, and of IPv4 where a socket can have both.
ANY_IPV6 = "::"
#: A client whose machine is gone is noticed after 45 s: if it acknowledges nothing of what was sent (RFC 5482), or
#: none of the probes on a connection on which nothing was sent for 20 s. Options that a system lacks are left out.
TCP_OPTIONS = (
    ("TCP_USER_TIMEOUT", 45_000),
    ("TCP_KEEPIDLE", 20),
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 3),
)
#: Files that the server itself may have open: database, log, uploads, backups, static files.
RESERVED_FILES = 128
#: Attempts to find a port that is free on all addresses if the system selects it.
PORT_ATTEMPTS = 10

#: Address and port, for IPv6 also flow label and scope.
Address = tuple[Any, ...]


def raise_open_files_limit() -> int:
    """Raise the soft limit of open files to the hard one; return the limit, or 0 on a system without one."""
    if os.name != "posix":
        return 0
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            # macOS reports no hard limit, and accepts none above that of the kernel.
            pass
    return 0 if soft == resource.RLIM_INFINITY else soft


def max_connections(open_files: int) -> int:
    """Return how many connections a limit of open files allows; 0: any number, as the limit is."""
    return max(open_files - RESERVED_FILES, open_files // 2)


def parse_hosts(hosts: str) -> list[str]:
    """Return the host names and addresses of the setting `host`, which are separated by commas."""
    return [host for word in hosts.split(",") if (host := word.strip())]


def bind_sockets(hosts: str, port: int) -> list[socket.socket]:
    """Return a listening socket for each address of some hosts, separated by commas; all have one port.

    `::` listens to IPv4 as well. Addresses that this machine does not have are skipped if another one of that host
    works. Raises OSError.
    """
    for _ in range(1 if port else PORT_ATTEMPTS - 1):
        try:
            return _bind_all(hosts, port)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise
    return _bind_all(hosts, port)


def first_url(hosts: str, port: int) -> str:
    """Return the URL of the first of some hosts, separated by commas."""
    host = parse_hosts(hosts)[0]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _bind_all(hosts: str, port: int) -> list[socket.socket]:
    resolved = [_resolve(host, port) for host in parse_hosts(hosts)]
    # Beside an address of IPv4, a socket for both families would have that address twice.
    dual_stack = all(family == socket.AF_INET6 for addresses in resolved for family, _ in addresses)
    listeners: dict[Address, socket.socket] = {}
    try:
        for addresses in resolved:
            _bind_host(listeners, addresses, dual_stack)
    except OSError:
        for listener in listeners.values():
            listener.close()
        raise
    return list(listeners.values())


def _resolve(host: str, port: int) -> list[tuple[int, Address]]:
    """Return the addresses of a host, each with its family."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((info[0], info[4]) for info in infos))


def _bind_host(
    listeners: dict[Address, socket.socket],
    addresses: list[tuple[int, Address]],
    dual_stack: bool,
) -> None:
    """Add a socket for each address of one host that has none yet."""
    errors: list[OSError] = []
    for family, address in addresses:
        if address in listeners:
            continue
        port = address[1]
        if not port and listeners:
            port = next(iter(listeners.values())).getsockname()[1]
        try:
            listeners[address] = _listen(family, (address[0], port, *address[2:]), dual_stack)
        except OSError as error:
            errors.append(error)
    nothing_bound = len(errors) == len(addresses)
    if nothing_bound or any(error.errno not in UNAVAILABLE_ADDRESS for error in errors):
        raise errors[0]


def _listen(family: int, address: Address, dual_stack: bool) -> socket.socket:
    both = address[0] == ANY_IPV6 and dual_stack and socket.has_dualstack_ipv6()
    listener = socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)
    listener.setblocking(False)
    set_tcp_options(listener)
    return listener


def set_tcp_options(listener: socket.socket) -> None:
    """Set the options that accepted connections inherit."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in TCP_OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
