"""Fixtures for tests with a browser and a server that a test may kill and restart."""

import asyncio
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

from tests.browser.contexts import ContextPool
from tests.browser.crowd import CHATS, MinecraftWorld, OpenAsMember, sign_in
from tests.browser.guests import AppPlayer, Guest, LogInGuest, RegisterAppPlayer
from tests.browser.servers import Server, Servers, servers_in
from tests.browser.visitors import DESKTOP, Visit, Visitor, store_player_script

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: No graphics card, and no requests except to the server under test.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # One renderer process for each visitor halves the time.
    "--renderer-process-limit=1",
)
#: For an expectation, on a busy machine.
TIMEOUT_MS = 30_000

expect.set_options(timeout=TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests in one event loop, because a browser belongs to one loop."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium. Without it, skip, or fail if REQUIRE_BROWSER is 1."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path:
        return path
    reason = "Chromium not found: install it, or set CHROMIUM to its path."
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
def contexts(browser: Browser) -> ContextPool:
    return ContextPool(browser, TIMEOUT_MS)


@pytest.fixture(scope="package")
def servers(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with servers_in(lambda: tmp_path_factory.mktemp("data")) as servers:
        yield servers


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Server]:
    """Yield a server for one test, started with the flags of its parametrization."""
    with closing(servers.next(getattr(request, "param", ()))) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def guest(server: Server) -> AsyncIterator[LogInGuest]:
    """Yield a function that logs in a player without a browser."""
    async with aiohttp.ClientSession(server.url, raise_for_status=True) as client:

        async def log_in(name: str) -> Guest:
            return await Guest.log_in(client, name)

        yield log_in


@pytest_asyncio.fixture(loop_scope="session")
async def app_player(server: Server) -> AsyncIterator[RegisterAppPlayer]:
    """Yield a function that registers a player of the multiplayer API."""
    command = server.run_json_command, "game", "rotate", "noughts"
    api_token = (await asyncio.to_thread(*command))["api_token"]
    async with aiohttp.ClientSession(server.url, raise_for_status=True) as client:

        async def register(name: str) -> AppPlayer:
            return await AppPlayer.register(client, api_token, name)

        yield register


@pytest_asyncio.fixture(loop_scope="session")
async def visit(contexts: ContextPool, server: Server, guest: LogInGuest) -> AsyncIterator[Visit]:
    """Yield a function that opens a page for a new visitor.

    A visitor with a name is already logged in as a player. Fails if a page logged an unexpected error.
    """
    visitors: list[Visitor] = []

    async def visit(path: str = "/", *, name: str = "", **options: Any) -> Visitor:
        page = await (await contexts.acquire({**DESKTOP, **options})).new_page()
        visitors.append(Visitor(page, server.url))
        if name:
            await page.add_init_script(store_player_script((await guest(name)).player))
        await page.goto(server.url + path)
        return visitors[-1]

    yield visit
    await contexts.release_all()
    assert [error for visitor in visitors for error in visitor.console_errors] == []


@pytest_asyncio.fixture(loop_scope="session")
async def fake_agent(server: Server) -> AsyncIterator[MinecraftWorld]:
    """Yield a running Minecraft world."""
    async with aiohttp.ClientSession(server.url, raise_for_status=True) as client:
        fake_agent = MinecraftWorld(client, server)
        await fake_agent.start()
        yield fake_agent


@pytest.fixture
def member(visit: Visit, fake_agent: MinecraftWorld) -> OpenAsMember:
    """Return a function that opens a page of that world and signs in Ann."""

    async def member(path: str = CHATS, **options: Any) -> Visitor:
        visitor = await visit(path, **options)
        await sign_in(visitor, path)
        return visitor

    return member
