"""Log-in of hosts with and without the secret, and the lifetime of their tokens."""

import pytest

from coalserver.core.commands.hosts import log_in_host, refresh_host_token, register_host
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.player import Token
from tests.core.commands.host_players import DAY, find_token, make_host
from tests.domain.builders import raises_code


def test_token_of_a_host_lasts_a_week_despite_activity(table):
    host = make_host(table)
    found = find_token(table, table.execute(log_in_host, host_id=host))
    assert found.player == host
    assert not found.is_expired(table.now, table.now + 7 * DAY)
    assert found.is_expired(table.now + 7 * DAY, table.now + 7 * DAY + 1)


def test_host_can_log_in_repeatedly_without_the_secret(table):
    host = make_host(table)
    for _ in range(3):
        table.execute(log_in_host, host_id=host)


def test_close_after_allows_one_log_in_without_the_secret(table):
    host = make_host(table)
    table.execute(log_in_host, host_id=host, close_after=True)
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(log_in_host, host_id=host, close_after=True)


def test_log_in_with_the_secret_ends_log_in_without_it(table):
    host, secret = table.execute(register_host, game="hosts")
    table.execute(log_in_host, host_id=host.id, secret=secret)
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(log_in_host, host_id=host.id)
    table.execute(log_in_host, host_id=host.id, secret=secret)


def test_wrong_secret_does_not_end_log_in_without_it(table):
    host = make_host(table)
    with raises_code(ErrorCode.INVALID_CREDENTIALS):
        table.execute(log_in_host, host_id=host, secret="f" * 32)
    table.execute(log_in_host, host_id=host)


def test_unknown_host_cannot_log_in(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(log_in_host, host_id=99)


def test_refreshed_token_leaves_the_previous_one_valid(table):
    host = make_host(table)
    old = find_token(table, table.execute(log_in_host, host_id=host))
    table.now += 5 * DAY
    new = find_token(table, table.execute(refresh_host_token, token_id=old.id))
    assert (new.player, new.created) == (host, table.now)
    assert table.state.get(Token, old.id) == old


@pytest.mark.parametrize(("days", "refreshable"), [(7, True), (96, True), (98, False)])
def test_expired_token_is_refreshable_for_ninety_days(table, days, refreshable):
    old = find_token(table, table.execute(log_in_host, host_id=make_host(table)))
    table.now += days * DAY
    if refreshable:
        table.execute(refresh_host_token, token_id=old.id)
    else:
        with raises_code(ErrorCode.INVALID_TOKEN):
            table.execute(refresh_host_token, token_id=old.id)


def test_expired_token_of_another_kind_cannot_be_refreshed(table):
    guest = table.make_guest()
    (old,) = table.state.find(Token, "player", guest)
    table.now += 31 * DAY
    with raises_code(ErrorCode.INVALID_TOKEN):
        table.execute(refresh_host_token, token_id=old.id)
