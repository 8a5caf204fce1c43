"""The pages of admins: who sees them, who does not, and what no form does."""

import re
from asyncio import gather
from pathlib import Path

import pytest

from coalserver.core.commands.accounts import create_account, update_account
from coalserver.core.queries.accounts import all_accounts, has_admin
from coalserver.core.state import INDEXES
from coalserver.domain.accounts.account import LoginSession
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import ErrorCode
from coalserver.site.admin import overview
from tests.apis.app import TestApp
from tests.apis.browser import Browser, deactivate_account, make_account
from tests.site.admins import (
    ROOT,
    account,
    done,
    make_admin,
    make_backup,
    make_member,
    make_world,
    revoke_admin,
    submit,
    words,
)
from tests.site.posts import ADMIN_PAGES, POSTS

ADMIN_POSTS = [path for path in POSTS if path.startswith("/admin")]


def everything(test_app: TestApp) -> str:
    """All that is kept, but for who is signed in."""
    kinds = [kind for kind in INDEXES if kind is not LoginSession]
    return repr([list(test_app.core.state.all(kind)) for kind in kinds])


def test_every_route_is_tried_here():
    gets = {route.path for route in overview.ROUTES if route.method == "GET"}
    posts = {route.path for route in overview.ROUTES if route.method == "POST"}
    bare = {re.sub(r"{\w+}", "{}", path) for path in gets | posts}
    tried = {
        re.sub(r"noughts|coalserver-\w+\.tar", "{}", path) for path in (*ADMIN_POSTS, *ADMIN_PAGES)
    }
    assert bare == tried


@pytest.mark.parametrize("path", ADMIN_PAGES)
async def test_a_page_is_for_admins(test_app, path):
    path = path.replace("{}", "1")
    stranger = await Browser(test_app).get(path)
    assert (stranger.status, stranger.headers["Location"].partition("?")[0]) == (302, "/login")
    member = await make_member(test_app)
    answer = await member.get(path)
    assert answer.status == 403 and "This page is for admins." in words(answer)
    await deactivate_account(test_app)
    assert (await member.get(path)).headers["Location"] == "/login"


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_a_form_is_for_admins(test_app, path):
    await make_world(test_app)
    path, fields = path.replace("{}", "1"), POSTS[path]
    member = await make_member(test_app)
    seal = await member.csrf_token("/profile")
    before = everything(test_app)
    answer = await Browser(test_app).post(path, **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/login?next_url=/admin")
    assert (await member.post(path, csrf_token=seal, **fields)).status == 403
    assert everything(test_app) == before


@pytest.mark.parametrize("path", ADMIN_POSTS)
@pytest.mark.parametrize("seal", ["none", "another's", "old"])
async def test_a_form_that_no_page_of_ours_has_shown_does_nothing(test_app, path, seal):
    browser, other = await make_admin(test_app), Browser(test_app)
    await make_world(test_app)
    fields = dict(POSTS[path])
    if seal != "none":
        fields["csrf_token"] = await (other if seal == "another's" else browser).csrf_token(
            "/login" if seal == "another's" else "/admin/games"
        )
    if seal == "old":
        test_app.clock.advance(20 * 60)
    before = everything(test_app)
    answer = await browser.post(path.replace("{}", "1"), **fields)
    assert answer.status in (403, 404)
    assert answer.status == 404 or "open for too long" in words(answer)
    assert everything(test_app) == before


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_who_is_no_admin_any_more_does_nothing(test_app, path):
    await make_account(test_app, "other@example.org", admin=True)
    browser = await make_admin(test_app)
    await make_world(test_app)
    seal = await browser.csrf_token("/admin/games")
    await revoke_admin(test_app)
    before = everything(test_app)
    answer = await browser.post(path.replace("{}", "1"), csrf_token=seal, **POSTS[path])
    assert answer.status == 403 and everything(test_app) == before


@pytest.mark.parametrize("path", ADMIN_PAGES)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_page_is_there_in_each_language_and_kept_by_nobody(test_app, path, language):
    browser = await make_admin(test_app)
    await make_world(test_app)
    make_backup(test_app)
    await test_app.sign_in_guest("Ann")
    answer = await browser.get(path.replace("{}", "1"), Accept_Language=language)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    page = answer.raw.decode()
    assert f'<html lang="{language}"' in page and ("Verwaltung" in page) == (language == "de")
    assert "style=" not in page and "onclick" not in page


@pytest.mark.parametrize(
    "id", ["0", "-1", "999999", "x", "1" * 40, "%00", "1%2F2", "%D9%A1", "../1"]
)
async def test_what_is_not_there_is_not_found_and_nobodys_fault(test_app, id):
    browser = await make_admin(test_app)
    seal = await browser.csrf_token("/admin/games")
    for path in ADMIN_PAGES:
        if "{}" in path:
            assert (await browser.get(path.replace("{}", id))).status in (302, 404), path
    for path in ADMIN_POSTS:
        if "{}" in path:
            answer = await browser.post(path.replace("{}", id), csrf_token=seal, **POSTS[path])
            assert answer.status in (400, 404), path
    assert done(test_app) == []


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_odd_fields_are_nobodys_fault(test_app, path):
    browser = await make_admin(test_app)
    await make_world(test_app)
    seal = await browser.csrf_token("/admin/games")
    for odd in ("", " ", "x" * 5000, "🎲\u202e\u2028", "<b>\"'&{{7*7}}%(x)s{y}", "-1", "1e9", "0"):
        fields = dict.fromkeys(POSTS[path], odd)
        answer = await browser.post(path.replace("{}", "1"), csrf_token=seal, **fields)
        assert answer.status < 500, (path, odd, answer.raw)
        assert b'<b>"' not in answer.raw


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "page=9999999999", "page=%D9%A3", "q=%00", "q=" + "x" * 500],
)
async def test_odd_pages_of_a_list_are_nobodys_fault(test_app, query):
    browser = await make_admin(test_app)
    for path in ("/admin/users", "/admin/bans", "/admin/log"):
        assert (await browser.get(f"{path}?{query}")).status == 200


