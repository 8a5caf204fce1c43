"""API tokens, connected apps and login sessions of an account."""

import re

import pytest

from coalserver.core.commands.accounts import create_login_session
from coalserver.core.commands.oauth import grant_consent, register_client
from coalserver.core.queries.accounts import get_account_by_email, login_sessions_of_account
from coalserver.core.queries.oauth import grants_of_account, personal_tokens, tokens_by_access_token
from coalserver.domain.accounts.oauth import MAX_TOKENS, TokenPair
from tests.apis.browser import Browser, make_account, make_signed_in_browser

DAY = 86400
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
URI = "https://app.example/back"


def ann(test_app):
    return test_app.core.query(get_account_by_email, email="ann@example.org")


def tokens(test_app):
    return test_app.core.query(personal_tokens, account=ann(test_app).id)


def browsers(test_app):
    return test_app.core.query(
        login_sessions_of_account, account=ann(test_app).id, now=test_app.clock.now
    )


async def submit(browser, path, **fields):
    return await browser.send(path, page="/profile", **fields)


async def submit_token(browser, title="Script", days="30"):
    return await submit(browser, "/profile/tokens", title=title, days=days)


def shown_token(answer):
    found = re.search(r'id="fresh-token"[^>]*>(\w+)<', answer.raw.decode())
    return found and found[1]


async def make_app(test_app, account, title="Mapper"):
    client = (
        await test_app.core.execute(register_client, redirect_uris=[URI], title=title)
    ).client.id
    params = {"client": client, "account_id": account, "scope": "data", "redirect_uri": URI}
    await test_app.core.execute(grant_consent, **params)
    return client


async def test_token_is_shown_once_and_not_cached(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await submit_token(browser)
    secret = shown_token(answer)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    [stored] = tokens(test_app)
    assert (stored.title, stored.until) == ("Script", test_app.clock.now + 30 * DAY)
    found = test_app.core.query(
        tokens_by_access_token, token=secret, scope="data", now=test_app.clock.now
    )
    assert found == stored and secret not in str(list(test_app.core.state.all(TokenPair)))
    page = (await browser.get("/profile")).raw.decode()
    assert "Script" in page and secret not in page


@pytest.mark.parametrize("days", ["0", "-1", "3651", "", "ten", "1.5", "١", "9" * 11])
async def test_invalid_token_lifetime_is_rejected(test_app, days):
    browser = await make_signed_in_browser(test_app)
    answer = await submit_token(browser, days=days)
    assert answer.status == 400 and tokens(test_app) == []
    assert "from 1 to 3650." in answer.raw.decode()


async def test_token_name_is_limited(test_app):
    browser = await make_signed_in_browser(test_app)
    assert (await submit_token(browser, title="x" * 61)).status == 400
    assert (await submit_token(browser, title="")).status == 200
    assert [one.title for one in tokens(test_app)] == [""]


async def test_number_of_tokens_is_limited(test_app):
    browser = await make_signed_in_browser(test_app)
    for _ in range(MAX_TOKENS):
        assert (await submit_token(browser)).status == 200
    answer = await submit_token(browser)
    assert (
        answer.status == 400 and "You have 100 tokens, which is the maximum." in answer.raw.decode()
    )


async def test_revoked_token_is_deleted(test_app):
    browser = await make_signed_in_browser(test_app)
    await submit_token(browser, "first")
    await submit_token(browser, "second")
    answer = await submit(browser, f"/profile/tokens/{tokens(test_app)[0].id}/end")
    assert answer.headers["Location"] == "/profile?done=token-ended#tokens"
    assert [one.title for one in tokens(test_app)] == ["second"]


async def test_connected_app_is_listed_and_can_be_revoked(test_app):
    browser = await make_signed_in_browser(test_app)
    app = await make_app(test_app, ann(test_app).id)
    await make_app(test_app, ann(test_app).id, "Other")
    assert "Mapper" in (await browser.get("/profile")).raw.decode()
    await submit(browser, f"/profile/apps/{app}/end")
    assert [
        client.title
        for _, client in test_app.core.query(grants_of_account, account=ann(test_app).id)
    ] == ["Other"]


async def test_browser_is_listed_and_can_be_signed_out(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(create_login_session, account_id=ann(test_app).id, browser=FIREFOX)
    page = (await browser.get("/profile")).raw.decode()
    assert "Firefox on Linux" in page and "this browser" in page
    other = browsers(test_app)[-1]
    await submit(browser, f"/profile/browsers/{other.id}/end")
    assert [one.id for one in browsers(test_app)] != [] and other not in browsers(test_app)
    assert (await browser.get("/profile")).status == 200


async def test_signing_out_current_browser_clears_cookie(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await submit(browser, f"/profile/browsers/{browsers(test_app)[0].id}/end")
    assert answer.headers["Location"] == "/" and "coal" not in browser.cookies
    assert browsers(test_app) == []


async def test_sign_out_everywhere_revokes_all_logins(test_app):
    browser, other = await make_signed_in_browser(test_app), Browser(test_app)
    await other.sign_in()
    fields = {"credentialType": "password", "email": "ann@example.org", "password": "correct horse"}
    token = (await test_app.anonymous.post("/accounts/login", fields)).json["token"]
    await submit_token(browser)
    answer = await submit(browser, "/profile/sign-out")
    assert answer.headers["Location"] == "/login"
    assert (await other.get("/profile")).status == 302 and browsers(test_app) == []
    headers = {"Authorization": f"Bearer {token}"}
    assert (await test_app.anonymous.get("/accounts/me", **headers)).status in (401, 404)
    assert len(tokens(test_app)) == 1


@pytest.mark.parametrize("kind", ["tokens", "apps", "browsers"])
async def test_items_of_other_account_cannot_be_revoked(test_app, kind):
    browser = await make_signed_in_browser(test_app)
    await submit_token(browser)
    await make_app(test_app, ann(test_app).id)
    await make_account(test_app, "eve@example.org")
    eve = Browser(test_app)
    await eve.sign_in("eve@example.org")
    ids = {
        "tokens": [one.id for one in tokens(test_app)],
        "apps": [
            client.id
            for _, client in test_app.core.query(grants_of_account, account=ann(test_app).id)
        ],
        "browsers": [one.id for one in browsers(test_app)],
    }
    for id in (*ids[kind], 999_999, 10**17):
        assert (await submit(eve, f"/profile/{kind}/{id}/end")).status == 302
    assert len(tokens(test_app)) == len(browsers(test_app)) == 1
    assert len(test_app.core.query(grants_of_account, account=ann(test_app).id)) == 1


@pytest.mark.parametrize("id", ["x", "1" * 19, "-1", "%D9%A1", "%00", "1%2F2"])
async def test_malformed_id_revokes_nothing(test_app, id):
    browser = await make_signed_in_browser(test_app)
    await submit_token(browser)
    for kind in ("tokens", "apps", "browsers"):
        assert (await submit(browser, f"/profile/{kind}/{id}/end")).status == 302
    assert len(tokens(test_app)) == len(browsers(test_app)) == 1
