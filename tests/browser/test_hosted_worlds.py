"""Pages of a world that the server runs: two browsers follow it, and the console goes on after a cut."""

import re
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Locator, expect

from coalserver.hosting.segments import ConsoleReader
from tests.browser.crowd import EMAIL, PASSWORD, sign_in
from tests.browser.servers import Server
from tests.browser.test_axe import Inspector, axe
from tests.browser.test_profile import SCREENS, expect_no_horizontal_scroll
from tests.browser.visitors import DESKTOP, NO_SERVER, PHONE, Visit, Visitor, http_error
from tests.hosting.machine import Machine

__all__ = ["axe"]

ADMIN = "root@example.org"
#: Answers of the server's own polls, which no page shows.
POLL = re.compile(r"There are \d+ of a max")
SHOWN_LINES = """() => [...document.querySelectorAll(".console-line")].map((line) => [
    Number(line.dataset.number), line.querySelector(".console-text").textContent,
])"""

#: Whether lines are cut off, and whether the last of them is within the box.
CUT_AND_END_SHOWN = """(box) => {
    const text = document.createRange();
    text.selectNodeContents(box);
    const end = text.getBoundingClientRect().bottom;
    return [box.scrollHeight > box.clientHeight, end <= box.getBoundingClientRect().bottom + 1];
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    """Yield a data directory with a hosted world, which a fake program plays, and an admin."""
    machine = Machine(tmp_path)
    await machine.prepare("--start-seconds", "1")
    yield machine
    await machine.end()


@pytest_asyncio.fixture(loop_scope="session")
async def server(machine: Machine, chromium: str) -> AsyncIterator[Server]:
    flags = (
        "--config", str(machine.settings), "--hosting-ports", f"{machine.ports}-{machine.ports + 1}",
        "--hosting-bind", "127.0.0.1", "--hosting-memory", "4000", "--hosting-crash-wait", "4",
    )  # fmt: skip
    with closing(Server(machine.data, flags)) as server:
        for email, flag in ((EMAIL, "--active"), (ADMIN, "--admin")):
            server.run_command("account", "add", email, "--password", PASSWORD, flag)
        machine.server = server
        yield server


async def open_as_admin(visit: Visit, path: str, **options: Any) -> Visitor:
    root = await visit(f"/login?next_url={path}", **options)
    # By id, since the labels depend on the language.
    await root.page.locator("#email").fill(ADMIN)
    await root.page.locator("#password").fill(PASSWORD)
    await root.page.locator("#password").press("Enter")
    await root.page.wait_for_url(f"**{path}")
    return root


async def tell(root: Visitor, command: str) -> None:
    """Send a command from the console page."""
    await root.part("command").fill(command)
    await root.part("command").press("Enter")
    await expect(root.part("command")).to_have_value("")


def console_line(root: Visitor, text: str) -> Locator:
    """Return the lines that end with a text: before it they have their header."""
    return root.page.locator(".console-line").filter(has_text=re.compile(f"{re.escape(text)}$"))


async def test_two_browsers_follow_a_world_from_start_to_crash(visit, server, machine):
    page, question = (
        f"/servers/{machine.world}",
        {"pause": "Stop world", "restart": "Restart world"},
    )
    actor = await open_as_admin(visit, page, **DESKTOP)
    root = await actor.open_tab()
    ann = await visit(page, **PHONE)
    await sign_in(ann, page)
    watchers = (root, ann)
    for watcher in watchers:
        await watcher.expect_live()
        await watcher.mark_page()
        await watcher.expect_text("world-status", "Not started yet")
        await expect(watcher.button("Start")).to_be_visible()

    async def order(name: str) -> None:
        await actor.page.goto(f"{server.url}{page}/{name}")
        await actor.button(question[name]).click()
        await actor.page.wait_for_url(f"**{page}")

    async def expect_running() -> None:
        for watcher in watchers:
            await watcher.expect_text("world-status", "Running")
            await expect(
                watcher.page.get_by_text(f"127.0.0.1:{machine.ports}", exact=True)
            ).to_be_visible()
            await expect(watcher.button("Start")).to_be_hidden()
        await expect(root.page.get_by_role("link", name="Restart…")).to_be_visible()
        assert await ann.page.get_by_role("link", name="Restart…").count() == 0

    await actor.button("Start").click()
    for watcher in watchers:
        await watcher.expect_text("world-status", "Starting")
    await expect_running()
    await order("restart")
    for watcher in watchers:
        await watcher.expect_text("world-status", "Starting")
    await expect_running()
    await order("pause")
    for watcher in watchers:
        await watcher.expect_text("world-status", "Stopped")
        await expect(watcher.button("Start")).to_be_visible()
        await expect(
            watcher.page.get_by_text(f"127.0.0.1:{machine.ports}", exact=True)
        ).to_be_hidden()
    await actor.page.reload()
    await actor.button("Start").click()
    await expect_running()
    await expect(root.part("crash")).to_be_hidden()
    await actor.page.goto(f"{server.url}/admin/servers/{machine.world}/console")
    await tell(actor, "fake crash")
    for watcher in watchers:
        await watcher.expect_text("world-status", re.compile(r"Starts again in [1-4] s"))
    await watchers[0].expect_text("world-status", re.compile(r"Starts again in [12] s"))
    await expect(root.part("crash")).to_contain_text("This crash report has been saved to")
    await expect(root.part("crash").locator("summary")).to_contain_text("crash-reports/crash-")
    assert await ann.part("crash").count() == 0
    await expect_running()
    for watcher in watchers:
        assert await watcher.is_same_page()
        await expect_no_horizontal_scroll(watcher)


async def test_overview_shows_activity_and_lag_without_a_reload(visit, server, machine):
    path = f"/admin/servers/{machine.world}/console"
    root = await open_as_admin(visit, path, **DESKTOP)
    assert machine.order("play") == 202
    ann = await visit(f"/servers/{machine.world}", **PHONE)
    await sign_in(ann, f"/servers/{machine.world}")
    await ann.expect_live()
    await ann.mark_page()
    lag, latest = ann.page.locator("#lag"), ann.page.locator("#latest")
    await expect(lag).to_have_text("–")
    await expect(latest).to_have_text("No activity yet.")
    await root.expect_text("world-status", "Running")
    await expect(lag).to_have_text("OK")
    await tell(root, "fake join Steve")
    await tell(root, "fake chat Steve good evening")
    await expect(latest.get_by_role("listitem").first).to_contain_text("good evening")
    await expect(latest.get_by_role("listitem").last).to_contain_text("Steve joined")
    assert await ann.is_same_page()


async def test_the_last_lines_of_a_crash_are_in_view(visit, server, machine):
    root = await open_as_admin(visit, f"/admin/servers/{machine.world}/console", **PHONE)
    assert machine.order("play") == 202
    await root.expect_text("world-status", "Running")
    await tell(root, "fake flood 30 100")
    await tell(root, "fake crash")
    await root.expect_text("world-status", re.compile("Starts again"))
    await root.page.goto(f"{server.url}/servers/{machine.world}")
    lines = root.page.get_by_role("group", name="Last lines of the console")
    await expect(lines).to_contain_text("This crash report has been saved to")
    assert await lines.evaluate(CUT_AND_END_SHOWN) == [True, True]


async def test_overview_of_an_archived_world_leads_to_the_home_page(visit, server, machine):
    root = await open_as_admin(visit, f"/admin/servers/{machine.world}/deactivate", **DESKTOP)
    ann = await visit(f"/servers/{machine.world}", **PHONE)
    ann.expect_errors(http_error(404))
    await sign_in(ann, f"/servers/{machine.world}")
    await ann.expect_live()
    await root.button("Archive world").click()
    await ann.page.wait_for_url(f"{server.url}/")
    assert await ann.part("world-status").count() == 0


async def test_console_goes_on_after_a_cut_without_a_lost_or_double_line(visit, server, machine):
    path = f"/admin/servers/{machine.world}/console"
    root = await open_as_admin(visit, path, **DESKTOP)
    root.expect_errors(NO_SERVER, http_error(400))
    await root.expect_live()
    await root.mark_page()
    await root.part("command").fill("list")
    await root.part("command").press("Enter")
    await root.expect_text("console-error", "The world is not running.")
    assert machine.order("play") == 202
    await root.expect_text("world-status", "Running")
    await tell(root, "fake line <img src=x onerror=alert(1)> &amp; x")
    await expect(console_line(root, "<img src=x onerror=alert(1)> &amp; x")).to_have_count(1)
    await tell(root, "fake flood 1500 20")
    server.kill()
    await root.expect_reconnecting()
    server.restart()
    await root.expect_live()
    await tell(root, "fake line the end")
    await expect(console_line(root, "the end")).to_have_count(1)
    shown = await root.page.evaluate(SHOWN_LINES)
    written = [
        [line.number, line.text]
        for line in ConsoleReader(machine.files.run).read(0, 1_000_000)
        if not POLL.search(line.text) and line.number <= shown[-1][0]
    ]
    assert len(shown) > 1500
    assert [number for number, _ in shown] == [number for number, _ in written]
    assert await root.is_same_page()


async def test_console_follows_its_end_unless_the_reader_scrolls_up(visit, server, machine):
    path = f"/admin/servers/{machine.world}/console"
    root = await open_as_admin(visit, path, **PHONE)
    assert machine.order("play") == 202
    await root.expect_text("world-status", "Running")
    await tell(root, "fake flood 100 20")
    await tell(root, "fake line one")
    await expect(console_line(root, "one")).to_be_in_viewport()
    await expect(root.part("jump")).to_be_hidden()
    await root.page.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
    await expect(root.part("jump")).to_be_visible()
    # Sent from elsewhere: a command of one's own leads to the end.
    other = await open_as_admin(visit, path, **DESKTOP)
    await tell(other, "fake line two")
    await expect(root.part("jump")).to_have_text("Jump to latest (1)")
    assert await root.page.get_by_role("log").evaluate("log => log.scrollTop") == 0
    await root.part("jump").click()
    await expect(console_line(root, "two")).to_be_in_viewport()
    await expect(root.part("jump")).to_be_hidden()
    await expect(root.announcements).not_to_be_empty()
    await root.part("command").press("ArrowUp")
    await expect(root.part("command")).to_have_value("fake line one")


async def test_crash_and_console_have_no_violations(visit, server, machine, axe):
    page = f"/servers/{machine.world}"
    root = await open_as_admin(visit, f"/admin{page}/console", **DESKTOP)
    inspector = Inspector(root.page, server.url, axe)
    assert machine.order("play") == 202
    await root.expect_text("world-status", "Running")
    await tell(root, "fake lag")
    await tell(root, "fake flood 100 20")
    await tell(root, "fake line the end")
    await expect(console_line(root, "the end")).to_be_in_viewport()
    assert await inspector.violations() == []
    await tell(root, "fake crash")
    await root.expect_text("world-status", re.compile("Starts again"))
    await root.page.goto(server.url + page)
    await root.page.locator(".crash-file summary").click()
    assert await inspector.violations() == []


@SCREENS
async def test_console_works_without_scripts_and_in_german(visit, server, machine, screen):
    path = f"/admin/servers/{machine.world}/console"
    options = {**screen, "java_script_enabled": False, "locale": "de-DE"}
    root = await open_as_admin(visit, path, **options)
    root.expect_errors(http_error(400))
    await root.part("command").fill("list")
    await root.page.get_by_role("button", name="Senden").click()
    await expect(root.page.get_by_role("alert")).to_have_text("Die Welt läuft nicht.")
    await expect(root.part("command")).to_have_value("list")
    assert machine.order("play") == 202
    machine.wait_for("RUNNING")
    await root.part("command").fill("fake line hallo")
    await root.page.get_by_role("button", name="Senden").click()
    await expect(root.page.get_by_text("Befehl gesendet.")).to_be_visible()
    machine.wait_for_text("hallo")
    await root.page.reload()
    await expect(console_line(root, "hallo")).to_be_visible()
    await expect_no_horizontal_scroll(root)


async def test_world_is_started_stopped_and_deleted_without_scripts(visit, server, machine):
    page, manage = f"/servers/{machine.world}", f"/admin/servers/{machine.world}"
    root = await open_as_admin(visit, page, **PHONE, java_script_enabled=False)
    root.expect_errors(http_error(400))
    main = root.page.get_by_role("main")

    async def expect_status(state: str, text: str) -> None:
        machine.wait_for(state)
        await root.page.goto(server.url + page)
        await root.expect_text("world-status", text)
        await expect_no_horizontal_scroll(root)

    async def answer(path: str, button: str) -> None:
        await root.page.goto(server.url + path)
        await expect_no_horizontal_scroll(root)
        await root.button(button).click()

    await root.button("Start").click()
    await expect_status("RUNNING", "Running")
    await expect(root.button("Start")).to_be_hidden()
    await root.page.get_by_role("link", name="Restart…").click()
    await root.page.get_by_role("link", name="Cancel").click()
    await expect_status("RUNNING", "Running")
    await answer(f"{page}/restart", "Restart world")
    await expect_status("RUNNING", "Running")
    await answer(f"{page}/pause", "Stop world")
    await expect_status("STOPPED", "Stopped")
    await root.button("Start").click()
    await expect_status("RUNNING", "Running")
    await answer("/admin/instance/stop", "Stop all worlds")
    await expect_status("STOPPED", "Stopped")

    await answer(f"{manage}/delete", "Delete world")
    await expect(main.get_by_role("alert")).to_have_text("Tick the box to confirm.")
    await main.get_by_label("Delete this world").check()
    await root.button("Delete world").click()
    await expect(main).to_contain_text("No worlds yet")
    assert not machine.files.server.exists()


async def test_versions_and_settings_of_hosting_are_changed_without_scripts(visit, server, machine):
    server.run_command("version", "add", "own", "--command", "true", "--no-eula")
    root = await open_as_admin(visit, "/admin/versions", **PHONE, java_script_enabled=False)
    root.expect_errors(http_error(400))
    main = root.page.get_by_role("main")
    await expect(main.locator(".row")).to_have_count(2)
    await root.page.locator("#url-version").fill("far")
    await root.page.locator("#url-url").fill("http://127.0.0.1:9/a.jar")
    await root.page.locator("#url").get_by_role("button", name="Add version").click()
    await expect(main).to_contain_text("The address 127.0.0.1 is not public.")
    await expect(root.page.locator("#url-version")).to_have_value("far")
    await expect_no_horizontal_scroll(root)
    await main.get_by_role("link", name="Remove…").click()
    await main.get_by_role("button", name="Remove").click()
    await expect(main.locator(".row")).to_have_count(1)

    await root.page.goto(f"{server.url}/admin/instance/configure")
    await root.page.locator("#save_at").fill("25:00")
    await root.button("Save").click()
    await expect(root.page.locator("#save_at")).to_have_attribute("aria-invalid", "true")
    await root.page.locator("#save_at").fill("04:30")
    await root.button("Save").click()
    await expect(root.page.get_by_text("Saved.")).to_be_visible()
    await expect(root.page.locator("#save_at")).to_have_value("04:30")
    await expect_no_horizontal_scroll(root)
