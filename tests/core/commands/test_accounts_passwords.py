"""Accounts: creation, changes, passwords and login sessions of browsers."""

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


def make_account(table, email="ann@example.org", **kwargs):
    return table.execute(create_account, email=email, password="hash", **kwargs)


def find_login_session(table, secret):
    return table.query(login_session_by_secret, secret=secret, now=table.now)


def test_account_gets_a_player_with_its_nickname_or_name(table):
    for email, nickname, name in (("ann@example.org", "Annie", "Annie"), ("b@x.org", "", "b")):
        account = make_account(table, email, nickname=nickname)
        assert table.state.get(Player, account.player).name == name
        assert account.display_name == (nickname or email)


def test_admin_account_is_created_active(table):
    assert not make_account(table).active
    assert make_account(table, "b@x.org", active=True).active
    assert make_account(table, "c@x.org", admin=True).active


def test_only_the_first_sign_up_creates_an_admin(table):
    first = table.execute(sign_up, email="ann@example.org", password="hash", first=True)
    assert first.admin and first.active and table.query(has_admin)
    with raises_code(ErrorCode.INVALID_CREDENTIALS):
        table.execute(sign_up, email="b@x.org", password="hash", first=True)
    second = table.execute(sign_up, email="b@x.org", password="hash")
    assert not second.admin and not second.active
    assert table.query(all_accounts) == [first, second]


@pytest.mark.parametrize("change", [{"active": False}, {"admin": False}])
def test_last_admin_cannot_be_deactivated_or_revoked(table, change):
    first = make_account(table, admin=True)
    with raises_code(ErrorCode.LAST_ADMIN):
        table.execute(update_account, account_id=first.id, **change)
    make_account(table, "b@x.org", admin=True)
    table.execute(update_account, account_id=first.id, **change)


def test_update_leaves_omitted_attributes_unchanged(table):
    old = make_account(table, nickname="Ann")
    table.now += 5
    new = table.execute(update_account, account_id=old.id, zone="Europe/Paris")
    assert (new.nickname, new.zone, new.updated) == ("Ann", "Europe/Paris", table.now)


def test_account_is_found_by_email_in_any_case(table):
    account = make_account(table)
    assert table.query(get_account_by_email, email=" Ann@Example.ORG ") == account
    with raises_code(ErrorCode.ACCOUNT_NOT_FOUND):
        table.query(get_account_by_email, email="nobody@example.org")


def test_login_session_is_stored_by_its_digest(table):
    ann = make_account(table)
    secret = table.execute(create_login_session, account_id=ann.id, browser="Firefox" * 100)
    found = find_login_session(table, secret)
    assert (found.account, len(found.browser)) == (ann.id, 200)
    assert secret not in str(table.all_entities())
    assert found.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert table.state.get(Account, ann.id).last_login == table.now


def test_login_session_expires_after_thirty_days(table):
    secret = table.execute(create_login_session, account_id=make_account(table).id)
    table.now += 30 * DAY - 1
    assert find_login_session(table, secret) and table.execute(delete_expired_login_sessions) == 0
    table.now += 1
    assert find_login_session(table, secret) is None
    assert table.execute(delete_expired_login_sessions) == 1


def test_new_login_replaces_the_previous_login_session(table):
    ann = make_account(table)
    first = table.execute(create_login_session, account_id=ann.id)
    second = table.execute(
        create_login_session,
        account_id=ann.id,
        replaces_id=find_login_session(table, first).id,
        rehashed="x",
    )
    assert find_login_session(table, first) is None and find_login_session(table, second)
    assert table.state.get(Account, ann.id).password == "x"


def test_login_session_of_another_account_is_not_revoked(table):
    secret = table.execute(create_login_session, account_id=make_account(table).id)
    found = find_login_session(table, secret)
    table.execute(revoke_login_session, login_session_id=found.id, account_id=99)
    assert table.query(login_sessions_of_account, account=found.account, now=table.now) == [found]
    table.execute(revoke_login_session, login_session_id=found.id, account_id=found.account)
    assert find_login_session(table, secret) is None


def test_new_password_revokes_all_other_logins(table):
    ann = make_account(table)
    secrets = [table.execute(create_login_session, account_id=ann.id) for _ in range(2)]
    table.execute(log_in, account_id=ann.id)
    kept_id = find_login_session(table, secrets[1]).id
    table.execute(set_password, account_id=ann.id, password="new", except_login_id=kept_id)
    assert [find_login_session(table, secret) is None for secret in secrets] == [True, False]
    assert table.state.find(Token, "account", ann.id) == []
    assert table.state.get(Account, ann.id).password == "new"


def test_unknown_account_raises_account_not_found(table):
    for command in (set_password, create_login_session, update_account):
        kwargs = {"password": "x"} if command is set_password else {}
        with raises_code(ErrorCode.ACCOUNT_NOT_FOUND):
            table.execute(command, account_id=99, **kwargs)
