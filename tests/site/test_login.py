"""Login and logout with a browser."""

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


async def is_signed_in(browser):
    """Return whether this browser is signed in, which redirects the login page."""
    return (await browser.get("/login")).status == 302


async def test_correct_password_signs_in_and_redirects(test_app, browser):
    await make_account(test_app)
    fields = {
        "email": " Ann@Example.org ",
        "password": PASSWORD,
        "next_url": "/oauth/v1/show?code=x",
    }
    answer = await browser.send("/login", **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/oauth/v1/show?code=x")
    assert answer.headers["Cache-Control"] == "no-store"
    assert await is_signed_in(browser)
    assert account(test_app).last_login == test_app.clock.now


async def test_wrong_password_and_unknown_account_get_same_page(test_app, browser):
    await make_account(test_app)
    pages = []
    for email in ("ann@example.org", "nobody@example.org"):
        answer = await browser.sign_in(email, "wrong horse")
        assert answer.status == 403
        page = answer.raw.decode().replace(email, "")
        pages.append(re.sub(r'csrf_token" value="[^"]*"', "", page))
    assert pages[0] == pages[1] and "Incorrect e‑mail or password." in pages[0]
    assert not await is_signed_in(browser)


async def test_login_cookie_is_http_only_and_same_site(test_app, browser):
    await make_account(test_app)
    answer = await browser.sign_in()
    cookie = answer.headers["Set-Cookie"]
    assert re.fullmatch(
        r"coal=[0-9a-f]{48}; HttpOnly; Max-Age=2592000; Path=/; SameSite=Lax", cookie
    )


async def test_login_cookie_behind_tls_is_secure_with_host_prefix():
    async with run_test_app(base_url="https://coal.example") as test_app:
        browser = await make_signed_in_browser(test_app)
        assert list(browser.cookies) == ["__Host-coal"]
        cookie = (await Browser(test_app).get("/login")).headers["Set-Cookie"]
        assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/;" in cookie


async def test_login_replaces_cookie(test_app, browser):
    await make_account(test_app)
    await browser.get("/login")
    before = dict(browser.cookies)
    await browser.sign_in()
    assert browser.cookies["coal"] != before["coal"]
    stranger = Browser(test_app, before)
    assert not await is_signed_in(stranger)


async def test_only_digest_of_cookie_is_stored(test_app):
    browser = await make_signed_in_browser(test_app)
    stored = test_app.core.query(
        login_sessions_of_account, account=account(test_app).id, now=test_app.clock.now
    )
    assert len(stored) == 1 and browser.cookies["coal"] not in str(stored)


async def test_login_survives_restart_and_expires_after_thirty_days(persistent_test_app):
    browser = await make_signed_in_browser(persistent_test_app)
    await persistent_test_app.restart()
    assert await is_signed_in(browser)
    await persistent_test_app.advance(30 * DAY)
    assert not await is_signed_in(browser)


async def test_logout_invalidates_cookie(test_app):
    browser = await make_signed_in_browser(test_app)
    await deactivate_account(test_app)
    stored = dict(browser.cookies)
    answer = await browser.send("/logout", page="/login")
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    assert set(browser.cookies) == {"coal-known"}
    assert not await is_signed_in(Browser(test_app, stored))


async def test_password_change_signs_out_all_browsers(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(
        set_password, account_id=account(test_app).id, password=FAST_HASHER.hash("new password")
    )
    assert not await is_signed_in(browser)


async def test_logout_link_without_form_is_rejected(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await browser.get("/logout")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert await is_signed_in(browser)


@pytest.mark.parametrize("path", ["/login", "/signup", "/logout"])
@pytest.mark.parametrize("csrf_token", ["none", "empty", "made up", "another's", "old", "odd"])
async def test_form_with_invalid_csrf_token_is_rejected(test_app, path, csrf_token):
    await make_account(test_app)
    browser, other = Browser(test_app), Browser(test_app)
    valid_token = await browser.csrf_token()
    fields = {"email": "new@example.org", "password": PASSWORD}
    if path == "/login":
        fields["email"] = "ann@example.org"
    if csrf_token == "old":
        test_app.clock.advance(20 * 60)
    if csrf_token != "none":
        fields["csrf_token"] = {
            "empty": "",
            "made up": valid_token[:-1] + ("0" if valid_token[-1] != "0" else "1"),
            "another's": await other.csrf_token(),
            "old": valid_token,
            "odd": "ü.\x7f",
        }[csrf_token]
    answer = await browser.post(path, **fields)
    assert answer.status == 403
    assert "This form expired." in answer.raw.decode()
    assert not await is_signed_in(browser)
    assert len(test_app.core.query(all_accounts)) == 1


async def test_csrf_token_is_valid_for_second_attempt(test_app, browser):
    await make_account(test_app)
    csrf_token = await browser.csrf_token()
    for password, status in (("wrong horse", 403), (PASSWORD, 302)):
        fields = {"csrf_token": csrf_token, "email": "ann@example.org", "password": password}
        assert (await browser.post("/login", **fields)).status == status


@pytest.mark.parametrize(
    "target",
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
async def test_login_ignores_redirect_to_other_site(test_app, browser, target):
    await make_account(test_app)
    fields = {"email": "ann@example.org", "password": PASSWORD, "next_url": target}
    answer = await browser.send("/login", **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    fields = {"next_url": target}
    query = "/login?" + "&".join(
        f"{name}={percent_encode(value)}" for name, value in fields.items()
    )
    assert (await browser.get(query)).headers["Location"] == "/"


def percent_encode(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


async def test_login_is_throttled_after_ten_wrong_passwords(test_app, browser):
    await make_account(test_app)
    for _ in range(10):
        assert (await browser.sign_in(password="wrong horse")).status == 403
    answer = await browser.sign_in()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert not await is_signed_in(browser)


async def test_wrong_passwords_of_site_and_rooms_api_count_together(test_app, browser):
    await make_account(test_app)
    for _ in range(5):
        await browser.sign_in(password="wrong horse")
        fields = {"credentialType": "password", "email": "ann@example.org", "password": "wrong"}
        await test_app.anonymous.post("/accounts/login", fields)
    assert (await browser.sign_in()).status == 429


async def test_account_registered_by_rooms_api_is_pending_member(test_app, browser):
    fields = {"email": "ann@example.org", "password": PASSWORD, "username": "Ann"}
    assert (await test_app.anonymous.post("/accounts/register", fields)).status == 200
    answer = await browser.sign_in()
    assert answer.headers["Location"] == "/login"
    assert not account(test_app).admin and not account(test_app).active


@pytest.mark.parametrize("path", ["/login", "/signup", "/logout"])
async def test_malformed_body_gets_client_error(browser, path):
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


async def test_input_is_escaped_on_form_with_error(test_app, browser):
    fields = {"email": '"><script>alert(1)</script>', "password": "x"}
    page = (await browser.send("/login", **fields)).raw.decode()
    assert "<script>" not in page and "&lt;script&gt;" in page


async def test_login_pages_reject_other_origins_and_frames(browser):
    for path in ("/login", "/signup"):
        answer = await browser.get(path, Origin="https://elsewhere.example")
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_deactivated_account_sees_pending_page(test_app):
    browser = await make_signed_in_browser(test_app)
    await deactivate_account(test_app)
    assert "waiting for approval" in (await browser.get("/login")).raw.decode()


async def test_stranger_does_not_lock_out_known_browser(test_app):
    owner, stranger = await make_signed_in_browser(test_app), Browser(test_app)
    await owner.send("/logout", page="/profile")
    for _ in range(10):
        await stranger.sign_in(password="wrong")
    assert (await stranger.sign_in()).status == 429
    assert (await owner.sign_in()).status == 302


async def test_known_browser_is_limited_by_its_own_wrong_passwords(test_app):
    owner = await make_signed_in_browser(test_app)
    await owner.send("/logout", page="/profile")
    for _ in range(10):
        await owner.sign_in(password="wrong")
    assert (await owner.sign_in()).status == 429
    # Another account is counted as for any browser.
    await make_account(test_app, "bob@example.org")
    assert (await owner.sign_in("bob@example.org")).status == 302


async def test_browser_stays_known_after_restart_and_for_thirty_days(persistent_test_app):
    owner, stranger = (
        await make_signed_in_browser(persistent_test_app),
        Browser(persistent_test_app),
    )
    await owner.send("/logout", page="/profile")
    await persistent_test_app.restart()
    for _ in range(10):
        await stranger.sign_in(password="wrong")
    assert (await owner.sign_in()).status == 302
    await owner.send("/logout", page="/profile")
    persistent_test_app.clock.now += 30 * 86400
    assert (await owner.sign_in()).status == 429


async def test_cookie_of_known_browser_is_set_by_logout_and_proves_no_login(test_app):
    browser = await make_signed_in_browser(test_app)
    secret = browser.cookies["coal"]
    answer = await browser.send("/logout", page="/profile")
    lines = [line for line in answer.headers.getall("Set-Cookie") if line.startswith("coal-known=")]
    (line,) = lines
    assert "HttpOnly" in line and "SameSite=Lax" in line and "Max-Age=2592000" in line
    assert browser.cookies["coal-known"] == secret
    assert not await is_signed_in(Browser(test_app, {"coal": secret}))


async def test_browser_of_two_accounts_stays_known_to_both(test_app):
    browser, stranger = await make_signed_in_browser(test_app), Browser(test_app)
    await browser.send("/logout", page="/profile")
    await make_account(test_app, "bob@example.org")
    await browser.sign_in("bob@example.org")
    await browser.send("/logout", page="/profile")
    for email in ("ann@example.org", "bob@example.org"):
        for _ in range(10):
            await stranger.sign_in(email, password="wrong")
        assert (await browser.sign_in(email)).status == 302
        # A signed-in browser is redirected from the login form.
        await browser.send("/logout", page="/profile")


async def test_browser_stays_known_after_second_login_is_revoked(test_app):
    browser, stranger = await make_signed_in_browser(test_app), Browser(test_app)
    await browser.send("/logout", page="/profile")
    await browser.sign_in()
    account = test_app.core.query(get_account_by_email, email="ann@example.org")
    password = FAST_HASHER.hash(PASSWORD)
    await test_app.core.execute(set_password, account_id=account.id, password=password)
    assert not await is_signed_in(browser)
    for _ in range(10):
        await stranger.sign_in(password="wrong")
    assert (await browser.sign_in()).status == 302


async def test_form_larger_than_any_valid_one_is_413(browser):
    for path in ("/login", "/oauth/v1/token"):
        form = b"email=" + b"%41" * 22_000
        answer = await browser.request("POST", path, form, Content_Type=FORM)
        assert answer.status == 413
