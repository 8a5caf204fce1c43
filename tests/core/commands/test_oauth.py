"""Clients at work: registered, allowed, redeemed, renewed, removed."""

from dataclasses import replace

import pytest

from coalserver.core.commands.accounts import create_account, update_account
from coalserver.core.commands.cleanup import delete_expired_tokens
from coalserver.core.commands.oauth import (
    AGENT_PREFIX,
    create_agent_client,
    create_personal_token,
    delete_client,
    get_client_credentials,
    grant_consent,
    issue_agent_tokens,
    redeem_code,
    refresh_tokens,
    register_client,
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
from coalserver.domain.accounts.oauth import AuthorizationCode, Grant, OAuthClient, TokenPair
from coalserver.domain.errors import ErrorCode
from tests.domain.builders import raises_code

HOME = "http://example.com/callback"


@pytest.fixture
def ann(table):
    return table.execute(create_account, email="ann@example.org", password="hash", active=True).id


@pytest.fixture
def app(table):
    return table.execute(register_client, redirect_uris=[HOME], preferred_code="app").client


def allowed(table, ann, app, **parts):
    asked = {"scope": "data", "redirect_uri": HOME, **parts}
    return table.execute(grant_consent, client=app.id, account_id=ann, **asked)


def tokens(table, ann, app):
    code = allowed(table, ann, app)
    return table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)


def shown(table, token, scope="data"):
    return table.query(tokens_by_access_token, token=token, scope=scope, now=table.now)


def test_a_client_has_secrets_of_forty_letters_of_which_none_is_kept_as_it_is(table):
    client, secret, registration = table.execute(register_client, redirect_uris=[HOME])
    for text in (secret, registration):
        assert len(text) == 40 and text.isascii() and text.isalnum()
        assert text not in str(table.all_entities())
    assert len(client.code) == 10 and client.scope == "data"


def test_a_wanted_id_that_is_taken_gets_three_letters_more(table, app):
    again = table.execute(register_client, redirect_uris=[HOME], preferred_code="app").client
    assert again.code.startswith("app-") and len(again.code) == len("app-") + 3
    assert table.query(client_by_code, code="app") == app


def test_a_client_is_shown_with_its_secrets(table, app):
    first = table.execute(get_client_credentials, client=app.id)
    assert table.execute(get_client_credentials, client=app.id) == first


def test_a_secret_that_has_ended_is_another_when_it_is_shown(table, app):
    old = table.execute(get_client_credentials, client=app.id)
    table.state.set(OAuthClient, app.id, replace(app, secret_until=table.now))
    new = table.execute(get_client_credentials, client=app.id)
    assert new.secret != old.secret and new.registration_token == old.registration_token
    assert new.client.secret_until == 0


def test_a_client_is_what_it_was_changed_to(table, app):
    asked = {"scope": None, "title": "App", "home": "", "logo": ""}
    changed = table.execute(
        update_client_metadata, client=app.id, redirect_uris=[HOME + "2"], **asked
    ).client
    assert changed.redirect_uris == (HOME + "2",) and changed.title == "App"
    with raises_code(ErrorCode.INVALID_SCOPE):
        table.execute(
            update_client_metadata,
            client=app.id,
            redirect_uris=[HOME],
            **{**asked, "scope": "agent"},
        )


def test_who_allows_a_client_is_not_asked_again(table, ann, app):
    assert not table.query(has_consent, account=ann, client=app.id, scope="data")
    allowed(table, ann, app)
    allowed(table, ann, app)
    assert table.query(has_consent, account=ann, client=app.id, scope="data")
    assert [client for _, client in table.query(grants_of_account, account=ann)] == [app]


def test_nobody_is_sent_where_the_client_did_not_say(table, ann, app):
    with raises_code(ErrorCode.INVALID_CLIENT):
        allowed(table, ann, app, redirect_uri="http://elsewhere.example/")
    with raises_code(ErrorCode.INVALID_SCOPE):
        allowed(table, ann, app, scope="agent")
    table.execute(update_account, account_id=ann, active=False)
    with raises_code(ErrorCode.ACCOUNT_INACTIVE):
        allowed(table, ann, app)
    assert table.query(grants_of_account, account=ann) == []


def test_a_code_buys_tokens_once(table, ann, app):
    code = allowed(table, ann, app)
    issued = table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert issued.expires_in == 3600
    access = shown(table, issued.access)
    assert (access.account, access.client, access.scope) == (ann, app.id, "data")
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert shown(table, issued.access) == access


def test_a_code_is_bound_to_its_client_and_its_address_for_ten_minutes(table, ann, app):
    other = table.execute(register_client, redirect_uris=[HOME, HOME + "2"]).client
    code = allowed(table, ann, app)
    for client, uri in ((other.id, HOME), (app.id, HOME + "2")):
        with raises_code(ErrorCode.INVALID_GRANT):
            table.execute(redeem_code, client=client, code=code, redirect_uri=uri)
    table.now += 600
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)


def test_neither_codes_nor_tokens_are_kept_as_they_are(table, ann, app):
    code = allowed(table, ann, app)
    issued = tokens(table, ann, app)
    kept = str(table.all_entities())
    assert not any(secret in kept for secret in (code, issued.access, issued.refresh))


