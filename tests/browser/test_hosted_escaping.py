"""Texts of a hosted world, of its program and of its admins are rendered as text on every page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.test_escaping import IMAGE, SCRIPT, expect_no_script_ran
from tests.browser.test_hosted_worlds import console_line, open_as_admin, server, tell
from tests.browser.visitors import DESKTOP, Visitor, http_error
from tests.hosting.machine import Machine

__all__ = ["server"]

SAVE = "20260101T000000Z-upload"
ADDRESS = "http://127.0.0.1:9/a.jar?b='\"><img/src=x>"
#: Ends an attribute, a text area and a script, and adds a picture.
BREAKOUT = f"'\"></textarea></script>{IMAGE}"


@pytest_asyncio.fixture(loop_scope="session")
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    """Yield a data directory with a world whose program reports a hostile name of its version."""
    machine = Machine(tmp_path)
    await machine.prepare("--version-name", IMAGE)
    yield machine
    await machine.end()


async def expect_as_text(root: Visitor, *texts: str) -> None:
    """Expect these texts in the main part of the page, and no element of them anywhere."""
    for text in texts:
        await expect(root.page.get_by_role("main")).to_contain_text(text)
    await expect(root.page.locator("img[src=x]")).to_have_count(0)
    await expect_no_script_ran(root)


async def rename(root: Visitor, url: str, name: str) -> None:
    await root.page.goto(url)
    await root.page.get_by_label("Name", exact=True).fill(name)
    await root.page.get_by_role("button", name="Save", exact=True).click()
    await expect(root.page.get_by_text("Saved.")).to_be_visible()


async def test_name_of_a_world_is_text_on_all_its_pages(visit, server, machine):
    manage, page = f"/admin/servers/{machine.world}", f"/servers/{machine.world}"
    server.add_saved_game(machine.world, SAVE)
    root = await open_as_admin(visit, "/admin/servers", **DESKTOP)
    await rename(root, f"{server.url}{manage}/gce", IMAGE)
    for path in (
        "/", page, f"{page}/chats", f"{page}/pause", f"{page}/restart", f"{page}/kill",
        "/admin/servers", f"{manage}/gce", f"{manage}/console", f"{manage}/saves",
        f"{manage}/saves/{SAVE}/restore",
        f"{manage}/deactivate", f"{manage}/delete", "/admin/versions", "/admin/log",
    ):  # fmt: skip
        await root.page.goto(server.url + path)
        await expect(root.page.locator("body")).to_contain_text(IMAGE)
        await expect_as_text(root)


async def test_console_version_and_crash_of_a_program_are_text(visit, server, machine):
    manage, page = f"/admin/servers/{machine.world}", f"/servers/{machine.world}"
    root = await open_as_admin(visit, page, **DESKTOP)
    console = await root.open_tab()
    await console.page.goto(f"{server.url}{manage}/console")
    await root.expect_live()
    assert machine.order("play") == 202
    await root.expect_text("world-status", "Running")
    await expect_as_text(root, IMAGE)
    await console.expect_text("world-status", "Running")
    for text in (IMAGE, SCRIPT, BREAKOUT):
        await tell(console, f"fake line {text}")
        await expect(console_line(console, f": {text}")).to_have_count(1)
    await expect_as_text(console)
    await console.page.reload()
    await expect_as_text(console, IMAGE, SCRIPT, BREAKOUT)
    await tell(console, "fake crash")
    await expect(root.part("crash")).to_contain_text(BREAKOUT)
    await expect_as_text(root, IMAGE, SCRIPT)
    await root.page.reload()
    await expect_as_text(root, IMAGE, SCRIPT, BREAKOUT)


async def test_inputs_of_admins_are_text_where_they_are_listed(visit, server, machine):
    manage = f"/admin/servers/{machine.world}"
    server.run_command("version", "add", "own", "--command", f"true '{IMAGE}'", "--no-eula")
    server.add_saved_game(machine.world, SAVE)
    root = await open_as_admin(visit, "/admin/versions", **DESKTOP)
    root.expect_errors(http_error(400))
    main = root.page.get_by_role("main")
    await expect_as_text(root, f"true '{IMAGE}'")

    # A refused input is in its field again.
    await root.page.locator("#url-version").fill(BREAKOUT[:60])
    await root.page.locator("#url-url").fill(ADDRESS)
    await root.page.locator("#url").get_by_role("button", name="Add version").click()
    await expect(root.page.locator("#url-version")).to_have_value(BREAKOUT[:60])
    await expect(root.page.locator("#url-url")).to_have_value(ADDRESS)
    await expect_as_text(root)

    await root.page.goto(f"{server.url}{manage}/saves")
    await main.locator(".save-more summary").click()
    await main.get_by_label("Note").fill(BREAKOUT)
    await main.get_by_role("button", name="Save", exact=True).click()
    await expect(main.locator(".save-note")).to_have_text(BREAKOUT)
    await expect(main.get_by_label("Note")).to_have_value(BREAKOUT)
    await expect_as_text(root)

    await root.page.goto(f"{server.url}{manage}/gce")
    await root.page.locator("#motd").fill(BREAKOUT)
    await root.page.get_by_role("button", name="Save", exact=True).click()
    await expect(root.page.get_by_text("Saved.")).to_be_visible()
    await expect(root.page.locator("#motd")).to_have_value(BREAKOUT)
    await root.page.get_by_label("Lines").fill(f"bug-report-link={BREAKOUT}")
    await root.page.get_by_role("button", name="Save further settings").click()
    await expect(root.page.get_by_label("Lines")).to_have_value(f"bug-report-link={BREAKOUT}")
    await expect_as_text(root)

    await root.page.goto(f"{server.url}/admin/instance/configure")
    await root.page.get_by_label("Public address").fill(BREAKOUT)
    await main.get_by_role("button", name="Save", exact=True).click()
    await expect(root.page.get_by_label("Public address")).to_have_value(BREAKOUT)
    await expect_as_text(root)
    await root.page.goto(f"{server.url}/admin/log")
    await expect_as_text(root)
