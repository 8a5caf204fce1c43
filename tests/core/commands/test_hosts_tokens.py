"""How a host signs in, bare or with a secret, and how long his tokens are good."""

import hashlib

import pytest

from coalserver.core.commands.hosts import register_host, renew_token, sign_in_host
from coalserver.domain.errors import Why
from coalserver.domain.play.player import Token
from tests.domain.builders import refused

DAY = 86400


def a_host(table):
    return table.do(register_host, game="hosts")[0].id


def token(table, secret):
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return table.state.one(Token, "digest", digest)


def test_a_hosts_token_lasts_a_week_whatever_he_does(table):
    host = a_host(table)
    found = token(table, table.do(sign_in_host, host=host))
    assert found.player == host
    assert not found.ended(table.now, table.now + 7 * DAY)
    assert found.ended(table.now + 7 * DAY, table.now + 7 * DAY + 1)


def test_bare_sign_ins_go_on_for_ever_where_they_may(table):
    host = a_host(table)
    for _ in range(3):
        table.do(sign_in_host, host=host)


def test_a_bare_sign_in_is_the_only_one_where_it_happens_once(table):
    host = a_host(table)
    table.do(sign_in_host, host=host, once=True)
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(sign_in_host, host=host, once=True)


def test_who_has_shown_the_secret_never_comes_bare_again(table):
    welcome, secret = table.do(register_host, game="hosts")
    table.do(sign_in_host, host=welcome.id, secret=secret)
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(sign_in_host, host=welcome.id)
    table.do(sign_in_host, host=welcome.id, secret=secret)


def test_a_wrong_secret_closes_nothing(table):
    host = a_host(table)
    with refused(Why.BAD_CREDENTIALS):
        table.do(sign_in_host, host=host, secret="f" * 32)
    table.do(sign_in_host, host=host)


def test_nobody_does_not_sign_in(table):
    with refused(Why.PLAYER_NOT_FOUND):
        table.do(sign_in_host, host=99)


def test_a_renewed_token_leaves_the_older_one_good(table):
    host = a_host(table)
    old = token(table, table.do(sign_in_host, host=host))
    table.now += 5 * DAY
    new = token(table, table.do(renew_token, token_id=old.id))
    assert (new.player, new.created) == (host, table.now)
    assert table.state.get(Token, old.id) == old


@pytest.mark.parametrize(("days", "good"), [(7, True), (96, True), (98, False)])
def test_a_token_that_ended_is_renewed_for_ninety_days(table, days, good):
    old = token(table, table.do(sign_in_host, host=a_host(table)))
    table.now += days * DAY
    if good:
        table.do(renew_token, token_id=old.id)
    else:
        with refused(Why.BAD_TOKEN):
            table.do(renew_token, token_id=old.id)


def test_a_token_of_another_kind_is_not_renewed_after_its_end(table):
    guest = table.a_guest()
    (old,) = table.state.find(Token, "player", guest)
    table.now += 31 * DAY
    with refused(Why.BAD_TOKEN):
        table.do(renew_token, token_id=old.id)