async def test_the_first_page_tells_what_is_to_be_done(test_app):
    browser = await make_admin(test_app)
    await make_account(test_app, "new@example.org", active=False)
    await make_world(test_app, "Overworld")
    ann = await test_app.sign_in_guest("Ann")
    await ann.create_room(name="Friday")
    told = words(await browser.get("/admin"))
    assert "Waiting for approval new@example.org" in told
    assert "Overworld" in told and "2 users" in told and "1 open room" in told


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


async def test_what_was_done_is_told_with_its_doer_the_newest_first(test_app):
    browser = await make_admin(test_app)
    await test_app.core.execute(
        update_account, account_id=account(test_app).id, nickname="Root <b>"
    )
    await make_world(test_app)
    await submit(browser, "/admin/servers/1/command", command='say "<i>hi</i>"')
    await submit(browser, "/admin/games", **POSTS["/admin/games"])
    answer = await browser.get("/admin/log")
    told = words(answer)
    assert "Root <b> added game chess" in told
    assert 'Root <b> sent a command to Overworld : say "<i>hi</i>"' in told
    assert told.index("added game") < told.index("sent a command")
    assert b"<i>" not in answer.raw


async def test_the_log_is_leafed_through(test_app):
    browser = await make_admin(test_app)
    for number in range(60):
        await submit(browser, "/admin/games", **{**POSTS["/admin/games"], "tag": f"g{number}"})
    first, second = await browser.get("/admin/log"), await browser.get("/admin/log?page=2")
    assert (
        first.raw.count(b'class="audit-line"') == 50
        and second.raw.count(b'class="audit-line"') == 10
    )
    assert "g59" in words(first) and "g0 " in words(second)
    assert "/admin/log?page=3" not in second.raw.decode()


async def test_what_was_done_outlives_a_restart(persistent_test_app):
    browser = await make_admin(persistent_test_app)
    await submit(browser, "/admin/games", **POSTS["/admin/games"])
    await persistent_test_app.restart()
    assert done(persistent_test_app) == [("game_added", "chess", "")]
    assert "added game chess" in words(await browser.get("/admin/log"))


def test_every_deed_has_words():
    from coalserver.site.admin.messages import ACTION_MESSAGES, ERROR_MESSAGES, NOT_FOUND_CODES

    assert set(ACTION_MESSAGES) == set(AuditAction)
    assert not NOT_FOUND_CODES & set(ERROR_MESSAGES) and ErrorCode.LAST_ADMIN in ERROR_MESSAGES


async def test_settings_are_shown_as_they_came_out(test_app):
    browser = await make_admin(test_app)
    assert "port port to listen on 80 Changed" in words(await browser.get("/admin/settings"))


async def test_a_backup_is_made_listed_fetched_and_removed(test_app):
    browser = await make_admin(test_app)
    for _ in range(2):
        answer = await submit(browser, "/admin/backups")
        assert answer.headers["Location"] == "/admin/backups?done=made"
    names = re.findall(
        r"coalserver-\d{8}T\d{6}Z(?:-1)?\.tar", (await browser.get("/admin/backups")).raw.decode()
    )
    first, second = sorted(set(names), key=len)
    answer = await submit(browser, f"/admin/backups/{first}/download")
    assert answer.raw == b"everything" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{first}"'
    assert (await browser.get(f"/admin/backups/{first}/download")).status == 405
    await submit(browser, f"/admin/backups/{first}/remove")
    assert first not in words(await browser.get("/admin/backups")).replace(second, "")
    assert [what for what, *_ in done(test_app)] == ["backup_made"] * 2 + [
        "backup_fetched",
        "backup_removed",
    ]


@pytest.mark.parametrize(
    "name", ["data.sqlite", "..%2Fdata.sqlite", "%2e%2e", "coalserver-x.tar", "keys"]
)
async def test_no_other_file_is_fetched_or_removed(test_app, name):
    browser = await make_admin(test_app)
    (Path(test_app.folder) / "data.sqlite").write_bytes(b"precious")
    for act in ("download", "remove"):
        answer = await submit(browser, f"/admin/backups/{name}/{act}")
        assert answer.status == 404 and b"precious" not in answer.raw
    assert (Path(test_app.folder) / "data.sqlite").exists() and done(test_app) == []


async def test_backups_asked_for_at_once_are_two(test_app):
    browser = await make_admin(test_app)
    seal = await browser.csrf_token("/admin/games")
    await gather(*(browser.post("/admin/backups", csrf_token=seal) for _ in range(4)))
    assert len(test_app.build_backup_service().list_backups()) == 4


async def test_how_one_is_restored_is_said(test_app):
    browser = await make_admin(test_app)
    assert "coalserver restore backup.tar --data" in words(await browser.get("/admin/backups"))


async def test_nobody_is_admin_by_looking(test_app):
    await test_app.core.execute(create_account, email=ROOT, password="x", active=True)
    browser = await make_member(test_app)
    await browser.get("/admin")
    assert not any(one.admin for one in test_app.core.query(all_accounts))
