"""A real browser before a real server, which a test may kill and start again."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.crowd import CHATS, Enter, MinecraftWorld, signs_in
from tests.browser.guests import Guest, Introduce
from tests.browser.servers import Server, Servers, servers_in
from tests.browser.visitors import DESKTOP, Visit, Visitor, remembering
from tests.browser.windows import Windows

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: It needs no graphics card and talks to nobody but the page's own server.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # One process for the pages of a visitor is enough, and takes half the time.
    "--renderer-process-limit=1",
)
#: Milliseconds in which what is expected has come about, on a machine that is busy.
TIMEOUT_SECONDS = 15_000

expect.set_options(timeout=TIMEOUT_SECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One loop for all of these, since they share a browser and a browser has one loop."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is. Without it these tests are skipped, or fail if REQUIRE_BROWSER is 1."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    reason = "There is no Chromium here: install it, or set CHROMIUM to where it is."
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture(scope="package")
def windows(browser: Browser) -> Windows:
    return Windows(browser, TIMEOUT_SECONDS)


@pytest.fixture(scope="package")
def servers(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers_in(lambda: tmp_path_factory.mktemp("data")) as servers:
        yield servers


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """A server of the test's own, with the flags it is parametrized with. It dies with the test."""
    with closing(servers.next(getattr(request, "param", ()))) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def guest(server: Server) -> AsyncIterator[Introduce]:
    """Lets in somebody who plays without a browser."""
    async with aiohttp.ClientSession(server.url, raise_for_status=True) as client:

        async def introduce(name: str) -> Guest:
            return await Guest.named(client, name)

        yield introduce


@pytest_asyncio.fixture(loop_scope="session")
async def visit(windows: Windows, server: Server, guest: Introduce) -> AsyncIterator[Visit]:
    """Opens the page for one more person. In the end no page has complained of anything unforeseen.

    Who comes with a name has been here before.
    """
    visitors: list[Visitor] = []

    async def visit(path: str = "/", *, name: str = "", **how: Any) -> Visitor:
        page = await (await windows.next({**DESKTOP, **how})).new_page()
        visitors.append(Visitor(page, server.url))
        if name:
            await page.add_init_script(remembering((await guest(name)).player))
        await page.goto(server.url + path)
        return visitors[-1]

    yield visit
    await windows.close_pages()
    assert [said for visitor in visitors for said in visitor.complaints] == []


@pytest_asyncio.fixture(loop_scope="session")
async def fake_agent(server: Server) -> AsyncIterator[MinecraftWorld]:
    """A Minecraft world that runs."""
    async with aiohttp.ClientSession(server.url, raise_for_status=True) as client:
        fake_agent = MinecraftWorld(client, server)
        await fake_agent.begin()
        yield fake_agent


@pytest.fixture
def member(visit: Visit, fake_agent: MinecraftWorld) -> Enter:
    """Opens a page of that world for Ann, who signs in."""

    async def member(path: str = CHATS, **how: Any) -> Visitor:
        visitor = await visit(path, **how)
        await signs_in(visitor, path)
        return visitor

    return member
