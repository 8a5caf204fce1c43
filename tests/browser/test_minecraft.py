"""A real Minecraft server and its agent: chat in both directions between the game and a browser."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.agent.machine import Agent
from tests.browser.crowd import EMAIL, PASSWORD, sign_in
from tests.browser.servers import Server, free_port
from tests.browser.visitors import NO_SERVER, PHONE, Visit, Visitor
from tests.minecraft.programs import Bots, Game

CHATS = "/servers/over/chats"
BOT_NAMES = [f"Bot{number}" for number in range(10)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bots() -> AsyncIterator[Bots]:
    """Yield the bots that play in games. A bot plays in one game at a time."""
    bots = Bots()
    await bots.start()
    yield bots
    await bots.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def game(server: Server, tmp_path: Path) -> AsyncIterator[Game]:
    """Yield a game whose agent is paired with a world of the server, where Ann is a member."""
    game = Game(tmp_path, free_port())
    await game.start()
    server.run_command(
        "account", "add", EMAIL, "--password", PASSWORD, "--nickname", "Ann", "--active"
    )
    server.run_command("world", "add", "Overworld", "--short-name", "over")
    code = server.run_json_command("world", "pair", "over")["code"]
    agent_folder = game.folder / "mc-coal"
    agent_folder.mkdir()
    agent = Agent(agent_folder, "--url", server.url, "--pair", code)
    agent.start()
    yield game
    agent.kill()
    await game.kill()


async def open_chat(visit: Visit, **options: Any) -> Visitor:
    """Open the chat as Ann and wait until it is live."""
    ann = await visit(CHATS, **options)
    await sign_in(ann, CHATS)
    await ann.expect_live()
    await ann.mark_page()
    return ann


def row(page: Page, text: str) -> Locator:
    label = page.locator(".row-text").get_by_text(text, exact=True)
    return page.get_by_test_id("row").filter(has=label)


async def stored_items(server: Server, name: str) -> list[dict[str, Any]]:
    """Return all items of a list of the world, oldest first, from the COAL API."""
    token = server.run_json_command("token", "add", EMAIL)["access_token"]
    key = server.run_json_command("world", "list")["worlds"][0]["key"]
    headers = {"Authorization": f"Bearer {token}"}
    params: dict[str, str] | None = {"size": "50"}
    items: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(server.url, headers=headers, raise_for_status=True) as client:
        while params is not None:
            async with client.get(f"/api/v1/servers/{key}/{name}", params=params) as response:
                page = await response.json()
            items += page[name]
            params = {**params, "cursor": page["cursor"]} if "cursor" in page else None
    return items[::-1]


async def chat_rows(page: Page) -> list[tuple[str, str]]:
    """Return player and text of the chat rows on the page, from top to bottom."""
    rows = await page.locator("[data-testid=row][data-kind=chat]").evaluate_all(
        "rows => rows.map(row => ['player', 'text'].map(part => row.querySelector(`.row-${part}`).textContent))"
    )
    return [(player, text) for player, text in rows]


async def test_chat_works_between_game_and_phone(visit, game, bots):
    ann = await open_chat(visit, **PHONE)
    await bots.join("Steve", game)
    await expect(ann.part("world-status")).to_have_text("Running")

    bots.say("Steve", "hello from the <b>mine</b> 🙂")
    message = row(ann.page, "hello from the <b>mine</b> 🙂")
    await expect(message).to_have_count(1)
    await expect(message.locator(".row-player")).to_have_text("Steve")

    await ann.send_chat("hello from the bus 🚌")
    await bots.wait_for_message("Steve", "[Server] <Ann> hello from the bus 🚌")
    await expect(row(ann.page, "hello from the bus 🚌")).to_have_count(1)
    await expect(ann.part("in-game")).to_have_count(1)
    await expect(ann.part("sending")).to_have_count(0)
    assert await ann.is_same_page()


async def test_login_and_logout_are_shown_and_stored_as_a_session(visit, server, game, bots):
    ann = await open_chat(visit, **PHONE)
    online = ann.page.locator("[data-ref=online]")
    await bots.join("Alex", game)
    await expect(online).to_have_text("AAlex")
    (session,) = await stored_items(server, "sessions")
    assert (session["username"], session["logout_timestamp"]) == ("Alex", None)

    await bots.leave("Alex")
    await expect(online).to_have_text("Nobody online")
    events = ann.page.get_by_test_id("row").locator(".row-action")
    await expect(events).to_have_text(["Alex joined", "Alex left"])
    (ended,) = await stored_items(server, "sessions")
    assert ended["key"] == session["key"] and ended["login_timestamp"] <= ended["logout_timestamp"]


async def test_messages_of_ten_players_are_shown_once_and_in_order_despite_server_kills(
    visit, server, game, bots
):
    ann = await open_chat(visit)
    ann.expect_errors(NO_SERVER)
    for name in BOT_NAMES:
        await bots.join(name, game)
    total = 0

    def all_send(*texts: str) -> None:
        nonlocal total
        for text in texts:
            for name in BOT_NAMES:
                bots.say(name, text)
                total += 1

    # Equal messages are separate lines.
    all_send("gg", "one", "gg")
    await expect(row(ann.page, "one")).to_have_count(len(BOT_NAMES))
    all_send("two", "gg")
    server.kill()
    all_send("three", "gg")
    await ann.expect_reconnecting()
    server.restart()
    all_send("four")
    await expect(row(ann.page, "three")).to_have_count(len(BOT_NAMES))
    server.kill()
    server.restart()
    all_send("five", "gg", "gg")
    await expect(row(ann.page, "five")).to_have_count(len(BOT_NAMES))
    await expect(row(ann.page, "gg")).to_have_count(6 * len(BOT_NAMES))

    messages = game.chat_messages()
    assert len(messages) == total
    assert await chat_rows(ann.page) == messages
    assert [
        (line["username"], line["chat"]) for line in await stored_items(server, "chats")
    ] == messages
    await expect(ann.page.locator("[data-ref=online] li")).to_have_count(len(BOT_NAMES))
    assert await ann.is_same_page()


async def test_log_is_followed_after_the_game_is_killed_and_restarted(visit, server, game, bots):
    ann = await open_chat(visit)
    online = ann.page.locator("[data-ref=online]")
    await bots.join("Kim", game)
    bots.say("Kim", "all is well")
    await expect(row(ann.page, "all is well")).to_have_count(1)
    bots.say("Kim", "what is th")
    await game.wait_for_console("<Kim> what is th")
    await game.kill()
    await game.start()
    await bots.join("Lou", game)
    bots.say("Lou", "that was short")
    await expect(row(ann.page, "that was short")).to_have_count(1)
    await expect(online).to_have_text("LLou")

    assert await chat_rows(ann.page) == game.chat_messages()
    kim, lou = await stored_items(server, "sessions")
    assert (kim["username"], lou["username"]) == ("Kim", "Lou")
    assert kim["logout_timestamp"] and not lou["logout_timestamp"]
    await ann.send_chat("welcome back")
    await bots.wait_for_message("Lou", "[Server] <Ann> welcome back")
    assert await ann.is_same_page()
