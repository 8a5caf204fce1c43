"""Admin pages of the system: the audit log and the settings."""

from coalserver.config import Config
from coalserver.core.commands.accounts import update_account
from coalserver.server.app import build_system_service
from coalserver.site.admin.system import SystemService
from tests.site.admins import account, done, make_admin, make_world, submit, words
from tests.site.posts import POSTS


async def test_audit_log_shows_actors_and_newest_entry_first(test_app):
    browser = await make_admin(test_app)
    await test_app.core.execute(
        update_account, account_id=account(test_app).id, nickname="Root <b>"
    )
    await make_world(test_app)
    await submit(browser, "/admin/servers/1/command", command='say "<i>hi</i>"')
    await submit(browser, "/admin/games", **POSTS["/admin/games"])
    answer = await browser.get("/admin/log")
    text = words(answer)
    assert "Root <b> added game chess" in text
    assert 'Root <b> sent a command to Overworld : say "<i>hi</i>"' in text
    assert text.index("added game") < text.index("sent a command")
    assert b"<i>" not in answer.raw


async def test_audit_log_has_numbered_pages(test_app):
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


async def test_audit_log_survives_restart(persistent_test_app):
    browser = await make_admin(persistent_test_app)
    await submit(browser, "/admin/games", **POSTS["/admin/games"])
    await persistent_test_app.restart()
    assert done(persistent_test_app) == [("game_added", "chess", "")]
    assert "added game chess" in words(await browser.get("/admin/log"))


async def test_settings_page_marks_changed_value(test_app):
    browser = await make_admin(test_app)
    text = "port port to listen on; 0 selects a free port 80 Changed"
    assert text in words(await browser.get("/admin/settings"))


async def test_settings_page_describes_settings_in_the_language_of_the_browser(test_app):
    browser = await make_admin(test_app)
    answer = await browser.get("/admin/settings", **{"Accept-Language": "de"})
    assert "port Port, an dem gelauscht wird; 0 wählt einen freien Port 80" in words(answer)


async def test_settings_page_describes_every_setting(test_app):
    browser = await make_admin(test_app)
    service = build_system_service(Config())
    test_app.app_context.services[SystemService] = service
    answer = await browser.get("/admin/settings")
    assert answer.status == 200
    for name, about, _, _ in service.settings:
        assert f"{name} {' '.join(about.split())}" in words(answer)


async def test_settings_page_says_in_the_language_of_the_browser_whether_a_secret_is_set(test_app):
    browser = await make_admin(test_app)
    for token, shown in (("", "(nicht gesetzt)"), ("a-token-of-metrics", "(gesetzt)")):
        service = build_system_service(Config(metrics_token=token))
        test_app.app_context.services[SystemService] = service
        text = words(await browser.get("/admin/settings", **{"Accept-Language": "de"}))
        assert shown in text and "a-token" not in text and "(not set)" not in text
