"""The five steps of the document's 2.2.1 in the browser alone, from an empty data directory to playing.

The jar comes from a web server on this machine, and a program in Java's place runs a server that speaks the game's
own protocol, on which a bot plays; the rest is what an administrator has.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.servers import Server
from tests.browser.test_profile import SCREENS, expect_no_horizontal_scroll
from tests.hosting.stand_in_java import GAME, JarServer, hosting_flags, make_java, run_jar_server
from tests.hosting.test_real_game import Place
from tests.hosting.worlds import free_ports
from tests.minecraft.programs import Bots, require_npm_packages

BOT = "Alex"


@pytest.fixture
def jars() -> Iterator[JarServer]:
    require_npm_packages("minecraft-protocol", "mineflayer")
    with run_jar_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def server(jars: JarServer, chromium: str, tmp_path: Path) -> AsyncIterator[Server]:
    """A server on an empty data directory. Its world is stopped by the test."""
    first = free_ports(2)
    flags = (
        *hosting_flags(make_java(tmp_path / "jdk", GAME)),
        *("--hosting-ports", f"{first}-{first + 1}", "--hosting-bind", "127.0.0.1"),
    )
    with closing(Server(tmp_path / "data", flags)) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def bots() -> AsyncIterator[Bots]:
    found = Bots()
    await found.start()
    yield found
    await found.kill()


@SCREENS
async def test_world_is_hosted_and_played_in_the_browser_alone(visit, server, jars, bots, screen):
    root = await visit("/signup", **screen)
    page, main = root.page, root.page.get_by_role("main")

    async def follow(name: str) -> None:
        await main.get_by_role("link", name=name, exact=True).click()

    # The first account is the administrator's.
    await page.get_by_label("E-mail").fill("root@example.org")
    await page.get_by_label("Nickname").fill("Root")
    await page.get_by_label("Password").fill("correct horse battery")
    await page.get_by_label("Start code").fill(server.start_code)
    await main.get_by_role("button", name="Sign up").click()
    await page.wait_for_url(server.url + "/")

    # 1: a version
    await page.goto(server.url + "/admin/server_create_gce")
    await follow("Add a version")
    await page.locator("#url-version").fill("1.21.4")
    await page.locator("#url-url").fill(jars.url)
    await page.locator("#url").get_by_role("button", name="Add version").click()
    await expect(main).to_contain_text("Not downloaded yet")
    await expect_no_horizontal_scroll(root)

    # 2: a hosted world, which is played
    await page.goto(server.url + "/admin/server_create_gce")
    await page.get_by_label("Name", exact=True).fill("Ours")
    await page.get_by_label("Short name").fill("ours")
    await page.get_by_label("I agree to the Minecraft EULA").check()
    await expect_no_horizontal_scroll(root)
    await page.get_by_role("button", name="Add world").click()
    await page.wait_for_url("**/servers/ours")
    await root.expect_live()
    await root.mark_page()
    await root.expect_text("world-status", "Not started yet")
    jars.hold()
    await root.button("Start").click()
    await root.expect_text("world-status", re.compile(r"Preparing, \d+ %"))
    jars.release()
    await root.expect_text("world-status", "Running")

    # 3 and 4: a player joins by the address that is shown, and both sides talk
    address = await page.locator("[data-ref=address]").text_content()
    host, _, port = (address or "").rpartition(":")
    assert host == "127.0.0.1"
    await bots.join(BOT, Place(int(port)))
    await expect(page.locator("[data-ref=online]")).to_contain_text(BOT)
    await expect_no_horizontal_scroll(root)
    await follow("Open chat")
    await root.expect_live()
    await root.send_chat("hello from the site")
    await bots.wait_for_message(BOT, "[Server] <Root> hello from the site")
    bots.say(BOT, "hello from the game")
    for text in ("hello from the site", "hello from the game"):
        await expect(root.part("row").filter(has_text=text)).to_have_count(1)
    await bots.leave(BOT)

    # 5: settings of the instance
    await page.goto(server.url + "/admin/servers")
    await follow("Configure hosting")
    await page.get_by_label("Saved games to keep").fill("3")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(main).to_contain_text("Saved.")
    await expect_no_horizontal_scroll(root)

    await page.goto(server.url + "/servers/ours")
    await root.button("Save now").click()
    await follow("Saved games")
    await expect(main).to_contain_text("1 saved game,")
    await expect_no_horizontal_scroll(root)
    await page.goto(server.url + "/servers/ours/pause")
    await root.button("Stop world").click()
    await page.wait_for_url("**/servers/ours")
    await root.expect_text("world-status", "Stopped")
    await expect(root.button("Start")).to_be_visible()
