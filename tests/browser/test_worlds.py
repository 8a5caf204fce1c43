"""The pages of a world in a browser: overview, players, gallery, and access of the public."""

import base64
import re
import time

import pytest
from playwright.async_api import expect

from tests.browser.crowd import CHATS, PASSWORD, login, sign_in
from tests.browser.visitors import DESKTOP, PHONE, http_error
from tests.media.test_images import make_image

WORLD_PAGES = (
    "",
    "/chats",
    "/players",
    "/players/Bob",
    f"/players/{'P' * 40}",
    "/sessions",
    "/deaths",
    "/screenshots",
)
DOUBLE_FONT_SIZE = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("html { font-size: 200%; }");
    document.adoptedStyleSheets = [sheet];
}"""

#: Records whether the page was visible each time that a script read its HTML.
RECORD_READINGS = """() => {
    const { fetch } = window;
    window.readings = [];
    window.fetch = (path, options) => {
        if (path === location.pathname && !options.headers) readings.push(document.visibilityState);
        return fetch(path, options);
    };
}"""
SET_VISIBILITY = """(state) => {
    Object.defineProperty(document, "visibilityState", { configurable: true, value: state });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_overview_follows_the_state_of_the_world(member, fake_agent):
    ann = await member("/servers/mill", **PHONE)
    await ann.expect_live()
    await expect(ann.page.get_by_text("Nobody online")).to_be_visible()
    await fake_agent.send_lines(login("Bob"))
    await expect(ann.page.locator(".online-list")).to_have_text("BBob0 min")
    await fake_agent.send_ping(running=False)
    await ann.expect_text("world-status", "Stopped")
    await fake_agent.send_lines("Bob lost connection: Disconnected")
    await expect(ann.page.get_by_text("Nobody online")).to_be_visible()


async def test_hidden_overview_is_read_again_when_it_is_shown(member, fake_agent):
    ann = await member()
    await ann.page.clock.install()
    await ann.page.get_by_role("link", name="coalserver").click()
    await ann.page.get_by_role("link", name="The Mill").click()
    await ann.expect_live()
    await ann.page.evaluate(RECORD_READINGS)
    await ann.page.evaluate(SET_VISIBILITY, "hidden")
    await fake_agent.send_lines(login("Bob"), "<Bob> hello there")
    # The state, a small document, is read again while the page is hidden.
    await expect(ann.page.locator(".online-list")).to_contain_text("Bob")
    await ann.page.clock.fast_forward("00:05")
    await ann.page.evaluate(SET_VISIBILITY, "visible")
    await ann.page.clock.fast_forward("00:05")
    await expect(ann.page.locator("#latest")).to_contain_text("hello there")
    assert set(await ann.page.evaluate("readings")) == {"visible"}


async def test_links_lead_from_home_page_to_player_and_messages(member, fake_agent):
    await fake_agent.send_lines(login("Bob"), "<Bob> hello there", "Bob drowned")
    ann = await member()
    await ann.page.get_by_role("link", name="coalserver").click()
    await ann.page.get_by_role("link", name="The Mill").click()
    await (
        ann.page.get_by_role("navigation", name="World").get_by_role("link", name="Players").click()
    )
    await ann.part("player-row").get_by_role("link", name="Bob").click()
    await expect(ann.part("punch-card")).to_be_visible()
    await expect(ann.page.get_by_text("drowned")).to_be_visible()
    await ann.page.locator(".figures").get_by_role("link").nth(1).click()
    await expect(ann.part("row")).to_have_count(1)
    await expect(ann.part("row")).to_contain_text("hello there")


async def test_world_cards_are_refreshed_every_minute(member, fake_agent):
    ann = await member()
    await ann.page.clock.install()
    await ann.page.get_by_role("link", name="coalserver").click()
    await ann.expect_live()
    await expect(ann.part("worlds")).to_contain_text("Nobody online")
    await fake_agent.send_lines(login("Bob"))
    await ann.page.clock.fast_forward("01:01")
    await expect(ann.part("worlds")).to_contain_text("Bob")


async def test_refreshed_list_of_players_counts_those_that_are_not_named(member, fake_agent):
    ann = await member("/servers/mill")
    for start in (0, 102):
        await fake_agent.send_lines(*(login(f"p{number}") for number in range(start, start + 102)))
    await expect(ann.page.locator(".online-list")).to_contain_text("and 4 more")
    await expect(ann.page.locator("[data-ref=count]")).to_have_text("204")


async def test_refreshed_cards_are_those_of_the_page_that_is_shown(member, server):
    ann = await member()
    await ann.page.clock.install()
    await ann.page.goto(f"{server.url}/?page=2")
    await ann.expect_live()
    await expect(ann.part("worlds")).to_contain_text("The Mill")
    async with ann.page.expect_response("**/?page=2"):
        await ann.page.clock.fast_forward("01:01")
    await expect(ann.part("worlds")).to_contain_text("The Mill")


async def test_times_are_in_the_zone_of_the_browser(member, fake_agent):
    noon = 1_700_000_000 // 86400 * 86400 + 43200
    await fake_agent.send_lines("<Bob> at noon", at=noon)
    ann = await member(timezone_id="Asia/Tokyo", locale="en-GB")
    await expect(ann.part("row").locator("time")).to_have_text("21:00")
    await expect(ann.page.locator(".day-name")).to_have_text("Tuesday, 14 November 2023")


async def test_future_last_seen_time_is_shown_as_date(member, fake_agent):
    await fake_agent.send_lines(
        login("Bob"), "Bob lost connection: Disconnected", at=time.time() + 36000
    )
    ann = await member("/servers/mill/players")
    await expect(ann.part("player-row")).to_contain_text("Last seen")
    await expect(ann.part("player-row").locator("time[data-as=ago]")).to_have_text(
        re.compile(r"^(\d+ \w+, )?\d\d:\d\d$|^\d+ \w+ \d{4}$")
    )


async def test_no_page_scrolls_horizontally_on_a_phone(member, fake_agent):
    name = "W" * 16
    await fake_agent.send_lines(
        login(name), f"<{name}> {'Donaudampfschifffahrt' * 12}", f"{name} drowned"
    )
    ann = await member("/servers/mill", **PHONE)
    pages = (
        "",
        "/chats",
        "/chats?q=nothing",
        "/players",
        f"/players/{name}",
        "/sessions",
        "/deaths",
        "/screenshots",
    )
    for page in pages:
        await ann.page.goto(ann.page.url.partition("/servers")[0] + f"/servers/mill{page}")
        await ann.expect_live()
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360, page


async def test_chosen_picture_is_uploaded_and_can_be_deleted(member, fake_agent):
    ann = await member("/servers/mill/screenshots")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": make_image()}
    await ann.part("file").set_input_files(file)
    await expect(ann.part("shot")).to_have_count(1)
    image = ann.page.get_by_role("img", name="Picture by Ann")
    await expect(image).to_be_visible()
    assert (
        await image.evaluate("async node => { await node.decode(); return node.naturalWidth; }")
        == 480
    )
    await ann.page.get_by_text("Delete", exact=True).click()
    await ann.button("Delete permanently").click()
    await expect(ann.part("shot")).to_have_count(0)


async def test_dropped_picture_is_uploaded_and_other_file_is_rejected(member, fake_agent):
    ann = await member("/servers/mill/screenshots")
    ann.expect_errors(http_error(400))
    drop = """([text, type]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes], "a.png", { type }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }"""
    await ann.page.evaluate(drop, ["AAAA", "image/png"])
    await expect(ann.page.get_by_text("This file is not a picture")).to_be_visible()
    await ann.page.evaluate(drop, [base64.b64encode(make_image()).decode(), "image/png"])
    await expect(ann.part("shot")).to_have_count(1)


async def test_public_world_is_read_only_without_account(visit, fake_agent, server):
    guest, admin = await visit(CHATS, **DESKTOP), await visit("/admin/servers/1")
    await expect(guest.page.get_by_label("Password")).to_be_visible()
    server.run_command("account", "add", "root@example.org", "--password", PASSWORD, "--admin")
    await sign_in(admin, "/admin/servers/1", "root@example.org")
    await admin.page.get_by_label("Public: anyone can read the chat").check()
    await admin.button("Save").click()
    await expect(admin.page.get_by_label("Public: anyone can read the chat")).to_be_checked()
    await fake_agent.send_lines("<Bob> before")
    await guest.page.goto(f"{server.url}{CHATS}")
    await expect(guest.part("row")).to_contain_text("before")
    await guest.expect_live()
    await expect(guest.part("chat-input")).to_have_count(0)
    await fake_agent.send_lines("<Bob> after")
    await expect(guest.part("row").filter(has_text="after")).to_have_count(1)


async def test_many_players_and_long_names_fit_on_a_phone(member, fake_agent):
    await fake_agent.send_lines(
        *(login(f"Player{number}") for number in range(60)), login("P" * 40)
    )
    ann = await member("/servers/mill", **PHONE)
    await expect(ann.page.locator(".online-player")).to_have_count(61)
    box = await ann.page.locator(".online-list").bounding_box()
    assert box and box["height"] <= 400
    for path in ("/", "/servers/mill", "/servers/mill/sessions", "/servers/mill/players"):
        await ann.page.goto(ann.page.url.partition("/servers")[0].rstrip("/") + path)
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360, path


async def test_no_page_scrolls_horizontally_at_double_font_size(member, fake_agent):
    await fake_agent.send_lines(
        login("Bob"), "Bob drowned", f"<Bob> {'Donaudampfschifffahrt' * 12}"
    )
    await fake_agent.send_lines(login("P" * 40), at=time.time() - 90_000)
    ann = await member("/servers/mill", **PHONE)
    root = ann.page.url.partition("/servers")[0]
    for path in ("/", "/profile", *(f"/servers/mill{page}" for page in WORLD_PAGES)):
        await ann.page.goto(root + path)
        await ann.page.evaluate(DOUBLE_FONT_SIZE)
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360, path


async def test_bars_and_figures_are_drawn_whole_at_every_width(member, fake_agent):
    await fake_agent.send_lines(login("Bob"), "Bob drowned", "Bob drowned", "Bob starved to death")
    ann = await member("/servers/mill/players/Bob")
    for width in (320, 480, 768, 840, 900, 1280):
        await ann.page.set_viewport_size({"width": width, "height": 800})
        bars = ann.page.locator(".bars .bar")
        await expect(bars).to_have_count(2)
        whole = await bars.nth(0).bounding_box()
        filled = [await bar.locator("rect").bounding_box() for bar in await bars.all()]
        assert whole["height"] == 8 and [box["height"] for box in filled] == [8, 8]
        assert filled[0]["width"] == pytest.approx(whole["width"], abs=1)
        assert filled[1]["width"] == pytest.approx(whole["width"] / 2, abs=1)
        figures = await ann.page.locator(".figures > div").all()
        tops = [(await figure.bounding_box())["y"] for figure in figures]
        rows = [tops.count(top) for top in sorted(set(tops))]
        assert len(set(rows)) == 1 and sum(rows) == 6, (width, rows)
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= width
