"""Pages in a browser below a base path: no request of a script, a stream or a socket leaves it."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.contexts import ContextPool
from tests.browser.crowd import CHATS, PASSWORD, sign_in
from tests.browser.servers import Server, Servers
from tests.browser.visitors import DESKTOP, NO_SERVER, PHONE, Visitor, http_error
from tests.path_proxy import PathProxy, run_path_proxy

BASE_PATH = "/coal"
#: Opens a page behind the proxy for a new visitor.
Open = Callable[..., Awaitable[Visitor]]


@pytest.fixture(params=[True, False], ids=["kept", "removed"])
def proxy(request: pytest.FixtureRequest):
    with run_path_proxy(BASE_PATH, keeps=request.param) as proxy:
        yield proxy
        assert proxy.outside == []


@pytest.fixture
def server(proxy: PathProxy, servers: Servers):
    with closing(servers.next(("--base-url", proxy.url))) as server:
        proxy.target_port = server.port
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(contexts: ContextPool, proxy: PathProxy, server: Server) -> AsyncIterator[Open]:
    visitors: list[Visitor] = []
    addresses: list[str] = []

    def record(page: Page) -> None:
        page.on("request", lambda request: addresses.append(request.url))
        page.on("websocket", lambda socket: addresses.append(socket.url))

    async def open_page(path: str, **options: Any) -> Visitor:
        page = await (await contexts.acquire({**DESKTOP, **options})).new_page()
        record(page)
        visitors.append(Visitor(page, proxy.url))
        await page.goto(proxy.url + path)
        return visitors[-1]

    yield open_page
    cookies = [cookie for one in visitors for cookie in await one.page.context.cookies()]
    assert {cookie["path"] for cookie in cookies} == {BASE_PATH}
    stored = [await one.page.evaluate("Object.keys(localStorage)") for one in visitors]
    assert {key for keys in stored for key in keys} <= {f"coalserver.player{BASE_PATH}"}
    await contexts.release_all()
    assert [error for visitor in visitors for error in visitor.console_errors] == []
    outside = {url for url in addresses if not urlsplit(url).path.startswith(f"{BASE_PATH}/")}
    assert outside == set()


async def test_game_is_played_in_a_shared_room(open_page, proxy):
    ann, bob = await open_page("/"), await open_page("/", **PHONE)
    await ann.set_name("Ann")
    await bob.set_name("Bob")
    link = await ann.create_room("Friday evening")
    assert re.fullmatch(rf"{re.escape(proxy.url)}/#/noughts/rooms/\d+", link)
    await bob.page.goto(link)
    await bob.part("join").click()
    await bob.expect_text("status", re.compile("Waiting for .* to start."))
    await ann.part("start").click()
    for visitor in (ann, bob):
        await expect(visitor.board).to_be_visible()
        await visitor.expect_live()
    await ann.play(4)
    await bob.cell(0).tap()
    for visitor in (ann, bob):
        await visitor.expect_board("O...X....")
    await ann.send_chat("hello")
    await expect(bob.chat_line("hello")).to_have_count(1)
    await bob.page.reload()
    await bob.expect_board("O...X....")


@pytest.mark.parametrize("blocked", ["", "text/event-stream"], ids=["stream", "socket"])
async def test_member_signs_in_and_chats_live(open_page, proxy, server, fake_agent, blocked):
    ann = await open_page("/login?next_url=" + CHATS)
    if blocked:
        ann.expect_errors(NO_SERVER)

        async def block(route):
            accept = route.request.headers.get("accept", "")
            await (route.abort() if blocked in accept else route.continue_())

        await ann.page.route("**/events?*", block)
    await sign_in(ann, BASE_PATH + CHATS)
    await ann.expect_live()
    await ann.mark_page()
    row = ann.part("row")
    await fake_agent.send_lines("<Bob> hello there")
    await expect(row.filter(has_text="hello there")).to_be_visible()
    await ann.send_chat("hi Bob")
    await ann.expect_text("sending-state", "Sent. Waiting for delivery.")
    assert len(await fake_agent.send_ping()) == 1
    assert await ann.is_same_page()


async def test_admin_pages_refresh_and_lead_to_each_other(open_page, server):
    flags = ("--password", PASSWORD, "--active", "--admin")
    server.run_command("account", "add", "root@example.org", *flags)
    root = await open_page("/admin/rooms")
    await sign_in(root, f"{BASE_PATH}/admin/rooms", "root@example.org")
    root.expect_errors(http_error(404))
    ann = await open_page("/")
    await ann.set_name("Ann")
    await ann.create_room("Friday evening")
    await expect(root.page.get_by_text("Friday evening")).to_be_visible()
    names = "Users", "Worlds", "Versions", "Games", "Bans", "Backups", "Settings", "Audit log"
    for name in names:
        link = root.page.get_by_role("navigation", name="Admin pages").get_by_role(
            "link", name=name
        )
        await link.click()
        await expect(link).to_have_attribute("aria-current", "page")
    await root.page.get_by_role("link", name="coalserver").first.click()
    await expect(root.room_row("Friday evening")).to_be_visible()


async def test_hosted_world_is_followed_and_its_pages_lead_to_each_other(open_page, server):
    flags = ("--password", PASSWORD, "--active", "--admin")
    server.run_command("account", "add", "root@example.org", *flags)
    server.run_command("world", "add", "Ours", "--short-name", "ours", "--hosted")
    server.add_saved_game(1, "20260101T000000Z-upload")
    root = await open_page("/login?next_url=/servers/ours")
    root.expect_errors(http_error(400))
    await sign_in(root, f"{BASE_PATH}/servers/ours", "root@example.org")
    await root.expect_live()
    await root.mark_page()
    server.run_command("version", "add", "own", "--command", "true", "--no-eula")
    server.run_command("world", "set", "ours", "version=own")
    await expect(root.button("Start")).to_be_visible()
    assert await root.is_same_page()
    await root.page.get_by_role("link", name="Console").click()
    await root.expect_live()
    await root.part("command").fill("list")
    await root.part("command").press("Enter")
    await root.expect_text("console-error", "The world is not running.")
    await root.page.get_by_role("link", name="View world").click()
    await root.page.get_by_role("link", name="Saved games").click()
    for name in ("Restore…", "Cancel", "Configure", "Worlds", "Ours", "Delete world…", "Cancel"):
        # A link back begins with an arrow; one of a row ends with what it belongs to.
        link = re.compile(rf"^(‹ )?{name}(: .*)?$")
        await root.page.get_by_role("main").get_by_role("link", name=link).last.click()
    await expect(root.page).to_have_url(re.compile("/admin/servers/1/gce$"))
