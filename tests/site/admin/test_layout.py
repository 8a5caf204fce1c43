"""What all admin pages share: access, CSRF protection, languages, and tolerance of odd requests."""

import re

import pytest

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.hosting_settings import add_version
from coalserver.core.queries.accounts import all_accounts
from coalserver.core.state import INDEXES
from coalserver.domain.accounts.account import LoginSession
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import ErrorCode
from coalserver.site.admin import overview
from tests.apis.app import TestApp
from tests.apis.browser import Browser, deactivate_account, make_account
from tests.apis.hosting import sample_version
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
from tests.site.posts import ADMIN_PAGES, POSTS, ROOM_PAGES

ADMIN_POSTS = [path for path in POSTS if path.startswith("/admin")]


def stored_state(test_app: TestApp) -> str:
    """Return all entities except login sessions."""
    kinds = [kind for kind in INDEXES if kind is not LoginSession]
    return repr([list(test_app.core.state.all(kind)) for kind in kinds])


def test_every_admin_route_has_a_test_case():
    gets = {route.path for route in overview.ROUTES if route.method == "GET"}
    posts = {route.path for route in overview.ROUTES if route.method == "POST"}
    # Members may start a world.
    routes = {re.sub(r"{\w+}", "{}", path) for path in gets | posts} - {"/admin/servers/{}/start"}
    tested = {
        re.sub(r"noughts|coalserver-\w+\.tar", "{}", path.partition("?")[0])
        for path in (*ADMIN_POSTS, *ADMIN_PAGES, *ROOM_PAGES)
    }
    assert routes == tested


@pytest.mark.parametrize("path", [*ADMIN_PAGES, *ROOM_PAGES])
async def test_page_rejects_visitors_and_members(test_app, path):
    path = path.replace("{}", "1")
    visitor = await Browser(test_app).get(path)
    assert (visitor.status, visitor.headers["Location"].partition("?")[0]) == (302, "/login")
    member = await make_member(test_app)
    answer = await member.get(path)
    assert answer.status == 403 and "You don’t have access to this page" in words(answer)
    await deactivate_account(test_app)
    assert (await member.get(path)).headers["Location"] == "/login"


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_form_rejects_visitors_and_members(test_app, path):
    await make_world(test_app)
    path, fields = path.replace("{}", "1"), POSTS[path]
    member = await make_member(test_app)
    token = await member.csrf_token("/profile")
    before = stored_state(test_app)
    answer = await Browser(test_app).post(path, **fields)
    assert (answer.status, answer.headers["Location"]) == (302, "/login?next_url=/admin")
    assert (await member.post(path, csrf_token=token, **fields)).status == 403
    assert stored_state(test_app) == before


@pytest.mark.parametrize("path", ADMIN_POSTS)
@pytest.mark.parametrize("token", ["missing", "foreign", "expired"])
async def test_form_without_valid_csrf_token_changes_nothing(test_app, path, token):
    browser, other = await make_admin(test_app), Browser(test_app)
    await make_world(test_app)
    fields = dict(POSTS[path])
    if token != "missing":
        fields["csrf_token"] = await (other if token == "foreign" else browser).csrf_token(
            "/login" if token == "foreign" else "/admin/games"
        )
    if token == "expired":
        test_app.clock.advance(20 * 60)
    before = stored_state(test_app)
    answer = await browser.post(path.replace("{}", "1"), **fields)
    assert answer.status in (403, 404)
    assert answer.status == 404 or "This form expired." in words(answer)
    assert stored_state(test_app) == before


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_form_of_former_admin_changes_nothing(test_app, path):
    await make_account(test_app, "other@example.org", admin=True)
    browser = await make_admin(test_app)
    await make_world(test_app)
    token = await browser.csrf_token("/admin/games")
    await revoke_admin(test_app)
    before = stored_state(test_app)
    answer = await browser.post(path.replace("{}", "1"), csrf_token=token, **POSTS[path])
    assert answer.status == 403 and stored_state(test_app) == before


@pytest.mark.parametrize("path", ADMIN_PAGES)
@pytest.mark.parametrize("language", ["en", "de"])
async def test_page_is_translated_and_not_cached(test_app, path, language):
    browser = await make_admin(test_app)
    await make_world(test_app)
    await test_app.core.execute(add_version, version=sample_version("1"))
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
async def test_unknown_id_is_not_found_and_not_audited(test_app, id):
    browser = await make_admin(test_app)
    token = await browser.csrf_token("/admin/games")
    for path in ADMIN_PAGES:
        if "{}" in path:
            assert (await browser.get(path.replace("{}", id))).status in (302, 404), path
    for path in ROOM_PAGES:
        assert (await browser.get(path.replace("{}", id))).status in (400, 404), path
    for path in ADMIN_POSTS:
        if "{}" in path:
            answer = await browser.post(path.replace("{}", id), csrf_token=token, **POSTS[path])
            assert answer.status in (400, 404), path
    assert done(test_app) == []


@pytest.mark.parametrize("path", ADMIN_POSTS)
async def test_odd_field_values_cause_no_server_error(test_app, path):
    browser = await make_admin(test_app)
    await make_world(test_app)
    token = await browser.csrf_token("/admin/games")
    for value in (
        "",
        " ",
        "x" * 5000,
        "🎲\u202e\u2028",
        "<b>\"'&{{7*7}}%(x)s{y}",
        "-1",
        "1e9",
        "0",
    ):
        fields = dict.fromkeys(POSTS[path], value)
        answer = await browser.post(path.replace("{}", "1"), csrf_token=token, **fields)
        assert answer.status < 500, (path, value, answer.raw)
        assert b'<b>"' not in answer.raw


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=x", "page=9999999999", "page=%D9%A3", "q=%00", "q=" + "x" * 500],
)
async def test_odd_query_of_a_list_is_accepted(test_app, query):
    browser = await make_admin(test_app)
    for path in ("/admin/users", "/admin/bans", "/admin/log"):
        assert (await browser.get(f"{path}?{query}")).status == 200


def test_every_audit_action_has_a_message():
    from coalserver.site.admin.messages import ACTION_MESSAGES, ERROR_MESSAGES, NOT_FOUND_CODES

    assert set(ACTION_MESSAGES) == set(AuditAction)
    assert NOT_FOUND_CODES <= set(ERROR_MESSAGES) and ErrorCode.LAST_ADMIN in ERROR_MESSAGES


async def test_viewing_a_page_grants_no_role(test_app):
    await test_app.core.execute(create_account, email=ROOT, password="x", active=True)
    browser = await make_member(test_app)
    await browser.get("/admin")
    assert not any(account.admin for account in test_app.core.query(all_accounts))
