"""How a host signs in, bare or with a secret, and how long his tokens are good."""

import pytest

from coalserver.core.commands.hosts import log_in_host, refresh_host_token, register_host
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.player import Token
from tests.core.commands.host_players import DAY, find_token, make_host
from tests.domain.builders import raises_code


def test_a_hosts_token_lasts_a_week_whatever_he_does(table):
    host = make_host(table)
    found = find_token(table, table.execute(log_in_host, host_id=host))
    assert found.player == host
    assert not found.is_expired(table.now, table.now + 7 * DAY)
    assert found.is_expired(table.now + 7 * DAY, table.now + 7 * DAY + 1)


def test_bare_sign_ins_go_on_for_ever_where_they_may(table):
    host = make_host(table)
    for _ in range(3):
        table.execute(log_in_host, host_id=host)


def test_a_bare_sign_in_is_the_only_one_where_it_happens_once(table):
    host = make_host(table)
    table.execute(log_in_host, host_id=host, close_after=True)
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(log_in_host, host_id=host, close_after=True)


def test_who_has_shown_the_secret_never_comes_bare_again(table):
    welcome, secret = table.execute(register_host, game="hosts")
    table.execute(log_in_host, host_id=welcome.id, secret=secret)
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(log_in_host, host_id=welcome.id)
    table.execute(log_in_host, host_id=welcome.id, secret=secret)


def test_a_wrong_secret_closes_nothing(table):
    host = make_host(table)
    with raises_code(ErrorCode.INVALID_CREDENTIALS):
        table.execute(log_in_host, host_id=host, secret="f" * 32)
    table.execute(log_in_host, host_id=host)


def test_nobody_does_not_sign_in(table):
    with raises_code(ErrorCode.PLAYER_NOT_FOUND):
        table.execute(log_in_host, host_id=99)


def test_a_renewed_token_leaves_the_older_one_good(table):
    host = make_host(table)
    old = find_token(table, table.execute(log_in_host, host_id=host))
    table.now += 5 * DAY
    new = find_token(table, table.execute(refresh_host_token, token_id=old.id))
    assert (new.player, new.created) == (host, table.now)
    assert table.state.get(Token, old.id) == old


@pytest.mark.parametrize(("days", "good"), [(7, True), (96, True), (98, False)])
def test_a_token_that_ended_is_renewed_for_ninety_days(table, days, good):
    old = find_token(table, table.execute(log_in_host, host_id=make_host(table)))
    table.now += days * DAY
    if good:
        table.execute(refresh_host_token, token_id=old.id)
    else:
        with raises_code(ErrorCode.INVALID_TOKEN):
            table.execute(refresh_host_token, token_id=old.id)


def test_a_token_of_another_kind_is_not_renewed_after_its_end(table):
    guest = table.make_guest()
    (old,) = table.state.find(Token, "player", guest)
    table.now += 31 * DAY
    with raises_code(ErrorCode.INVALID_TOKEN):
        table.execute(refresh_host_token, token_id=old.id)
