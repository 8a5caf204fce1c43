"""What the machine offers to hosted worlds: memory, disk space, ports, and the address that players use.

Everything here blocks; call it in a thread. Prescribed by hosting.md, section 6.
"""

import errno
import ipaddress
import socket
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from coalserver.hosting.disk import free_bytes

MIB = 1 << 20
#: Part of the memory that worlds may have together.
MEMORY_SHARE = 0.75
#: The port that players need not name.
DEFAULT_PORT = 25565
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
UNSPECIFIED = ("0.0.0.0", "::", "")
ZONE_FILE = Path("/etc/localtime")
ZONE_FOLDER = "/zoneinfo/"


def memory_budget(configured: int = 0, chosen: int = 0) -> int:
    """Return the MiB for all worlds together: `configured`, or a share of the machine's memory.

    `chosen` is what administrators have set; it cannot be more than that.
    """
    budget = configured or int(machine_memory() * MEMORY_SHARE) // MIB
    return min(chosen, budget) if chosen else budget


def machine_memory() -> int:
    """Return the bytes of memory of the machine, or of the cgroup that this process is in."""
    limit = cgroup_memory()
    total = int(psutil.virtual_memory().total)
    return min(total, limit) if limit else total


def cgroup_memory(own: Path = OWN_CGROUP, root: Path = CGROUPS) -> int | None:
    """Return the lowest memory limit of this process's cgroup (v2 or v1) and those above it, in bytes."""
    try:
        lines = own.read_text("utf-8").splitlines()
    except OSError:
        return None
    limits = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            limits += _limits(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(root / "memory", path, "memory.limit_in_bytes")
    return min(limits, default=None)


def _limits(root: Path, path: str, name: str) -> list[int]:
    """Return the limits in a folder of a cgroup tree and those above it. Containers see only a part of the tree."""
    found = []
    folder = root / path.lstrip("/")
    for one in (folder, *folder.parents):
        if one.is_relative_to(root):
            try:
                text = (one / name).read_text("ascii").strip()
            except OSError:
                continue
            # "max" is no limit; v1 has a number near 2^63 instead.
            if text.isdigit() and int(text) < 1 << 60:
                found.append(int(text))
    return found


def disk_free(folder: Path) -> int:
    """Return the free MiB on the disk of a folder, which need not be there yet."""
    return free_bytes(folder) // MIB


def bound_ports(ports: Iterable[int], bind: str = "") -> frozenset[int]:
    """Return those of the TCP ports that something is bound to, on an address or, without one, on any."""
    return frozenset(port for port in ports if not _is_free(port, bind))


def _is_free(port: int, bind: str) -> bool:
    addresses = [bind] if bind else ["0.0.0.0", "::"]
    return all(_can_bind(address, port) for address in addresses)


def _can_bind(address: str, port: int) -> bool:
    is_v6 = ":" in address
    try:
        with socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET) as probe:
            # As the game does: connections that have ended do not hold the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_v6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        # A machine without IPv6 has nothing bound there.
        return is_v6 and error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def public_host(public_address: str, base_url: str, bind: str, host: str) -> str:
    """Return the host that players connect to.

    That is the first of: what administrators have set, the host of `base_url`, the address on which worlds or the
    server (`host`) listen if it is a particular one, the machine's first address.
    """
    if public_address:
        return public_address
    from_url = urlsplit(base_url).hostname if base_url else None
    if from_url:
        return from_url
    for address in (bind, host.partition(",")[0].strip()):
        if address not in UNSPECIFIED:
            return address
    return first_address()


def first_address() -> str:
    """Return the machine's first address that others can reach, of IPv4 if there is one, else 127.0.0.1."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(one.address.partition("%")[0])
                if not (address.is_loopback or address.is_link_local):
                    found.append(address)
    found.sort(key=lambda address: address.version)
    return str(found[0]) if found else "127.0.0.1"


def join_address(host: str, port: int) -> str:
    """Return the address of a world as players type it: the port only if it is not the usual one."""
    if port == DEFAULT_PORT:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def machine_zone() -> str:
    """Return the name of the machine's time zone; UTC if it has none."""
    target = str(ZONE_FILE.resolve())
    return target.partition(ZONE_FOLDER)[2] or "UTC"
