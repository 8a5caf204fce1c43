"""Accessibility: axe finds no violations on any page, in light and dark, at phone and desktop width."""

import io
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Page, expect

from coalserver.apis.oauth import API as OAUTH
from coalserver.site import API as SITE
from tests.browser.crowd import EMAIL, PASSWORD, MinecraftWorld, login
from tests.browser.servers import Server, Servers
from tests.browser.test_games import start_game_with
from tests.browser.visitors import DESKTOP, PHONE, REDUCED_MOTION, http_error
from tests.minecraft.programs import require_npm_packages

ADMIN, WAITING = "eve@example.org", "cem@example.org"
HOME = "http://127.0.0.1/"
BACKUP = "coalserver-20260101T000000Z.tar"
APP = {"client_id": "shoulder", "client_name": "Over the Shoulder", "redirect_uris": [HOME]}
CONSENT = f"/oauth/v1/auth?response_type=code&client_id=shoulder&redirect_uri={HOME}&scope=data"
SAVE = "20260101T000000Z-upload"
#: Rules about colours, the only difference of the dark theme.
COLOURS = ["color-contrast", "link-in-text-block"]

VISITOR_PATHS = ("/", "/login", "/signup", "/nothing/here")
MEMBER_PATHS = (
    "/",
    "/servers/mill",
    "/servers/mill/chats",
    "/servers/mill/chats?q=stone",
    "/servers/mill/players",
    "/servers/mill/players/Bob",
    "/servers/mill/sessions",
    "/servers/mill/deaths",
    "/servers/mill/achievements",
    "/servers/mill/screenshots",
    "/profile",
    "/profile/names/end?name=Bob",
    "/profile/tokens/1/end",
    "/profile/apps/1/end",
    "/profile/browsers/1/end",
    "/profile/sign-out",
    CONSENT,
    "/oauth/v1/auth",
    "/oauth/v1/show?code=abc",
    "/admin",
)
ADMIN_PATHS = (
    "/",
    "/servers/mill",
    "/admin",
    "/admin/users",
    "/admin/users/1",
    "/admin/users/1/remove",
    "/admin/servers",
    "/admin/server_create",
    "/admin/server_create_gce",
    "/admin/servers/2/gce",
    "/admin/servers/1",
    "/admin/servers/1/deactivate",
    "/admin/servers/1/secret",
    "/servers/ours",
    "/admin/servers/2/saves",
    f"/admin/servers/2/saves/{SAVE}/restore",
    f"/admin/servers/2/saves/{SAVE}/remove",
    "/admin/servers/2/console",
    "/servers/ours/pause",
    "/servers/ours/restart",
    "/servers/ours/kill",
    "/admin/servers/2/delete",
    "/admin/instance/configure",
    "/admin/instance/stop",
    "/admin/versions",
    "/admin/versions?from=paper",
    "/admin/versions/my%20own+1/remove",
    "/admin/games",
    "/admin/games/noughts/rotate",
    "/admin/rooms",
    "/admin/rooms/1/close",
    "/admin/rooms/1/kick/1",
    "/admin/sessions/1/close",
    "/admin/sessions/1/kick/1",
    "/admin/bans",
    "/admin/bans/confirm?game=noughts&player=1&duration=day",
    "/admin/bans/lift?game=noughts&player=1",
    "/admin/settings",
    "/admin/backups",
    f"/admin/backups/{BACKUP}/restore",
    f"/admin/backups/{BACKUP}/remove",
    "/admin/log",
    "/admin/users/99",
)
#: Pages with a connection state.
LIVE = ("/", "/servers/mill", "/servers/mill/chats", "/servers/ours", "/admin/servers/2/console")
#: Routes that are no pages: files, pictures, documents, events and redirects.
NO_PAGES = re.compile(
    r"/mc/|/\.well-known/.*$|.*/\{kind\}$|.*/events$|/oauth/v1/(test|register|clients/.*)$"
    r"|(/servers/\{world\})?/([a-z]+/|screenshot_upload)$|/(players|chats|sessions|deaths|achievements|screenshots)$|/\{short_name\}$"
    r"|/admin/servers/\{world\}/(download|restart|restore|stop|saves/\{save\}/download)$"
)


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the source of axe."""
    return (require_npm_packages("axe-core") / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sample_server(axe: str, servers: Servers) -> AsyncIterator[Server]:
    """Yield a server with content on every page."""
    with closing(servers.next()) as server:
        async with aiohttp.ClientSession(server.url, raise_for_status=True) as client:
            fake_agent = MinecraftWorld(client, server)
            await fake_agent.start()
            await fake_agent.send_lines(
                login("Bob"), "<Bob> hello there", "Bob has made the advancement [Stone Age]", "Bob drowned",
                login("Cem"), "<Cem> a <b>stone</b>", "* Cem waves", "[Server] <Ann> from here", "Cem left the game",
            )  # fmt: skip
            await client.post("/oauth/v1/register", json=APP)
        for email, flag in ((ADMIN, "--admin"), (WAITING, "--nickname=Cem")):
            server.run_command("account", "add", email, "--password", PASSWORD, flag)
        server.run_command("world", "add", "Ours", "--short-name", "ours", "--hosted")
        server.add_saved_game(2, SAVE)
        server.run_command("version", "add", "my own+1", "--command", "true", "--no-eula")
        server.create_backup(BACKUP)
        yield server


class Inspector:
    """A visitor who runs axe on pages."""

    def __init__(self, page: Page, url: str, axe: str) -> None:
        self.page, self._url, self._axe = page, url, axe

    async def open_path(self, path: str, live: bool = True) -> None:
        await self.page.goto(self._url + path)
        if live and path in LIVE:
            await expect(self.page.get_by_test_id("connection")).to_have_text("Live")

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        await self.open_path("/login")
        await self.page.get_by_label("E-mail").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_label("Password").press("Enter")
        await self.page.wait_for_load_state("load")

    async def violations(self) -> list[str]:
        """Return the violations on the current page."""
        await self.page.evaluate(self._axe)
        found: list[str] = []
        for screen in (DESKTOP, PHONE):
            size: Any = screen["viewport"]
            await self.page.set_viewport_size(size)
            await self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
            found += await self._run_axe(f"{size['width']}, light", {})
            await self.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            found += await self._run_axe(f"{size['width']}, dark", {"runOnly": COLOURS})
        return found

    async def _run_axe(self, how: str, options: dict[str, Any]) -> list[str]:
        result = await self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{how}: {violation['help']} ({violation['id']}) at {node['target']}: {node['failureSummary']}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]


@asynccontextmanager
async def open_inspector(
    browser: Browser, url: str, axe: str, email: str = ""
) -> AsyncIterator[Inspector]:
    context = await browser.new_context(**REDUCED_MOTION)
    inspector = Inspector(await context.new_page(), url, axe)
    if email:
        await inspector.sign_in(email)
    yield inspector
    await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visitor(browser: Browser, sample_server: Server, axe: str) -> AsyncIterator[Inspector]:
    async with open_inspector(browser, sample_server.url, axe) as inspector:
        yield inspector


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ann(browser: Browser, sample_server: Server, axe: str) -> AsyncIterator[Inspector]:
    """Yield a member who has uploaded a picture."""
    async with open_inspector(browser, sample_server.url, axe, EMAIL) as inspector:
        await inspector.open_path("/servers/mill/screenshots")
        png = io.BytesIO()
        Image.new("RGB", (320, 180), "teal").save(png, "PNG")
        picture: Any = {"name": "teal.png", "mimeType": "image/png", "buffer": png.getvalue()}
        await inspector.page.get_by_test_id("file").set_input_files(picture)
        await expect(inspector.page.get_by_test_id("shot")).to_have_count(1)
        yield inspector


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def eve(browser: Browser, sample_server: Server, axe: str) -> AsyncIterator[Inspector]:
    """Yield an admin."""
    async with open_inspector(browser, sample_server.url, axe, ADMIN) as inspector:
        yield inspector


async def test_axe_reports_violations_in_light_and_dark(visitor):
    dark = "@media (prefers-color-scheme: dark) { body { background: #000; color: #111; } }"
    await visitor.open_path("/nothing/here")
    await visitor.page.evaluate(
        """dark => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(dark);
            document.adoptedStyleSheets = [sheet];
            document.body.innerHTML = "<main><h1>Dark</h1><input></main>";
        }""",
        dark,
    )
    light, *dark_violations = [said.partition(" at ")[0] for said in await visitor.violations()][:2]
    assert light == "1280, light: Form elements must have labels (label)"
    assert dark_violations[0].startswith("1280, dark: ") and dark_violations[0].endswith(
        "(color-contrast)"
    )


@pytest.mark.parametrize("path", VISITOR_PATHS)
async def test_page_for_visitors_has_no_violations(visitor, path):
    await visitor.open_path(path)
    assert await visitor.violations() == []


@pytest.mark.parametrize("path", MEMBER_PATHS)
async def test_page_for_members_has_no_violations(ann, path):
    await ann.open_path(path)
    assert await ann.violations() == []


@pytest.mark.parametrize("path", ADMIN_PATHS)
async def test_page_for_admins_has_no_violations(eve, path):
    await eve.open_path(path)
    assert await eve.violations() == []


async def test_login_error_and_pending_page_have_no_violations(browser, sample_server, axe):
    async with open_inspector(browser, sample_server.url, axe) as cem:
        await cem.sign_in(WAITING, "wrong")
        assert await cem.violations() == []
        await cem.sign_in(WAITING)
        await cem.open_path("/servers/mill", live=False)
        assert await cem.violations() == []


async def test_secrets_shown_once_have_no_violations(ann, eve):
    await ann.open_path("/profile")
    await ann.page.get_by_label("Name", exact=True).fill("Backup script")
    await ann.page.get_by_role("button", name="Create token").click()
    await expect(ann.page.get_by_text("It won’t be shown again")).to_be_visible()
    assert await ann.violations() == []
    await eve.open_path("/admin/servers/1")
    await eve.page.get_by_role("button", name="Get install command").click()
    await expect(eve.page.locator("#start")).to_be_visible()
    assert await eve.violations() == []


async def test_public_world_has_no_violations_for_visitors(visitor, eve):
    await eve.open_path("/admin/servers/1")
    await eve.page.get_by_label("Public: anyone can read the chat").check()
    await eve.page.get_by_role("button", name="Save", exact=True).click()
    await eve.page.wait_for_url("**done=*")
    for path in ("/servers/mill", "/servers/mill/chats"):
        await visitor.open_path(path)
        assert await visitor.violations() == []


def pages() -> Iterator[str]:
    for route in (*SITE.routes, *OAUTH.routes):
        if route.method == "GET" and not NO_PAGES.match(route.path):
            yield route.path


@pytest.mark.parametrize("route", sorted(set(pages())))
def test_all_pages_are_checked(route):
    path = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(route))
    checked = [
        checked_path.partition("?")[0]
        for checked_path in (*VISITOR_PATHS, *MEMBER_PATHS, *ADMIN_PATHS)
    ]
    assert any(re.fullmatch(path, checked_path) for checked_path in checked), (
        "add a path of this route to a list above"
    )


async def test_rooms_and_games_have_no_violations(visit, guest, axe, server):
    player, bob = await visit(name="Ann"), await guest("Bob")
    player.expect_errors(http_error(404))
    inspector = Inspector(player.page, server.url, axe)
    await bob.create_room("Saturday", password="x")
    await expect(player.room_row("Saturday")).to_be_visible()
    assert await inspector.violations() == []
    session = await start_game_with(player, bob)
    await bob.play(session, 4)
    await player.expect_text("status", "Your turn. You play noughts.")
    await bob.send_chat(session, "good luck")
    await expect(player.chat_line("good luck")).to_be_visible()
    assert await inspector.violations() == []
    await bob.leave(session)
    await player.expect_text("result", "You win.")
    assert await inspector.violations() == []
    await player.part("again").click()
    await player.expect_text("status", "Waiting for one more player.")
    assert await inspector.violations() == []
    await player.open_path("/games/noughts/rooms/99")
    await expect(player.part("error")).to_be_visible()
    assert await inspector.violations() == []
