"""Pages that create and edit hosted worlds, in a browser without scripts."""

import sys

from playwright.async_api import expect

from tests.browser.test_admin import SCREENS, admin, expect_no_horizontal_scroll
from tests.browser.visitors import http_error

__all__ = ["admin"]


@SCREENS
async def test_world_is_created_and_edited_without_scripts(admin, server, screen):
    server.run_command("version", "add", "1.20.4", "--command", sys.executable, "--no-eula")
    root = await admin("/admin/server_create", **screen, java_script_enabled=False)
    root.expect_errors(http_error(400))
    page = root.page
    await page.get_by_role("link", name="Host a world").click()
    await page.get_by_label("Name", exact=True).fill("Our World")
    await page.get_by_label("Short name").fill("ours")
    await page.get_by_label("I agree to the Minecraft EULA").check()
    await page.get_by_label("Difficulty").select_option("Hard")
    await page.get_by_label("Port").fill("80")
    await expect_no_horizontal_scroll(root)
    await page.get_by_role("button", name="Add world").click()
    await expect(page.locator("#server_port")).to_have_accessible_description(
        "Enter a whole number from 25565 to 25575. From 25565 to 25575. Empty: a free port is chosen."
    )
    await expect(page.get_by_label("Difficulty")).to_have_value("3")
    await page.get_by_label("Port").fill("")
    await page.get_by_role("button", name="Add world").click()
    await page.wait_for_url("**/servers/ours")

    await page.goto(server.url + "/admin/servers/1")
    await expect(page).to_have_url(server.url + "/admin/servers/1/gce")
    await page.get_by_label("Players can hurt each other").check()
    await page.get_by_label("Members may start it").uncheck()
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    await expect(page.get_by_label("Players can hurt each other")).to_be_checked()
    await expect(page.get_by_text("Agreed by")).to_be_visible()
    await page.get_by_label("Lines").fill("max-tick-time=-1\nmotd=x")
    await page.get_by_role("button", name="Save further settings").click()
    await expect(page.locator("#further-error")).to_contain_text("motd")
    await expect(page.get_by_label("Lines")).to_have_value("max-tick-time=-1\nmotd=x")
    await page.get_by_label("Lines").fill("max-tick-time=-1\n")
    await page.get_by_role("button", name="Save further settings").click()
    await expect(page.get_by_label("Lines")).to_have_value("max-tick-time=-1")
    await expect_no_horizontal_scroll(root)
