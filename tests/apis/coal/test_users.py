"""Users (section 2.3.3 of the document)."""

import pytest

from tests.apis.app import ApiClient, TestApp
from tests.apis.coal.clients import make_admin, make_user, make_world

MEMBERS = {
    "key",
    "usernames",
    "email",
    "nickname",
    "active",
    "admin",
    "last_coal_login",
    "created",
    "updated",
}


async def test_self_returns_the_callers_user(test_app: TestApp):
    thomas = await make_user(test_app, usernames=("gumptionthomas",))
    answer = await thomas.get("/api/v1/users/self")
    assert answer.status == 200 and set(answer.json) == MEMBERS
    assert answer.json["usernames"] == ["gumptionthomas"] and answer.json["email"] == "t@gmail.com"
    assert answer.json["created"] == "2023-11-14 22:13:20 UTC-0000"
    assert answer.json["last_coal_login"] is None and answer.json["active"] is True


async def test_pages_of_users_are_stable_while_accounts_are_created(test_app: TestApp):
    ann = await make_user(test_app, "a@x.org")
    test_app.clock.advance(1)
    for name in "bcd":
        await make_user(test_app, f"{name}@x.org")
    first = (await ann.get("/api/v1/users?size=2")).json
    await make_user(test_app, "e@x.org")
    second = (await ann.get(f"/api/v1/users?size=3&cursor={first['cursor']}")).json
    assert [user["email"][0] for user in first["users"] + second["users"]] == [*"abcde"]
    assert "cursor" not in second


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("size=0", "size: Number must be between 1 and 50."),
        ("size=51", "size: Number must be between 1 and 50."),
        ("size=", "size: Not a valid integer value. Number must be between 1 and 50."),
        ("size=abc", "size: Not a valid integer value. Number must be between 1 and 50."),
        ("cursor=x!", "Invalid cursor x!. Details: it is not complete."),
        ("cursor=WzFd", "Invalid cursor WzFd. Details: it is another list's."),
    ],
)
async def test_invalid_list_parameter_is_named(test_app: TestApp, query: str, message: str):
    answer = await (await make_user(test_app)).get("/api/v1/users?" + query)
    assert (answer.status, answer.json) == (400, {"errors": message})


async def test_key_of_another_kind_is_not_a_user(test_app: TestApp):
    ann, world = await make_admin(test_app), await make_world(test_app)
    answer = await ann.get("/api/v1/users/" + world.path.rpartition("/")[2])
    assert (answer.status, answer.raw) == (404, b"")


async def test_missing_or_invalid_token_is_401_with_www_authenticate(test_app: TestApp):
    ann = await make_user(test_app)
    for header in ({}, {"Authorization": f"Basic {ann.token}"}, {"Authorization": "Bearer x"}):
        answer = await ApiClient(test_app).get("/api/v1/users/self", **header)
        assert answer.status == 401 and answer.json["errors"]
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_inactive_user_is_forbidden(test_app: TestApp):
    bob = await make_user(test_app, "b@x.org", active=False)
    answer = await bob.get("/api/v1/users/self")
    assert (answer.status, answer.raw) == (403, b"")
