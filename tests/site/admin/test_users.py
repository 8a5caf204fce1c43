"""Admin pages of users: search, approval, permissions, Minecraft names and deletion."""

from asyncio import gather

import pytest

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.claims import set_usernames
from coalserver.core.queries.accounts import all_accounts, has_admin
from tests.apis.browser import Browser, make_account
from tests.site.admins import account, done, make_admin, make_member, submit, words

ANN = "ann@example.org"


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


def user_path(test_app, email=ANN):
    return f"/admin/users/{account(test_app, email).id}"


async def test_search_finds_users_by_any_name(test_app, browser):
    ann = await make_account(test_app, ANN)
    await make_account(test_app, "bob@example.org")
    await test_app.core.execute(set_usernames, account_id=ann, usernames=("Notch",))
    for search, expected in (("ANN@", True), ("notch", True), ("bob", False), ("nobody", False)):
        text = words(await browser.get(f"/admin/users?q={search}"))
        assert (ANN in text) == expected
    assert "No matches" in words(await browser.get("/admin/users?q=nobody"))


async def test_search_text_is_escaped(test_app, browser):
    answer = await browser.get("/admin/users?q=%22%3E%3Cscript%3E")
    assert b"<script>" not in answer.raw.split(b"<body>")[1]


async def test_pagination_keeps_the_search(test_app, browser):
    for number in range(60):
        await test_app.core.execute(create_account, email=f"p{number}@x.org", password="x")
    first = await browser.get("/admin/users?q=x.org")
    assert b'href="/admin/users?q=x.org&amp;page=2"' in first.raw and "p0@x.org" in words(first)
    second = words(await browser.get("/admin/users?q=x.org&page=2"))
    assert "p59@x.org" in second and "p0@x.org" not in second


async def test_approval_activates_pending_user(test_app, browser):
    await make_account(test_app, ANN, active=False)
    answer = await submit(browser, user_path(test_app) + "/activate")
    assert answer.headers["Location"] == "/admin/users?done=let-in"
    assert account(test_app, ANN).active
    assert "User approved" in words(await browser.get("/admin/users?done=let-in"))
    assert done(test_app) == [("account_let_in", ANN, "")]


async def test_only_changed_permissions_are_audited(test_app, browser):
    await make_account(test_app, ANN)
    own = user_path(test_app)
    await submit(browser, own, active="1", admin="1", usernames=" Notch , notch,Notch,, ")
    found = account(test_app, ANN)
    assert (found.active, found.admin, found.usernames) == (True, True, ("Notch", "notch"))
    await submit(browser, own, active="1", admin="1", usernames="Notch, notch")
    await submit(browser, own)
    assert done(test_app) == [
        ("names_set", ANN, "Notch, notch"),
        ("admin_made", ANN, ""),
        ("names_set", ANN, ""),
        ("admin_unmade", ANN, ""),
        ("account_put_on_hold", ANN, ""),
    ]


async def test_rejected_change_saves_nothing(test_app, browser):
    ann = await make_account(test_app, ANN)
    await test_app.core.execute(set_usernames, account_id=ann, usernames=("Notch",))
    await make_account(test_app, "bob@example.org")
    before = account(test_app, "bob@example.org")
    fields = {"active": "1", "admin": "1", "usernames": "Jeb, Notch"}
    answer = await submit(browser, user_path(test_app, "bob@example.org"), **fields)
    assert answer.status == 400 and "Notch belongs to another user." in words(answer)
    assert 'value="Jeb, Notch"' in answer.raw.decode()
    assert account(test_app, "bob@example.org") == before and done(test_app) == []
    root = account(test_app)
    answer = await submit(browser, f"/admin/users/{root.id}", usernames="Jeb")
    assert answer.status == 400 and "This is the only administrator." in words(answer)
    assert account(test_app) == root and done(test_app) == []


@pytest.mark.parametrize("names", ["x" * 41, ",".join(f"n{n}" for n in range(51)), "y" * 4000])
async def test_too_many_or_too_long_names_are_rejected(test_app, browser, names):
    await make_account(test_app, ANN)
    answer = await submit(browser, user_path(test_app), active="1", usernames=names)
    assert answer.status == 400 and account(test_app, ANN).usernames == ()


async def test_deactivation_signs_the_user_out(test_app, browser):
    member = await make_member(test_app)
    await submit(browser, user_path(test_app))
    assert (await member.get("/profile")).headers["Location"] == "/login"


async def test_admin_can_give_up_the_role_if_another_admin_exists(test_app, browser):
    await make_account(test_app, ANN, admin=True)
    answer = await submit(browser, f"/admin/users/{account(test_app).id}", active="1")
    assert answer.headers["Location"] == "/"
    assert (await browser.get("/admin")).status == 403


async def test_deleted_user_cannot_sign_in_and_admin_cannot_be_deleted(test_app, browser):
    member = await make_member(test_app)
    own = user_path(test_app)
    assert "signed out everywhere" in words(await browser.get(own + "/remove"))
    answer = await submit(browser, own + "/remove")
    assert answer.headers["Location"] == "/admin/users?done=removed"
    assert [account.admin for account in test_app.core.query(all_accounts)] == [True]
    assert (await member.get("/profile")).status == 302
    assert (await Browser(test_app).sign_in()).status == 403
    answer = await submit(browser, f"/admin/users/{account(test_app).id}/remove")
    assert answer.status == 400 and "Administrators cannot be deleted." in words(answer)
    assert (await submit(browser, own + "/remove")).status == 404
    assert done(test_app) == [("account_removed", ANN, "")]


async def test_concurrent_mutual_revocation_leaves_one_admin(test_app):
    browsers = [await make_admin(test_app), await make_admin(test_app, "other@example.org")]
    ids = [account(test_app, "other@example.org").id, account(test_app).id]
    tokens = [await browser.csrf_token("/admin/games") for browser in browsers]
    pairs = zip(browsers, tokens, ids, strict=True)
    answers = await gather(
        *(
            browser.post(f"/admin/users/{id}", csrf_token=token, active="1")
            for browser, token, id in pairs
        )
    )
    assert sorted(answer.status for answer in answers) == [302, 403]
    assert test_app.core.query(has_admin)
    assert [action for action, *_ in done(test_app)] == ["admin_unmade"]


async def test_last_admin_keeps_role_and_stays_active(test_app):
    browser = await make_admin(test_app)
    own = f"/admin/users/{account(test_app).id}"
    for fields in ({}, {"active": "1"}, {"admin": "1"}):
        answer = await submit(browser, own, **fields)
        assert answer.status == 400 and "This is the only administrator." in words(answer)
    assert (account(test_app).admin, account(test_app).active) == (True, True)
    assert done(test_app) == []
