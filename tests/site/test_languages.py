"""Languages of pages: the account's, else the browser's."""

import pytest

from coalserver.core.commands.account_admin import change_account
from coalserver.core.queries.accounts import account_called
from tests.apis.browser import PASSWORD, Surfer, signed_in

GERMAN = {"Accept_Language": "de-AT,en;q=0.5"}


@pytest.mark.parametrize("path", ["/", "/login", "/signup", "/nothing/here"])
async def test_a_page_is_in_the_language_of_the_browser(house, path):
    surfer = Surfer(house)
    for headers, tag in (({}, "en"), (GERMAN, "de"), ({"Accept_Language": "fr"}, "en")):
        answer = await surfer.get(path, **headers)
        assert f'<html lang="{tag}" dir="ltr">' in answer.raw.decode()
        assert "Accept-Language" in answer.headers["Vary"]


async def test_what_was_wrong_is_said_in_the_language_of_the_browser(house):
    surfer = Surfer(house)
    fields = {"csrf_token": await surfer.seal(), "email": "ann@example.org", "password": PASSWORD}
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in fields.items()).encode()
    media = "application/x-www-form-urlencoded"
    answer = await surfer.ask("POST", "/login", body, Content_Type=media, **GERMAN)
    assert answer.status == 403
    assert "E-Mail und Passwort passen nicht zusammen." in answer.raw.decode()


async def test_the_language_an_account_has_chosen_goes_first(house):
    surfer = await signed_in(house)
    ann = house.core.see(account_called, email="ann@example.org")
    for chosen, tag in (("de", "de"), ("en", "en"), ("", "de"), ("xx", "de")):
        await house.core.do(change_account, account=ann.id, language=chosen)
        page = (await surfer.get("/", **GERMAN)).raw.decode()
        assert f'<html lang="{tag}"' in page
