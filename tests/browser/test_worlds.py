"""The pages of a world in a browser: who is there, pictures, and what the public may see."""

import base64
import re
import time

from playwright.async_api import expect

from tests.browser.crowd import CHATS, PASSWORD, login, signs_in
from tests.browser.visitors import DESKTOP, PHONE, http_error
from tests.media.test_images import make_picture

LEAVES = (
    "",
    "/chats",
    "/players",
    "/players/Bob",
    f"/players/{'P' * 40}",
    "/sessions",
    "/deaths",
    "/screenshots",
)
LARGE = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("html { font-size: 200%; }");
    document.adoptedStyleSheets = [sheet];
}"""


async def test_the_overview_keeps_up_with_the_world(member, fake_agent):
    ann = await member("/servers/mill", **PHONE)
    await ann.expect_live()
    await expect(ann.page.get_by_text("Nobody is here.")).to_be_visible()
    await fake_agent.send_lines(login("Bob"))
    await expect(ann.page.locator(".crowd")).to_have_text("BBob0 min")
    await fake_agent.send_ping(running=False)
    await ann.expect_text("world-status", "Stopped")
    await fake_agent.send_lines("Bob lost connection: Disconnected")
    await expect(ann.page.get_by_text("Nobody is here.")).to_be_visible()


async def test_from_the_first_page_to_a_player_and_his_words(member, fake_agent):
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


async def test_the_first_page_looks_again_each_minute(member, fake_agent):
    ann = await member()
    await ann.page.clock.install()
    await ann.page.get_by_role("link", name="coalserver").click()
    await ann.expect_live()
    await expect(ann.part("worlds")).to_contain_text("Nobody is here.")
    await fake_agent.send_lines(login("Bob"))
    await ann.page.clock.fast_forward("01:01")
    await expect(ann.part("worlds")).to_contain_text("Bob")


async def test_times_are_in_the_zone_of_who_looks(member, fake_agent):
    noon = 1_700_000_000 // 86400 * 86400 + 43200
    await fake_agent.send_lines("<Bob> at noon", at=noon)
    ann = await member(timezone_id="Asia/Tokyo", locale="en-GB")
    await expect(ann.part("row").locator("time")).to_have_text("21:00")
    await expect(ann.page.locator(".day-name")).to_have_text("Tuesday, 14 November 2023")


async def test_a_log_that_is_hours_ahead_is_dated(member, fake_agent):
    await fake_agent.send_lines(
        login("Bob"), "Bob lost connection: Disconnected", at=time.time() + 36000
    )
    ann = await member("/servers/mill/players")
    await expect(ann.part("player-row")).to_contain_text("Last seen")
    await expect(ann.part("player-row").locator("time[data-as=ago]")).to_have_text(
        re.compile(r"\d{4}, \d")
    )


async def test_what_may_be_asked_of_a_world_follows_its_state(member, fake_agent, server):
    server.run_command("world", "add", "Ours", "--short-name", "ours", "--hosted")
    one, other = [await member("/servers/ours") for _ in range(2)]
    await other.expect_live()
    start = other.page.get_by_role("button", name="Start the world")
    await expect(start).to_be_visible()
    await one.page.get_by_role("button", name="Start the world").click()
    await other.expect_text("world-status", "Starting soon")
    await expect(start).to_be_hidden()


async def test_nothing_scrolls_sideways_on_a_phone(member, fake_agent):
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


async def test_a_picture_is_hung_as_soon_as_it_is_chosen_and_taken_down(member, fake_agent):
    ann = await member("/servers/mill/screenshots")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": make_picture()}
    await ann.part("file").set_input_files(file)
    await expect(ann.part("shot")).to_have_count(1)
    image = ann.page.get_by_role("img", name="Picture by Ann")
    await expect(image).to_be_visible()
    assert (
        await image.evaluate("async node => { await node.decode(); return node.naturalWidth; }")
        == 480
    )
    await ann.page.get_by_text("Take down").click()
    await ann.button("Yes, for good").click()
    await expect(ann.part("shot")).to_have_count(0)


async def test_a_picture_may_be_dropped_and_what_is_none_is_refused(member, fake_agent):
    ann = await member("/servers/mill/screenshots")
    ann.expect_errors(http_error(400))
    drop = """([text, type]) => {
        const carried = new DataTransfer();
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        carried.items.add(new File([bytes], "a.png", { type }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
    }"""
    await ann.page.evaluate(drop, ["AAAA", "image/png"])
    await expect(ann.page.get_by_text("This is not a picture")).to_be_visible()
    await ann.page.evaluate(drop, [base64.b64encode(make_picture()).decode(), "image/png"])
    await expect(ann.part("shot")).to_have_count(1)


async def test_the_public_reads_along_and_cannot_write(visit, fake_agent, server):
    eve, admin = await visit(CHATS, **DESKTOP), await visit("/admin/servers/1")
    await expect(eve.page.get_by_label("Password")).to_be_visible()
    server.run_command("account", "add", "root@example.org", "--password", PASSWORD, "--admin")
    await signs_in(admin, "/admin/servers/1", "root@example.org")
    await admin.page.get_by_label("Everybody may read it").check()
    await admin.button("Save").click()
    await expect(admin.page.get_by_label("Everybody may read it")).to_be_checked()
    await fake_agent.send_lines("<Bob> before")
    await eve.page.goto(f"{server.url}{CHATS}")
    await expect(eve.part("row")).to_contain_text("before")
    await eve.expect_live()
    await expect(eve.part("chat-input")).to_have_count(0)
    await fake_agent.send_lines("<Bob> after")
    await expect(eve.part("row").filter(has_text="after")).to_have_count(1)


async def test_a_crowd_and_long_names_leave_the_page_in_shape(member, fake_agent):
    await fake_agent.send_lines(
        *(login(f"Player{number}") for number in range(60)), login("P" * 40)
    )
    ann = await member("/servers/mill", **PHONE)
    await expect(ann.page.locator(".crowd-item")).to_have_count(61)
    crowd = await ann.page.locator(".crowd").bounding_box()
    assert crowd and crowd["height"] <= 400
    for path in ("/", "/servers/mill", "/servers/mill/sessions", "/servers/mill/players"):
        await ann.page.goto(ann.page.url.partition("/servers")[0].rstrip("/") + path)
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360, path


async def test_letters_twice_as_large_need_no_scrolling_sideways(member, fake_agent):
    await fake_agent.send_lines(
        login("Bob"), "Bob drowned", f"<Bob> {'Donaudampfschifffahrt' * 12}"
    )
    await fake_agent.send_lines(login("P" * 40), at=time.time() - 90_000)
    ann = await member("/servers/mill", **PHONE)
    root = ann.page.url.partition("/servers")[0]
    for path in ("/", "/profile", *(f"/servers/mill{page}" for page in LEAVES)):
        await ann.page.goto(root + path)
        await ann.page.evaluate(LARGE)
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360, path
