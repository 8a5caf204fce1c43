"""Accounts: made, changed, and signed in with browsers."""

import hashlib

import pytest

from coalserver.core.commands.accounts import (
    create_account,
    create_login_session,
    log_in,
    revoke_login_session,
    set_password,
    sign_up,
    update_account,
)
from coalserver.core.commands.cleanup import delete_expired_login_sessions
from coalserver.core.queries.accounts import (
    all_accounts,
    get_account_by_email,
    has_admin,
    login_session_by_secret,
    login_sessions_of_account,
)
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.player import Player, Token
from tests.domain.builders import raises_code

DAY = 86400


def make_account(table, email="ann@example.org", **parts):
    return table.execute(create_account, email=email, password="hash", **parts)


def shown(table, secret):
    return table.query(login_session_by_secret, secret=secret, now=table.now)


def test_an_account_has_a_player_called_as_it_is(table):
    for email, nickname, name in (("ann@example.org", "Annie", "Annie"), ("b@x.org", "", "b")):
        made = make_account(table, email, nickname=nickname)
        assert table.state.get(Player, made.player).name == name
        assert made.display_name == (nickname or email)


def test_an_admin_is_active(table):
    assert not make_account(table).active
    assert make_account(table, "b@x.org", active=True).active
    assert make_account(table, "c@x.org", admin=True).active


def test_the_first_admin_is_the_first(table):
    first = table.execute(sign_up, email="ann@example.org", password="hash", first=True)
    assert first.admin and first.active and table.query(has_admin)
    with raises_code(ErrorCode.INVALID_CREDENTIALS):
        table.execute(sign_up, email="b@x.org", password="hash", first=True)
    second = table.execute(sign_up, email="b@x.org", password="hash")
    assert not second.admin and not second.active
    assert table.query(all_accounts) == [first, second]


@pytest.mark.parametrize("change", [{"active": False}, {"admin": False}])
def test_the_last_admin_stays_one(table, change):
    first = make_account(table, admin=True)
    with raises_code(ErrorCode.LAST_ADMIN):
        table.execute(update_account, account_id=first.id, **change)
    make_account(table, "b@x.org", admin=True)
    table.execute(update_account, account_id=first.id, **change)


def test_what_is_not_given_does_not_change(table):
    old = make_account(table, nickname="Ann")
    table.now += 5
    new = table.execute(update_account, account_id=old.id, zone="Europe/Paris")
    assert (new.nickname, new.zone, new.updated) == ("Ann", "Europe/Paris", table.now)


def test_an_account_is_found_by_its_address_however_it_is_written(table):
    made = make_account(table)
    assert table.query(get_account_by_email, email=" Ann@Example.ORG ") == made
    with raises_code(ErrorCode.ACCOUNT_NOT_FOUND):
        table.query(get_account_by_email, email="nobody@example.org")


def test_a_browser_is_known_by_a_cookie_of_which_only_the_digest_is_kept(table):
    ann = make_account(table)
    secret = table.execute(create_login_session, account_id=ann.id, browser="Firefox" * 100)
    found = shown(table, secret)
    assert (found.account, len(found.browser)) == (ann.id, 200)
    assert secret not in str(table.all_entities())
    assert found.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert table.state.get(Account, ann.id).last_login == table.now


def test_a_browser_is_signed_in_for_thirty_days(table):
    secret = table.execute(create_login_session, account_id=make_account(table).id)
    table.now += 30 * DAY - 1
    assert shown(table, secret) and table.execute(delete_expired_login_sessions) == 0
    table.now += 1
    assert shown(table, secret) is None
    assert table.execute(delete_expired_login_sessions) == 1


def test_a_sign_in_takes_the_place_of_the_one_before(table):
    ann = make_account(table)
    first = table.execute(create_login_session, account_id=ann.id)
    second = table.execute(
        create_login_session, account_id=ann.id, replaces_id=shown(table, first).id, rehashed="x"
    )
    assert shown(table, first) is None and shown(table, second)
    assert table.state.get(Account, ann.id).password == "x"


def test_somebody_elses_browser_is_not_signed_out(table):
    secret = table.execute(create_login_session, account_id=make_account(table).id)
    found = shown(table, secret)
    table.execute(revoke_login_session, login_session_id=found.id, account_id=99)
    assert table.query(login_sessions_of_account, account=found.account, now=table.now) == [found]
    table.execute(revoke_login_session, login_session_id=found.id, account_id=found.account)
    assert shown(table, secret) is None


def test_a_new_password_signs_everybody_out_but_who_set_it(table):
    ann = make_account(table)
    secrets = [table.execute(create_login_session, account_id=ann.id) for _ in range(2)]
    table.execute(log_in, account_id=ann.id)
    but = shown(table, secrets[1]).id
    table.execute(set_password, account_id=ann.id, password="new", except_login_id=but)
    assert [shown(table, secret) is None for secret in secrets] == [True, False]
    assert table.state.find(Token, "account", ann.id) == []
    assert table.state.get(Account, ann.id).password == "new"


def test_nobody_has_no_password_and_no_browser(table):
    for command in (set_password, create_login_session, update_account):
        asked = {"password": "x"} if command is set_password else {}
        with raises_code(ErrorCode.ACCOUNT_NOT_FOUND):
            table.execute(command, account_id=99, **asked)
