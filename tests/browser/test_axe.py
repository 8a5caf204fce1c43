"""Pages No expiryybody's use: axe finds nothing wrong with any of them, light and dark, wide and narrow."""

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
#: Rules that look at colours, which is all that differs in the dark.
COLOURS = ["color-contrast", "link-in-text-block"]

STRANGERS = ("/", "/login", "/signup", "/nothing/here")
MEMBERS = (
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
    CONSENT,
    "/oauth/v1/auth",
    "/oauth/v1/show?code=abc",
    "/admin",
)
ADMINS = (
    "/",
    "/servers/mill",
    "/admin",
    "/admin/users",
    "/admin/users/1",
    "/admin/users/1/remove",
    "/admin/servers",
    "/admin/server_create",
    "/admin/servers/1",
    "/admin/servers/1/deactivate",
    "/admin/games",
    "/admin/rooms",
    "/admin/bans",
    "/admin/settings",
    "/admin/backups",
    f"/admin/backups/{BACKUP}/restore",
    "/admin/log",
    "/admin/users/99",
)
#: Pages that say when they hear what happens.
LIVE = ("/", "/servers/mill", "/servers/mill/chats")
#: What is no page: files, pictures, documents, what happens, and what leads elsewhere.
OTHERS = re.compile(
    r"/mc/|.*/\{kind\}$|.*/events$|/oauth/v1/(test|register|clients/.*)$"
    r"|(/servers/\{world\})?/([a-z]+/|screenshot_upload)$|/(players|chats|sessions|deaths|achievements|screenshots)$|/\{short_name\}$"
)


@pytest.fixture(scope="module")
def axe() -> str:
    """What looks at a page."""
    return (require_npm_packages("axe-core") / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(axe: str, servers: Servers) -> AsyncIterator[Server]:
    """A server with something on every page."""
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
        server.create_backup(BACKUP)
        yield server


class Inspector:
    """Somebody with one window, who looks at pages as axe does."""

    def __init__(self, page: Page, url: str, axe: str) -> None:
        self.page, self._url, self._axe = page, url, axe

    async def open_path(self, path: str, live: bool = True) -> None:
        await self.page.goto(self._url + path)
        if live and path in LIVE:
            await expect(self.page.get_by_test_id("connection")).to_have_text("Live")

    async def signs_in(self, email: str, password: str = PASSWORD) -> None:
        await self.open_path("/login")
        await self.page.get_by_label("E-mail").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_label("Password").press("Enter")
        await self.page.wait_for_load_state("load")

    async def finds(self) -> list[str]:
        """All that is wrong with the page as it is now."""
        await self.page.evaluate(self._axe)
        found: list[str] = []
        for screen in (DESKTOP, PHONE):
            size: Any = screen["viewport"]
            await self.page.set_viewport_size(size)
            await self.page.emulate_media(color_scheme="light", reduced_motion="reduce")
            found += await self._wrong(f"{size['width']}, light", {})
            await self.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
            found += await self._wrong(f"{size['width']}, dark", {"runOnly": COLOURS})
        return found

    async def _wrong(self, how: str, options: dict[str, Any]) -> list[str]:
        told = await self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{how}: {one['help']} ({one['id']}) at {node['target']}: {node['failureSummary']}"
            for one in told["violations"]
            for node in one["nodes"]
        ]


@asynccontextmanager
async def inspecting(
    browser: Browser, url: str, axe: str, email: str = ""
) -> AsyncIterator[Inspector]:
    context = await browser.new_context(**REDUCED_MOTION)
    one = Inspector(await context.new_page(), url, axe)
    if email:
        await one.signs_in(email)
    yield one
    await context.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stranger(browser: Browser, town: Server, axe: str) -> AsyncIterator[Inspector]:
    async with inspecting(browser, town.url, axe) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ann(browser: Browser, town: Server, axe: str) -> AsyncIterator[Inspector]:
    """A member, who has hung a picture."""
    async with inspecting(browser, town.url, axe, EMAIL) as one:
        await one.open_path("/servers/mill/screenshots")
        png = io.BytesIO()
        Image.new("RGB", (320, 180), "teal").save(png, "PNG")
        picture: Any = {"name": "teal.png", "mimeType": "image/png", "buffer": png.getvalue()}
        await one.page.get_by_test_id("file").set_input_files(picture)
        await expect(one.page.get_by_test_id("shot")).to_have_count(1)
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def eve(browser: Browser, town: Server, axe: str) -> AsyncIterator[Inspector]:
    """An admin."""
    async with inspecting(browser, town.url, axe, ADMIN) as one:
        yield one


