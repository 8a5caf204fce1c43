"""Signing in, up and out with a browser, and who cannot."""

import re

import pytest

from coalserver.core.commands.accounts import set_password
from coalserver.core.queries.accounts import (
    all_accounts,
    get_account_by_email,
    login_sessions_of_account,
)
from tests.apis.app import FAST_HASHER, TestApp, run_test_app
from tests.apis.browser import (
    FORM,
    PASSWORD,
    Browser,
    deactivate_account,
    make_account,
    make_signed_in_browser,
)

DAY = 86400


@pytest.fixture
def browser(test_app: TestApp) -> Browser:
    return Browser(test_app)


def account(test_app, email="ann@example.org"):
    return test_app.core.query(get_account_by_email, email=email)


async def is_in(browser):
    """Whether this browser is signed in: it is not asked again."""
    return (await browser.get("/login")).status == 302


async def test_who_proves_the_password_is_signed_in_and_goes_on(test_app, browser):
    await make_account(test_app)
    said = {"email": " Ann@Example.org ", "password": PASSWORD, "next_url": "/oauth/v1/show?code=x"}
    answer = await browser.send("/login", **said)
    assert (answer.status, answer.headers["Location"]) == (302, "/oauth/v1/show?code=x")
    assert answer.headers["Cache-Control"] == "no-store"
    assert await is_in(browser)
    assert account(test_app).last_login == test_app.clock.now


async def test_a_wrong_password_and_no_account_look_the_same(test_app, browser):
    await make_account(test_app)
    pages = []
    for email in ("ann@example.org", "nobody@example.org"):
        answer = await browser.sign_in(email, "wrong horse")
        assert answer.status == 403
        page = answer.raw.decode().replace(email, "")
        pages.append(re.sub(r'csrf_token" value="[^"]*"', "", page))
    assert pages[0] == pages[1] and "do not match" in pages[0]
    assert not await is_in(browser)


async def test_the_cookie_is_for_this_server_alone_and_not_for_scripts(test_app, browser):
    await make_account(test_app)
    answer = await browser.sign_in()
    cookie = answer.headers["Set-Cookie"]
    assert re.fullmatch(
        r"coal=[0-9a-f]{48}; HttpOnly; Max-Age=2592000; Path=/; SameSite=Lax", cookie
    )


async def test_behind_tls_the_cookie_is_secure_and_of_this_host():
    async with run_test_app(base_url="https://coal.example") as test_app:
        browser = await make_signed_in_browser(test_app)
        assert list(browser.cookies) == ["__Host-coal"]
        cookie = (await Browser(test_app).get("/login")).headers["Set-Cookie"]
        assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/;" in cookie


async def test_signing_in_changes_the_cookie(test_app, browser):
    await make_account(test_app)
    await browser.get("/login")
    before = dict(browser.cookies)
    await browser.sign_in()
    assert browser.cookies["coal"] != before["coal"]
    stranger = Browser(test_app, before)
    assert not await is_in(stranger)


async def test_only_a_digest_of_the_cookie_is_kept(test_app):
    browser = await make_signed_in_browser(test_app)
    kept = test_app.core.query(
        login_sessions_of_account, account=account(test_app).id, now=test_app.clock.now
    )
    assert len(kept) == 1 and browser.cookies["coal"] not in str(kept)


async def test_a_sign_in_outlives_a_restart_and_ends_after_thirty_days(persistent_test_app):
    browser = await make_signed_in_browser(persistent_test_app)
    await persistent_test_app.restart()
    assert await is_in(browser)
    await persistent_test_app.advance(30 * DAY)
    assert not await is_in(browser)


async def test_who_signs_out_is_out_with_the_cookie_he_had(test_app):
    browser = await make_signed_in_browser(test_app)
    await deactivate_account(test_app)
    kept = dict(browser.cookies)
    answer = await browser.send("/logout", page="/login")
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    assert browser.cookies == {}
    assert not await is_in(Browser(test_app, kept))


