"""Addresses of clients, as trusted proxies and limits read them."""

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network


def unmapped(address: str) -> str:
    """Return an IPv4 address without the prefix by which a socket for IPv6 and IPv4 reports it (RFC 4291, 2.5.5.2)."""
    mapped = address[:7].lower() == "::ffff:" and "." in address
    return address[7:] if mapped else address


def limited_network(address: str) -> str:
    """Return an address as limits count it: an IPv4 address, or the /64 network of an IPv6 address.

    One subscriber usually has a whole /64.
    """
    if ":" not in address:
        return address
    try:
        ip = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip), 64), strict=False))


def is_in(address: str, networks: Iterable[Network]) -> bool:
    """Return whether an address lies in one of some networks; text that is no address does not."""
    if not networks:
        return False
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in network for network in networks)
