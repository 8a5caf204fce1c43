"""Signing in, up and out with a browser, and who cannot."""

import re

import pytest

from coalserver.core.commands.account_admin import set_password
from coalserver.core.queries.accounts import account_called, every_account, sign_ins_of
from tests.apis.app import WEAK, House, a_house
from tests.apis.browser import FORM, PASSWORD, Surfer, an_account, put_on_hold, signed_in

DAY = 86400


@pytest.fixture
def surfer(house: House) -> Surfer:
    return Surfer(house)


def account(house, email="ann@example.org"):
    return house.core.see(account_called, email=email)


async def is_in(surfer):
    """Whether this browser is signed in: it is not asked again."""
    return (await surfer.get("/login")).status == 302


async def test_who_proves_the_password_is_signed_in_and_goes_on(house, surfer):
    await an_account(house)
    said = {"email": " Ann@Example.org ", "password": PASSWORD, "next_url": "/oauth/v1/show?code=x"}
    answer = await surfer.send("/login", **said)
    assert (answer.status, answer.headers["Location"]) == (302, "/oauth/v1/show?code=x")
    assert answer.headers["Cache-Control"] == "no-store"
    assert await is_in(surfer)
    assert account(house).last_login == house.clock.now


async def test_a_wrong_password_and_no_account_look_the_same(house, surfer):
    await an_account(house)
    pages = []
    for email in ("ann@example.org", "nobody@example.org"):
        answer = await surfer.signs_in(email, "wrong horse")
        assert answer.status == 403
        page = answer.raw.decode().replace(email, "")
        pages.append(re.sub(r'csrf_token" value="[^"]*"', "", page))
    assert pages[0] == pages[1] and "do not match" in pages[0]
    assert not await is_in(surfer)


async def test_the_cookie_is_for_this_server_alone_and_not_for_scripts(house, surfer):
    await an_account(house)
    answer = await surfer.signs_in()
    cookie = answer.headers["Set-Cookie"]
    assert re.fullmatch(
        r"coal=[0-9a-f]{48}; HttpOnly; Max-Age=2592000; Path=/; SameSite=Lax", cookie
    )


async def test_behind_tls_the_cookie_is_secure_and_of_this_host():
    async with a_house(base_url="https://coal.example") as house:
        surfer = await signed_in(house)
        assert list(surfer.cookies) == ["__Host-coal"]
        cookie = (await Surfer(house).get("/login")).headers["Set-Cookie"]
        assert "Secure" in cookie and "HttpOnly" in cookie and "Path=/;" in cookie


async def test_signing_in_changes_the_cookie(house, surfer):
    await an_account(house)
    await surfer.get("/login")
    before = dict(surfer.cookies)
    await surfer.signs_in()
    assert surfer.cookies["coal"] != before["coal"]
    stranger = Surfer(house, before)
    assert not await is_in(stranger)


async def test_only_a_digest_of_the_cookie_is_kept(house):
    surfer = await signed_in(house)
    kept = house.core.see(sign_ins_of, account=account(house).id, now=house.clock.now)
    assert len(kept) == 1 and surfer.cookies["coal"] not in str(kept)


async def test_a_sign_in_outlives_a_restart_and_ends_after_thirty_days(stone_house):
    surfer = await signed_in(stone_house)
    await stone_house.restart()
    assert await is_in(surfer)
    await stone_house.after(30 * DAY)
    assert not await is_in(surfer)


async def test_who_signs_out_is_out_with_the_cookie_he_had(house):
    surfer = await signed_in(house)
    await put_on_hold(house)
    kept = dict(surfer.cookies)
    answer = await surfer.send("/logout", seen="/login")
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    assert surfer.cookies == {}
    assert not await is_in(Surfer(house, kept))


async def test_a_new_password_signs_every_browser_out(house):
    surfer = await signed_in(house)
    await house.core.do(set_password, account=account(house).id, password=WEAK.hash("new password"))
    assert not await is_in(surfer)


async def test_nobody_is_signed_out_by_a_link(house):
    surfer = await signed_in(house)
    answer = await surfer.get("/logout")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert await is_in(surfer)


