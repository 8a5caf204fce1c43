"""The pages of admins: who sees them, who does not, and what no form does."""

import re
from asyncio import gather
from pathlib import Path

import pytest

from coalserver.core.commands.account_admin import add_account, change_account
from coalserver.core.queries.accounts import admin_there, every_account
from coalserver.domain.audit import What
from coalserver.domain.errors import Why
from coalserver.site.admin import overview
from tests.apis.app import House
from tests.apis.browser import Surfer, an_account, put_on_hold
from tests.site.admins import (
    ROOT,
    a_backup,
    a_member,
    a_world,
    account,
    an_admin,
    asks,
    done,
    no_admin_any_more,
    words,
)
from tests.site.posts import ADMIN_PAGES, POSTS

ADMIN_POSTS = [path for path in POSTS if path.startswith("/admin")]


def everything(house: House) -> str:
    """All that is kept, but for who is signed in."""
    kinds = [kind for kind in house.core.state._values if kind.__name__ != "SignIn"]
    return repr([list(house.core.state.all(kind)) for kind in kinds])


def test_every_route_is_tried_here():
    gets = {route.path for route in overview.ROUTES if route.method == "GET"}
    posts = {route.path for route in overview.ROUTES if route.method == "POST"}
    bare = {re.sub(r"{\w+}", "{}", path) for path in gets | posts}
    tried = {
        re.sub(r"noughts|coalserver-\w+\.tar", "{}", path) for path in (*ADMIN_POSTS, *ADMIN_PAGES)
    }
    assert bare == tried


def test_every_form_has_a_page_for_what_was_wrong():
    posts = {route.endpoint for route in overview.ROUTES if route.method == "POST"}
    assert posts <= set(overview.AGAIN)


@pytest.mark.parametrize("path", ADMIN_PAGES)
async def test_a_page_is_for_admins(house, path):
    path = path.replace("{}", "1")
    stranger = await Surfer(house).get(path)
    assert (stranger.status, stranger.headers["Location"].partition("?")[0]) == (302, "/login")
    member = await a_member(house)
    answer = await member.get(path)
    assert answer.status == 403 and "This page is for admins." in words(answer)
    await put_on_hold(house)
    assert (await member.get(path)).headers["Location"] == "/login"


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_a_form_is_for_admins(house, path):
    await a_world(house)
    path, fields = path.replace("{}", "1"), POSTS[path]
    member = await a_member(house)
    seal = await member.seal("/profile")
    before = everything(house)
    answer = await Surfer(house).post(path, **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/login?next_url=/admin")
    assert (await member.post(path, csrf_token=seal, **fields)).status == 403
    assert everything(house) == before


@pytest.mark.parametrize("path", ADMIN_POSTS)
@pytest.mark.parametrize("seal", ["none", "another's", "old"])
async def test_a_form_that_no_page_of_ours_has_shown_does_nothing(house, path, seal):
    surfer, other = await an_admin(house), Surfer(house)
    await a_world(house)
    fields = dict(POSTS[path])
    if seal != "none":
        fields["csrf_token"] = await (other if seal == "another's" else surfer).seal(
            "/login" if seal == "another's" else "/admin/games"
        )
    if seal == "old":
        house.clock.forward(20 * 60)
    before = everything(house)
    answer = await surfer.post(path.replace("{}", "1"), **fields)
    assert answer.status in (403, 404)
    assert answer.status == 404 or "open for too long" in words(answer)
    assert everything(house) == before


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_who_is_no_admin_any_more_does_nothing(house, path):
    await an_account(house, "other@example.org", admin=True)
    surfer = await an_admin(house)
    await a_world(house)
    seal = await surfer.seal("/admin/games")
    await no_admin_any_more(house)
    before = everything(house)
    answer = await surfer.post(path.replace("{}", "1"), csrf_token=seal, **POSTS[path])
    assert answer.status == 403 and everything(house) == before


@pytest.mark.parametrize("path", ADMIN_PAGES)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_page_is_there_in_each_language_and_kept_by_nobody(house, path, language):
    surfer = await an_admin(house)
    await a_world(house)
    a_backup(house)
    await house.guest("Ann")
    answer = await surfer.get(path.replace("{}", "1"), Accept_Language=language)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    page = answer.raw.decode()
    assert f'<html lang="{language}"' in page and ("Verwaltung" in page) == (language == "de")
    assert "style=" not in page and "onclick" not in page


@pytest.mark.parametrize(
    "id", ["0", "-1", "999999", "x", "1" * 40, "%00", "1%2F2", "%D9%A1", "../1"]
)
async def test_what_is_not_there_is_not_found_and_nobodys_fault(house, id):
    surfer = await an_admin(house)
    seal = await surfer.seal("/admin/games")
    for path in ADMIN_PAGES:
        if "{}" in path:
            assert (await surfer.get(path.replace("{}", id))).status in (302, 404), path
    for path in ADMIN_POSTS:
        if "{}" in path:
            answer = await surfer.post(path.replace("{}", id), csrf_token=seal, **POSTS[path])
            assert answer.status in (400, 404), path
    assert done(house) == []


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_odd_fields_are_nobodys_fault(house, path):
    surfer = await an_admin(house)
    await a_world(house)
    seal = await surfer.seal("/admin/games")
    for odd in ("", " ", "x" * 5000, "🎲\u202e\u2028", "<b>\"'&{{7*7}}%(x)s{y}", "-1", "1e9", "0"):
        fields = dict.fromkeys(POSTS[path], odd)
        answer = await surfer.post(path.replace("{}", "1"), csrf_token=seal, **fields)
        assert answer.status < 500, (path, odd, answer.raw)
        assert b'<b>"' not in answer.raw


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "page=9999999999", "page=%D9%A3", "q=%00", "q=" + "x" * 500],
)
async def test_odd_pages_of_a_list_are_nobodys_fault(house, query):
    surfer = await an_admin(house)
    for path in ("/admin/users", "/admin/bans", "/admin/log"):
        assert (await surfer.get(f"{path}?{query}")).status == 200


