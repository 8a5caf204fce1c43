"""The consent page and its redirects."""

import html
import re
from dataclasses import replace

import pytest

from coalserver.core.queries.oauth import client_by_code, grants_of_account
from coalserver.domain.accounts.oauth import OAuthClient
from tests.apis.browser import Browser, deactivate_account, make_account, make_signed_in_browser
from tests.apis.oauth.clients import (
    AUTH,
    HOME,
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    decide,
    is_valid,
    make_agent,
    make_client_app,
    query_of,
)

#: The document's request, which has no scope and no state.
EXAMPLE = f"{AUTH}?client_id=my_example_app&redirect_uri={HOME}&response_type=code"
ELSEWHERE = "http://elsewhere.example/"


async def test_anonymous_visitor_is_redirected_to_login(test_app, app):
    path = app.consent_path(state="a b&c")
    for browser in (Browser(test_app), await make_signed_in_browser(test_app)):
        if browser.cookies:
            await deactivate_account(test_app)
        for answer in (await browser.get(path), await browser.post(path, grant="Grant")):
            assert query_of(answer) == {"next_url": path}
            assert answer.headers["Location"].startswith("/login?next_url=%2Foauth%2Fv1%2Fauth%3F")


async def test_login_leads_back_to_the_consent_page(test_app, app):
    await make_account(test_app)
    browser = Browser(test_app)
    login = (await browser.get(app.consent_path())).headers["Location"]
    page = (await browser.get(login)).raw.decode()
    next_url = html.unescape(re.search(r'name="next_url" value="([^"]*)"', page)[1])
    answer = await browser.send(
        "/login", email="ann@example.org", password="correct horse", next_url=next_url
    )
    assert (await browser.get(answer.headers["Location"])).status == 200


@pytest.mark.parametrize(
    ("choice", "location"),
    [
        ("grant", r"http://example\.com/callback\?code=[A-Za-z0-9]{40}"),
        ("deny", r"http://example\.com/callback\?error=access_denied"),
    ],
)
async def test_documented_authorization_request_matches(ann, app, choice, location):
    page = await ann.get(EXAMPLE)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    answer = await decide(ann, EXAMPLE, **{choice: "1"})
    assert answer.status == 302 and re.fullmatch(location, answer.headers["Location"])
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")


async def test_consent_page_names_the_client_and_its_permissions(ann, app):
    page = (await ann.get(app.consent_path())).raw.decode()
    for text in (
        "My Example Application",
        "my_example_app",
        "http://example.com",
        "example.com",
        "This app will be able to",
        "chat",
        "screenshots",
        "ann@example.org",
    ):
        assert text in page
    assert 'name="grant"' in page and 'name="deny"' in page
    assert "logo.png" not in page


async def test_consent_page_warns_an_admin(test_app, app):
    await make_account(test_app, "root@example.org", admin=True)
    root = Browser(test_app)
    await root.sign_in("root@example.org")
    assert "you are an admin" in (await root.get(app.consent_path())).raw.decode()


async def test_client_name_is_escaped(test_app, ann):
    name = "</bdi><script>alert(1)</script>"
    app = await make_client_app(
        test_app, client_name=name, client_uri='http://a.example/"onclick="x'
    )
    page = (await ann.get(app.consent_path(state='"><script>'))).raw.decode()
    assert "<script>" not in page and 'onclick="x' not in page
    assert html.escape(name) in page