async def test_axe_sees_what_is_wrong_and_what_is_wrong_in_the_dark(stranger):
    dark = "@media (prefers-color-scheme: dark) { body { background: #000; color: #111; } }"
    await stranger.open_path("/nothing/here")
    await stranger.page.evaluate(
        """dark => {
            const sheet = new CSSStyleSheet();
            sheet.replaceSync(dark);
            document.adoptedStyleSheets = [sheet];
            document.body.innerHTML = "<main><h1>Dark</h1><input></main>";
        }""",
        dark,
    )
    light, *in_the_dark = [said.partition(" at ")[0] for said in await stranger.finds()][:2]
    assert light == "1280, light: Form elements must have labels (label)"
    assert in_the_dark[0].startswith("1280, dark: ") and in_the_dark[0].endswith("(color-contrast)")


@pytest.mark.parametrize("path", STRANGERS)
async def test_a_stranger_can_use_the_page(stranger, path):
    await stranger.open_path(path)
    assert await stranger.finds() == []


@pytest.mark.parametrize("path", MEMBERS)
async def test_a_member_can_use_the_page(ann, path):
    await ann.open_path(path)
    assert await ann.finds() == []


@pytest.mark.parametrize("path", ADMINS)
async def test_an_admin_can_use_the_page(eve, path):
    await eve.open_path(path)
    assert await eve.finds() == []


async def test_who_mistyped_or_has_to_wait_can_use_the_page(browser, town, axe):
    async with inspecting(browser, town.url, axe) as cem:
        await cem.signs_in(WAITING, "wrong")
        assert await cem.finds() == []
        await cem.signs_in(WAITING)
        await cem.open_path("/servers/mill", live=False)
        assert await cem.finds() == []


async def test_what_is_shown_only_once_can_be_used_too(ann, eve):
    await ann.open_path("/profile")
    await ann.page.get_by_label("Name").fill("Backup script")
    await ann.page.get_by_role("button", name="Create token").click()
    await expect(ann.page.get_by_text("It won’t be shown again")).to_be_visible()
    assert await ann.finds() == []
    await eve.open_path("/admin/servers/1")
    await eve.page.get_by_role("button", name="Make a start command").click()
    await expect(eve.page.locator("#start")).to_be_visible()
    assert await eve.finds() == []


async def test_a_stranger_can_use_the_pages_of_a_world_that_is_public(stranger, eve):
    await eve.open_path("/admin/servers/1")
    await eve.page.get_by_label("Public: anyone can read the chat").check()
    await eve.page.get_by_role("button", name="Save", exact=True).click()
    await eve.page.wait_for_url("**done=*")
    for path in ("/servers/mill", "/servers/mill/chats"):
        await stranger.open_path(path)
        assert await stranger.finds() == []


def pages() -> Iterator[str]:
    for route in (*SITE.routes, *OAUTH.routes):
        if route.method == "GET" and not OTHERS.match(route.path):
            yield route.path


@pytest.mark.parametrize("route", sorted(set(pages())))
def test_every_page_is_looked_at(route):
    path = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(route))
    looked_at = [one.partition("?")[0] for one in (*STRANGERS, *MEMBERS, *ADMINS)]
    assert any(re.fullmatch(path, one) for one in looked_at), "name one of these above"


async def test_everybody_can_play(visit, guest, axe, server):
    player, bob = await visit(name="Ann"), await guest("Bob")
    player.expect_errors(http_error(404))
    looker = Inspector(player.page, server.url, axe)
    await bob.create_room("Saturday", password="x")
    await expect(player.room_row("Saturday")).to_be_visible()
    assert await looker.finds() == []
    session = await start_game_with(player, bob)
    await bob.play(session, 4)
    await player.expect_text("status", "Your turn. You play noughts.")
    await bob.send_chat(session, "good luck")
    await expect(player.chat_line("good luck")).to_be_visible()
    assert await looker.finds() == []
    await bob.leave(session)
    await player.expect_text("result", "You win.")
    assert await looker.finds() == []
    await player.part("again").click()
    await player.expect_text("status", "Waiting for one more player.")
    assert await looker.finds() == []
    await player.open_path("/games/noughts/rooms/99")
    await expect(player.part("error")).to_be_visible()
    assert await looker.finds() == []
