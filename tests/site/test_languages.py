"""Languages of pages: the one of the account, else the one of the browser."""

import pytest

from coalserver.core.commands.accounts import update_account
from coalserver.core.queries.accounts import get_account_by_email
from tests.apis.browser import PASSWORD, Browser, make_signed_in_browser

GERMAN = {"Accept_Language": "de-AT,en;q=0.5"}


@pytest.mark.parametrize("path", ["/", "/login", "/signup", "/nothing/here"])
async def test_page_uses_language_of_browser(test_app, path):
    browser = Browser(test_app)
    for headers, tag in (({}, "en"), (GERMAN, "de"), ({"Accept_Language": "fr"}, "en")):
        answer = await browser.get(path, **headers)
        assert f'<html lang="{tag}" dir="ltr">' in answer.raw.decode()
        assert "Accept-Language" in answer.headers["Vary"]


async def test_form_error_uses_language_of_browser(test_app):
    browser = Browser(test_app)
    fields = {
        "csrf_token": await browser.csrf_token(),
        "email": "ann@example.org",
        "password": PASSWORD,
    }
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in fields.items()).encode()
    media = "application/x-www-form-urlencoded"
    answer = await browser.request("POST", "/login", body, Content_Type=media, **GERMAN)
    assert answer.status == 403
    assert "E‑Mail oder Passwort ist falsch." in answer.raw.decode()


async def test_language_of_account_overrides_browser(test_app):
    browser = await make_signed_in_browser(test_app)
    ann = test_app.core.query(get_account_by_email, email="ann@example.org")
    for chosen, tag in (("de", "de"), ("en", "en"), ("", "de"), ("xx", "de")):
        await test_app.core.execute(update_account, account_id=ann.id, language=chosen)
        page = (await browser.get("/", **GERMAN)).raw.decode()
        assert f'<html lang="{tag}"' in page
