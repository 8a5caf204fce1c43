"""The pages of admins in a browser, on a phone and on a desk: from an empty server to one that is run."""

import asyncio
import shutil
import sys

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.crowd import PASSWORD
from tests.browser.test_profile import SCREENS, fits, part
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
    """Opens a page as an admin."""
    server.run_command(
        "account", "add", ROOT, "--password", PASSWORD, "--nickname", "Rosalind", "--admin"
    )

    async def enter(path="/admin", **how):
        root = await visit(f"/login?next_url={path}", **how)
        # Whatever language it is in.
        await root.page.locator("#email").fill(ROOT)
        await root.page.locator("#password").fill(PASSWORD)
        await root.page.locator("#password").press("Enter")
        await root.page.wait_for_url(f"**{path}")
        return root

    return enter


@SCREENS
async def test_a_world_is_made_and_its_agent_started_with_the_command_shown(
    admin, screen, tmp_path
):
    if not shutil.which("curl"):
        pytest.skip("There is no curl here.")
    root = await admin("/admin", **screen)
    await part(root, "Worlds").get_by_role("link", name="Add world").click()
    await root.page.get_by_label("Name", exact=True).fill("Overworld")
    await root.page.get_by_label("Short name").fill("overworld")
    await root.page.get_by_role("button", name="Add world").click()
    await root.page.get_by_role("button", name="Get install command").click()
    command = await root.page.locator("#start").text_content()
    await fits(root)

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
        said, _ = await agent.communicate()
    assert agent.returncode == 0, said
    await root.page.goto(root.page.url.removesuffix("/pair"))
    await expect(root.page.get_by_text("Last contact", exact=False)).to_be_visible()
    await root.page.get_by_role("link", name="Audit log").click()
    await expect(root.page.locator(".audit-line").first).to_contain_text(
        "Rosalind paired an agent with Overworld"
    )


@SCREENS
async def test_rooms_keep_up_and_a_player_is_put_out_and_shut_out(admin, guest, screen):
    root = await admin("/admin/rooms", **screen)
    await root.mark_page()
    ann, bob = await guest("Ann"), await guest("Bob")
    room = await ann.create_room("Friday evening")
    rooms = part(root, "Open rooms (1)")
    await expect(rooms).to_contain_text("Friday evening")
    await bob.join(room)
    await expect(rooms).to_contain_text("Bob")
    assert await root.is_same_page()
    await fits(root)
    await rooms.get_by_role("button", name="Kick: Bob").click()
    await expect(rooms).to_contain_text("Player kicked from the room")
    await expect(rooms).not_to_contain_text("Bob")
    await rooms.get_by_role("link", name="Ban…").click()
    await root.page.get_by_label("Duration").select_option("1 week")
    await root.page.get_by_label("Reason").fill("Rude")
    await root.page.get_by_role("button", name="Ban", exact=True).click()
    await expect(root.page.get_by_role("main")).to_contain_text("Rude")
    await fits(root)
    await root.page.get_by_role("button", name="Remove ban: Ann").click()
    await expect(root.page.get_by_text("No bans")).to_be_visible()


@SCREENS
async def test_who_signs_up_is_let_in_named_and_removed(admin, visit, server, screen):
    server.run_command(
        "account", "add", "bob@example.org", "--password", PASSWORD, "--nickname", "Bob"
    )
    root = await admin("/admin", **screen)
    await part(root, "Waiting for approval").get_by_role("button", name="Approve: Bob").click()
    await expect(root.page.get_by_text("User approved")).to_be_visible()
    await root.page.get_by_role("searchbox").fill("bob@")
    await root.page.get_by_role("searchbox").press("Enter")
    await root.page.get_by_role("link", name="Bob").click()
    await root.page.get_by_label("Minecraft names").fill("BobPlays")
    await root.page.get_by_role("button", name="Save").click()
    await expect(root.page.get_by_text("Saved.")).to_be_visible()
    await fits(root)
    await root.page.get_by_role("link", name="Delete account…").click()
    await root.page.get_by_role("button", name="Delete account").click()
    await expect(root.page.get_by_text("User deleted")).to_be_visible()


@SCREENS
async def test_a_backup_is_made_and_saved(admin, screen, tmp_path):
    root = await admin("/admin/backups", **screen)
    await root.page.get_by_role("button", name="Back up now").click()
    await expect(root.page.get_by_text("Backup created")).to_be_visible()
    async with root.page.expect_download() as coming:
        await root.page.get_by_role("button", name="Download").click()
    saved = tmp_path / (await coming.value).suggested_filename
    await (await coming.value).save_as(saved)
    assert saved.name.startswith("coalserver-") and b"manifest.json" in saved.read_bytes()[:512]
    await fits(root)


@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
@SCREENS
async def test_every_page_fits_and_is_whole(admin, screen, language):
    root = await admin("/admin", **screen, locale=language)
    start = root.page.url
    for page in PAGES:
        await root.page.goto(start + page)
        await expect(root.page.get_by_role("heading", level=1)).to_have_count(1)
        await fits(root)
        current = root.page.locator(".admin-nav [aria-current=page]")
        await expect(current).to_be_in_viewport()


async def test_the_keyboard_alone_makes_a_game(admin):
    root = await admin("/admin/games", **DESKTOP)
    await root.tab_to(root.page.get_by_label("Tag"))
    await root.page.keyboard.type("chess")
    await root.tab_to(root.page.get_by_role("button", name="Add game"))
    await root.press("Enter")
    await expect(root.page.locator("#api-token")).to_be_visible()


async def test_a_member_finds_no_way_in(visit, fake_agent):
    ann = await visit("/login?next_url=/profile", **PHONE)
    await ann.page.get_by_label("E-mail").fill("ann@example.org")
    await ann.page.get_by_label("Password").fill(PASSWORD)
    await ann.page.get_by_label("Password").press("Enter")
    await expect(ann.page.get_by_role("heading", level=1)).to_have_text("Profile")
    await expect(ann.page.get_by_role("link", name="Admin")).to_have_count(0)


@SCREENS
async def test_a_backup_is_put_back_and_open_pages_go_on(admin, member, fake_agent, screen):
    await fake_agent.send_lines("<Bob> before")
    root, ann = await admin("/admin/backups", **screen), await member()
    await root.page.get_by_role("button", name="Back up now").click()
    await fake_agent.send_lines("<Bob> after")
    await expect(ann.part("row")).to_have_count(2)
    await root.page.get_by_role("link", name="Restore").click()
    await fits(root)
    await root.page.get_by_role("button", name="Restore").click()
    await expect(root.page.get_by_text("Backup restored")).to_be_visible()
    await ann.expect_live()
    await fake_agent.send_lines("<Bob> again")
    await expect(ann.part("row").last).to_contain_text("again")
    await ann.page.reload()
    await expect(ann.part("row")).to_have_count(2)
