"""Deletion of accounts, logging out everywhere and limits of credentials."""

from coalserver.core.commands.accounts import (
    create_account,
    create_login_session,
    delete_account,
    log_in,
    log_out_everywhere,
    set_password,
)
from coalserver.core.commands.claims import create_claim
from coalserver.core.commands.cleanup import delete_expired_guests
from coalserver.core.commands.oauth import (
    create_personal_token,
    grant_consent,
    redeem_code,
    register_client,
)
from coalserver.core.queries.accounts import login_session_by_secret
from coalserver.core.queries.oauth import personal_tokens
from coalserver.domain.accounts.account import Account, LoginSession
from coalserver.domain.accounts.oauth import (
    MAX_TOKENS,
    AuthorizationCode,
    Grant,
    OAuthClient,
    TokenPair,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.minecraft.visitor import UsernameClaim
from coalserver.domain.play.player import Player, Token
from tests.domain.builders import raises_code

URI = "https://app.example/back"


def make_account(table, email="ann@example.org", **kwargs):
    return table.execute(create_account, email=email, password="hash", active=True, **kwargs)


def make_grant(table, account):
    client = table.execute(register_client, redirect_uris=[URI]).client.id
    params = {"client": client, "account_id": account, "scope": "data", "redirect_uri": URI}
    code = table.execute(grant_consent, **params)
    table.execute(redeem_code, client=client, code=code, redirect_uri=URI)
    table.execute(grant_consent, **params)


def test_deleted_account_leaves_no_credentials(table):
    ann, bob = make_account(table), make_account(table, "bob@example.org")
    for account in (ann.id, bob.id):
        make_grant(table, account)
        table.execute(create_login_session, account_id=account)
        table.execute(log_in, account_id=account)
        table.execute(create_personal_token, account_id=account, lifetime=None)
        table.execute(create_claim, account_id=account)
    table.execute(delete_account, account_id=ann.id)
    for kind in (LoginSession, Token, Grant, AuthorizationCode, UsernameClaim):
        assert [one.account for one in table.state.all(kind)] == [bob.id], kind
    assert {one.account for one in table.state.all(TokenPair)} == {bob.id}
    assert len(list(table.state.all(OAuthClient))) == 2
    assert [one.id for one in table.state.all(Account)] == [bob.id]


def test_player_of_a_deleted_account_leaves_and_expires(table):
    ann = make_account(table)
    lobby = table.make_lobby(table.make_guest("Bob"), ann.player)
    table.execute(delete_account, account_id=ann.id)
    assert ann.player not in table.lobby(lobby.id).roster
    table.now += 86400
    table.execute(delete_expired_guests, last_seen={}, retention_seconds=3600)
    assert table.state.get(Player, ann.player) is None


def test_admin_account_cannot_be_deleted(table):
    ann = make_account(table, admin=True)
    with raises_code(ErrorCode.ADMIN_NOT_REMOVABLE):
        table.execute(delete_account, account_id=ann.id)
    with raises_code(ErrorCode.ACCOUNT_NOT_FOUND):
        table.execute(delete_account, account_id=99)


def test_logging_out_everywhere_keeps_personal_tokens_and_grants(table):
    ann = make_account(table)
    make_grant(table, ann.id)
    table.execute(create_personal_token, account_id=ann.id, lifetime=60, title="Script")
    table.execute(log_in, account_id=ann.id)
    secrets = [table.execute(create_login_session, account_id=ann.id) for _ in range(3)]
    current = table.query(login_session_by_secret, secret=secrets[0], now=table.now)
    table.execute(log_out_everywhere, account_id=ann.id, except_login_id=current.id)
    assert list(table.state.all(LoginSession)) == [current]
    table.execute(log_out_everywhere, account_id=ann.id)
    assert list(table.state.all(LoginSession)) == list(table.state.all(Token)) == []
    assert [one.title for one in table.query(personal_tokens, account=ann.id)] == ["Script"]
    assert len(list(table.state.all(Grant))) == 1


def test_password_change_with_an_outdated_proof_is_refused(table):
    ann = make_account(table)
    table.execute(set_password, account_id=ann.id, password="new", proved_hash="hash")
    with raises_code(ErrorCode.INVALID_CREDENTIALS):
        table.execute(set_password, account_id=ann.id, password="newer", proved_hash="hash")
    assert table.state.get(Account, ann.id).password == "new"


def test_number_of_personal_tokens_is_limited(table):
    ann = make_account(table)
    make_grant(table, ann.id)
    for _ in range(MAX_TOKENS):
        table.execute(create_personal_token, account_id=ann.id, lifetime=60)
    with raises_code(ErrorCode.TOO_MANY_TOKENS):
        table.execute(create_personal_token, account_id=ann.id, lifetime=60)
