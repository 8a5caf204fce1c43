"""Clients at work: registered, allowed, redeemed, renewed, removed."""

from dataclasses import replace

import pytest

from coalserver.core.commands.account_admin import add_account, change_account
from coalserver.core.commands.oauth import (
    AGENT_PREFIX,
    add_agent,
    add_personal_token,
    admit_agent,
    allow_client,
    change_client,
    deny_client,
    end_access,
    forget_ended,
    redeem_code,
    register_client,
    remove_client,
    renew_access,
    renew_secret,
    show_client,
)
from coalserver.core.queries.oauth import (
    access_shown,
    agent_of,
    client_known,
    granted,
    grants_of,
    owner_of,
    personal_tokens,
)
from coalserver.core.unit_of_work import Limits
from coalserver.domain.accounts.oauth import Access, Client, Code, Grant
from coalserver.domain.errors import Why
from tests.domain.builders import refused

HOME = "http://example.com/callback"


@pytest.fixture
def ann(table):
    return table.do(add_account, email="ann@example.org", password="hash", active=True).id


@pytest.fixture
def app(table):
    return table.do(register_client, redirect_uris=[HOME], wanted="app").client


def allowed(table, ann, app, **parts):
    asked = {"scope": "data", "redirect_uri": HOME, **parts}
    return table.do(allow_client, client=app.id, account=ann, **asked)


def tokens(table, ann, app):
    code = allowed(table, ann, app)
    return table.do(redeem_code, client=app.id, code=code, redirect_uri=HOME)


def shown(table, token, scope="data"):
    return table.see(access_shown, token=token, scope=scope, now=table.now)


def test_a_client_has_secrets_of_forty_letters_of_which_none_is_kept_as_it_is(table):
    client, secret, registration = table.do(register_client, redirect_uris=[HOME])
    for text in (secret, registration):
        assert len(text) == 40 and text.isascii() and text.isalnum()
        assert text not in str(table.everything())
    assert len(client.code) == 10 and client.scope == "data"


def test_a_wanted_id_that_is_taken_gets_three_letters_more(table, app):
    again = table.do(register_client, redirect_uris=[HOME], wanted="app").client
    assert again.code.startswith("app-") and len(again.code) == len("app-") + 3
    assert table.see(client_known, code="app") == app


def test_a_client_is_shown_with_its_secrets(table, app):
    first = table.do(show_client, client=app.id)
    assert table.do(show_client, client=app.id) == first


def test_a_secret_that_has_ended_is_another_when_it_is_shown(table, app):
    old = table.do(show_client, client=app.id)
    table.state.set(Client, app.id, replace(app, secret_until=table.now))
    new = table.do(show_client, client=app.id)
    assert new.secret != old.secret and new.registration == old.registration
    assert new.client.secret_until == 0


def test_a_client_is_what_it_was_changed_to(table, app):
    asked = {"scope": None, "title": "App", "home": "", "logo": ""}
    changed = table.do(change_client, client=app.id, redirect_uris=[HOME + "2"], **asked).client
    assert changed.redirect_uris == (HOME + "2",) and changed.title == "App"
    with refused(Why.BAD_SCOPE):
        table.do(change_client, client=app.id, redirect_uris=[HOME], **{**asked, "scope": "agent"})


def test_who_allows_a_client_is_not_asked_again(table, ann, app):
    assert not table.see(granted, account=ann, client=app.id, scope="data")
    allowed(table, ann, app)
    allowed(table, ann, app)
    assert table.see(granted, account=ann, client=app.id, scope="data")
    assert [client for _, client in table.see(grants_of, account=ann)] == [app]


def test_nobody_is_sent_where_the_client_did_not_say(table, ann, app):
    with refused(Why.BAD_CLIENT):
        allowed(table, ann, app, redirect_uri="http://elsewhere.example/")
    with refused(Why.BAD_SCOPE):
        allowed(table, ann, app, scope="agent")
    table.do(change_account, account=ann, active=False)
    with refused(Why.INACTIVE):
        allowed(table, ann, app)
    assert table.see(grants_of, account=ann) == []


