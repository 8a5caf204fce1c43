"""Admins and people: found, let in, put on hold, named, made admins, removed."""

import pytest

from coalserver.core.commands.account_admin import add_account
from coalserver.core.commands.claims import set_usernames
from coalserver.core.queries.accounts import every_account
from tests.apis.browser import Surfer, an_account
from tests.site.admins import a_member, account, an_admin, asks, done, words

ANN = "ann@example.org"


@pytest.fixture
async def surfer(house):
    return await an_admin(house)


def page_of(house, email=ANN):
    return f"/admin/users/{account(house, email).id}"


async def test_people_are_found_by_any_of_their_names(house, surfer):
    ann = await an_account(house, ANN)
    await an_account(house, "bob@example.org")
    await house.core.do(set_usernames, account=ann, usernames=("Notch",))
    for sought, found in (("ANN@", True), ("notch", True), ("bob", False), ("nobody", False)):
        told = words(await surfer.get(f"/admin/users?q={sought}"))
        assert (ANN in told) == found
    assert "Nobody is called so." in words(await surfer.get("/admin/users?q=nobody"))


async def test_what_was_looked_for_is_text(house, surfer):
    answer = await surfer.get("/admin/users?q=%22%3E%3Cscript%3E")
    assert b"<script>" not in answer.raw.split(b"<body>")[1]


async def test_people_are_leafed_through_and_a_search_goes_along(house, surfer):
    for number in range(60):
        await house.core.do(add_account, email=f"p{number}@x.org", password="x")
    first = await surfer.get("/admin/users?q=x.org")
    assert b'href="?q=x.org&amp;page=2"' in first.raw and "p0@x.org" in words(first)
    second = words(await surfer.get("/admin/users?q=x.org&page=2"))
    assert "p59@x.org" in second and "p0@x.org" not in second


async def test_who_waits_is_let_in(house, surfer):
    await an_account(house, ANN, active=False)
    answer = await asks(surfer, page_of(house) + "/activate")
    assert answer.headers["Location"] == "/admin/users?done=let-in"
    assert account(house, ANN).active
    assert "may come in now" in words(await surfer.get("/admin/users?done=let-in"))
    assert done(house) == [("account_let_in", ANN, "")]


async def test_each_change_is_a_deed_and_what_stays_is_none(house, surfer):
    await an_account(house, ANN)
    own = page_of(house)
    await asks(surfer, own, active="1", admin="1", usernames=" Notch , notch,Notch,, ")
    found = account(house, ANN)
    assert (found.active, found.admin, found.usernames) == (True, True, ("Notch", "notch"))
    await asks(surfer, own, active="1", admin="1", usernames="Notch, notch")
    await asks(surfer, own)
    assert done(house) == [
        ("names_set", ANN, "Notch, notch"),
        ("admin_made", ANN, ""),
        ("names_set", ANN, ""),
        ("admin_unmade", ANN, ""),
        ("account_put_on_hold", ANN, ""),
    ]


async def test_a_name_is_one_accounts_and_nothing_is_done_by_halves(house, surfer):
    ann = await an_account(house, ANN)
    await house.core.do(set_usernames, account=ann, usernames=("Notch",))
    await an_account(house, "bob@example.org")
    before = account(house, "bob@example.org")
    asked = {"active": "1", "admin": "1", "usernames": "Jeb, Notch"}
    answer = await asks(surfer, page_of(house, "bob@example.org"), **asked)
    assert answer.status == 400 and "Notch is another account’s name." in words(answer)
    assert 'value="Jeb, Notch"' in answer.raw.decode()
    assert account(house, "bob@example.org") == before and done(house) == []
    root = account(house)
    answer = await asks(surfer, f"/admin/users/{root.id}", usernames="Jeb")
    assert answer.status == 400 and "That is the last admin." in words(answer)
    assert account(house) == root and done(house) == []


@pytest.mark.parametrize("names", ["x" * 41, ",".join(f"n{n}" for n in range(51)), "y" * 4000])
async def test_too_many_names_are_refused(house, surfer, names):
    await an_account(house, ANN)
    answer = await asks(surfer, page_of(house), active="1", usernames=names)
    assert answer.status == 400 and account(house, ANN).usernames == ()


async def test_who_is_put_on_hold_is_out_at_once(house, surfer):
    member = await a_member(house)
    await asks(surfer, page_of(house))
    assert (await member.get("/profile")).headers["Location"] == "/login"


async def test_an_admin_may_stop_being_one_while_there_is_another(house, surfer):
    await an_account(house, ANN, admin=True)
    answer = await asks(surfer, f"/admin/users/{account(house).id}", active="1")
    assert answer.headers["Location"] == "/"
    assert (await surfer.get("/admin")).status == 403


async def test_who_is_removed_is_gone_and_an_admin_is_not(house, surfer):
    member = await a_member(house)
    own = page_of(house)
    assert "signed out everywhere" in words(await surfer.get(own + "/remove"))
    answer = await asks(surfer, own + "/remove")
    assert answer.headers["Location"] == "/admin/users?done=removed"
    assert [one.admin for one in house.core.see(every_account)] == [True]
    assert (await member.get("/profile")).status == 302
    assert (await Surfer(house).signs_in()).status == 403
    answer = await asks(surfer, f"/admin/users/{account(house).id}/remove")
    assert answer.status == 400 and "Admins cannot be removed." in words(answer)
    assert (await asks(surfer, own + "/remove")).status == 404
    assert done(house) == [("account_removed", ANN, "")]
