"""What acts for an account: tokens, programs and browsers, listed and ended by their owner alone."""

import re

import pytest

from coalserver.core.commands.account_admin import open_sign_in
from coalserver.core.commands.oauth import allow_client, register_client
from coalserver.core.queries.accounts import account_called, sign_ins_of
from coalserver.core.queries.oauth import access_shown, grants_of, personal_tokens
from coalserver.domain.accounts.oauth import MOST_TOKENS, Access
from tests.apis.browser import Surfer, an_account, signed_in

DAY = 86400
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
URI = "https://app.example/back"


def ann(house):
    return house.core.see(account_called, email="ann@example.org")


def tokens(house):
    return house.core.see(personal_tokens, account=ann(house).id)


def browsers(house):
    return house.core.see(sign_ins_of, account=ann(house).id, now=house.clock.now)


async def changes(surfer, path, **fields):
    return await surfer.send(path, seen="/profile", **fields)


async def makes_token(surfer, title="Script", days="30"):
    return await changes(surfer, "/profile/tokens", title=title, days=days)


def token_on(answer):
    found = re.search(r'id="fresh-token"[^>]*>(\w+)<', answer.raw.decode())
    return found and found[1]


async def a_program(house, account, title="Mapper"):
    client = (await house.core.do(register_client, redirect_uris=[URI], title=title)).client.id
    asked = {"client": client, "account": account, "scope": "data", "redirect_uri": URI}
    await house.core.do(allow_client, **asked)
    return client


async def test_a_token_is_shown_once_and_not_kept_by_the_browser(house):
    surfer = await signed_in(house)
    answer = await makes_token(surfer)
    secret = token_on(answer)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    [kept] = tokens(house)
    assert (kept.title, kept.until) == ("Script", house.clock.now + 30 * DAY)
    found = house.core.see(access_shown, token=secret, scope="data", now=house.clock.now)
    assert found == kept and secret not in str(list(house.core.state.all(Access)))
    page = (await surfer.get("/profile")).raw.decode()
    assert "Script" in page and secret not in page


@pytest.mark.parametrize("days", ["0", "-1", "3651", "", "ten", "1.5", "١", "9" * 11])
async def test_a_token_lasts_from_a_day_to_ten_years(house, days):
    surfer = await signed_in(house)
    answer = await makes_token(surfer, days=days)
    assert answer.status == 400 and tokens(house) == []
    assert "from 1 to 3650 days" in answer.raw.decode()


async def test_a_token_has_no_endless_name(house):
    surfer = await signed_in(house)
    assert (await makes_token(surfer, title="x" * 61)).status == 400
    assert (await makes_token(surfer, title="")).status == 200
    assert [one.title for one in tokens(house)] == [""]


async def test_nobody_makes_tokens_without_end(house):
    surfer = await signed_in(house)
    for _ in range(MOST_TOKENS):
        assert (await makes_token(surfer)).status == 200
    answer = await makes_token(surfer)
    assert answer.status == 400 and "You have 100 tokens." in answer.raw.decode()


async def test_an_ended_token_is_good_no_more(house):
    surfer = await signed_in(house)
    await makes_token(surfer, "first")
    await makes_token(surfer, "second")
    answer = await changes(surfer, f"/profile/tokens/{tokens(house)[0].id}/end")
    assert answer.headers["Location"] == "/profile?done=token-ended#tokens"
    assert [one.title for one in tokens(house)] == ["second"]


async def test_a_program_is_named_and_can_be_shut_out(house):
    surfer = await signed_in(house)
    program = await a_program(house, ann(house).id)
    await a_program(house, ann(house).id, "Other")
    assert "Mapper" in (await surfer.get("/profile")).raw.decode()
    await changes(surfer, f"/profile/apps/{program}/end")
    assert [client.title for _, client in house.core.see(grants_of, account=ann(house).id)] == [
        "Other"
    ]


async def test_browsers_are_named_and_each_can_be_signed_out(house):
    surfer = await signed_in(house)
    await house.core.do(open_sign_in, account=ann(house).id, browser=FIREFOX)
    page = (await surfer.get("/profile")).raw.decode()
    assert "Firefox on Linux" in page and "this one" in page
    other = browsers(house)[-1]
    await changes(surfer, f"/profile/browsers/{other.id}/end")
    assert [one.id for one in browsers(house)] != [] and other not in browsers(house)
    assert (await surfer.get("/profile")).status == 200


async def test_who_signs_this_browser_out_is_out(house):
    surfer = await signed_in(house)
    answer = await changes(surfer, f"/profile/browsers/{browsers(house)[0].id}/end")
    assert answer.headers["Location"] == "/" and surfer.cookies == {}
    assert browsers(house) == []


async def test_who_signs_out_everywhere_is_out_everywhere(house):
    surfer, other = await signed_in(house), Surfer(house)
    await other.signs_in()
    said = {"credentialType": "password", "email": "ann@example.org", "password": "correct horse"}
    token = (await house.stranger.post("/accounts/login", said)).json["token"]
    await makes_token(surfer)
    answer = await changes(surfer, "/profile/sign-out")
    assert answer.headers["Location"] == "/login"
    assert (await other.get("/profile")).status == 302 and browsers(house) == []
    headers = {"Authorization": f"Bearer {token}"}
    assert (await house.stranger.get("/accounts/me", **headers)).status in (401, 404)
    assert len(tokens(house)) == 1


@pytest.mark.parametrize("kind", ["tokens", "apps", "browsers"])
async def test_what_is_anothers_stays(house, kind):
    surfer = await signed_in(house)
    await makes_token(surfer)
    await a_program(house, ann(house).id)
    await an_account(house, "eve@example.org")
    eve = Surfer(house)
    await eve.signs_in("eve@example.org")
    ids = {
        "tokens": [one.id for one in tokens(house)],
        "apps": [client.id for _, client in house.core.see(grants_of, account=ann(house).id)],
        "browsers": [one.id for one in browsers(house)],
    }
    for id in (*ids[kind], 999_999, 10**17):
        assert (await changes(eve, f"/profile/{kind}/{id}/end")).status == 302
    assert len(tokens(house)) == len(browsers(house)) == 1
    assert len(house.core.see(grants_of, account=ann(house).id)) == 1


@pytest.mark.parametrize("id", ["x", "1" * 19, "-1", "%D9%A1", "%00", "1%2F2"])
async def test_an_odd_id_is_nothing(house, id):
    surfer = await signed_in(house)
    await makes_token(surfer)
    for kind in ("tokens", "apps", "browsers"):
        assert (await changes(surfer, f"/profile/{kind}/{id}/end")).status == 302
    assert len(tokens(house)) == len(browsers(house)) == 1
