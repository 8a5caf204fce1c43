"""Rendered pages: errors, languages, and pages without JavaScript."""

import pytest
from playwright.async_api import expect

from tests.browser.test_admin import admin
from tests.browser.visitors import DESKTOP, PHONE, http_error

__all__ = ["admin"]


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


#: Returns the hints in fields that are wider than their field, and the breaks within "E-Mail".
CUT_TEXTS = """() => {
    const context = document.createElement("canvas").getContext("2d");
    const cut = [...document.querySelectorAll("input[placeholder]")].filter((field) => {
        const style = getComputedStyle(field);
        context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
        const space = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
        return field.checkVisibility() && context.measureText(field.placeholder).width > space + 1;
    }).map((field) => field.placeholder);
    const broken = [...document.querySelectorAll("p, dt, label")].filter((node) => {
        const text = node.firstChild;
        const start = text?.nodeType === Node.TEXT_NODE ? text.data.search(/e.mail/i) : -1;
        if (start < 0) return false;
        const range = document.createRange();
        range.setStart(text, start);
        range.setEnd(text, start + 6);
        return new Set([...range.getClientRects()].map((box) => box.top)).size > 1;
    }).map((node) => node.textContent);
    return [...cut, ...broken];
}"""


async def test_no_hint_is_cut_and_no_email_broken_on_a_phone(admin, fake_agent):
    root = await admin("/profile", **PHONE)
    start = root.page.url.removesuffix("/profile")
    await root.page.get_by_label("Language").select_option("de")
    await root.page.get_by_role("button", name="Save", exact=True).click()
    await expect(root.page.get_by_role("heading", level=1)).to_have_text("Profil")
    for width in (320, 360):
        await root.page.set_viewport_size({"width": width, "height": 740})
        for path in (
            "/",
            "/profile",
            "/login",
            "/signup",
            "/admin/users",
            "/admin/users/1",
            "/admin/servers/1",
            "/admin/games",
            "/admin/bans",
            "/admin/backups",
            "/servers/mill/chats",
        ):
            await root.page.goto(start + path)
            assert await root.page.evaluate(CUT_TEXTS) == [], (width, path)
