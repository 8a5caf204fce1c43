"""Admins and people: found, let in, put on hold, named, made admins, removed."""

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


def page_of(test_app, email=ANN):
    return f"/admin/users/{account(test_app, email).id}"


async def test_people_are_found_by_any_of_their_names(test_app, browser):
    ann = await make_account(test_app, ANN)
    await make_account(test_app, "bob@example.org")
    await test_app.core.execute(set_usernames, account_id=ann, usernames=("Notch",))
    for sought, found in (("ANN@", True), ("notch", True), ("bob", False), ("nobody", False)):
        told = words(await browser.get(f"/admin/users?q={sought}"))
        assert (ANN in told) == found
    assert "No matches" in words(await browser.get("/admin/users?q=nobody"))


async def test_what_was_looked_for_is_text(test_app, browser):
    answer = await browser.get("/admin/users?q=%22%3E%3Cscript%3E")
    assert b"<script>" not in answer.raw.split(b"<body>")[1]


async def test_people_are_leafed_through_and_a_search_goes_along(test_app, browser):
    for number in range(60):
        await test_app.core.execute(create_account, email=f"p{number}@x.org", password="x")
    first = await browser.get("/admin/users?q=x.org")
    assert b'href="?q=x.org&amp;page=2"' in first.raw and "p0@x.org" in words(first)
    second = words(await browser.get("/admin/users?q=x.org&page=2"))
    assert "p59@x.org" in second and "p0@x.org" not in second


async def test_who_waits_is_let_in(test_app, browser):
    await make_account(test_app, ANN, active=False)
    answer = await submit(browser, page_of(test_app) + "/activate")
    assert answer.headers["Location"] == "/admin/users?done=let-in"
    assert account(test_app, ANN).active
    assert "User approved" in words(await browser.get("/admin/users?done=let-in"))
    assert done(test_app) == [("account_let_in", ANN, "")]


async def test_each_change_is_a_deed_and_what_stays_is_none(test_app, browser):
    await make_account(test_app, ANN)
    own = page_of(test_app)
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


async def test_a_name_is_one_accounts_and_nothing_is_done_by_halves(test_app, browser):
    ann = await make_account(test_app, ANN)
    await test_app.core.execute(set_usernames, account_id=ann, usernames=("Notch",))
    await make_account(test_app, "bob@example.org")
    before = account(test_app, "bob@example.org")
    asked = {"active": "1", "admin": "1", "usernames": "Jeb, Notch"}
    answer = await submit(browser, page_of(test_app, "bob@example.org"), **asked)
    assert answer.status == 400 and "Notch belongs to another user." in words(answer)
    assert 'value="Jeb, Notch"' in answer.raw.decode()
    assert account(test_app, "bob@example.org") == before and done(test_app) == []
    root = account(test_app)
    answer = await submit(browser, f"/admin/users/{root.id}", usernames="Jeb")
    assert answer.status == 400 and "This is the only administrator." in words(answer)
    assert account(test_app) == root and done(test_app) == []


@pytest.mark.parametrize("names", ["x" * 41, ",".join(f"n{n}" for n in range(51)), "y" * 4000])
async def test_too_many_names_are_refused(test_app, browser, names):
    await make_account(test_app, ANN)
    answer = await submit(browser, page_of(test_app), active="1", usernames=names)
    assert answer.status == 400 and account(test_app, ANN).usernames == ()


async def test_who_is_put_on_hold_is_out_at_once(test_app, browser):
    member = await make_member(test_app)
    await submit(browser, page_of(test_app))
    assert (await member.get("/profile")).headers["Location"] == "/login"


async def test_an_admin_may_stop_being_one_while_there_is_another(test_app, browser):
    await make_account(test_app, ANN, admin=True)
    answer = await submit(browser, f"/admin/users/{account(test_app).id}", active="1")
    assert answer.headers["Location"] == "/"
    assert (await browser.get("/admin")).status == 403


async def test_who_is_removed_is_gone_and_an_admin_is_not(test_app, browser):
    member = await make_member(test_app)
    own = page_of(test_app)
    assert "signed out everywhere" in words(await browser.get(own + "/remove"))
    answer = await submit(browser, own + "/remove")
    assert answer.headers["Location"] == "/admin/users?done=removed"
    assert [one.admin for one in test_app.core.query(all_accounts)] == [True]
    assert (await member.get("/profile")).status == 302
    assert (await Browser(test_app).sign_in()).status == 403
    answer = await submit(browser, f"/admin/users/{account(test_app).id}/remove")
    assert answer.status == 400 and "Administrators cannot be deleted." in words(answer)
    assert (await submit(browser, own + "/remove")).status == 404
    assert done(test_app) == [("account_removed", ANN, "")]


async def test_two_admins_who_unmake_each_other_at_once_leave_one(test_app):
    surfers = [await make_admin(test_app), await make_admin(test_app, "other@example.org")]
    ids = [account(test_app, "other@example.org").id, account(test_app).id]
    seals = [await browser.csrf_token("/admin/games") for browser in surfers]
    pairs = zip(surfers, seals, ids, strict=True)
    answers = await gather(
        *(
            browser.post(f"/admin/users/{id}", csrf_token=seal, active="1")
            for browser, seal, id in pairs
        )
    )
    assert sorted(answer.status for answer in answers) == [302, 403]
    assert test_app.core.query(has_admin)
    assert [what for what, *_ in done(test_app)] == ["admin_unmade"]


async def test_the_last_admin_stays(test_app):
    browser = await make_admin(test_app)
    own = f"/admin/users/{account(test_app).id}"
    for fields in ({}, {"active": "1"}, {"admin": "1"}):
        answer = await submit(browser, own, **fields)
        assert answer.status == 400 and "This is the only administrator." in words(answer)
    assert (account(test_app).admin, account(test_app).active) == (True, True)
    assert done(test_app) == []
