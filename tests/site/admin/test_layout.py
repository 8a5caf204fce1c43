"""The pages of admins: who sees them, who does not, and what no form does."""

import re

import pytest

from coalserver.core.commands.accounts import create_account
from coalserver.core.queries.accounts import all_accounts
from coalserver.core.state import INDEXES
from coalserver.domain.accounts.account import LoginSession
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import ErrorCode
from coalserver.site.admin import overview
from tests.apis.app import TestApp
from tests.apis.browser import Browser, deactivate_account, make_account
from tests.site.admins import (
    ROOT,
    done,
    make_admin,
    make_backup,
    make_member,
    make_world,
    revoke_admin,
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


def test_every_deed_has_words():
    from coalserver.site.admin.messages import ACTION_MESSAGES, ERROR_MESSAGES, NOT_FOUND_CODES

    assert set(ACTION_MESSAGES) == set(AuditAction)
    assert not NOT_FOUND_CODES & set(ERROR_MESSAGES) and ErrorCode.LAST_ADMIN in ERROR_MESSAGES


async def test_nobody_is_admin_by_looking(test_app):
    await test_app.core.execute(create_account, email=ROOT, password="x", active=True)
    browser = await make_member(test_app)
    await browser.get("/admin")
    assert not any(one.admin for one in test_app.core.query(all_accounts))
