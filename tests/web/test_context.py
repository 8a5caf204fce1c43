"""The address of a client as limits count it."""

import pytest

from coalserver.web.context import RequestContext


class Peer:
    """A request context with a fixed address."""

    network = RequestContext.network

    def __init__(self, address: str) -> None:
        self.address = address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("not:an:address", "not:an:address"),
    ],
)
def test_limits_count_the_network_of_an_ipv6_address(address, network):
    assert Peer(address).network == network