async def test_consent_page_is_neither_framed_nor_cached(ann, app):
    answer = await ann.get(app.consent_path())
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    # Browsers would apply form-action to the redirect to the client as well.
    assert "form-action" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({}, 400),
        ({"client_id": "nobody"}, 400),
        ({"client_id": None}, 400),
        ({"redirect_uri": ELSEWHERE}, 400),
        ({"redirect_uri": HOME + "/"}, 400),
        ({"redirect_uri": ELSEWHERE, "scope": "agent"}, 400),
        ({"scope": "agent"}, 200),
        ({"response_type": "token"}, 200),
    ],
)
async def test_invalid_request_shows_a_page_without_grant_button(ann, app, params, status):
    path = app.consent_path(**params) if params else AUTH
    answer = await ann.get(path)
    assert answer.status == status and "Location" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b'name="grant"' not in answer.raw
    assert (b"My Example Application" in answer.raw) == (status == 200)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"redirect_uri": ELSEWHERE}, "invalid_request"),
        ({"redirect_uri": HOME + "/"}, "invalid_request"),
        ({"redirect_uri": HOME + "?x=1"}, "invalid_request"),
        ({"redirect_uri": 'http://"é\\'}, "invalid_request"),
        ({"client_id": None}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"client_id": "nobody"}, "invalid_request"),
        ({"client_id": 'é"\\'}, "invalid_request"),
        ({"client_id": "nobody", "redirect_uri": ELSEWHERE}, "invalid_request"),
        ({"response_type": None, "redirect_uri": ELSEWHERE}, "invalid_request"),
        ({"response_type": "token", "redirect_uri": ELSEWHERE}, "invalid_request"),
        ({"response_type": "token", "client_id": "nobody"}, "invalid_request"),
        ({"scope": "agent", "redirect_uri": ELSEWHERE}, "invalid_request"),
    ],
    ids=str,
)
@pytest.mark.parametrize("choice", ["grant", "deny"])
async def test_unregistered_redirect_uri_is_never_used(ann, app, params, error, choice):
    answer = await decide(ann, app.consent_path(**params), **{choice: "1"})
    assert (answer.status, answer.json) == (400, {"error": error})
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": 'é"\\'}, "unsupported_response_type"),
        ({"scope": " "}, "invalid_scope"),
        ({"scope": "agent"}, "invalid_scope"),
        ({"scope": "data agent"}, "invalid_scope"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "S512"}, "invalid_request"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
    ids=str,
)
async def test_error_redirect_has_the_code_and_the_state(ann, app, params, error):
    for granted in (False, True):
        answer = await decide(ann, app.consent_path(state="s & t", **params))
        assert answer.headers["Location"].startswith(HOME + "?")
        assert query_of(answer) == {"error": error, "state": "s & t"}
        if granted:
            assert (
                query_of(await ann.get(app.consent_path(state="s & t", **params)))["error"] == error
            )
        await app.code(ann)


@pytest.mark.parametrize("scope", [None, ""])
async def test_request_without_scope_is_for_the_whole_scope(ann, app, scope):
    code = await app.code(ann, scope=scope)
    assert (await app.request_tokens_with_code(code=code, scope=None)).status == 200


@pytest.mark.parametrize("redirect_uri", [None, ""])
async def test_single_redirect_uri_may_be_left_out(ann, app, redirect_uri):
    path = app.consent_path(redirect_uri=redirect_uri, state="s")
    assert "example.com" in (await ann.get(path)).raw.decode()
    denial = await decide(ann, path, deny="1")
    assert denial.headers["Location"] == HOME + "?error=access_denied&state=s"
    for token_uri, status in ((None, 200), ("", 200), (HOME, 200), (ELSEWHERE, 400)):
        code = await app.code(ann, redirect_uri=redirect_uri)
        answer = await app.request_tokens_with_code(code=code, redirect_uri=token_uri)
        assert answer.status == status
    assert answer.status_and_error == INVALID_GRANT


@pytest.mark.parametrize("redirect_uri", [None, ""])
async def test_client_with_several_redirect_uris_must_name_one(test_app, ann, redirect_uri):
    app = await make_client_app(test_app, redirect_uris=[HOME, HOME + "2"])
    path = app.consent_path(redirect_uri=redirect_uri)
    assert (await ann.get(path)).status == 400
    assert (await decide(ann, path)).status_and_error == INVALID_REQUEST
    code = await app.code(ann)
    answer = await app.request_tokens_with_code(code=code, redirect_uri=redirect_uri)
    assert answer.status_and_error == INVALID_REQUEST


async def test_repeated_parameter_is_rejected(ann, app):
    for name, value in (
        ("client_id", app.id),
        ("redirect_uri", HOME),
        ("scope", "data"),
        ("state", "x"),
    ):
        answer = await decide(ann, f"{app.consent_path(state='x')}&{name}={value}")
        assert answer.status_and_error == INVALID_REQUEST


async def test_repeated_scope_is_accepted(ann, app):
    assert "code" in query_of(await decide(ann, app.consent_path(scope="data data")))


@pytest.mark.parametrize("state", ["x", "a b&c=d", "ü\U0001f600", "%41", "\"'<>"])
async def test_state_is_returned_unchanged(ann, app, state):
    for choice, name in (("grant", "code"), ("deny", "error")):
        query = query_of(await decide(ann, app.consent_path(state=state), **{choice: "1"}))
        assert set(query) == {name, "state"} and query["state"] == state


