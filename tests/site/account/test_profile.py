"""The profile: what an account changes of itself, and what others cannot."""

import re
from asyncio import gather

import pytest

from coalserver.core.commands.account_admin import add_account, remove_account
from coalserver.core.commands.claims import set_usernames
from coalserver.core.queries.accounts import account_called, account_numbered, sign_ins_of
from coalserver.core.queries.worlds import claim_of
from tests.apis.app import WEAK
from tests.apis.browser import PASSWORD, Surfer, an_account, put_on_hold, signed_in
from tests.site.posts import POSTS

ABOUT = {"nickname": "Ann", "zone": "Europe/Berlin", "language": "de"}
GOOD = "correct battery"


def account(house, email="ann@example.org"):
    return house.core.see(account_called, email=email)


def browsers(house):
    return house.core.see(sign_ins_of, account=account(house).id, now=house.clock.now)


async def changes(surfer, path, **fields):
    return await surfer.send(path, seen="/profile", **fields)


async def new_password(surfer, old=PASSWORD, new=GOOD):
    return await changes(surfer, "/profile/password", old=old, new=new)


def words(answer):
    """What is read on a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.raw.decode()))


async def test_a_profile_is_for_who_is_signed_in(house):
    stranger = Surfer(house)
    answer = await stranger.get("/profile?done=saved")
    expected = "/login?next_url=%2Fprofile%3Fdone%3Dsaved"
    assert (answer.status, answer.headers["Location"]) == (302, expected)


async def test_who_waits_for_activation_is_told_so(house):
    surfer = await signed_in(house)
    await put_on_hold(house)
    for answer in (await surfer.get("/profile"), await surfer.post("/profile", **ABOUT)):
        assert (answer.status, answer.headers["Location"]) == (302, "/login")
    assert account(house).nickname == ""


async def test_a_profile_shows_what_the_account_is(house):
    surfer = await signed_in(house)
    answer = await surfer.get("/profile")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    page = answer.raw.decode()
    assert 'value="ann@example.org" readonly' in page
    assert 'href="/profile"' in page and 'href="/admin"' not in page
    for zone in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Pacific/Auckland"):
        assert f'<option value="{zone}">' in page


async def test_name_zone_and_language_are_kept(stone_house):
    surfer = await signed_in(stone_house)
    answer = await changes(surfer, "/profile", **{**ABOUT, "nickname": " A\u2028nn "})
    assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=saved#about")
    await stone_house.restart()
    ann = account(stone_house)
    assert (ann.nickname, ann.zone, ann.language) == ("A nn", "Europe/Berlin", "de")
    page = (await surfer.get("/profile?done=saved")).raw.decode()
    assert '<html lang="de"' in page and "Gespeichert." in page


@pytest.mark.parametrize(
    "nickname",
    [
        "\U0001f9d1\u200d\U0001f680 Ann \u2764\ufe0f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
)
async def test_a_name_keeps_what_emoji_and_scripts_are_joined_by(house, nickname):
    await changes(await signed_in(house), "/profile", **{**ABOUT, "nickname": nickname})
    assert account(house).nickname == nickname


async def test_a_name_need_not_be_there(house):
    surfer = await signed_in(house)
    for nickname in ("Ann", ""):
        await changes(surfer, "/profile", **{**ABOUT, "nickname": nickname})
        assert account(house).nickname == nickname


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
async def test_what_cannot_be_is_said_and_nothing_changes(house, wrong, said):
    surfer = await signed_in(house)
    before = account(house)
    answer = await changes(surfer, "/profile", **{**ABOUT, "language": "", **wrong})
    assert answer.status == 400 and said in words(answer)
    assert account(house) == before


async def test_what_was_typed_is_shown_again_as_text(house):
    surfer = await signed_in(house)
    odd = '"><script>alert(1)</script>'
    answer = await changes(surfer, "/profile", nickname=odd, zone=odd, language="")
    page = answer.raw.decode()
    assert "<script>alert" not in page and page.count("&lt;script&gt;alert") == 2


async def test_what_was_typed_too_late_is_not_lost(house):
    surfer = await signed_in(house)
    seal = await surfer.seal("/profile")
    house.clock.forward(20 * 60)
    fields = {"nickname": "Annie", "zone": "Europe/Paris", "language": ""}
    answer = await surfer.post("/profile", csrf_token=seal, **fields)
    assert answer.status == 403 and account(house).nickname == ""
    page = answer.raw.decode()
    assert 'value="Annie"' in page and 'name="zone" type="text" value="Europe/Paris"' in page
    fresh = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    assert (await surfer.post("/profile", csrf_token=fresh, **fields)).status == 302
    assert account(house).nickname == "Annie"


async def test_a_new_password_signs_all_others_out(house):
    surfer = await signed_in(house)
    other = Surfer(house)
    await other.signs_in()
    answer = await new_password(surfer)
    assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=password#password")
    assert (await surfer.get("/profile")).status == 200
    assert (await other.get("/profile")).status == 302
    assert (await Surfer(house).signs_in(password=PASSWORD)).status == 403
    assert (await Surfer(house).signs_in(password=GOOD)).status == 302


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
async def test_a_password_that_is_not_changed_stays(house, fields, status, said):
    surfer = await signed_in(house)
    answer = await new_password(surfer, **fields)
    assert answer.status == status and said in words(answer)
    assert (await Surfer(house).signs_in()).status == 302


async def test_no_password_is_shown_again(house):
    surfer = await signed_in(house)
    answer = await new_password(surfer, old="wrong secret", new="other secret")
    assert "secret" not in words(answer) and b"other secret" not in answer.raw


async def test_after_ten_wrong_passwords_the_right_one_is_not_looked_at(house):
    surfer = await signed_in(house)
    for _ in range(10):
        assert (await new_password(surfer, old="wrong horse")).status == 403
    answer = await new_password(surfer)
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert "Too many tries" in words(answer)


async def test_of_two_new_passwords_at_once_one_counts(house):
    surfers = [await signed_in(house), Surfer(house)]
    await surfers[1].signs_in()
    seals = [await surfer.seal("/profile") for surfer in surfers]
    answers = await gather(
        *(
            surfer.post("/profile/password", csrf_token=seal, old=PASSWORD, new=f"new horse {n}")
            for n, (surfer, seal) in enumerate(zip(surfers, seals, strict=True))
        )
    )
    done = [answer for answer in answers if "done" in answer.headers.get("Location", "")]
    assert len(done) == 1 and {answer.status for answer in answers} <= {302, 403}
    assert len(browsers(house)) == 1


async def test_a_code_is_shown_until_a_name_is_claimed_with_it(house):
    surfer = await signed_in(house)
    answer = await changes(surfer, "/profile/claim")
    assert answer.headers["Location"] == "/profile#names"
    claim = house.core.see(claim_of, account=account(house).id, now=house.clock.now)
    page = (await surfer.get("/profile")).raw.decode()
    assert f">{claim.code}<" in page and 'data-live="3"' in page
    await changes(surfer, "/profile/claim")
    assert f">{claim.code}<" not in (await surfer.get("/profile")).raw.decode()
    house.clock.forward(3600)
    assert "data-live" not in (await surfer.get("/profile")).raw.decode()


async def test_a_name_in_the_game_is_given_up(house):
    surfer = await signed_in(house)
    await house.core.do(set_usernames, account=account(house).id, usernames=("Steve", "Alex"))
    assert "Give up: Steve" in (await surfer.get("/profile")).raw.decode()
    for name in ("Steve", "Steve", "Notch"):
        answer = await changes(surfer, "/profile/names/end", name=name)
        assert (answer.status, answer.headers["Location"]) == (302, "/profile?done=given-up#names")
    assert account(house).usernames == ("Alex",)
    assert "The name is not yours any more." in words(await surfer.get("/profile?done=given-up"))
    bob = await an_account(house, "bob@example.org")
    await house.core.do(set_usernames, account=bob, usernames=("Steve",))


@pytest.mark.parametrize("path", [path for path in POSTS if path.startswith("/profile")])
@pytest.mark.parametrize("seal", ["none", "another's", "old"])
async def test_a_form_that_no_page_of_ours_has_shown_does_nothing(house, path, seal):
    surfer, other = await signed_in(house), Surfer(house)
    shown = await surfer.seal("/profile")
    if seal == "old":
        house.clock.forward(20 * 60)
    given = {
        "none": {},
        "another's": {"csrf_token": await other.seal()},
        "old": {"csrf_token": shown},
    }
    before = account(house), len(browsers(house))
    answer = await surfer.post(path.replace("{}", "1"), **given[seal], **POSTS[path])
    assert answer.status == 403 and "open for too long" in words(answer)
    assert (account(house), len(browsers(house))) == before
    assert house.core.see(claim_of, account=account(house).id, now=house.clock.now) is None


@pytest.mark.parametrize("path", [path for path in POSTS if path.startswith("/profile")])
async def test_a_form_of_nobodys_leads_to_the_door(house, path):
    stranger = Surfer(house)
    answer = await stranger.post(path.replace("{}", "1"), **POSTS[path])
    assert (answer.status, answer.headers["Location"]) == (302, "/login?next_url=/profile")


async def test_a_removed_account_is_nobody(house):
    surfer = await signed_in(house)
    await house.core.do(remove_account, account=account(house).id)
    assert (await surfer.get("/profile")).status == 302


async def test_others_are_not_touched(house):
    surfer = await signed_in(house)
    bob = await house.core.do(add_account, email="bob@example.org", password=WEAK.hash(PASSWORD))
    await changes(surfer, "/profile", **ABOUT)
    await new_password(surfer)
    assert house.core.see(account_numbered, id=bob.id) == bob