@pytest.mark.parametrize("path", ["/login", "/signup", "/logout"])
@pytest.mark.parametrize("seal", ["none", "empty", "made up", "another's", "old", "odd"])
async def test_a_form_that_no_page_of_ours_has_shown_does_nothing(house, path, seal):
    await an_account(house)
    surfer, other = Surfer(house), Surfer(house)
    shown = await surfer.seal()
    fields = {"email": "new@example.org", "password": PASSWORD}
    if path == "/login":
        fields["email"] = "ann@example.org"
    if seal == "old":
        house.clock.forward(20 * 60)
    if seal != "none":
        fields["csrf_token"] = {
            "empty": "",
            "made up": shown[:-1] + ("0" if shown[-1] != "0" else "1"),
            "another's": await other.seal(),
            "old": shown,
            "odd": "ü.\x7f",
        }[seal]
    answer = await surfer.post(path, **fields)
    assert answer.status == 403
    assert "open for too long" in answer.raw.decode()
    assert not await is_in(surfer)
    assert len(house.core.see(every_account)) == 1


async def test_a_form_may_be_sent_again(house, surfer):
    await an_account(house)
    seal = await surfer.seal()
    for password, status in (("wrong horse", 403), (PASSWORD, 302)):
        fields = {"csrf_token": seal, "email": "ann@example.org", "password": password}
        assert (await surfer.post("/login", **fields)).status == status


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
async def test_signing_in_leads_nowhere_else(house, surfer, elsewhere):
    await an_account(house)
    fields = {"email": "ann@example.org", "password": PASSWORD, "next_url": elsewhere}
    answer = await surfer.send("/login", **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/")
    fields = {"next_url": elsewhere}
    query = "/login?" + "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    assert (await surfer.get(query)).headers["Location"] == "/"


def _quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


async def test_after_ten_wrong_passwords_the_right_one_is_not_looked_at(house, surfer):
    await an_account(house)
    for _ in range(10):
        assert (await surfer.signs_in(password="wrong horse")).status == 403
    answer = await surfer.signs_in()
    assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
    assert not await is_in(surfer)


async def test_both_doors_count_wrong_passwords_together(house, surfer):
    await an_account(house)
    for _ in range(5):
        await surfer.signs_in(password="wrong horse")
        said = {"credentialType": "password", "email": "ann@example.org", "password": "wrong"}
        await house.stranger.post("/accounts/login", said)
    assert (await surfer.signs_in()).status == 429


async def test_an_account_from_the_rooms_api_has_to_wait_and_is_no_admin(house, surfer):
    said = {"email": "ann@example.org", "password": PASSWORD, "username": "Ann"}
    assert (await house.stranger.post("/accounts/register", said)).status == 200
    answer = await surfer.signs_in()
    assert answer.headers["Location"] == "/login"
    assert not account(house).admin and not account(house).active


@pytest.mark.parametrize("path", ["/login", "/signup", "/logout"])
async def test_odd_bodies_are_never_our_fault(surfer, path):
    for body, media in (
        (b"\xff=\xfe", FORM),
        (b"%ff=%fe&csrf_token=%ff", FORM),
        (b"&".join(b"a=b" for _ in range(200)), FORM),
        (b"{}", "application/json"),
        (b"", "multipart/form-data"),
        (b"csrf_token=1&csrf_token=2", FORM),
    ):
        answer = await surfer.ask("POST", path, body, Content_Type=media)
        assert 400 <= answer.status < 500, (body, media)


async def test_what_was_typed_is_shown_again_as_text(house, surfer):
    said = {"email": '"><script>alert(1)</script>', "password": "x"}
    page = (await surfer.send("/login", **said)).raw.decode()
    assert "<script>" not in page and "&lt;script&gt;" in page


async def test_pages_to_sign_in_answer_no_other_origin(surfer):
    for path in ("/login", "/signup"):
        answer = await surfer.get(path, Origin="https://elsewhere.example")
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_who_is_put_on_hold_is_told_to_wait(house):
    surfer = await signed_in(house)
    await put_on_hold(house)
    assert "waits for activation" in (await surfer.get("/login")).raw.decode()