async def test_the_first_page_tells_what_is_to_be_done(house):
    surfer = await an_admin(house)
    await an_account(house, "new@example.org", active=False)
    await a_world(house, "Overworld")
    ann = await house.guest("Ann")
    await ann.opens(name="Friday")
    told = words(await surfer.get("/admin"))
    assert "Waiting to be let in new@example.org" in told
    assert "Overworld" in told and "2 accounts" in told and "1 open room" in told


async def test_two_admins_who_unmake_each_other_at_once_leave_one(house):
    surfers = [await an_admin(house), await an_admin(house, "other@example.org")]
    ids = [account(house, "other@example.org").id, account(house).id]
    seals = [await surfer.seal("/admin/games") for surfer in surfers]
    pairs = zip(surfers, seals, ids, strict=True)
    answers = await gather(
        *(
            surfer.post(f"/admin/users/{id}", csrf_token=seal, active="1")
            for surfer, seal, id in pairs
        )
    )
    assert sorted(answer.status for answer in answers) == [302, 403]
    assert house.core.see(admin_there)
    assert [what for what, *_ in done(house)] == ["admin_unmade"]


async def test_the_last_admin_stays(house):
    surfer = await an_admin(house)
    own = f"/admin/users/{account(house).id}"
    for fields in ({}, {"active": "1"}, {"admin": "1"}):
        answer = await asks(surfer, own, **fields)
        assert answer.status == 400 and "That is the last admin." in words(answer)
    assert (account(house).admin, account(house).active) == (True, True)
    assert done(house) == []


