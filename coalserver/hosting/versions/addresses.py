"""Which addresses versions are fetched from: public ones, and private networks that the operator named.

An administrator may enter any address on a page. It must not become a way into the network behind the server
(server-side request forgery, hosting.md 4). So the address of the URL, every address that its name resolves to, and the
address of each connection are checked; a name is resolved once, so that a second answer cannot differ.
"""

import asyncio
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from coalserver.hosting.versions.errors import VersionError, VersionErrorCode

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL_LENGTH = 2000

#: Addresses of IPv4 hosts in networks that have IPv6 only (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = IPv6Network("2000::/3")
#: Tunnels to IPv4 addresses, and ranges that `is_global` of some Python versions allows.
_REFUSED = tuple(
    ip_network(one)
    for one in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/32",
        "2002::/16",
        "3fff::/20",
    )
)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)
_FORBIDDEN_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")


class AddressRefused(OSError):
    """An address that nothing is fetched from. The message is a reason, as in VersionError."""


class AddressRules:
    """Decides about addresses. `private` are networks of `hosting_private_urls`, which are allowed too."""

    def __init__(self, private: Iterable[Network] = ()) -> None:
        self._private = tuple(private)

    def is_allowed(self, address: Address) -> bool:
        """Return whether an address is public, or in a network that the operator named."""
        if self._is_named(address):
            return True
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return self.is_allowed(mapped) if mapped else is_public(address)

    def _is_named(self, address: Address) -> bool:
        return any(
            address in network for network in self._private if network.version == address.version
        )

    def check_host(self, host: str) -> None:
        """Raise AddressRefused for an address that is not allowed. A name passes: it is checked when resolved."""
        try:
            address = ip_address(host)
        except ValueError:
            return
        if not self.is_allowed(address):
            raise AddressRefused(f"the address {host} is not public")

    def check_url(self, text: str) -> URL:
        """Return a valid URL for a fetch. Raises NOT_FETCHED.

        It has the scheme http or https, a host, no user and no password. A host of numbers that is not an address
        in the usual form, such as `0x7f.1` or `2130706433`, is refused.
        """
        if len(text) > MAX_URL_LENGTH or _FORBIDDEN_IN_URL.search(text):
            raise _refused("the address is not a valid URL")
        try:
            url = URL(text)
            host = (url.raw_host or "").rstrip(".")
            port = url.port
        except ValueError as error:
            raise _refused("the address is not a valid URL") from error
        if url.scheme not in ("http", "https"):
            raise _refused("only http and https addresses can be fetched")
        if url.raw_user is not None or url.raw_password is not None:
            raise _refused("an address with a user or a password is not fetched")
        if not host or not port:
            raise _refused("the address is not a valid URL")
        if ":" not in host and _NUMBER.fullmatch(host.rpartition(".")[2]):
            try:
                ip_address(host)
            except ValueError as error:
                raise _refused(f"{host} is not a valid address") from error
        try:
            self.check_host(host)
        except AddressRefused as error:
            raise _refused(str(error)) from error
        return url


class CheckingResolver(AbstractResolver):
    """Resolves names, and refuses a name unless all its addresses are allowed."""

    def __init__(self, rules: AddressRules, resolver: AbstractResolver | None = None) -> None:
        self._rules = rules
        self._resolver = resolver or ThreadedResolver(asyncio.get_running_loop())

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises AddressRefused if one of them is not allowed, and OSError."""
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            try:
                allowed = self._rules.is_allowed(ip_address(result["host"]))
            except ValueError:
                allowed = False
            if not allowed:
                raise AddressRefused(f"the address {result['host']} of {host} is not public")
        return results

    async def close(self) -> None:
        await self._resolver.close()

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """Return a socket for a connection, whose address is checked once more. Raises AddressRefused."""
        family, kind, protocol, _, address = info
        self._rules.check_host(str(address[0]))
        return socket.socket(family, kind, protocol)


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public internet."""
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_UNICAST and address.is_global


def _refused(reason: str) -> VersionError:
    return VersionError(VersionErrorCode.NOT_FETCHED, reason)
