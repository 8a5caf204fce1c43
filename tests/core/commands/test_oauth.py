"""OAuth clients, consent, codes and tokens."""

from dataclasses import replace

import pytest

from coalserver.core.commands.accounts import create_account, update_account
from coalserver.core.commands.cleanup import delete_expired_codes, delete_expired_tokens
from coalserver.core.commands.oauth import (
    AGENT_PREFIX,
    MAX_DELETED,
    create_agent_client,
    create_personal_token,
    delete_client,
    get_client_credentials,
    grant_consent,
    issue_agent_tokens,
    redeem_code,
    refresh_tokens,
    register_client,
    revoke_client_token,
    revoke_consent,
    revoke_tokens,
    rotate_client_secret,
    update_client_metadata,
)
from coalserver.core.queries.oauth import (
    account_of_tokens,
    agent_of_world,
    client_by_code,
    grants_of_account,
    has_consent,
    personal_tokens,
    tokens_by_access_token,
)
from coalserver.core.unit_of_work import Limits
from coalserver.domain.accounts.oauth import (
    MAX_CLIENT_CODES,
    MAX_CLIENT_PAIRS,
    AuthorizationCode,
    Grant,
    OAuthClient,
    TokenPair,
)
from coalserver.domain.errors import ErrorCode
from coalserver.domain.text import secret_digest
from tests.domain.builders import raises_code

HOME = "http://example.com/callback"


@pytest.fixture
def ann(table):
    return table.execute(create_account, email="ann@example.org", password="hash", active=True).id


@pytest.fixture
def app(table):
    return table.execute(register_client, redirect_uris=[HOME], preferred_code="app").client


def make_code(table, ann, app, **kwargs):
    params = {"scope": "data", "redirect_uri": HOME, **kwargs}
    return table.execute(grant_consent, client=app.id, account_id=ann, **params)


def issue_tokens(table, ann, app):
    code = make_code(table, ann, app)
    return table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)


def find_tokens(table, token, scope="data"):
    return table.query(tokens_by_access_token, token=token, scope=scope, now=table.now)


def test_client_secrets_have_40_characters_and_are_stored_encrypted(table):
    client, secret, registration = table.execute(register_client, redirect_uris=[HOME])
    for text in (secret, registration):
        assert len(text) == 40 and text.isascii() and text.isalnum()
        assert text not in str(table.all_entities())
    assert len(client.code) == 10 and client.scope == "data"


def test_taken_client_id_gets_a_suffix(table, app):
    again = table.execute(register_client, redirect_uris=[HOME], preferred_code="app").client
    assert again.code.startswith("app-") and len(again.code) == len("app-") + 3
    assert table.query(client_by_code, code="app") == app


def test_client_credentials_can_be_read_again(table, app):
    first = table.execute(get_client_credentials, client=app.id)
    assert table.execute(get_client_credentials, client=app.id) == first


def test_expired_client_secret_is_renewed_when_read(table, app):
    old = table.execute(get_client_credentials, client=app.id)
    table.state.set(OAuthClient, app.id, replace(app, secret_until=table.now))
    new = table.execute(get_client_credentials, client=app.id)
    assert new.secret != old.secret and new.registration_token == old.registration_token
    assert new.client.secret_until == 0


def test_client_metadata_is_updated(table, app):
    metadata = {"scope": None, "title": "App", "home": "", "logo": ""}
    changed = table.execute(
        update_client_metadata, client=app.id, redirect_uris=[HOME + "2"], **metadata
    ).client
    assert changed.redirect_uris == (HOME + "2",) and changed.title == "App"
    with raises_code(ErrorCode.INVALID_SCOPE):
        table.execute(
            update_client_metadata,
            client=app.id,
            redirect_uris=[HOME],
            **{**metadata, "scope": "agent"},
        )


def test_consent_is_given_once(table, ann, app):
    assert not table.query(has_consent, account=ann, client=app.id, scope="data")
    make_code(table, ann, app)
    make_code(table, ann, app)
    assert table.query(has_consent, account=ann, client=app.id, scope="data")
    assert [client for _, client in table.query(grants_of_account, account=ann)] == [app]


def test_grant_with_another_redirect_uri_or_scope_is_refused(table, ann, app):
    with raises_code(ErrorCode.INVALID_CLIENT):
        make_code(table, ann, app, redirect_uri="http://elsewhere.example/")
    with raises_code(ErrorCode.INVALID_SCOPE):
        make_code(table, ann, app, scope="agent")
    table.execute(update_account, account_id=ann, active=False)
    with raises_code(ErrorCode.ACCOUNT_INACTIVE):
        make_code(table, ann, app)
    assert table.query(grants_of_account, account=ann) == []


def test_code_is_redeemed_once(table, ann, app):
    code = make_code(table, ann, app)
    issued = table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert issued.expires_in == 3600
    access = find_tokens(table, issued.access)
    assert (access.account, access.client, access.scope) == (ann, app.id, "data")
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert find_tokens(table, issued.access) == access