async def test_what_was_done_is_told_with_its_doer_the_newest_first(house):
    surfer = await an_admin(house)
    await house.core.do(change_account, account=account(house).id, nickname="Root <b>")
    await a_world(house)
    await asks(surfer, "/admin/servers/1/command", command='say "<i>hi</i>"')
    await asks(surfer, "/admin/games", **POSTS["/admin/games"])
    answer = await surfer.get("/admin/log")
    told = words(answer)
    assert "Root <b> made the game chess" in told
    assert 'Root <b> sent to the console of Overworld : say "<i>hi</i>"' in told
    assert told.index("made the game") < told.index("sent to the console")
    assert b"<i>" not in answer.raw


async def test_the_log_is_leafed_through(house):
    surfer = await an_admin(house)
    for number in range(60):
        await asks(surfer, "/admin/games", **{**POSTS["/admin/games"], "tag": f"g{number}"})
    first, second = await surfer.get("/admin/log"), await surfer.get("/admin/log?page=2")
    assert first.raw.count(b'class="deed"') == 50 and second.raw.count(b'class="deed"') == 10
    assert "g59" in words(first) and "g0 " in words(second)
    assert "/admin/log?page=3" not in second.raw.decode()


async def test_what_was_done_outlives_a_restart(stone_house):
    surfer = await an_admin(stone_house)
    await asks(surfer, "/admin/games", **POSTS["/admin/games"])
    await stone_house.restart()
    assert done(stone_house) == [("game_added", "chess", "")]
    assert "made the game chess" in words(await surfer.get("/admin/log"))


def test_every_deed_has_words():
    from coalserver.site.admin.messages import DEEDS, MISSING, WORDS

    assert set(DEEDS) == set(What)
    assert not MISSING & set(WORDS) and Why.LAST_ADMIN in WORDS


async def test_settings_are_shown_as_they_came_out(house):
    surfer = await an_admin(house)
    assert "port port to listen on 80 set" in words(await surfer.get("/admin/settings"))


async def test_a_backup_is_made_listed_fetched_and_removed(house):
    surfer = await an_admin(house)
    for _ in range(2):
        answer = await asks(surfer, "/admin/backups")
        assert answer.headers["Location"] == "/admin/backups?done=made"
    names = re.findall(
        r"coalserver-\d{8}T\d{6}Z(?:-1)?\.tar", (await surfer.get("/admin/backups")).raw.decode()
    )
    first, second = sorted(set(names), key=len)
    answer = await asks(surfer, f"/admin/backups/{first}/download")
    assert answer.raw == b"everything" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{first}"'
    assert (await surfer.get(f"/admin/backups/{first}/download")).status == 405
    await asks(surfer, f"/admin/backups/{first}/remove")
    assert first not in words(await surfer.get("/admin/backups")).replace(second, "")
    assert [what for what, *_ in done(house)] == ["backup_made"] * 2 + [
        "backup_fetched",
        "backup_removed",
    ]


@pytest.mark.parametrize(
    "name", ["data.sqlite", "..%2Fdata.sqlite", "%2e%2e", "coalserver-x.tar", "keys"]
)
async def test_no_other_file_is_fetched_or_removed(house, name):
    surfer = await an_admin(house)
    (Path(house.folder) / "data.sqlite").write_bytes(b"precious")
    for act in ("download", "remove"):
        answer = await asks(surfer, f"/admin/backups/{name}/{act}")
        assert answer.status == 404 and b"precious" not in answer.raw
    assert (Path(house.folder) / "data.sqlite").exists() and done(house) == []


async def test_backups_asked_for_at_once_are_two(house):
    surfer = await an_admin(house)
    seal = await surfer.seal("/admin/games")
    await gather(*(surfer.post("/admin/backups", csrf_token=seal) for _ in range(4)))
    assert len(house.place().made()) == 4


async def test_how_one_is_restored_is_said(house):
    surfer = await an_admin(house)
    assert "coalserver restore backup.tar --data" in words(await surfer.get("/admin/backups"))


async def test_nobody_is_admin_by_looking(house):
    await house.core.do(add_account, email=ROOT, password="x", active=True)
    surfer = await a_member(house)
    await surfer.get("/admin")
    assert not any(one.admin for one in house.core.see(every_account))
