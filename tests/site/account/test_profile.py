"""The profile: what an account changes of itself, and what others cannot."""

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


async def changes(browser, path, **fields):
    return await browser.send(path, page="/profile", **fields)


async def new_password(browser, old=PASSWORD, new=GOOD):
    return await changes(browser, "/profile/password", old=old, new=new)


def words(answer):
    """What is read on a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.raw.decode()))


async def test_a_profile_is_for_who_is_signed_in(test_app):
    stranger = Browser(test_app)
    answer = await stranger.get("/profile?done=saved")
    expected = "/login?next_url=%2Fprofile%3Fdone%3Dsaved"
    assert (answer.status, answer.headers["Location"]) == (302, expected)


async def test_who_waits_for_activation_is_told_so(test_app):
    browser = await make_signed_in_browser(test_app)
    await deactivate_account(test_app)
    for answer in (await browser.get("/profile"), await browser.post("/profile", **ABOUT)):
        assert (answer.status, answer.headers["Location"]) == (302, "/login")
    assert account(test_app).nickname == ""


async def test_a_profile_shows_what_the_account_is(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await browser.get("/profile")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    page = answer.raw.decode()
    assert 'value="ann@example.org" readonly' in page
    assert 'href="/profile"' in page and 'href="/admin"' not in page
    for zone in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Pacific/Auckland"):
        assert f'<option value="{zone}">' in page


async def test_name_zone_and_language_are_kept(persistent_test_app):
    browser = await make_signed_in_browser(persistent_test_app)
    answer = await changes(browser, "/profile", **{**ABOUT, "nickname": " A\u2028nn "})
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
async def test_a_name_keeps_what_emoji_and_scripts_are_joined_by(test_app, nickname):
    await changes(
        await make_signed_in_browser(test_app), "/profile", **{**ABOUT, "nickname": nickname}
    )
    assert account(test_app).nickname == nickname


async def test_a_name_need_not_be_there(test_app):
    browser = await make_signed_in_browser(test_app)
    for nickname in ("Ann", ""):
        await changes(browser, "/profile", **{**ABOUT, "nickname": nickname})
        assert account(test_app).nickname == nickname


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"zone": "Middle/Earth"}, "There is no such time zone."),
        ({"zone": ""}, "There is no such time zone."),
        ({"zone": "../../etc/passwd"}, "There is no such time zone."),
        ({"zone": "europe/berlin"}, "There is no such time zone."),
        ({"zone": "x" * 101}, "There is no such time zone."),
        ({"language": "xx"}, "There is no such language."),
        ({"language": "../de"}, "There is no such language."),
        ({"nickname": "n" * 51}, "at most 50 characters"),
    ],
)
async def test_what_cannot_be_is_said_and_nothing_changes(test_app, wrong, said):
    browser = await make_signed_in_browser(test_app)
    before = account(test_app)
    answer = await changes(browser, "/profile", **{**ABOUT, "language": "", **wrong})
    assert answer.status == 400 and said in words(answer)
    assert account(test_app) == before


async def test_what_was_typed_is_shown_again_as_text(test_app):
    browser = await make_signed_in_browser(test_app)
    odd = '"><script>alert(1)</script>'
    answer = await changes(browser, "/profile", nickname=odd, zone=odd, language="")
    page = answer.raw.decode()
    assert "<script>alert" not in page and page.count("&lt;script&gt;alert") == 2


async def test_what_was_typed_too_late_is_not_lost(test_app):
    browser = await make_signed_in_browser(test_app)
    seal = await browser.csrf_token("/profile")
    test_app.clock.advance(20 * 60)
    fields = {"nickname": "Annie", "zone": "Europe/Paris", "language": ""}
    answer = await browser.post("/profile", csrf_token=seal, **fields)
    assert answer.status == 403 and account(test_app).nickname == ""
    page = answer.raw.decode()
    assert 'value="Annie"' in page and 'name="zone" type="text" value="Europe/Paris"' in page
    fresh = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    assert (await browser.post("/profile", csrf_token=fresh, **fields)).status == 302
    assert account(test_app).nickname == "Annie"


async def test_a_new_password_signs_all_others_out(test_app):
    browser = await make_signed_in_browser(test_app)
    other = Browser(test_app)
    await other.sign_in()
    answer = await new_password(browser)
    assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=password#password")
    assert (await browser.get("/profile")).status == 200
    assert (await other.get("/profile")).status == 302
    assert (await Browser(test_app).sign_in(password=PASSWORD)).status == 403
    assert (await Browser(test_app).sign_in(password=GOOD)).status == 302


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"old": "wrong horse"}, 403, "That is not your password."),
        ({"old": ""}, 403, "That is not your password."),
        ({"new": "short"}, 400, "at least 8 characters"),
        ({"new": ""}, 400, "at least 8 characters"),
        ({"new": "x" * 1001}, 400, "did not work"),
    ],
)
async def test_a_password_that_is_not_changed_stays(test_app, fields, status, said):
    browser = await make_signed_in_browser(test_app)
    answer = await new_password(browser, **fields)
    assert answer.status == status and said in words(answer)
    assert (await Browser(test_app).sign_in()).status == 302


async def test_no_password_is_shown_again(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await new_password(browser, old="wrong secret", new="other secret")
    assert "secret" not in words(answer) and b"other secret" not in answer.raw


async def test_after_ten_wrong_passwords_the_right_one_is_not_looked_at(test_app):
    browser = await make_signed_in_browser(test_app)
    for _ in range(10):
        assert (await new_password(browser, old="wrong horse")).status == 403
    answer = await new_password(browser)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert "Too many tries" in words(answer)


async def test_of_two_new_passwords_at_once_one_counts(test_app):
    surfers = [await make_signed_in_browser(test_app), Browser(test_app)]
    await surfers[1].sign_in()
    seals = [await browser.csrf_token("/profile") for browser in surfers]
    answers = await gather(
        *(
            browser.post("/profile/password", csrf_token=seal, old=PASSWORD, new=f"new horse {n}")
            for n, (browser, seal) in enumerate(zip(surfers, seals, strict=True))
        )
    )
    done = [answer for answer in answers if "done" in answer.headers.get("Location", "")]
    assert len(done) == 1 and {answer.status for answer in answers} <= {302, 403}
    assert len(browsers(test_app)) == 1


async def test_a_code_is_shown_until_a_name_is_claimed_with_it(test_app):
    browser = await make_signed_in_browser(test_app)
    answer = await changes(browser, "/profile/claim")
    assert answer.headers["Location"] == "/profile#names"
    claim = test_app.core.query(
        claim_of_account, account=account(test_app).id, now=test_app.clock.now
    )
    page = (await browser.get("/profile")).raw.decode()
    assert f">{claim.code}<" in page and 'data-live="3"' in page
    await changes(browser, "/profile/claim")
    assert f">{claim.code}<" not in (await browser.get("/profile")).raw.decode()
    test_app.clock.advance(3600)
    assert "data-live" not in (await browser.get("/profile")).raw.decode()


async def test_a_name_in_the_game_is_given_up(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(
        set_usernames, account_id=account(test_app).id, usernames=("Steve", "Alex")
    )
    assert "Give up: Steve" in (await browser.get("/profile")).raw.decode()
    for name in ("Steve", "Steve", "Notch"):
        answer = await changes(browser, "/profile/names/end", name=name)
        assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=given-up#names")
    assert account(test_app).usernames == ("Alex",)
    assert "The name is not yours any more." in words(await browser.get("/profile?done=given-up"))
    bob = await make_account(test_app, "bob@example.org")
    await test_app.core.execute(set_usernames, account_id=bob, usernames=("Steve",))


@pytest.mark.parametrize("path", [path for path in POSTS if path.startswith("/profile")])
@pytest.mark.parametrize("seal", ["none", "another's", "old"])
async def test_a_form_that_no_page_of_ours_has_shown_does_nothing(test_app, path, seal):
    browser, other = await make_signed_in_browser(test_app), Browser(test_app)
    shown = await browser.csrf_token("/profile")
    if seal == "old":
        test_app.clock.advance(20 * 60)
    given = {
        "none": {},
        "another's": {"csrf_token": await other.csrf_token()},
        "old": {"csrf_token": shown},
    }
    before = account(test_app), len(browsers(test_app))
    answer = await browser.post(path.replace("{}", "1"), **given[seal], **POSTS[path])
    assert answer.status == 403 and "open for too long" in words(answer)
    assert (account(test_app), len(browsers(test_app))) == before
    assert (
        test_app.core.query(claim_of_account, account=account(test_app).id, now=test_app.clock.now)
        is None
    )


@pytest.mark.parametrize("path", [path for path in POSTS if path.startswith("/profile")])
async def test_a_form_of_nobodys_leads_to_the_door(test_app, path):
    stranger = Browser(test_app)
    answer = await stranger.post(path.replace("{}", "1"), **POSTS[path])
    assert (answer.status, answer.headers["Location"]) == (302, "/login?next_url=/profile")


async def test_a_removed_account_is_nobody(test_app):
    browser = await make_signed_in_browser(test_app)
    await test_app.core.execute(delete_account, account_id=account(test_app).id)
    assert (await browser.get("/profile")).status == 302


async def test_others_are_not_touched(test_app):
    browser = await make_signed_in_browser(test_app)
    bob = await test_app.core.execute(
        create_account, email="bob@example.org", password=FAST_HASHER.hash(PASSWORD)
    )
    await changes(browser, "/profile", **ABOUT)
    await new_password(browser)
    assert test_app.core.query(find_account, id=bob.id) == bob
