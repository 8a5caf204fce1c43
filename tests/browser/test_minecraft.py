"""A real game: what is said in it appears in a browser, and what a browser says is read in it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.agent.machine import Agent
from tests.browser.crowd import EMAIL, PASSWORD, signs_in
from tests.browser.servers import Server, free_port
from tests.browser.visitors import NO_SERVER, PHONE, Visit, Visitor
from tests.minecraft.programs import Bots, Game

CHATS = "/servers/over/chats"
MANY = [f"Bot{number}" for number in range(10)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bots() -> AsyncIterator[Bots]:
    """Players for games. Nobody plays in two of them."""
    bots = Bots()
    await bots.start()
    yield bots
    await bots.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def game(server: Server, tmp_path: Path) -> AsyncIterator[Game]:
    """A game with an agent, which a world of the server was paired with. Ann may sign in there."""
    game = Game(tmp_path, free_port())
    await game.start()
    server.run_command(
        "account", "add", EMAIL, "--password", PASSWORD, "--nickname", "Ann", "--active"
    )
    server.run_command("world", "add", "Overworld", "--short-name", "over")
    code = server.run_json_command("world", "pair", "over")["code"]
    home = game.folder / "mc-coal"
    home.mkdir()
    agent = Agent(home, "--url", server.url, "--pair", code)
    agent.start()
    yield game
    agent.kill()
    await game.kill()


async def reading(visit: Visit, **how: Any) -> Visitor:
    """Ann before the chat, which is live."""
    ann = await visit(CHATS, **how)
    await signs_in(ann, CHATS)
    await ann.expect_live()
    await ann.mark_page()
    return ann


def row(page: Page, text: str) -> Locator:
    said = page.locator(".row-text").get_by_text(text, exact=True)
    return page.get_by_test_id("row").filter(has=said)


async def kept(server: Server, name: str) -> list[dict[str, Any]]:
    """All of a list of the world's, oldest first, as a program of Ann's gets it."""
    token = server.run_json_command("token", "add", EMAIL)["access_token"]
    key = server.run_json_command("world", "list")["worlds"][0]["key"]
    headers = {"Authorization": f"Bearer {token}"}
    asked: dict[str, str] | None = {"size": "50"}
    found: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(server.url, headers=headers, raise_for_status=True) as client:
        while asked is not None:
            async with client.get(f"/api/v1/servers/{key}/{name}", params=asked) as answer:
                piece = await answer.json()
            found += piece[name]
            asked = {**asked, "cursor": piece["cursor"]} if "cursor" in piece else None
    return found[::-1]


async def shown(page: Page) -> list[tuple[str, str]]:
    """Who has said what, as the page has it, from top to bottom."""
    said = await page.locator("[data-testid=row][data-kind=chat]").evaluate_all(
        "rows => rows.map(row => ['player', 'text'].map(part => row.querySelector(`.row-${part}`).textContent))"
    )
    return [(who, text) for who, text in said]


async def test_a_game_and_a_phone_talk_with_each_other(visit, game, bots):
    ann = await reading(visit, **PHONE)
    await bots.joins("Steve", game)
    await expect(ann.part("world-status")).to_have_text("Running")

    bots.says("Steve", "hello from the <b>mine</b> 🙂")
    said = row(ann.page, "hello from the <b>mine</b> 🙂")
    await expect(said).to_have_count(1)
    await expect(said.locator(".row-player")).to_have_text("Steve")

    await ann.send_chat("hello from the bus 🚌")
    await bots.reads("Steve", "[Server] <Ann> hello from the bus 🚌")
    await expect(row(ann.page, "hello from the bus 🚌")).to_have_count(1)
    await expect(ann.part("in-game")).to_have_count(1)
    await expect(ann.part("sending")).to_have_count(0)
    assert await ann.is_same_page()


async def test_who_comes_and_goes_is_seen_and_his_visit_kept(visit, server, game, bots):
    ann = await reading(visit, **PHONE)
    there = ann.page.locator("[data-ref=there]")
    await bots.joins("Alex", game)
    await expect(there).to_have_text("AAlex")
    (stay,) = await kept(server, "sessions")
    assert (stay["username"], stay["logout_timestamp"]) == ("Alex", None)

    await bots.leaves("Alex")
    await expect(there).to_have_text("Nobody is here.")
    seen = ann.page.get_by_test_id("row").locator(".row-action")
    await expect(seen).to_have_text(["Alex joined", "Alex left"])
    (left,) = await kept(server, "sessions")
    assert left["key"] == stay["key"] and left["login_timestamp"] <= left["logout_timestamp"]


async def test_ten_players_are_heard_once_and_in_order_through_kills(visit, server, game, bots):
    ann = await reading(visit)
    ann.expect_errors(NO_SERVER)
    for name in MANY:
        await bots.joins(name, game)
    total = 0

    def all_say(*texts: str) -> None:
        nonlocal total
        for text in texts:
            for name in MANY:
                bots.says(name, text)
                total += 1

    # The same words again and again: each time they are a line of their own.
    all_say("gg", "one", "gg")
    await expect(row(ann.page, "one")).to_have_count(len(MANY))
    all_say("two", "gg")
    server.kill()
    all_say("three", "gg")
    await ann.expect_reconnecting()
    server.restart()
    all_say("four")
    await expect(row(ann.page, "three")).to_have_count(len(MANY))
    server.kill()
    server.restart()
    all_say("five", "gg", "gg")
    await expect(row(ann.page, "five")).to_have_count(len(MANY))
    await expect(row(ann.page, "gg")).to_have_count(6 * len(MANY))

    said = game.said()
    assert len(said) == total
    assert await shown(ann.page) == said
    assert [(line["username"], line["chat"]) for line in await kept(server, "chats")] == said
    await expect(ann.page.locator("[data-ref=there] li")).to_have_count(len(MANY))
    assert await ann.is_same_page()


async def test_a_game_that_was_killed_and_starts_again_is_followed(visit, server, game, bots):
    ann = await reading(visit)
    there = ann.page.locator("[data-ref=there]")
    await bots.joins("Kim", game)
    bots.says("Kim", "all is well")
    await expect(row(ann.page, "all is well")).to_have_count(1)
    bots.says("Kim", "what is th")
    await game.writes("<Kim> what is th")
    await game.kill()
    await game.start()
    await bots.joins("Lou", game)
    bots.says("Lou", "that was short")
    await expect(row(ann.page, "that was short")).to_have_count(1)
    await expect(there).to_have_text("LLou")

    assert await shown(ann.page) == game.said()
    kim, lou = await kept(server, "sessions")
    assert (kim["username"], lou["username"]) == ("Kim", "Lou")
    assert kim["logout_timestamp"] and not lou["logout_timestamp"]
    await ann.send_chat("welcome back")
    await bots.reads("Lou", "[Server] <Ann> welcome back")
    assert await ann.is_same_page()
