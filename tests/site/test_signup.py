"""Signing up: who waits, who does not, and who becomes the first admin."""

import pytest

from coalserver.config import Config
from coalserver.core.queries.accounts import account_called, every_account
from tests.apis.app import ADMIN_CODE, House, a_house
from tests.apis.browser import PASSWORD, Surfer, an_account


@pytest.fixture
def surfer(house: House) -> Surfer:
    return Surfer(house)


def account(house, email="ann@example.org"):
    return house.core.see(account_called, email=email)


async def test_who_signs_up_waits_for_an_admin(house, surfer):
    await an_account(house, "root@example.org", admin=True)
    said = {"email": "Ann@example.org", "password": PASSWORD, "nickname": " Ann "}
    answer = await surfer.send("/signup", seen="/signup", **said)
    assert (answer.status, answer.headers["Location"]) == (302, "/login")
    made = account(house)
    assert (made.nickname, made.active, made.admin) == ("Ann", False, False)
    page = await surfer.get("/login")
    assert page.status == 200 and "waits for activation" in page.raw.decode()
    assert '<a href="/login">Waiting for activation</a>' in (await surfer.get("/")).raw.decode()
    assert (await surfer.get("/signup")).headers["Location"] == "/login"


async def test_where_sign_ups_are_open_nobody_waits():
    async with a_house(config=Config(open_signup=True)) as house:
        surfer = Surfer(house)
        said = {"email": "ann@example.org", "password": PASSWORD, "next_url": "/x"}
        answer = await surfer.send("/signup", seen="/signup", **said)
        assert answer.headers["Location"] == "/x"
        assert (account(house).active, account(house).admin) == (True, False)


async def test_the_code_of_the_start_makes_the_first_admin_once(house):
    for email, status in (("ann@example.org", 302), ("eve@example.org", 403)):
        said = {"email": email, "password": PASSWORD, "code": f" {ADMIN_CODE.upper()} "}
        answer = await Surfer(house).send("/signup", seen="/signup", **said)
        assert answer.status == status
    assert [(one.admin, one.active) for one in house.core.see(every_account)] == [(True, True)]


async def test_another_code_makes_nothing(house, surfer):
    said = {"email": "ann@example.org", "password": PASSWORD, "code": "guess"}
    answer = await surfer.send("/signup", seen="/signup", **said)
    assert answer.status == 403 and "not the code" in answer.raw.decode()
    assert house.core.see(every_account) == []


async def test_the_code_is_asked_for_only_until_there_is_an_admin(house, surfer):
    assert 'name="code"' in (await surfer.get("/signup")).raw.decode()
    await an_account(house, admin=True)
    assert 'name="code"' not in (await surfer.get("/signup")).raw.decode()


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
async def test_what_makes_no_account_is_said_on_the_form(house, surfer, fields, status):
    await an_account(house)
    answer = await surfer.send("/signup", seen="/signup", **fields)
    assert answer.status == status and answer.headers["Content-Type"].startswith("text/html")
    assert len(house.core.see(every_account)) == 1


async def test_sign_ups_from_one_address_are_limited(house, surfer):
    said = {"email": "ann@example.org", "password": PASSWORD, "code": "guess"}
    statuses = [(await surfer.send("/signup", seen="/signup", **said)).status for _ in range(21)]
    assert statuses == [403] * 20 + [429]
