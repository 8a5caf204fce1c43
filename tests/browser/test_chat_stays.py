"""What a chat keeps in a browser: its shape, the reader's place, and words that were not sent yet."""

import time

import pytest
from playwright.async_api import expect

from tests.browser.crowd import login
from tests.browser.test_chat import row, writes
from tests.browser.visitors import NO_SERVER, PHONE

#: Adds up what moved without anybody having touched it.
WATCH = """
    window.moved = [];
    new PerformanceObserver((list) => moved.push(...list.getEntries()
        .map((one) => [one.value, ...one.sources.map((source) => source.node?.className)])))
        .observe({ type: "layout-shift", buffered: false });
"""
#: Two frames: what was to be drawn is.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
#: The place is kept.
KEPT = """() => new Promise((done) => {
    const look = () => history.state?.line ? done() : setTimeout(look, 20);
    look();
})"""
#: The first row that is wholly to be seen.
READ = """node => [...node.querySelectorAll(".row")].find(
    (one) => one.getBoundingClientRect().top >= node.getBoundingClientRect().top).innerText"""


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
async def test_nothing_moves_when_something_comes(member, fake_agent, size):
    before = time.time() - 600
    await fake_agent.send_lines(
        login("Bob"), *(f"<Bob> line {number}." for number in range(200)), at=before
    )
    ann = await member(**size)
    await ann.expect_live()
    await ann.page.evaluate(DRAWN)
    await ann.page.evaluate(WATCH)
    await fake_agent.send_lines("<Bob> a new one", "Bob drowned", f"<Bob> {'a long one ' * 30}")
    await expect(row(ann, "a long one")).to_be_in_viewport()
    await ann.part("log").evaluate("node => { node.scrollTop -= 900; }")
    await expect(ann.part("jump-to-latest")).to_be_visible()
    for text in ("another", "one more"):
        await fake_agent.send_lines(f"<Bob> {text}")
        await expect(row(ann, text)).to_have_count(1)
    await expect(ann.part("jump-to-latest")).to_have_text("New: 2")
    await ann.page.evaluate(DRAWN)
    assert await ann.page.evaluate("moved") == []


async def test_what_was_begun_is_there_after_a_reload_and_gone_once_it_is_said(member, fake_agent):
    ann = await member(**PHONE)
    await ann.expect_live()
    await ann.part("chat-input").fill("half a thou")
    await ann.page.reload()
    await expect(ann.part("chat-input")).to_have_value("half a thou")
    await writes(ann, "half a thought")
    await expect(ann.part("sending")).to_have_count(1)
    await ann.page.reload()
    await ann.expect_live()
    await expect(ann.part("chat-input")).to_have_value("")


async def test_who_comes_back_reads_on_where_he_was(member, fake_agent):
    await fake_agent.send_lines(login("Bob"), *(f"<Bob> line {number}." for number in range(400)))
    ann = await member()
    await ann.expect_live()
    log = ann.part("log")
    await log.evaluate("node => { node.scrollTop = 0; }")
    await expect(row(ann, "line 330.")).to_have_count(1)
    await log.evaluate("node => { node.scrollTop = node.scrollHeight - 4000; }")
    await ann.page.evaluate(KEPT)
    read = await log.evaluate(READ)
    await ann.page.get_by_role("link", name="Players").click()
    await ann.page.wait_for_url("**/players")
    await ann.page.go_back()
    await expect(ann.part("jump-to-latest")).to_be_visible()
    assert await log.evaluate(READ) == read
    await ann.part("jump-to-latest").click()
    await expect(row(ann, "line 399.")).to_be_in_viewport()


async def test_a_browser_that_is_offline_says_so_at_once(member, fake_agent):
    ann = await member(**PHONE)
    ann.expect_errors(NO_SERVER)
    await ann.expect_live()
    await ann.page.context.set_offline(True)
    await ann.expect_reconnecting()
    await fake_agent.send_lines("<Bob> meanwhile")
    await ann.page.context.set_offline(False)
    await ann.expect_live()
    await expect(row(ann, "meanwhile")).to_have_count(1)


async def test_times_are_in_the_zone_that_was_chosen_and_as_the_browser_writes_them(
    member, fake_agent
):
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


async def test_escape_closes_the_search_and_stays_there(member, fake_agent):
    ann = await member()
    unfolds = ann.page.locator(".history-filter summary")
    await unfolds.click()
    await ann.part("search").fill("stone")
    await ann.press("Escape")
    await expect(ann.part("search")).to_be_hidden()
    await expect(unfolds).to_be_focused()
