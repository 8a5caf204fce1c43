"""Pages in a browser without scripts."""

from playwright.async_api import expect

from coalserver.domain.minecraft.visitor import say_command
from tests.browser.test_chat import log_site_messages, row
from tests.browser.visitors import PHONE

NO_SCRIPTS = {"java_script_enabled": False}


async def test_chat_without_scripts_shows_and_searches_and_sends_messages(member, fake_agent):
    texts = [f"<Bob> line {number}." for number in range(300)]
    texts[100] = "<Bob> I found DIAMONDS here"
    await fake_agent.send_lines(*texts)
    ann = await member(**NO_SCRIPTS)
    await expect(row(ann, "line 299.")).to_be_in_viewport()
    await expect(ann.part("row")).to_have_count(50)
    await expect(ann.part("connection")).to_be_hidden()

    await ann.part("chat-input").fill("by hand")
    await ann.part("chat-send").click()
    await expect(ann.part("sending")).to_be_in_viewport()
    assert await fake_agent.send_ping() == [say_command("Ann", "by hand")]
    await log_site_messages(fake_agent, "by hand")
    await ann.page.get_by_role("link", name="Reload").click()
    await expect(row(ann, "by hand")).to_be_in_viewport()

    await ann.page.locator(".history-filter summary").click()
    await ann.part("search").fill("diamonds")
    await ann.button("Search").click()
    await expect(ann.part("row")).to_have_count(1)
    await expect(ann.page.locator("mark")).to_have_text("DIAMONDS")
    await expect(ann.page.get_by_text("1 result for diamonds")).to_be_visible()
    await ann.part("row").get_by_role("link").click()
    await expect(row(ann, "DIAMONDS")).to_be_in_viewport()
    await expect(row(ann, "line 99.")).to_be_in_viewport()
    await ann.page.get_by_role("link", name="Older").click()
    await expect(row(ann, "line 69.")).to_be_in_viewport()
    await ann.page.get_by_role("link", name="Jump to latest").click()
    await expect(row(ann, "by hand")).to_be_in_viewport()


async def test_long_names_and_texts_fit_on_a_phone_without_scripts(member, fake_agent):
    await fake_agent.send_lines(f"<Bob> {'long' * 60}", "Bob drowned", "<Bob> <b>bold</b>")
    ann = await member(**PHONE, **NO_SCRIPTS)
    await expect(row(ann, "<b>bold</b>")).to_be_in_viewport()
    assert await ann.page.locator(".world-chat-scroll").bounding_box() is not None
    box = await row(ann, "long").bounding_box()
    assert box["x"] + box["width"] <= 360