async def test_redirect_uri_keeps_its_query(test_app, ann):
    app = await make_client_app(test_app, redirect_uris=[HOME + "?x=1&y="])
    query = query_of(await decide(ann, app.consent_path(redirect_uri=HOME + "?x=1&y=", state="s")))
    assert set(query) == {"x", "y", "code", "state"} and query["x"] == "1"


async def test_granted_client_gets_a_code_without_consent_page(ann, app):
    first = await app.code(ann)
    answer = await ann.get(app.consent_path(state="s"))
    assert query_of(answer)["state"] == "s" and query_of(answer)["code"] != first
    for code in (first, query_of(answer)["code"]):
        assert (await app.request_tokens_with_code(code=code)).status == 200


async def test_grant_is_valid_for_its_client_and_account_only(test_app, ann, app):
    await app.code(ann)
    other = await make_client_app(test_app)
    assert (await ann.get(other.consent_path())).status == 200
    await make_account(test_app, "bob@example.org")
    bob = Browser(test_app)
    await bob.sign_in("bob@example.org")
    assert (await bob.get(app.consent_path())).status == 200


async def test_denial_revokes_the_grant(test_app, ann, app):
    other = await make_client_app(test_app)
    other_tokens, tokens, code = await other.tokens(ann), await app.tokens(ann), await app.code(ann)
    assert query_of(await decide(ann, app.consent_path(), deny="1")) == {"error": "access_denied"}
    assert (await ann.get(app.consent_path())).status == 200
    assert not await is_valid(test_app, tokens["access_token"])
    assert (await app.refresh_tokens(tokens["refresh_token"])).status_and_error == INVALID_GRANT
    assert (await app.request_tokens_with_code(code=code)).status_and_error == INVALID_GRANT
    assert await is_valid(test_app, other_tokens["access_token"])


async def test_form_without_choice_is_a_denial(ann, app):
    assert query_of(await decide(ann, app.consent_path(), other="1"))["error"] == "access_denied"


async def test_failed_request_creates_no_grant(test_app, ann, app):
    await decide(ann, app.consent_path(scope="agent"))
    await decide(ann, app.consent_path(redirect_uri=ELSEWHERE))
    account = test_app.core.query(client_by_code, code=app.id)
    assert account is not None
    assert test_app.core.query(grants_of_account, account=1) == []


@pytest.mark.parametrize("csrf_token", [None, "", "made up", "another's", "old"])
async def test_grant_without_valid_csrf_token_is_forbidden(test_app, ann, app, csrf_token):
    other = Browser(test_app)
    fields = {"grant": "Grant"}
    if csrf_token is not None:
        own = await ann.csrf_token(AUTH)
        fields["csrf_token"] = {"another's": await other.csrf_token("/login"), "old": own}.get(
            csrf_token, csrf_token
        )
    if csrf_token == "old":
        test_app.clock.advance(20 * 60)
    answer = await ann.post(app.consent_path(), **fields)
    assert answer.status == 403 and b'name="grant"' in answer.raw
    assert "Location" not in answer.headers
    assert test_app.core.query(grants_of_account, account=1) == []


async def test_csrf_token_is_valid_for_twenty_minutes(test_app, ann, app):
    csrf_token = await ann.csrf_token(AUTH)
    test_app.clock.advance(20 * 60 - 1)
    for choice in ("grant", "deny", "grant"):
        answer = await ann.post(app.consent_path(), csrf_token=csrf_token, **{choice: "1"})
        assert answer.status == 302


async def test_inactive_client_is_unauthorized(test_app, ann, app):
    client = test_app.core.query(client_by_code, code=app.id)
    code = await app.code(ann)
    test_app.core.state.set(OAuthClient, client.id, replace(client, active=False))
    answer = await decide(ann, app.consent_path(state="s"))
    assert query_of(answer) == {"error": "unauthorized_client", "state": "s"}
    assert (await app.request_tokens_with_code(code=code)).status_and_error == INVALID_CLIENT


async def test_agent_cannot_request_consent(test_app, ann):
    agent = await make_agent(test_app)
    for uri in ("/", HOME, ELSEWHERE):
        answer = await decide(
            ann, f"{AUTH}?client_id={agent.id}&redirect_uri={uri}&response_type=code"
        )
        assert answer.status == 400 or answer.headers["Location"] == "/?error=unauthorized_client"
