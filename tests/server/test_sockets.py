"""The sockets at which clients knock: one for each address, and none is left open where one is taken."""

import socket

import pytest

from coalserver.server.sockets import bind_sockets


def test_who_knocks_before_anybody_serves_waits():
    [door] = bind_sockets("127.0.0.1", 0)
    with door, socket.create_connection(door.getsockname(), timeout=5):
        assert door.getsockname()[1] > 0


def test_an_address_that_is_taken_is_refused():
    [door] = bind_sockets("127.0.0.1", 0)
    with door, pytest.raises(OSError, match="in use"):
        bind_sockets("127.0.0.1", door.getsockname()[1])


def test_an_address_that_is_not_ours_is_refused():
    with pytest.raises(OSError):
        bind_sockets("192.0.2.1", 0)


def test_a_name_is_listened_at_where_this_system_has_it():
    doors = bind_sockets("localhost", 0)
    assert doors
    for door in doors:
        door.close()
