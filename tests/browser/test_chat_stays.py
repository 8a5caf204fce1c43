"""What the chat preserves in a browser: layout, scroll position and drafts; offline mode and time zones."""

import time

import pytest
from playwright.async_api import expect

from tests.browser.crowd import CHATS, login
from tests.browser.test_chat import row
from tests.browser.visitors import NO_SERVER, PHONE, REDUCED_MOTION

#: Records layout shifts.
RECORD_SHIFTS = """
    window.layoutShifts = [];
    new PerformanceObserver((list) => layoutShifts.push(...list.getEntries()
        .map((shift) => [shift.value, ...shift.sources.map((source) => source.node?.className)])))
        .observe({ type: "layout-shift", buffered: false });
"""
#: Waits two frames, after which pending changes are drawn.
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
#: Waits until the scroll position is stored.
POSITION_STORED = """() => new Promise((done) => {
    const check = () => history.state?.line ? done() : setTimeout(check, 20);
    check();
})"""
#: Returns the text of the first row that is fully in view.
FIRST_VISIBLE_ROW = """node => [...node.querySelectorAll(".row")].find(
    (row) => row.getBoundingClientRect().top >= node.getBoundingClientRect().top).innerText"""


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
async def test_new_rows_cause_no_layout_shift(member, fake_agent, size):
    start = time.time() - 600
    await fake_agent.send_lines(
        login("Bob"), *(f"<Bob> line {number}." for number in range(200)), at=start
    )
    ann = await member(**size)
    await ann.expect_live()
    await ann.page.evaluate(TWO_FRAMES)
    await ann.page.evaluate(RECORD_SHIFTS)
    await fake_agent.send_lines("<Bob> a new one", "Bob drowned", f"<Bob> {'a long one ' * 30}")
    await expect(row(ann, "a long one")).to_be_in_viewport()
    await ann.part("log").evaluate("node => { node.scrollTop -= 900; }")
    await expect(ann.part("jump-to-latest")).to_be_visible()
    for text in ("another", "one more"):
        await fake_agent.send_lines(f"<Bob> {text}")
        await expect(row(ann, text)).to_have_count(1)
    await expect(ann.part("jump-to-latest")).to_have_text("Jump to latest (2)")
    await ann.page.evaluate(TWO_FRAMES)
    assert await ann.page.evaluate("layoutShifts") == []


async def test_draft_survives_a_reload_until_it_is_sent(member, fake_agent):
    ann = await member(**PHONE)
    await ann.expect_live()
    await ann.part("chat-input").fill("half a thou")
    await ann.page.reload()
    await expect(ann.part("chat-input")).to_have_value("half a thou")
    await ann.send_chat("half a thought")
    await expect(ann.part("sending")).to_have_count(1)
    await ann.page.reload()
    await ann.expect_live()
    await expect(ann.part("chat-input")).to_have_value("")


async def test_scroll_position_is_restored_on_return(member, fake_agent):
    await fake_agent.send_lines(login("Bob"), *(f"<Bob> line {number}." for number in range(400)))
    ann = await member()
    await ann.expect_live()
    log = ann.part("log")
    await log.evaluate("node => { node.scrollTop = 0; }")
    await expect(row(ann, "line 330.")).to_have_count(1)
    # Without the position that the first scroll may have stored.
    await log.evaluate(
        "node => { node.scrollTop = node.scrollHeight - 4000; history.replaceState(null, ''); }"
    )
    await ann.page.evaluate(POSITION_STORED)
    before = await log.evaluate(FIRST_VISIBLE_ROW)
    await ann.page.get_by_role("link", name="Players").click()
    await ann.page.wait_for_url("**/players")
    await ann.page.go_back()
    await expect(ann.part("jump-to-latest")).to_be_visible()
    assert await log.evaluate(FIRST_VISIBLE_ROW) == before
    await ann.part("jump-to-latest").click()
    await expect(row(ann, "line 399.")).to_be_in_viewport()


async def test_offline_browser_is_shown_at_once(member, fake_agent):
    ann = await member(**PHONE)
    ann.expect_errors(NO_SERVER)
    await ann.expect_live()
    await ann.page.context.set_offline(True)
    await ann.expect_reconnecting()
    await fake_agent.send_lines("<Bob> meanwhile")
    await ann.page.context.set_offline(False)
    await ann.expect_live()
    await expect(row(ann, "meanwhile")).to_have_count(1)


async def test_times_are_in_the_zone_of_the_profile_and_else_of_the_browser(member, fake_agent):
    noon = 1_782_907_200.0  # 2026-07-01 12:00 UTC
    await fake_agent.send_lines("<Bob> at noon", at=noon)
    ann = await member(**PHONE, locale="en-GB", timezone_id="Europe/Berlin")
    clock = row(ann, "at noon").locator("time")
    await expect(clock).to_have_text("14:00")
    await ann.page.goto(ann.page.url.removesuffix("/servers/mill/chats") + "/profile")
    await ann.page.get_by_label("Time zone").fill("Pacific/Auckland")
    await ann.page.get_by_role("button", name="Save", exact=True).click()
    await ann.page.wait_for_url("**done=saved*")
    await ann.page.go_back()
    await ann.page.goto(ann.page.url.partition("/profile")[0] + "/servers/mill/chats")
    await expect(clock).to_have_text("00:00")
    await expect(ann.page.locator(".day-name")).to_have_text("Thursday, 2 July 2026")


async def test_escape_closes_the_search_and_keeps_the_focus(member, fake_agent):
    ann = await member()
    summary = ann.page.locator(".history-filter summary")
    await summary.click()
    await ann.part("search").fill("stone")
    await ann.press("Escape")
    await expect(ann.part("search")).to_be_hidden()
    await expect(summary).to_be_focused()


@pytest.mark.parametrize(
    ("width", "height", "least"),
    [(780, 360, 220), (667, 375, 220), (360, 430, 250), (640, 400, 240), (320, 256, 120)],
)
@pytest.mark.parametrize("path", ["", "?q=line"])
async def test_short_window_leaves_room_for_messages(
    member, fake_agent, width, height, least, path
):
    await fake_agent.send_lines(*(f"<Bob> line {number}." for number in range(100)))
    size = {"viewport": {"width": width, "height": height}, **REDUCED_MOTION}
    ann = await member(CHATS + path, **size)
    await expect(ann.part("row").last).to_be_in_viewport()
    box = await ann.part("log").bounding_box()
    assert box["height"] >= least
    assert box["y"] + box["height"] <= height
    assert await ann.page.evaluate("document.documentElement.scrollHeight") <= height
    if path:
        return
    await expect(ann.part("chat-input")).to_be_in_viewport(ratio=1)
    await expect(ann.part("world-status")).to_be_in_viewport()
    await ann.send_chat("from a phone")
    await expect(ann.part("sending")).to_be_in_viewport()