def test_a_refresh_token_buys_another_pair_once_and_ends_the_old_one(table, ann, app):
    first, other = tokens(table, ann, app), tokens(table, ann, app)
    second = table.execute(refresh_tokens, client=app.id, token=first.refresh)
    assert shown(table, second.access).account == ann
    with raises_code(ErrorCode.INVALID_TOKEN):
        shown(table, first.access)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(refresh_tokens, client=app.id, token=first.refresh)
    assert shown(table, other.access)


def test_a_refresh_token_is_its_clients_and_lasts_ninety_days(table, ann, app):
    other = table.execute(register_client, redirect_uris=[HOME]).client
    issued = tokens(table, ann, app)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(refresh_tokens, client=other.id, token=issued.refresh)
    with raises_code(ErrorCode.INVALID_SCOPE):
        table.execute(refresh_tokens, client=app.id, token=issued.refresh, scope="agent")
    table.now += 89 * 86400
    issued = table.execute(refresh_tokens, client=app.id, token=issued.refresh)
    table.now += 90 * 86400
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(refresh_tokens, client=app.id, token=issued.refresh)


def test_an_access_token_ends_after_an_hour_and_is_for_its_scope_only(table, ann, app):
    issued = tokens(table, ann, app)
    with raises_code(ErrorCode.INVALID_TOKEN):
        shown(table, issued.access, "agent")
    table.now += 3600
    with raises_code(ErrorCode.INVALID_TOKEN):
        shown(table, issued.access)


def test_tokens_can_be_made_to_end_at_once(table, ann, app):
    table.context.limits = Limits(access_token=0)
    with raises_code(ErrorCode.INVALID_TOKEN):
        shown(table, tokens(table, ann, app).access)


def test_the_token_of_an_account_that_may_not_come_in_proves_that(table, ann, app):
    access = shown(table, tokens(table, ann, app).access)
    assert table.query(account_of_tokens, token_pair=access).id == ann
    table.execute(update_account, account_id=ann, active=False)
    with raises_code(ErrorCode.ACCOUNT_INACTIVE):
        table.query(account_of_tokens, token_pair=access)


def test_a_denial_takes_everything_back_from_that_client(table, ann, app):
    ben = table.execute(create_account, email="ben@example.org", password="hash", active=True).id
    issued, code = tokens(table, ann, app), allowed(table, ann, app)
    kept = tokens(table, ben, app)
    table.execute(revoke_consent, client=app.id, account_id=ann)
    assert not table.query(has_consent, account=ann, client=app.id, scope="data")
    with raises_code(ErrorCode.INVALID_TOKEN):
        shown(table, issued.access)
    with raises_code(ErrorCode.INVALID_GRANT):
        table.execute(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert shown(table, kept.access).account == ben


def test_with_a_client_goes_all_that_it_was_given(table, ann, app):
    issued = tokens(table, ann, app)
    allowed(table, ann, app)
    table.execute(delete_client, client=app.id)
    assert not any(
        list(table.state.all(kind)) for kind in (OAuthClient, Grant, AuthorizationCode, TokenPair)
    )
    with raises_code(ErrorCode.INVALID_TOKEN):
        shown(table, issued.access)
    for command in (delete_client, get_client_credentials):
        with raises_code(ErrorCode.INVALID_CLIENT):
            table.execute(command, client=app.id)


def test_an_agent_is_admitted_as_often_as_it_comes(table):
    client, secret, registration = table.execute(create_agent_client, world_id=5)
    assert client.code.startswith(AGENT_PREFIX) and len(client.code) == len(AGENT_PREFIX) + 5
    assert (len(secret), registration, client.registration_token) == (40, "", "")
    assert table.query(agent_of_world, world=5) == client
    first, second = (table.execute(issue_agent_tokens, client=client.id) for _ in range(2))
    assert first.expires_in == 30 * 86400
    for issued in (first, second):
        assert shown(table, issued.access, "agent").account == 0
    renewed = table.execute(refresh_tokens, client=client.id, token=first.refresh)
    assert renewed.expires_in == 30 * 86400


def test_a_new_secret_is_another(table):
    client, secret, _ = table.execute(create_agent_client, world_id=5)
    assert table.execute(rotate_client_secret, client=client.id).secret != secret


def test_an_account_makes_tokens_for_itself(table, ann):
    token = table.execute(create_personal_token, account_id=ann, lifetime=None)
    table.now += 1e9
    access = shown(table, token)
    assert table.query(personal_tokens, account=ann) == [access]
    table.execute(revoke_tokens, token_pair_id=access.id, account_id=99)
    assert shown(table, token)
    table.execute(revoke_tokens, token_pair_id=access.id, account_id=ann)
    with raises_code(ErrorCode.INVALID_TOKEN):
        shown(table, token)


def test_what_is_good_for_nothing_is_dropped_and_nothing_else(table, ann, app):
    tokens(table, ann, app)
    allowed(table, ann, app)
    table.execute(create_personal_token, account_id=ann, lifetime=60)
    assert table.execute(delete_expired_tokens) == 0
    table.now += 600
    assert table.execute(delete_expired_tokens) == 2
    table.now += 3600
    assert table.execute(delete_expired_tokens) == 0
    table.now += 90 * 86400
    assert table.execute(delete_expired_tokens) == 1
    assert table.execute(delete_expired_tokens) == 0
