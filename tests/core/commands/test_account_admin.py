"""Accounts: made, changed, and signed in with browsers."""

import hashlib

import pytest

from coalserver.core.commands.account_admin import (
    add_account,
    change_account,
    end_sign_in,
    forget_sign_ins,
    open_sign_in,
    set_password,
    sign_up,
)
from coalserver.core.commands.accounts import sign_in
from coalserver.core.queries.accounts import (
    account_called,
    admin_there,
    every_account,
    sign_in_shown,
    sign_ins_of,
)
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Why
from coalserver.domain.play.player import Player, Token
from tests.domain.builders import refused

DAY = 86400


def an_account(table, email="ann@example.org", **parts):
    return table.do(add_account, email=email, password="hash", **parts)


def shown(table, secret):
    return table.see(sign_in_shown, secret=secret, now=table.now)


def test_an_account_has_a_player_called_as_it_is(table):
    for email, nickname, name in (("ann@example.org", "Annie", "Annie"), ("b@x.org", "", "b")):
        made = an_account(table, email, nickname=nickname)
        assert table.state.get(Player, made.player).name == name
        assert made.shown == (nickname or email)


def test_an_admin_is_active(table):
    assert not an_account(table).active
    assert an_account(table, "b@x.org", active=True).active
    assert an_account(table, "c@x.org", admin=True).active


def test_the_first_admin_is_the_first(table):
    first = table.do(sign_up, email="ann@example.org", password="hash", first=True)
    assert first.admin and first.active and table.see(admin_there)
    with refused(Why.BAD_CREDENTIALS):
        table.do(sign_up, email="b@x.org", password="hash", first=True)
    second = table.do(sign_up, email="b@x.org", password="hash")
    assert not second.admin and not second.active
    assert table.see(every_account) == [first, second]


@pytest.mark.parametrize("change", [{"active": False}, {"admin": False}])
def test_the_last_admin_stays_one(table, change):
    first = an_account(table, admin=True)
    with refused(Why.LAST_ADMIN):
        table.do(change_account, account=first.id, **change)
    an_account(table, "b@x.org", admin=True)
    table.do(change_account, account=first.id, **change)


def test_what_is_not_given_does_not_change(table):
    old = an_account(table, nickname="Ann")
    table.now += 5
    new = table.do(change_account, account=old.id, zone="Europe/Paris")
    assert (new.nickname, new.zone, new.updated) == ("Ann", "Europe/Paris", table.now)


def test_an_account_is_found_by_its_address_however_it_is_written(table):
    made = an_account(table)
    assert table.see(account_called, email=" Ann@Example.ORG ") == made
    with refused(Why.ACCOUNT_NOT_FOUND):
        table.see(account_called, email="nobody@example.org")


def test_a_browser_is_known_by_a_cookie_of_which_only_the_digest_is_kept(table):
    ann = an_account(table)
    secret = table.do(open_sign_in, account=ann.id, browser="Firefox" * 100)
    found = shown(table, secret)
    assert (found.account, len(found.browser)) == (ann.id, 200)
    assert secret not in str(table.everything())
    assert found.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert table.state.get(Account, ann.id).last_login == table.now


def test_a_browser_is_signed_in_for_thirty_days(table):
    secret = table.do(open_sign_in, account=an_account(table).id)
    table.now += 30 * DAY - 1
    assert shown(table, secret) and table.do(forget_sign_ins) == 0
    table.now += 1
    assert shown(table, secret) is None
    assert table.do(forget_sign_ins) == 1


def test_a_sign_in_takes_the_place_of_the_one_before(table):
    ann = an_account(table)
    first = table.do(open_sign_in, account=ann.id)
    second = table.do(open_sign_in, account=ann.id, instead_of=shown(table, first).id, rehashed="x")
    assert shown(table, first) is None and shown(table, second)
    assert table.state.get(Account, ann.id).password == "x"


def test_somebody_elses_browser_is_not_signed_out(table):
    secret = table.do(open_sign_in, account=an_account(table).id)
    found = shown(table, secret)
    table.do(end_sign_in, sign_in=found.id, account=99)
    assert table.see(sign_ins_of, account=found.account, now=table.now) == [found]
    table.do(end_sign_in, sign_in=found.id, account=found.account)
    assert shown(table, secret) is None


def test_a_new_password_signs_everybody_out_but_who_set_it(table):
    ann = an_account(table)
    secrets = [table.do(open_sign_in, account=ann.id) for _ in range(2)]
    table.do(sign_in, account=ann.id)
    but = shown(table, secrets[1]).id
    table.do(set_password, account=ann.id, password="new", but=but)
    assert [shown(table, secret) is None for secret in secrets] == [True, False]
    assert table.state.find(Token, "account", ann.id) == []
    assert table.state.get(Account, ann.id).password == "new"


def test_nobody_has_no_password_and_no_browser(table):
    for command in (set_password, open_sign_in, change_account):
        asked = {"password": "x"} if command is set_password else {}
        with refused(Why.ACCOUNT_NOT_FOUND):
            table.do(command, account=99, **asked)
