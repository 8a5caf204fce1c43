"""No page sends a destructive request without a question."""

import re
from urllib.parse import urlsplit

from playwright.async_api import expect

from tests.browser.test_admin import admin
from tests.browser.visitors import http_error

__all__ = ["admin"]

SAVE = "20260101T000000Z-upload"
BACKUP = "coalserver-20260101T000000Z.tar"
#: Forms that add or change something, and take nothing away.
HARMLESS = re.compile(
    r"/logout|/profile|/profile/(password|claim|tokens)"
    r"|/admin/users/\d+(/activate)?|/admin/server_create(_gce)?|/admin/servers/\d+(/pair|/command|/console|/gce(/further)?|/saves(/upload|/[^/]+/(pin|note))?)?"
    r"|/servers/[a-z]+/(play|save|chats|screenshots)"
    r"|/admin/instance/configure"
    r"|/admin/versions(/upload|/[^/]+/fetch)?"
    r"|/admin/games|/admin/backups(/upload|/[^/]+/download)?"
)
#: The pages that the crawler visits, by the beginning of their path.
AREAS = ("/admin", "/profile", "/servers/")
#: Returns the paths of all links, and the actions of the forms that are sent at once.
LINKS_AND_FORMS = """() => [
    [...document.querySelectorAll("a[href]")].map((link) => link.href),
    [...document.querySelectorAll("form[method=post]:not([data-testid=question])")].map((form) => form.action),
    [...document.querySelectorAll("[data-testid=question]")].map((form) => form.action),
]"""


async def test_no_page_sends_a_destructive_form_without_a_question(
    admin, server, guest, fake_agent
):
    server.create_backup(BACKUP)
    server.run_command("version", "add", "own", "--command", "true", "--no-eula")
    server.run_command("world", "add", "Ours", "--short-name", "ours", "--hosted")
    server.add_saved_game(2, SAVE)
    server.run_command("account", "add", "cem@example.org", "--password", "correct horse")
    ann, bob, cem = await guest("Ann"), await guest("Bob"), await guest("Cem")
    await ann.create_room("Friday evening")
    room = await cem.create_room("Saturday")
    await bob.join(room)
    await cem.start(room)
    root = await admin("/admin")
    root.expect_errors(http_error(404), http_error(400))
    start = root.page.url.removesuffix("/admin")
    await (await guest("Dan")).create_room("Sunday")
    await root.page.goto(f"{start}/admin/rooms")
    dan = root.page.locator(".member").filter(has_text="Dan")
    await dan.get_by_role("link", name="Ban…").click()
    await root.page.get_by_role("button", name="Ban…").click()
    await root.page.get_by_role("button", name="Ban player").click()
    await expect(root.page.get_by_text("Player banned")).to_be_visible()
    waiting, seen = ["/admin", "/profile", "/servers/ours", "/servers/mill"], set()
    questions = set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        await root.page.goto(start + path)
        links, forms, asked = await root.page.evaluate(LINKS_AND_FORMS)
        bare = [form for form in forms if not HARMLESS.fullmatch(urlsplit(form).path)]
        assert bare == [], path
        questions |= {re.sub(r"\d+", "1", urlsplit(form).path) for form in asked}
        for link in links:
            parts = urlsplit(link)
            address = parts.path + (f"?{parts.query}" if parts.query else "")
            is_page = "#line-" not in link and not parts.path.endswith("/download")
            if link.startswith(tuple(start + area for area in AREAS)) and is_page:
                if address not in seen and address not in waiting:
                    waiting.append(address)
    name, save = re.sub(r"\d+", "1", BACKUP), re.sub(r"\d+", "1", SAVE)
    assert questions >= {
        f"/admin/backups/{name}/remove", f"/admin/backups/{name}/restore",
        "/admin/games/noughts/rotate", "/admin/versions/own/remove",
        "/admin/servers/1/secret", "/admin/servers/1/deactivate",
        "/admin/rooms/1/close", "/admin/rooms/1/kick/1", "/admin/sessions/1/close",
        "/admin/sessions/1/kick/1", "/admin/bans/lift", "/admin/users/1/remove",
        "/profile/browsers/1/end", "/profile/sign-out",
        "/admin/servers/1/delete", "/admin/instance/stop",
        f"/admin/servers/1/saves/{save}/remove", f"/admin/servers/1/saves/{save}/restore",
        "/servers/ours/pause", "/servers/ours/restart", "/servers/ours/kill",
    }  # fmt: skip


async def test_question_without_scripts_deletes_a_backup_only_after_the_answer(admin, server):
    server.create_backup(BACKUP)
    root = await admin("/admin/backups", java_script_enabled=False)
    main = root.page.get_by_role("main")
    await root.page.get_by_role("link", name="Delete…").click()
    await expect(main).to_contain_text("This cannot be undone.")
    await root.page.get_by_role("link", name="Cancel").click()
    await expect(main).to_contain_text(BACKUP)
    await root.page.get_by_role("link", name="Delete…").click()
    await root.page.get_by_role("button", name="Delete", exact=True).click()
    await expect(main).to_contain_text("Backup deleted")
    await expect(main).not_to_contain_text(BACKUP)


async def test_question_precedes_new_tokens_and_secrets(admin, fake_agent):
    root = await admin("/admin/games")
    await root.page.get_by_role("link", name="Reset tokens…").first.click()
    await expect(root.page.get_by_role("main")).to_contain_text("are cut off")
    await root.page.get_by_role("button", name="Reset tokens").click()
    await expect(root.page.locator("#private-token")).to_be_visible()
    await root.page.get_by_role("link", name="Worlds").click()
    await root.page.get_by_role("main").get_by_role("link", name="The Mill").click()
    await root.page.get_by_text("Set up manually").click()
    await root.page.get_by_role("link", name="Reset secret…").click()
    await expect(root.page.locator("#client-secret")).to_have_count(0)
    await root.page.get_by_role("button", name="Reset secret").click()
    await expect(root.page.locator("#client-secret")).to_be_visible()
