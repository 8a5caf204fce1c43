"""The profile page: fields, password and Minecraft names."""

import re
from asyncio import gather

import pytest

from coalserver.core.commands.accounts import create_account, delete_account
from coalserver.core.commands.claims import set_usernames
from coalserver.core.queries.accounts import (
    find_account,
    get_account_by_email,
    login_sessions_of_account,
)
from coalserver.core.queries.worlds import claim_of_account
from tests.apis.app import FAST_HASHER
from tests.apis.browser import (
    PASSWORD,
    Browser,
    deactivate_account,
    make_account,
    make_signed_in_browser,
)
from tests.site.posts import POSTS

ABOUT = {"nickname": "Ann", "zone": "Europe/Berlin", "language": "de"}
GOOD = "correct battery"


def account(test_app, email="ann@example.org"):
    return test_app.core.query(get_account_by_email, email=email)


def browsers(test_app):
    return test_app.core.query(
        login_sessions_of_account, account=account(test_app).id, now=test_app.clock.now
    )


async def submit(browser, path, **fields):
    return await browser.send(path, page="/profile", **fields)


async def submit_password(browser, old=PASSWORD, new=GOOD):
    return await submit(browser, "/profile/password", old=old, new=new)


def page_text(answer):
    """Return the text of a page without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.raw.decode()))


async def test_profile_requires_login(test_app):
    stranger = Browser(test_app)
    answer = await stranger.get("/profile?done=saved")
    expected = "/login?next_url=%2Fprofile%3Fdone%3Dsaved"
    assert (answer.status, answer.headers["Location"]) == (302, expected)


async def test_pending_account_is_redirected_to_login(test_app):
    browser = await make_signed_in_browser(test_app)
    await deactivate_account(test_app)
    for answer in (await browser.get("/profile"), await browser.post("/profile", **ABOUT)):
        assert (answer.status, answer.headers["Location"]) == (302, "/login")
    assert account(test_app).nickname == ""


async def test_profile_shows_account(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await browser.get("/profile")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    page = answer.raw.decode()
    assert 'value="ann@example.org" readonly' in page
    assert 'href="/profile"' in page and 'href="/admin"' not in page
    for zone in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Pacific/Auckland"):
        assert f'<option value="{zone}">' in page


async def test_profile_survives_restart(persistent_test_app):
    browser = await make_signed_in_browser(persistent_test_app)
    answer = await submit(browser, "/profile", **{**ABOUT, "nickname": " A\u2028nn "})
    assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=saved#about")
    await persistent_test_app.restart()
    ann = account(persistent_test_app)
    assert (ann.nickname, ann.zone, ann.language) == ("A nn", "Europe/Berlin", "de")
    page = (await browser.get("/profile?done=saved")).raw.decode()
    assert '<html lang="de"' in page and "Gespeichert." in page


@pytest.mark.parametrize(
    "nickname",
    [
        "\U0001f9d1\u200d\U0001f680 Ann \u2764\ufe0f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
)
async def test_nickname_keeps_joiners(test_app, nickname):
    await submit(
        await make_signed_in_browser(test_app), "/profile", **{**ABOUT, "nickname": nickname}
    )
    assert account(test_app).nickname == nickname


async def test_nickname_can_be_empty(test_app):
    browser = await make_signed_in_browser(test_app)
    for nickname in ("Ann", ""):
        await submit(browser, "/profile", **{**ABOUT, "nickname": nickname})
        assert account(test_app).nickname == nickname


@pytest.mark.parametrize(
    ("chosen", "stored", "footer"),
    [
        ("Asia/Kolkata", "Asia/Kolkata", "Asia/Kolkata"),
        # Accounts from before the choice of a zone have UTC, which means automatic.
        ("", "UTC", "Europe/Berlin"),
        ("UTC", "Etc/UTC", "UTC"),
    ],
)
async def test_empty_zone_is_that_of_the_browser_and_utc_can_be_chosen(
    test_app, chosen, stored, footer
):
    browser = await make_signed_in_browser(test_app)
    browser.cookies["tz"] = "Europe/Berlin"
    assert "Times in Europe/Berlin" in page_text(await browser.get("/profile"))
    await submit(browser, "/profile", **{**ABOUT, "language": "", "zone": chosen})
    assert account(test_app).zone == stored
    page = await browser.get("/profile")
    assert f'name="zone" type="text" value="{chosen}"' in page.raw.decode()
    assert f"Times in {footer}" in page_text(page)


@pytest.mark.parametrize(
    ("invalid", "message"),
    [
        ({"zone": "Middle/Earth"}, "Unknown time zone."),
        ({"zone": "../../etc/passwd"}, "Unknown time zone."),
        ({"zone": "europe/berlin"}, "Unknown time zone."),
        ({"zone": "x" * 101}, "Unknown time zone."),
        ({"language": "xx"}, "Unknown language. Choose one from the list."),
        ({"language": "../de"}, "Unknown language. Choose one from the list."),
        ({"nickname": "n" * 51}, "at most 50 characters"),
    ],
)
async def test_invalid_profile_is_rejected(test_app, invalid, message):
    browser = await make_signed_in_browser(test_app)
    before = account(test_app)
    answer = await submit(browser, "/profile", **{**ABOUT, "language": "", **invalid})
    assert answer.status == 400 and message in page_text(answer)
    assert account(test_app) == before


async def test_input_is_escaped_on_form_with_error(test_app):
    browser = await make_signed_in_browser(test_app)
    odd = '"><script>alert(1)</script>'
    answer = await submit(browser, "/profile", nickname=odd, zone=odd, language="")
    page = answer.raw.decode()
    assert "<script>alert" not in page and page.count("&lt;script&gt;alert") == 2


async def test_expired_form_keeps_input(test_app):
    browser = await make_signed_in_browser(test_app)
    csrf_token = await browser.csrf_token("/profile")
    test_app.clock.advance(20 * 60)
    fields = {"nickname": "Annie", "zone": "Europe/Paris", "language": ""}
    answer = await browser.post("/profile", csrf_token=csrf_token, **fields)
    assert answer.status == 403 and account(test_app).nickname == ""
    page = answer.raw.decode()
    assert 'value="Annie"' in page and 'name="zone" type="text" value="Europe/Paris"' in page
    fresh = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    assert (await browser.post("/profile", csrf_token=fresh, **fields)).status == 302
    assert account(test_app).nickname == "Annie"


async def test_password_change_signs_out_other_browsers(test_app):
    browser = await make_signed_in_browser(test_app)
    other = Browser(test_app)
    await other.sign_in()
    answer = await submit_password(browser)
    assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=password#password")
    assert (await browser.get("/profile")).status == 200
    assert (await other.get("/profile")).status == 302
    assert (await Browser(test_app).sign_in(password=PASSWORD)).status == 403
    assert (await Browser(test_app).sign_in(password=GOOD)).status == 302


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"old": "wrong horse"}, 403, "The current password is incorrect."),
        ({"old": ""}, 403, "The current password is incorrect."),
        ({"new": "short"}, 400, "at least 8 characters"),
        ({"new": ""}, 400, "at least 8 characters"),
        ({"new": "x" * 1001}, 400, "Something went wrong."),
    ],
)
async def test_rejected_password_change_keeps_password(test_app, fields, status, message):
    browser = await make_signed_in_browser(test_app)
    answer = await submit_password(browser, **fields)
    assert answer.status == status and message in page_text(answer)
    assert (await Browser(test_app).sign_in()).status == 302


async def test_passwords_are_not_rendered(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await submit_password(browser, old="wrong secret", new="other secret")
    assert "secret" not in page_text(answer) and b"other secret" not in answer.raw


async def test_password_change_is_throttled_after_ten_wrong_passwords(test_app):
    browser = await make_signed_in_browser(test_app)
    for _ in range(10):
        assert (await submit_password(browser, old="wrong horse")).status == 403
    answer = await submit_password(browser)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert "Too many attempts" in page_text(answer)


async def test_one_of_two_concurrent_password_changes_succeeds(test_app):
    clients = [await make_signed_in_browser(test_app), Browser(test_app)]
    await clients[1].sign_in()
    csrf_tokens = [await browser.csrf_token("/profile") for browser in clients]
    answers = await gather(
        *(
            browser.post(
                "/profile/password", csrf_token=csrf_token, old=PASSWORD, new=f"new horse {n}"
            )
            for n, (browser, csrf_token) in enumerate(zip(clients, csrf_tokens, strict=True))
        )
    )
    done = [answer for answer in answers if "done" in answer.headers.get("Location", "")]
    assert len(done) == 1 and {answer.status for answer in answers} <= {302, 403}
    assert len(browsers(test_app)) == 1


async def test_claim_code_is_shown_until_it_expires(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await submit(browser, "/profile/claim")
    assert answer.headers["Location"] == "/profile#names"
    claim = test_app.core.query(
        claim_of_account, account=account(test_app).id, now=test_app.clock.now
    )
    page = (await browser.get("/profile")).raw.decode()
    assert f">{claim.code}<" in page and 'data-live="3"' in page
    await submit(browser, "/profile/claim")
    assert f">{claim.code}<" not in (await browser.get("/profile")).raw.decode()
    test_app.clock.advance(3600)
    assert "data-live" not in (await browser.get("/profile")).raw.decode()


async def test_username_can_be_removed(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(
        set_usernames, account_id=account(test_app).id, usernames=("Steve", "Alex")
    )
    assert "Remove…: Steve" in (await browser.get("/profile")).raw.decode()
    for name in ("Steve", "Steve", "Notch"):
        answer = await submit(browser, "/profile/names/end", name=name)
        assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=given-up#names")
    assert account(test_app).usernames == ("Alex",)
    assert "Name removed." in page_text(await browser.get("/profile?done=given-up"))
    bob = await make_account(test_app, "bob@example.org")
    await test_app.core.execute(set_usernames, account_id=bob, usernames=("Steve",))


@pytest.mark.parametrize("path", [path for path in POSTS if path.startswith("/profile")])
@pytest.mark.parametrize("csrf_token", ["none", "another's", "old"])
async def test_form_with_invalid_csrf_token_is_rejected(test_app, path, csrf_token):
    browser, other = await make_signed_in_browser(test_app), Browser(test_app)
    valid_token = await browser.csrf_token("/profile")
    if csrf_token == "old":
        test_app.clock.advance(20 * 60)
    fields = {
        "none": {},
        "another's": {"csrf_token": await other.csrf_token()},
        "old": {"csrf_token": valid_token},
    }
    before = account(test_app), len(browsers(test_app))
    answer = await browser.post(path.replace("{}", "1"), **fields[csrf_token], **POSTS[path])
    assert answer.status == 403 and "This form expired." in page_text(answer)
    assert (account(test_app), len(browsers(test_app))) == before
    assert (
        test_app.core.query(claim_of_account, account=account(test_app).id, now=test_app.clock.now)
        is None
    )


@pytest.mark.parametrize("path", [path for path in POSTS if path.startswith("/profile")])
async def test_form_without_login_redirects_to_login(test_app, path):
    stranger = Browser(test_app)
    answer = await stranger.post(path.replace("{}", "1"), **POSTS[path])
    assert (answer.status, answer.headers["Location"]) == (302, "/login?next_url=/profile")


async def test_deleted_account_is_signed_out(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(delete_account, account_id=account(test_app).id)
    assert (await browser.get("/profile")).status == 302


async def test_other_accounts_stay_unchanged(test_app):
    browser = await make_signed_in_browser(test_app)
    bob = await test_app.core.execute(
        create_account, email="bob@example.org", password=FAST_HASHER.hash(PASSWORD)
    )
    await submit(browser, "/profile", **ABOUT)
    await submit_password(browser)
    assert test_app.core.query(find_account, id=bob.id) == bob
