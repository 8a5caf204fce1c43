"""Listening sockets: one for each address; errors for addresses that cannot be bound."""

import socket

import pytest

from coalserver.server.sockets import bind_sockets


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
