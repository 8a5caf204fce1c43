"""Sign-up: pending accounts, open sign-up, and the first admin."""

import pytest

from coalserver.config import Config
from coalserver.core.queries.accounts import all_accounts, get_account_by_email
from tests.apis.app import ADMIN_CODE, TestApp, run_test_app
from tests.apis.browser import PASSWORD, Browser, make_account


@pytest.fixture
def browser(test_app: TestApp) -> Browser:
    return Browser(test_app)


def account(test_app, email="ann@example.org"):
    return test_app.core.query(get_account_by_email, email=email)


async def test_new_account_is_pending(test_app, browser):
    await make_account(test_app, "root@example.org", admin=True)
    fields = {"email": "Ann@example.org", "password": PASSWORD, "nickname": " Ann "}
    answer = await browser.send("/signup", page="/signup", **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/login")
    created = account(test_app)
    assert (created.nickname, created.active, created.admin) == ("Ann", False, False)
    page = await browser.get("/login")
    assert page.status == 200 and "waiting for approval" in page.raw.decode()
    assert '<a href="/login">Pending</a>' in (await browser.get("/")).raw.decode()
    assert (await browser.get("/signup")).headers["Location"] == "/login"


async def test_new_account_is_active_with_open_signup():
    async with run_test_app(config=Config(open_signup=True)) as test_app:
        browser = Browser(test_app)
        fields = {"email": "ann@example.org", "password": PASSWORD, "next_url": "/x"}
        answer = await browser.send("/signup", page="/signup", **fields)
        assert answer.headers["Location"] == "/x"
        assert (account(test_app).active, account(test_app).admin) == (True, False)


async def test_start_code_creates_first_admin_once(test_app):
    for email, status in (("ann@example.org", 302), ("eve@example.org", 403)):
        fields = {"email": email, "password": PASSWORD, "code": f" {ADMIN_CODE.upper()} "}
        answer = await Browser(test_app).send("/signup", page="/signup", **fields)
        assert answer.status == status
    assert [(one.admin, one.active) for one in test_app.core.query(all_accounts)] == [(True, True)]


async def test_wrong_start_code_creates_no_account(test_app, browser):
    fields = {"email": "ann@example.org", "password": PASSWORD, "code": "guess"}
    answer = await browser.send("/signup", page="/signup", **fields)
    assert answer.status == 403 and "The start code is incorrect." in answer.raw.decode()
    assert test_app.core.query(all_accounts) == []


async def test_start_code_field_disappears_with_first_admin(test_app, browser):
    assert 'name="code"' in (await browser.get("/signup")).raw.decode()
    await make_account(test_app, admin=True)
    assert 'name="code"' not in (await browser.get("/signup")).raw.decode()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"email": "ann@example.org"}, 400),
        ({"email": "ann", "password": PASSWORD}, 400),
        ({"email": "bob@example.org", "password": "short"}, 400),
        ({"email": "ANN@example.org", "password": PASSWORD}, 400),
        ({"email": "b" * 300 + "@example.org", "password": PASSWORD}, 400),
        ({"email": "bob@example.org", "password": "x" * 1001}, 400),
        ({"email": "bob@example.org", "password": PASSWORD, "nickname": "n" * 51}, 400),
        ({"email": "bob@example.org", "password": "nul\0nul\0nul"}, 400),
    ],
)
async def test_invalid_sign_up_shows_form_again(test_app, browser, fields, status):
    await make_account(test_app)
    answer = await browser.send("/signup", page="/signup", **fields)
    assert answer.status == status and answer.headers["Content-Type"].startswith("text/html")
    assert len(test_app.core.query(all_accounts)) == 1


async def test_sign_ups_by_address_are_throttled():
    async with run_test_app(config=Config()) as test_app:
        browser = Browser(test_app)
        fields = {"email": "ann@example.org", "password": PASSWORD, "code": "guess"}
        answers = [await browser.send("/signup", page="/signup", **fields) for _ in range(21)]
        assert [answer.status for answer in answers] == [403] * 20 + [429]
        assert int(answers[-1].headers["Retry-After"]) == 180
        assert b"Too many requests. Try again in 180 seconds." in answers[-1].raw