def test_code_is_bound_to_its_client_and_redirect_uri_for_ten_minutes(table, ann, app):
    other = table.execute(register_client, redirect_uris=[HOME, HOME + "2"]).client
    code = make_code(table, ann, app)
    for client, uri in ((other.id, HOME), (app.id, HOME + "2")):
        with raises_code(ErrorCode.INVALID_GRANT):
            table.execute(redeem_code, client=client, code=code, redirect_uri=uri)
    table.now += 600
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)


def test_codes_and_tokens_are_not_stored_in_clear(table, ann, app):
    code = make_code(table, ann, app)
    issued = issue_tokens(table, ann, app)
    stored = str(table.all_entities())
    assert not any(secret in stored for secret in (code, issued.access, issued.refresh))


def test_refresh_token_issues_one_new_pair_and_revokes_the_old_one(table, ann, app):
    first, other = issue_tokens(table, ann, app), issue_tokens(table, ann, app)
    second = table.execute(refresh_tokens, client=app.id, token=first.refresh)
    assert find_tokens(table, second.access).account == ann
    with raises_code(ErrorCode.INVALID_TOKEN):
        find_tokens(table, first.access)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(refresh_tokens, client=app.id, token=first.refresh)
    assert find_tokens(table, other.access)


def test_refresh_token_is_bound_to_its_client_for_ninety_days(table, ann, app):
    other = table.execute(register_client, redirect_uris=[HOME]).client
    issued = issue_tokens(table, ann, app)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(refresh_tokens, client=other.id, token=issued.refresh)
    with raises_code(ErrorCode.INVALID_SCOPE):
        table.execute(refresh_tokens, client=app.id, token=issued.refresh, scope="agent")
    table.now += 89 * 86400
    issued = table.execute(refresh_tokens, client=app.id, token=issued.refresh)
    table.now += 90 * 86400
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(refresh_tokens, client=app.id, token=issued.refresh)


def test_access_token_expires_after_an_hour_and_has_one_scope(table, ann, app):
    issued = issue_tokens(table, ann, app)
    with raises_code(ErrorCode.INVALID_TOKEN):
        find_tokens(table, issued.access, "agent")
    table.now += 3600
    with raises_code(ErrorCode.INVALID_TOKEN):
        find_tokens(table, issued.access)


def test_access_token_lifetime_may_be_zero(table, ann, app):
    table.context.limits = Limits(access_token=0)
    with raises_code(ErrorCode.INVALID_TOKEN):
        find_tokens(table, issue_tokens(table, ann, app).access)


def test_token_of_an_inactive_account_raises_account_inactive(table, ann, app):
    access = find_tokens(table, issue_tokens(table, ann, app).access)
    assert table.query(account_of_tokens, token_pair=access).id == ann
    table.execute(update_account, account_id=ann, active=False)
    with raises_code(ErrorCode.ACCOUNT_INACTIVE):
        table.query(account_of_tokens, token_pair=access)


def test_revoked_consent_revokes_all_tokens_of_the_client(table, ann, app):
    ben = table.execute(create_account, email="ben@example.org", password="hash", active=True).id
    issued, code = issue_tokens(table, ann, app), make_code(table, ann, app)
    other = issue_tokens(table, ben, app)
    table.execute(revoke_consent, client=app.id, account_id=ann)
    assert not table.query(has_consent, account=ann, client=app.id, scope="data")
    with raises_code(ErrorCode.INVALID_TOKEN):
        find_tokens(table, issued.access)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert find_tokens(table, other.access).account == ben


def test_deleted_client_leaves_no_grants_or_tokens(table, ann, app):
    issued = issue_tokens(table, ann, app)
    make_code(table, ann, app)
    table.execute(delete_client, client=app.id)
    assert not any(
        list(table.state.all(kind)) for kind in (OAuthClient, Grant, AuthorizationCode, TokenPair)
    )
    with raises_code(ErrorCode.INVALID_TOKEN):
        find_tokens(table, issued.access)
    for command in (delete_client, get_client_credentials):
        with raises_code(ErrorCode.INVALID_CLIENT):
            table.execute(command, client=app.id)


def test_client_of_many_accounts_is_deleted_by_several_commands(table, app):
    """No command takes long, and the client goes with the last of its tokens."""
    other = table.execute(register_client, redirect_uris=[HOME], preferred_code="other").client
    held = (Grant, AuthorizationCode, TokenPair)

    def add(uow):
        for account in range(1, 701):
            for client in (app.id, other.id):
                common = {"account": account, "client": client, "scope": "data"}
                uow.save(Grant(uow.new_id(Grant), created_at=uow.now, **common))
                token = TokenPair(
                    uow.new_id(TokenPair),
                    *(uow.new_code(), client, account, "data", uow.now, uow.now + 60),
                )
                uow.save(token)

    table.execute(add)
    deleted = []
    for step in range(3):
        before = sum(table.state.count(kind) for kind in held)
        is_done = table.execute(delete_client, client=app.id)
        deleted.append(before - sum(table.state.count(kind) for kind in held))
        assert is_done == (step == 2)
        assert (table.state.get(OAuthClient, app.id) is None) == is_done
    assert deleted == [MAX_DELETED, MAX_DELETED, 400]
    assert [table.state.count(kind) for kind in held] == [700, 0, 700]
    assert {one.client for one in table.state.all(TokenPair)} == {other.id}


