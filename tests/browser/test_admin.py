"""Admin pages in a browser, on a phone and on a desktop."""

import asyncio
import re
import shutil
import sys

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.crowd import PASSWORD
from tests.browser.test_profile import SCREENS, expect_no_horizontal_scroll, section
from tests.browser.visitors import DESKTOP, PHONE

ROOT = "root@example.org"
PAGES = (
    "",
    "/users",
    "/servers",
    "/server_create",
    "/games",
    "/rooms",
    "/bans",
    "/backups",
    "/settings",
    "/log",
)


@pytest_asyncio.fixture(loop_scope="session")
async def admin(server, visit):
    """Return a function that opens a page as an admin."""
    server.run_command(
        "account", "add", ROOT, "--password", PASSWORD, "--nickname", "Rosalind", "--admin"
    )

    async def open_page(path="/admin", **options):
        root = await visit(f"/login?next_url={path}", **options)
        # By id, since the labels depend on the language.
        await root.page.locator("#email").fill(ROOT)
        await root.page.locator("#password").fill(PASSWORD)
        await root.page.locator("#password").press("Enter")
        await root.page.wait_for_url(f"**{path}")
        return root

    return open_page


@SCREENS
async def test_install_command_connects_the_agent_of_a_new_world(admin, screen, tmp_path):
    if not shutil.which("curl"):
        pytest.skip("curl is not installed.")
    root = await admin("/admin", **screen)
    await section(root, "Worlds").get_by_role("link", name="Add world").click()
    await root.page.get_by_label("Name", exact=True).fill("Overworld")
    await root.page.get_by_label("Short name").fill("overworld")
    await root.page.get_by_role("button", name="Add world").click()
    await root.page.get_by_role("button", name="Get install command").click()
    command = await root.page.locator("#start").text_content()
    await expect_no_horizontal_scroll(root)

    (tmp_path / "logs").mkdir()
    (tmp_path / "server.log").write_text(
        '2026-01-01 12:00:00 [INFO] Done (1s)! For help, type "help"\n'
    )
    (tmp_path / "python3").symlink_to(sys.executable)
    agent = await asyncio.create_subprocess_shell(
        f'PATH="{tmp_path}:$PATH"; {command} --once --parse_mc_history --mc_logfile ../server.log',
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await agent.communicate()
    assert agent.returncode == 0, output
    await root.page.goto(root.page.url.removesuffix("/pair"))
    await expect(root.page.get_by_text("Last contact", exact=False)).to_be_visible()
    await root.page.get_by_role("link", name="Audit log").click()
    await expect(root.page.locator(".audit-line").first).to_contain_text(
        "Rosalind paired an agent with Overworld"
    )


@SCREENS
async def test_rooms_page_updates_and_kicks_and_bans_players(admin, guest, screen):
    root = await admin("/admin/rooms", **screen)
    await root.mark_page()
    ann, bob = await guest("Ann"), await guest("Bob")
    room = await ann.create_room("Friday evening")
    rooms = section(root, "Open rooms (1)")
    await expect(rooms).to_contain_text("Friday evening")
    await bob.join(room)
    await expect(rooms).to_contain_text("Bob")
    assert await root.is_same_page()
    await expect_no_horizontal_scroll(root)
    await rooms.get_by_role("link", name="Kick…: Bob").click()
    await expect_no_horizontal_scroll(root)
    await root.page.get_by_role("button", name="Kick player").click()
    await expect(rooms).to_contain_text("Player kicked from the room")
    await expect(rooms).not_to_contain_text("Bob")
    await rooms.get_by_role("link", name="Ban…").click()
    await root.page.get_by_label("Duration").select_option("1 week")
    await root.page.get_by_label("Reason").fill("Rude")
    await root.page.get_by_role("button", name="Ban…", exact=True).click()
    await expect(root.page.get_by_role("main")).to_contain_text("Ann")
    await root.page.get_by_role("button", name="Ban player").click()
    await expect(root.page.get_by_role("main")).to_contain_text("Rude")
    await expect_no_horizontal_scroll(root)
    await root.page.get_by_role("link", name="Remove ban…: Ann").click()
    await root.page.get_by_role("button", name="Remove ban").click()
    await expect(root.page.get_by_text("No bans")).to_be_visible()


async def test_kicked_host_is_told_that_an_administrator_did_it(admin, visit):
    root, ann = await admin("/admin/rooms"), await visit(name="Ann")
    await ann.create_room("Friday evening")
    await section(root, "Open rooms (1)").get_by_role("link", name="Kick…: Ann").click()
    await root.page.get_by_role("button", name="Kick player").click()
    await expect(ann.part("notice")).to_contain_text("An administrator kicked you from this room.")
    await ann.expect_error_page(
        "This room is closed.", "It was closed by the host or an administrator."
    )


@SCREENS
async def test_pending_user_is_approved_edited_and_deleted(admin, visit, server, screen):
    server.run_command(
        "account", "add", "bob@example.org", "--password", PASSWORD, "--nickname", "Bob"
    )
    root = await admin("/admin", **screen)
    await section(root, "Waiting for approval").get_by_role("button", name="Approve: Bob").click()
    await expect(root.page.get_by_text("User approved")).to_be_visible()
    await root.page.get_by_role("searchbox").fill("bob@")
    await root.page.get_by_role("searchbox").press("Enter")
    await root.page.get_by_role("link", name="Bob").click()
    await root.page.get_by_label("Minecraft names").fill("BobPlays")
    await root.page.get_by_role("button", name="Save").click()
    await expect(root.page.get_by_text("Saved.")).to_be_visible()
    await expect_no_horizontal_scroll(root)
    await root.page.get_by_role("link", name="Delete account…").click()
    await root.page.get_by_role("button", name="Delete account").click()
    await expect(root.page.get_by_text("User deleted")).to_be_visible()


@SCREENS
async def test_backup_is_created_and_downloaded(admin, screen, tmp_path):
    root = await admin("/admin/backups", **screen)
    await root.page.get_by_role("button", name="Back up now").click()
    await expect(root.page.get_by_text("Backup created")).to_be_visible()
    # Before the download: a page that is still loading then never reports its end.
    await expect_no_horizontal_scroll(root)
    async with root.page.expect_download() as download_info:
        await root.page.get_by_role("button", name="Download").click()
    file = tmp_path / (await download_info.value).suggested_filename
    await (await download_info.value).save_as(file)
    assert file.name.startswith("coalserver-") and b"manifest.json" in file.read_bytes()[:512]


@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
@SCREENS
async def test_every_page_fits_the_screen_in_each_language(admin, screen, language):
    root = await admin("/admin", **screen, locale=language)
    start = root.page.url
    for page in PAGES:
        await root.page.goto(start + page)
        await expect(root.page.get_by_role("heading", level=1)).to_have_count(1)
        await expect_no_horizontal_scroll(root)
        current = root.page.locator(".admin-nav [aria-current=page]")
        await expect(current).to_be_in_viewport()


async def test_game_is_added_with_the_keyboard_alone(admin):
    root = await admin("/admin/games", **DESKTOP)
    await root.tab_to(root.page.get_by_label("Tag"))
    await root.page.keyboard.type("chess")
    await root.tab_to(root.page.get_by_role("button", name="Add game"))
    await root.press("Enter")
    await expect(root.page.locator("#api-token")).to_be_visible()


async def test_member_sees_no_link_to_admin_pages(visit, fake_agent):
    ann = await visit("/login?next_url=/profile", **PHONE)
    await ann.page.get_by_label("E-mail").fill("ann@example.org")
    await ann.page.get_by_label("Password").fill(PASSWORD)
    await ann.page.get_by_label("Password").press("Enter")
    await expect(ann.page.get_by_role("heading", level=1)).to_have_text("Profile")
    await expect(ann.page.get_by_role("link", name="Admin")).to_have_count(0)


@SCREENS
async def test_open_pages_reconnect_after_a_restore(admin, member, fake_agent, screen):
    await fake_agent.send_lines("<Bob> before")
    root, ann = await admin("/admin/backups", **screen), await member()
    await root.page.get_by_role("button", name="Back up now").click()
    await fake_agent.send_lines("<Bob> after")
    await expect(ann.part("row")).to_have_count(2)
    await root.page.get_by_role("link", name="Restore").click()
    await expect_no_horizontal_scroll(root)
    await root.page.get_by_role("button", name="Restore").click()
    await expect(root.page.get_by_text("Backup restored")).to_be_visible()
    await ann.expect_live()
    await fake_agent.send_lines("<Bob> again")
    await expect(ann.part("row").last).to_contain_text("again")
    await ann.page.reload()
    await expect(ann.part("row")).to_have_count(2)


@pytest.mark.parametrize("java_script_enabled", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize(
    ("options", "page_two", "close"),
    [
        ({**PHONE, "locale": "de-DE"}, "Seite 2 von 2", "Raum schließen"),
        (DESKTOP, "Page 2 of 2", "Close room"),
    ],
    ids=["phone", "desktop"],
)
async def test_closing_a_room_of_the_second_page_leads_back_there(
    admin, guest, options, page_two, close, java_script_enabled
):
    for number in range(22):
        await (await guest(f"Guest {number}")).create_room(f"Room {number}.")
    root = await admin("/admin/rooms", **options, java_script_enabled=java_script_enabled)
    rooms = root.page.locator("#open-rooms")
    await rooms.locator("[rel=next]").click()
    await expect(rooms).to_contain_text(page_two)
    await expect(rooms).to_contain_text("Room 0.")
    await expect_no_horizontal_scroll(root)
    await rooms.get_by_role("link", name=re.compile(rf"{close} ?…: Room 0\.")).click()
    await root.page.get_by_test_id("question").get_by_role("button", name=close).click()
    await root.page.wait_for_url("**/admin/rooms?page=2&done=closed")
    await expect(rooms).to_contain_text(page_two)
    await expect(rooms).not_to_contain_text("Room 0.")
    await expect(rooms).to_contain_text("Room 1.")