async def test_a_new_password_signs_every_browser_out(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(
        set_password, account_id=account(test_app).id, password=FAST_HASHER.hash("new password")
    )
    assert not await is_in(browser)


async def test_nobody_is_signed_out_by_a_link(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await browser.get("/logout")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert await is_in(browser)


@pytest.mark.parametrize("path", ["/login", "/signup", "/logout"])
@pytest.mark.parametrize("seal", ["none", "empty", "made up", "another's", "old", "odd"])
async def test_a_form_that_no_page_of_ours_has_shown_does_nothing(test_app, path, seal):
    await make_account(test_app)
    browser, other = Browser(test_app), Browser(test_app)
    shown = await browser.csrf_token()
    fields = {"email": "new@example.org", "password": PASSWORD}
    if path == "/login":
        fields["email"] = "ann@example.org"
    if seal == "old":
        test_app.clock.advance(20 * 60)
    if seal != "none":
        fields["csrf_token"] = {
            "empty": "",
            "made up": shown[:-1] + ("0" if shown[-1] != "0" else "1"),
            "another's": await other.csrf_token(),
            "old": shown,
            "odd": "ü.\x7f",
        }[seal]
    answer = await browser.post(path, **fields)
    assert answer.status == 403
    assert "open for too long" in answer.raw.decode()
    assert not await is_in(browser)
    assert len(test_app.core.query(all_accounts)) == 1


async def test_a_form_may_be_sent_again(test_app, browser):
    await make_account(test_app)
    seal = await browser.csrf_token()
    for password, status in (("wrong horse", 403), (PASSWORD, 302)):
        fields = {"csrf_token": seal, "email": "ann@example.org", "password": password}
        assert (await browser.post("/login", **fields)).status == status


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example/",
        "/\t/elsewhere.example/",
        "\\\\elsewhere.example",
        "javascript:alert(1)",
        "elsewhere",
        "/\r\nSet-Cookie: a=b",
        "",
    ],
)
async def test_signing_in_leads_nowhere_else(test_app, browser, elsewhere):
    await make_account(test_app)
    fields = {"email": "ann@example.org", "password": PASSWORD, "next_url": elsewhere}
    answer = await browser.send("/login", **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    fields = {"next_url": elsewhere}
    query = "/login?" + "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    assert (await browser.get(query)).headers["Location"] == "/"


def _quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


async def test_after_ten_wrong_passwords_the_right_one_is_not_looked_at(test_app, browser):
    await make_account(test_app)
    for _ in range(10):
        assert (await browser.sign_in(password="wrong horse")).status == 403
    answer = await browser.sign_in()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert not await is_in(browser)


async def test_both_doors_count_wrong_passwords_together(test_app, browser):
    await make_account(test_app)
    for _ in range(5):
        await browser.sign_in(password="wrong horse")
        said = {"credentialType": "password", "email": "ann@example.org", "password": "wrong"}
        await test_app.anonymous.post("/accounts/login", said)
    assert (await browser.sign_in()).status == 429


async def test_an_account_from_the_rooms_api_has_to_wait_and_is_no_admin(test_app, browser):
    said = {"email": "ann@example.org", "password": PASSWORD, "username": "Ann"}
    assert (await test_app.anonymous.post("/accounts/register", said)).status == 200
    answer = await browser.sign_in()
    assert answer.headers["Location"] == "/login"
    assert not account(test_app).admin and not account(test_app).active


@pytest.mark.parametrize("path", ["/login", "/signup", "/logout"])
async def test_odd_bodies_are_never_our_fault(browser, path):
    for body, media in (
        (b"\xff=\xfe", FORM),
        (b"%ff=%fe&csrf_token=%ff", FORM),
        (b"&".join(b"a=b" for _ in range(200)), FORM),
        (b"{}", "application/json"),
        (b"", "multipart/form-data"),
        (b"csrf_token=1&csrf_token=2", FORM),
    ):
        answer = await browser.request("POST", path, body, Content_Type=media)
        assert 400 <= answer.status < 500, (body, media)


async def test_what_was_typed_is_shown_again_as_text(test_app, browser):
    said = {"email": '"><script>alert(1)</script>', "password": "x"}
    page = (await browser.send("/login", **said)).raw.decode()
    assert "<script>" not in page and "&lt;script&gt;" in page


async def test_pages_to_sign_in_answer_no_other_origin(browser):
    for path in ("/login", "/signup"):
        answer = await browser.get(path, Origin="https://elsewhere.example")
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_who_is_put_on_hold_is_told_to_wait(test_app):
    browser = await make_signed_in_browser(test_app)
    await deactivate_account(test_app)
    assert "waits for activation" in (await browser.get("/login")).raw.decode()
