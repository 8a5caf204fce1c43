"""Listening sockets: one for each address; errors for addresses that cannot be bound."""

import socket

import pytest

from coalserver.server.sockets import (
    bind_sockets,
    first_url,
    max_connections,
    raise_open_files_limit,
)


def test_client_can_connect_before_the_server_accepts():
    [listener] = bind_sockets("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname(), timeout=5):
        assert listener.getsockname()[1] > 0


def test_address_in_use_raises():
    [listener] = bind_sockets("127.0.0.1", 0)
    with listener, pytest.raises(OSError, match="in use"):
        bind_sockets("127.0.0.1", listener.getsockname()[1])


def test_address_of_another_machine_raises():
    with pytest.raises(OSError):
        bind_sockets("192.0.2.1", 0)


def test_host_name_is_bound_on_the_addresses_of_this_machine():
    listeners = bind_sockets("localhost", 0)
    assert listeners
    for listener in listeners:
        listener.close()


def can_listen_to_both() -> bool:
    """Return whether this machine has IPv6 and sockets for both families."""
    if not socket.has_dualstack_ipv6():
        return False
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not can_listen_to_both(), reason="needs IPv6")


@needs_ipv6
def test_unspecified_ipv6_address_accepts_both_families():
    [listener] = bind_sockets("::", 0)
    with listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), timeout=5):
                listener.accept()[0].close()


@needs_ipv6
@pytest.mark.parametrize("hosts", ["0.0.0.0, ::", "::,0.0.0.0", "127.0.0.1,::1"])
def test_listed_addresses_are_bound_on_one_port(hosts):
    listeners = bind_sockets(hosts, 0)
    assert len({listener.getsockname()[1] for listener in listeners}) == 1
    assert {listener.family for listener in listeners} == {socket.AF_INET, socket.AF_INET6}
    for listener in listeners:
        listener.close()


def test_address_that_is_listed_twice_is_bound_once():
    [listener] = bind_sockets("127.0.0.1, 127.0.0.1", 0)
    listener.close()


def test_no_socket_stays_open_if_one_host_cannot_be_bound():
    [blocked] = bind_sockets("127.0.0.1", 0)
    port = blocked.getsockname()[1]
    with blocked:
        with pytest.raises(OSError):
            bind_sockets("127.0.0.2, 127.0.0.1", port)
        bind_sockets("127.0.0.2", port)[0].close()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="needs Linux")
def test_accepted_connection_notices_a_machine_that_is_gone_within_a_minute():
    [listener] = bind_sockets("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname(), timeout=5):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            options = {
                name: accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
                for name in ("TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
            }
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert options["TCP_USER_TIMEOUT"] <= 60_000
    probing = options["TCP_KEEPINTVL"] * options["TCP_KEEPCNT"]
    assert options["TCP_KEEPIDLE"] + probing <= 60


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::, 127.0.0.1", "http://[::]:80"),
        ("play.example,::1", "http://play.example:80"),
    ],
)
def test_url_names_the_first_host(hosts, url):
    assert first_url(hosts, 80) == url


@pytest.mark.parametrize(
    ("open_files", "connections"), [(65536, 65408), (1024, 896), (100, 50), (0, 0)]
)
def test_some_files_are_reserved_for_the_server(open_files, connections):
    assert max_connections(open_files) == connections


def test_soft_limit_of_open_files_is_raised_to_the_hard_one():
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[0]), before[1]))
    try:
        limit = raise_open_files_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
        assert limit in (before[1], 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
