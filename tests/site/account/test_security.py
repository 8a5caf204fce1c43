"""What acts for an account: tokens, programs and browsers, listed and ended by their owner alone."""

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


async def changes(browser, path, **fields):
    return await browser.send(path, page="/profile", **fields)


async def makes_token(browser, title="Script", days="30"):
    return await changes(browser, "/profile/tokens", title=title, days=days)


def token_on(answer):
    found = re.search(r'id="fresh-token"[^>]*>(\w+)<', answer.raw.decode())
    return found and found[1]


async def make_program(test_app, account, title="Mapper"):
    client = (
        await test_app.core.execute(register_client, redirect_uris=[URI], title=title)
    ).client.id
    asked = {"client": client, "account_id": account, "scope": "data", "redirect_uri": URI}
    await test_app.core.execute(grant_consent, **asked)
    return client


async def test_a_token_is_shown_once_and_not_kept_by_the_browser(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await makes_token(browser)
    secret = token_on(answer)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    [kept] = tokens(test_app)
    assert (kept.title, kept.until) == ("Script", test_app.clock.now + 30 * DAY)
    found = test_app.core.query(
        tokens_by_access_token, token=secret, scope="data", now=test_app.clock.now
    )
    assert found == kept and secret not in str(list(test_app.core.state.all(TokenPair)))
    page = (await browser.get("/profile")).raw.decode()
    assert "Script" in page and secret not in page


@pytest.mark.parametrize("days", ["0", "-1", "3651", "", "ten", "1.5", "١", "9" * 11])
async def test_a_token_lasts_from_a_day_to_ten_years(test_app, days):
    browser = await make_signed_in_browser(test_app)
    answer = await makes_token(browser, days=days)
    assert answer.status == 400 and tokens(test_app) == []
    assert "from 1 to 3650 days" in answer.raw.decode()


async def test_a_token_has_no_endless_name(test_app):
    browser = await make_signed_in_browser(test_app)
    assert (await makes_token(browser, title="x" * 61)).status == 400
    assert (await makes_token(browser, title="")).status == 200
    assert [one.title for one in tokens(test_app)] == [""]


async def test_nobody_makes_tokens_without_end(test_app):
    browser = await make_signed_in_browser(test_app)
    for _ in range(MAX_TOKENS):
        assert (await makes_token(browser)).status == 200
    answer = await makes_token(browser)
    assert answer.status == 400 and "You have 100 tokens." in answer.raw.decode()


async def test_an_ended_token_is_good_no_more(test_app):
    browser = await make_signed_in_browser(test_app)
    await makes_token(browser, "first")
    await makes_token(browser, "second")
    answer = await changes(browser, f"/profile/tokens/{tokens(test_app)[0].id}/end")
    assert answer.headers["Location"] == "/profile?done=token-ended#tokens"
    assert [one.title for one in tokens(test_app)] == ["second"]


async def test_a_program_is_named_and_can_be_shut_out(test_app):
    browser = await make_signed_in_browser(test_app)
    program = await make_program(test_app, ann(test_app).id)
    await make_program(test_app, ann(test_app).id, "Other")
    assert "Mapper" in (await browser.get("/profile")).raw.decode()
    await changes(browser, f"/profile/apps/{program}/end")
    assert [
        client.title
        for _, client in test_app.core.query(grants_of_account, account=ann(test_app).id)
    ] == ["Other"]


async def test_browsers_are_named_and_each_can_be_signed_out(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(create_login_session, account_id=ann(test_app).id, browser=FIREFOX)
    page = (await browser.get("/profile")).raw.decode()
    assert "Firefox on Linux" in page and "this one" in page
    other = browsers(test_app)[-1]
    await changes(browser, f"/profile/browsers/{other.id}/end")
    assert [one.id for one in browsers(test_app)] != [] and other not in browsers(test_app)
    assert (await browser.get("/profile")).status == 200


async def test_who_signs_this_browser_out_is_out(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await changes(browser, f"/profile/browsers/{browsers(test_app)[0].id}/end")
    assert answer.headers["Location"] == "/" and browser.cookies == {}
    assert browsers(test_app) == []


async def test_who_signs_out_everywhere_is_out_everywhere(test_app):
    browser, other = await make_signed_in_browser(test_app), Browser(test_app)
    await other.sign_in()
    said = {"credentialType": "password", "email": "ann@example.org", "password": "correct horse"}
    token = (await test_app.anonymous.post("/accounts/login", said)).json["token"]
    await makes_token(browser)
    answer = await changes(browser, "/profile/sign-out")
    assert answer.headers["Location"] == "/login"
    assert (await other.get("/profile")).status == 302 and browsers(test_app) == []
    headers = {"Authorization": f"Bearer {token}"}
    assert (await test_app.anonymous.get("/accounts/me", **headers)).status in (401, 404)
    assert len(tokens(test_app)) == 1


@pytest.mark.parametrize("kind", ["tokens", "apps", "browsers"])
async def test_what_is_anothers_stays(test_app, kind):
    browser = await make_signed_in_browser(test_app)
    await makes_token(browser)
    await make_program(test_app, ann(test_app).id)
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
        assert (await changes(eve, f"/profile/{kind}/{id}/end")).status == 302
    assert len(tokens(test_app)) == len(browsers(test_app)) == 1
    assert len(test_app.core.query(grants_of_account, account=ann(test_app).id)) == 1


@pytest.mark.parametrize("id", ["x", "1" * 19, "-1", "%D9%A1", "%00", "1%2F2"])
async def test_an_odd_id_is_nothing(test_app, id):
    browser = await make_signed_in_browser(test_app)
    await makes_token(browser)
    for kind in ("tokens", "apps", "browsers"):
        assert (await changes(browser, f"/profile/{kind}/{id}/end")).status == 302
    assert len(tokens(test_app)) == len(browsers(test_app)) == 1
