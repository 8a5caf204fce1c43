"""Rendered pages: errors, languages, and pages without JavaScript."""

import pytest
from playwright.async_api import expect

from tests.browser.visitors import DESKTOP, PHONE, http_error


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_error_page_links_to_home_page(visit, screen):
    visitor = await visit("/nothing/here", **screen)
    visitor.expect_errors(http_error(404))
    await expect(visitor.page.get_by_role("heading")).to_have_text("Page not found")
    width = screen["viewport"]["width"]
    assert await visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    await visitor.page.get_by_role("link", name="Go to home page").click()
    await expect(visitor.part("game-card")).to_be_visible()


async def test_games_and_rooms_are_listed_without_javascript(visit, guest):
    ann = await guest("Ann")
    await ann.create_room("Friday evening")
    await ann.create_room("Friends", password="x")
    reader = await visit(java_script_enabled=False)
    await expect(reader.page.get_by_role("heading", name="Noughts and Crosses")).to_be_visible()
    await reader.expect_text("rooms-open", "2")
    await expect(reader.room_row("Friday evening")).to_contain_text("by Ann")
    await expect(reader.room_row("Friends")).to_contain_text("Password required.")
    assert "Playing requires JavaScript" in await reader.page.content()
    await expect(reader.page.get_by_role("button")).to_have_count(0)
    await expect(reader.page.get_by_role("textbox")).to_have_count(0)


async def test_page_and_scripts_are_german_for_german_browser(visit, guest):
    ann, bob = await visit(name="Ann", locale="de-AT"), await guest("Bob")
    await expect(ann.page.locator("html")).to_have_attribute("lang", "de")
    await ann.part("quick-join").click()
    await ann.expect_text("status", "Warten auf einen weiteren Spieler.")
    await bob.join(f"/games{ann.page.url.partition('#')[2]}")
    await ann.expect_text("status", "Alle sind bereit. Du kannst das Spiel starten.")
    await ann.part("start").click()
    await ann.expect_text("status", "Du bist dran. Du spielst die Kreuze.")
    await expect(ann.cell(4)).to_have_attribute("aria-label", "Reihe 2, Spalte 2, leer")