def test_agent_gets_any_number_of_token_pairs(table):
    client, secret, registration = table.execute(create_agent_client, world_id=5)
    assert client.code.startswith(AGENT_PREFIX) and len(client.code) == len(AGENT_PREFIX) + 5
    assert (len(secret), registration, client.registration_token) == (40, "", "")
    assert table.query(agent_of_world, world=5) == client
    first, second = (table.execute(issue_agent_tokens, client=client.id) for _ in range(2))
    assert first.expires_in == 30 * 86400
    for issued in (first, second):
        assert find_tokens(table, issued.access, "agent").account == 0
    renewed = table.execute(refresh_tokens, client=client.id, token=first.refresh)
    assert renewed.expires_in == 30 * 86400


def test_rotated_client_secret_differs(table):
    client, secret, _ = table.execute(create_agent_client, world_id=5)
    assert table.execute(rotate_client_secret, client=client.id).secret != secret


def test_account_creates_and_revokes_personal_tokens(table, ann):
    token = table.execute(create_personal_token, account_id=ann, lifetime=None)
    table.now += 1e9
    access = find_tokens(table, token)
    assert table.query(personal_tokens, account=ann) == [access]
    table.execute(revoke_tokens, token_pair_id=access.id, account_id=99)
    assert find_tokens(table, token)
    table.execute(revoke_tokens, token_pair_id=access.id, account_id=ann)
    with raises_code(ErrorCode.INVALID_TOKEN):
        find_tokens(table, token)


def test_only_expired_tokens_and_codes_are_deleted(table, ann, app):
    issue_tokens(table, ann, app)
    make_code(table, ann, app)
    table.execute(create_personal_token, account_id=ann, lifetime=60)
    assert (table.execute(delete_expired_tokens), table.execute(delete_expired_codes)) == (0, 0)
    table.now += 600
    assert (table.execute(delete_expired_tokens), table.execute(delete_expired_codes)) == (1, 1)
    table.now += 3600
    assert table.execute(delete_expired_tokens) == 0
    table.now += 90 * 86400
    assert table.execute(delete_expired_tokens) == 1
    assert table.execute(delete_expired_tokens) == 0


def test_oldest_tokens_of_a_client_and_account_are_revoked_above_the_limit(table, ann, app):
    agent = table.execute(create_agent_client, world_id=5).client.id
    kept = table.execute(issue_agent_tokens, client=agent)
    other = issue_tokens(table, ann, app)
    client = table.execute(create_agent_client, world_id=6).client.id
    issued = [table.execute(issue_agent_tokens, client=client) for _ in range(MAX_CLIENT_PAIRS + 2)]
    stored = {pair.digest for pair in table.state.all(TokenPair)}
    assert len(stored) == MAX_CLIENT_PAIRS + 2
    assert {secret_digest(pair.access) for pair in (kept, other, *issued[2:])} == stored
    newest = table.execute(refresh_tokens, client=client, token=issued[2].refresh)
    assert secret_digest(newest.access) in {pair.digest for pair in table.state.all(TokenPair)}
    assert len(table.state.find(TokenPair, "client", client)) == MAX_CLIENT_PAIRS


def test_oldest_unused_codes_of_a_client_and_account_are_deleted_above_the_limit(table, ann, app):
    codes = [make_code(table, ann, app) for _ in range(MAX_CLIENT_CODES + 1)]
    assert len(list(table.state.all(AuthorizationCode))) == MAX_CLIENT_CODES
    redeemed = {"client": app.id, "redirect_uri": HOME}
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(redeem_code, code=codes[0], **redeemed)
    for code in (codes[1], codes[-1]):
        table.execute(redeem_code, code=code, **redeemed)


def test_client_revokes_only_its_own_tokens(table, ann, app):
    tokens, kept = issue_tokens(table, ann, app), issue_tokens(table, ann, app)
    other = table.execute(register_client, redirect_uris=[HOME]).client.id
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(revoke_client_token, client=other, token=tokens.access)
    for token in (tokens.refresh, tokens.refresh, tokens.access, "unknown"):
        table.execute(revoke_client_token, client=app.id, token=token)
    [left] = table.state.all(TokenPair)
    assert left.digest == secret_digest(kept.access)
    with raises_code(ErrorCode.INVALID_CLIENT):
        table.execute(revoke_client_token, client=99, token=kept.access)
