"""The address of a client as limits count it, and the server's own URL."""

import pytest
from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response
from tests.web.conftest import Serve
from tests.web.sample_api import make_api


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


async def show_url(ctx: RequestContext) -> web.StreamResponse:
    return json_response(ctx.public_url)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (b"Example.org", b"http://Example.org"),
        (b"a_b.example:8080", b"http://a_b.example:8080"),
        (b"[::1]:80", b"http://[::1]:80"),
        (b"[::1", b"http://localhost"),
        (b"\xff\xfe", b"http://localhost"),
        (b"\xc3\xa9.example", b"http://localhost"),
        (b"a b", b"http://localhost"),
        (b"a@b", b"http://localhost"),
        (b"a/b?c#d", b"http://localhost"),
        (b"a:port", b"http://localhost"),
        (b"", b"http://localhost"),
    ],
)
async def test_url_has_the_host_of_the_request_if_that_is_valid(
    serve: Serve, host: bytes, url: bytes
) -> None:
    server = await serve(make_api(Route("GET", "/sample", show_url)))
    [answer] = await server.send_raw(b"GET /sample HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
    assert (answer.status, answer.body) == (200, b'"%b"' % url)