def test_a_code_buys_tokens_once(table, ann, app):
    code = allowed(table, ann, app)
    issued = table.do(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert issued.lasts == 3600
    access = shown(table, issued.access)
    assert (access.account, access.client, access.scope) == (ann, app.id, "data")
    with refused(Why.BAD_GRANT):
        table.do(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert shown(table, issued.access) == access


def test_a_code_is_bound_to_its_client_and_its_address_for_ten_minutes(table, ann, app):
    other = table.do(register_client, redirect_uris=[HOME, HOME + "2"]).client
    code = allowed(table, ann, app)
    for client, uri in ((other.id, HOME), (app.id, HOME + "2")):
        with refused(Why.BAD_GRANT):
            table.do(redeem_code, client=client, code=code, redirect_uri=uri)
    table.now += 600
    with refused(Why.BAD_GRANT):
        table.do(redeem_code, client=app.id, code=code, redirect_uri=HOME)


def test_neither_codes_nor_tokens_are_kept_as_they_are(table, ann, app):
    code = allowed(table, ann, app)
    issued = tokens(table, ann, app)
    kept = str(table.everything())
    assert not any(secret in kept for secret in (code, issued.access, issued.refresh))


def test_a_refresh_token_buys_another_pair_once_and_ends_the_old_one(table, ann, app):
    first, other = tokens(table, ann, app), tokens(table, ann, app)
    second = table.do(renew_access, client=app.id, token=first.refresh)
    assert shown(table, second.access).account == ann
    with refused(Why.BAD_TOKEN):
        shown(table, first.access)
    with refused(Why.BAD_GRANT):
        table.do(renew_access, client=app.id, token=first.refresh)
    assert shown(table, other.access)


def test_a_refresh_token_is_its_clients_and_lasts_ninety_days(table, ann, app):
    other = table.do(register_client, redirect_uris=[HOME]).client
    issued = tokens(table, ann, app)
    with refused(Why.BAD_GRANT):
        table.do(renew_access, client=other.id, token=issued.refresh)
    with refused(Why.BAD_SCOPE):
        table.do(renew_access, client=app.id, token=issued.refresh, scope="agent")
    table.now += 89 * 86400
    issued = table.do(renew_access, client=app.id, token=issued.refresh)
    table.now += 90 * 86400
    with refused(Why.BAD_GRANT):
        table.do(renew_access, client=app.id, token=issued.refresh)


def test_an_access_token_ends_after_an_hour_and_is_for_its_scope_only(table, ann, app):
    issued = tokens(table, ann, app)
    with refused(Why.BAD_TOKEN):
        shown(table, issued.access, "agent")
    table.now += 3600
    with refused(Why.BAD_TOKEN):
        shown(table, issued.access)


def test_tokens_can_be_made_to_end_at_once(table, ann, app):
    table.setting.limits = Limits(access_token=0)
    with refused(Why.BAD_TOKEN):
        shown(table, tokens(table, ann, app).access)


def test_the_token_of_an_account_that_may_not_come_in_proves_that(table, ann, app):
    access = shown(table, tokens(table, ann, app).access)
    assert table.see(owner_of, access=access).id == ann
    table.do(change_account, account=ann, active=False)
    with refused(Why.INACTIVE):
        table.see(owner_of, access=access)


def test_a_denial_takes_everything_back_from_that_client(table, ann, app):
    ben = table.do(add_account, email="ben@example.org", password="hash", active=True).id
    issued, code = tokens(table, ann, app), allowed(table, ann, app)
    kept = tokens(table, ben, app)
    table.do(deny_client, client=app.id, account=ann)
    assert not table.see(granted, account=ann, client=app.id, scope="data")
    with refused(Why.BAD_TOKEN):
        shown(table, issued.access)
    with refused(Why.BAD_GRANT):
        table.do(redeem_code, client=app.id, code=code, redirect_uri=HOME)
    assert shown(table, kept.access).account == ben


def test_with_a_client_goes_all_that_it_was_given(table, ann, app):
    issued = tokens(table, ann, app)
    allowed(table, ann, app)
    table.do(remove_client, client=app.id)
    assert not any(list(table.state.all(kind)) for kind in (Client, Grant, Code, Access))
    with refused(Why.BAD_TOKEN):
        shown(table, issued.access)
    for command in (remove_client, show_client):
        with refused(Why.BAD_CLIENT):
            table.do(command, client=app.id)


def test_an_agent_is_admitted_as_often_as_it_comes(table):
    client, secret, registration = table.do(add_agent, world=5)
    assert client.code.startswith(AGENT_PREFIX) and len(client.code) == len(AGENT_PREFIX) + 5
    assert (len(secret), registration, client.registration) == (40, "", "")
    assert table.see(agent_of, world=5) == client
    first, second = (table.do(admit_agent, client=client.id) for _ in range(2))
    assert first.lasts == 30 * 86400
    for issued in (first, second):
        assert shown(table, issued.access, "agent").account == 0
    renewed = table.do(renew_access, client=client.id, token=first.refresh)
    assert renewed.lasts == 30 * 86400


def test_a_new_secret_is_another(table):
    client, secret, _ = table.do(add_agent, world=5)
    assert table.do(renew_secret, client=client.id).secret != secret


def test_an_account_makes_tokens_for_itself(table, ann):
    token = table.do(add_personal_token, account=ann, lasts=None)
    table.now += 1e9
    access = shown(table, token)
    assert table.see(personal_tokens, account=ann) == [access]
    table.do(end_access, access=access.id, account=99)
    assert shown(table, token)
    table.do(end_access, access=access.id, account=ann)
    with refused(Why.BAD_TOKEN):
        shown(table, token)


def test_what_is_good_for_nothing_is_dropped_and_nothing_else(table, ann, app):
    tokens(table, ann, app)
    allowed(table, ann, app)
    table.do(add_personal_token, account=ann, lasts=60)
    assert table.do(forget_ended) == 0
    table.now += 600
    assert table.do(forget_ended) == 2
    table.now += 3600
    assert table.do(forget_ended) == 0
    table.now += 90 * 86400
    assert table.do(forget_ended) == 1
    assert table.do(forget_ended) == 0
