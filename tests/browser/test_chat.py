"""The chat of a world in a browser: live, through cuts, and what becomes of what one says."""

import time

import pytest
from playwright.async_api import expect

from coalserver.domain.minecraft.visitor import say_command
from tests.browser.crowd import CHATS, login
from tests.browser.visitors import NO_SERVER, PHONE, http_error

SCRIPT = "<script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
ARABIC = "مرحبا (أ) <b>"


def row(visitor, text):
    return visitor.part("row").filter(has_text=text)


async def writes(visitor, text):
    await visitor.part("chat-input").fill(text)
    await visitor.part("chat-input").press("Enter")


async def comes_back(fake_agent, *texts):
    """The console does as it was told; the log says so."""
    await fake_agent.send_lines(*(f"[Server] <Ann> {text}" for text in texts))


async def test_what_is_said_in_the_game_appears_at_once(member, fake_agent):
    ann = await member(**PHONE)
    await ann.expect_live()
    await ann.mark_page()
    await fake_agent.send_lines(
        login("Bob"), "<Bob> hello there", f"<Bob> {SCRIPT}", f"<Bob> {ARABIC}", "Bob drowned"
    )
    await expect(row(ann, "hello there")).to_be_in_viewport()
    await expect(row(ann, SCRIPT)).to_have_count(1)
    await expect(row(ann, ARABIC)).to_have_count(1)
    await expect(row(ann, "Bob joined")).to_be_visible()
    await expect(row(ann, "Bob drowned")).to_be_visible()
    await expect(ann.page.locator(".world-chat-side")).to_contain_text("Bob", use_inner_text=False)
    assert await ann.page.evaluate("window.hurt") is None
    assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await ann.is_same_page()


async def test_a_restart_loses_nothing_and_the_page_says_that_it_is_cut(member, fake_agent, server):
    ann = await member()
    ann.expect_errors(NO_SERVER)
    await fake_agent.send_lines("<Bob> before")
    await expect(row(ann, "before")).to_be_visible()
    await ann.mark_page()
    server.kill()
    await ann.expect_reconnecting()
    await writes(ann, "said meanwhile")
    await ann.expect_text("sending-state", "Waiting for the connection")
    server.restart()
    await fake_agent.send_lines("<Bob> after")
    await ann.expect_live()
    await expect(row(ann, "after")).to_have_count(1)
    await expect(row(ann, "before")).to_have_count(1)
    await ann.expect_text("sending-state", "Sent. Waiting for the game to fetch it.")
    assert await fake_agent.send_ping() == [say_command("Ann", "said meanwhile")]
    assert await ann.is_same_page()


async def test_one_sees_what_becomes_of_what_one_says(member, fake_agent):
    ann = await member()
    await ann.expect_live()
    await writes(ann, "hello game")
    await ann.expect_text("sending-state", "Sent. Waiting for the game to fetch it.")
    assert await fake_agent.send_ping() == [say_command("Ann", "hello game")]
    await ann.expect_text("sending-state", "Given to the game")
    await comes_back(fake_agent, "hello game")
    await ann.expect_text("in-game", "In the game")
    await expect(row(ann, "hello game")).to_have_count(1)
    await expect(ann.part("sending")).to_have_count(0)


async def test_what_one_says_to_a_world_that_stands_is_kept(member, fake_agent):
    await fake_agent.send_ping(running=False)
    ann = await member()
    await expect(ann.page.get_by_text("what you write is kept for later")).to_be_visible()
    await writes(ann, "good morning")
    await ann.expect_text("sending-state", "The world is not running: kept for later.")
    await ann.page.reload()
    await ann.expect_text("sending-state", "The world is not running: kept for later.")
    await ann.expect_live()
    assert await fake_agent.send_ping() == [say_command("Ann", "good morning")]
    await ann.expect_text("sending-state", "Given to the game")
    await ann.expect_text("world-status", "Running")
    await expect(ann.page.get_by_text("what you write is kept for later")).to_be_hidden()


async def test_history_comes_while_one_scrolls_and_what_one_reads_stays_in_place(
    member, fake_agent
):
    await fake_agent.send_lines(*(f"<Bob> line {number}." for number in range(400)))
    ann = await member()
    await expect(row(ann, "line 399.")).to_be_in_viewport()
    log = ann.part("log")
    await log.hover()
    for _ in range(60):
        await ann.page.mouse.wheel(0, -1500)
        if await row(ann, "line 0.").count():
            break
        await ann.page.wait_for_function("performance.now()")
    await expect(row(ann, "line 0.")).to_have_count(1)
    await expect(ann.part("row")).to_have_count(400)
    await log.evaluate("node => { node.scrollTop = node.scrollHeight / 2; }")
    seen = row(ann, "line 200.")
    await seen.scroll_into_view_if_needed()
    before = await seen.bounding_box()
    await fake_agent.send_lines("<Bob> one more")
    await expect(ann.part("jump-to-latest")).to_have_text("New: 1")
    assert await seen.bounding_box() == before
    await ann.part("jump-to-latest").click()
    await expect(row(ann, "one more")).to_be_in_viewport()
    await expect(ann.part("jump-to-latest")).to_be_hidden()


async def test_words_are_found_and_lead_to_the_moment(member, fake_agent):
    long_ago = time.time() - 86400
    texts = [f"<Bob> line {number}." for number in range(300)]
    texts[100] = "<Bob> I found DIAMONDS here"
    await fake_agent.send_lines(*texts, at=long_ago)
    ann = await member()
    await ann.page.get_by_text("Search", exact=True).click()
    await expect(ann.part("search")).to_be_focused()
    await ann.type_line("diamonds")
    await expect(ann.part("row")).to_have_count(1)
    await expect(ann.page.locator("mark")).to_have_text("DIAMONDS")
    await ann.part("row").get_by_role("link").click()
    await expect(row(ann, "line 99.")).to_be_in_viewport()
    await expect(row(ann, "DIAMONDS")).to_be_in_viewport()
    link = ann.page.url
    assert "#line-" in link
    await ann.page.reload()
    await expect(row(ann, "DIAMONDS")).to_be_in_viewport()
    await ann.page.go_back()
    await expect(ann.part("row")).to_have_count(1)
    await ann.page.get_by_role("link", name="Back to the chat").click()
    await expect(row(ann, "line 299.")).to_be_in_viewport()


async def test_one_player_and_one_kind_alone(member, fake_agent):
    await fake_agent.send_lines(login("Bob"), "<Bob> hi", login("Eve"), "<Eve> ho", "Eve drowned")
    ann = await member(f"{CHATS}?player=Eve")
    await expect(ann.part("row")).to_have_count(3)
    await ann.expect_live()
    await fake_agent.send_lines("<Bob> not shown", "<Eve> shown")
    await expect(ann.part("row")).to_have_count(4)
    await expect(row(ann, "not shown")).to_have_count(0)
    await ann.part("kind").select_option("death")
    await expect(ann.part("row")).to_have_count(1)
    await expect(row(ann, "Eve drowned")).to_be_visible()


async def test_sounds_are_off_until_they_are_asked_for_and_then_remembered(member, fake_agent):
    ann = await member()
    await expect(ann.part("sound")).to_have_attribute("aria-pressed", "false")
    await ann.part("sound").click()
    await ann.page.reload()
    await expect(ann.part("sound")).to_have_attribute("aria-pressed", "true")


async def test_the_keyboard_alone_suffices(member, fake_agent):
    await fake_agent.send_lines(*(f"<Bob> line {number}." for number in range(100)))
    ann = await member()
    await ann.tab_to(ann.part("log"))
    await ann.press("Enter")
    await expect(row(ann, "line 99.")).to_be_focused()
    await ann.press("ArrowUp", "ArrowUp", "Enter")
    await expect(row(ann, "line 97.")).to_have_attribute("data-shown", "")
    assert "#line-" in ann.page.url
    await ann.press("Escape")
    await expect(ann.part("log")).to_be_focused()
    await ann.tab_to(ann.part("chat-input"))
    await ann.type_line("by hand")
    await ann.expect_text("sending-state", "Sent. Waiting for the game to fetch it.")
    await expect(ann.part("chat-input")).to_be_focused()


async def test_who_is_signed_out_elsewhere_is_told(member, fake_agent, server):
    ann = await member()
    await ann.expect_live()
    ann.expect_errors(http_error(401), http_error(403), "WebSocket")
    await writes(ann, "one")
    await ann.expect_text("sending-state", "Sent. Waiting for the game to fetch it.")
    server.run_command("account", "activate", "ann@example.org", "--off")
    await fake_agent.send_lines("<Bob> secret")
    await expect(ann.page.get_by_text("This chat is no longer open to you")).to_be_visible()
    await expect(row(ann, "secret")).to_have_count(0)
    await writes(ann, "two")
    await expect(ann.page.get_by_text("Not sent: you are not signed in any more.")).to_be_visible()


async def test_who_is_here_is_right_though_a_look_at_it_failed(member, fake_agent):
    ann = await member()
    ann.expect_errors(NO_SERVER)
    await ann.expect_live()
    cut = []

    async def once(route):
        if cut:
            return await route.continue_()
        cut.append(route)
        await route.abort()

    await ann.page.route("**/servers/mill", once)
    await fake_agent.send_lines(login("Bob"))
    await expect(ann.page.locator("[data-ref=there]")).to_have_text("BBob")
    assert cut


async def test_what_comes_while_a_piece_of_history_is_on_its_way_is_there_all_the_same(
    member, fake_agent
):
    await fake_agent.send_lines(*(f"<Bob> line {number}." for number in range(10)))
    ann = await member()
    await ann.expect_live()

    async def late(route):
        answer = await route.fetch()
        await fake_agent.send_lines("<Bob> in between")
        await expect(row(ann, "in between")).to_have_count(1)
        await route.fulfill(response=answer)

    await ann.part("kind").evaluate("node => node.closest('details').open = true")
    await ann.page.route("**/servers/mill/chats?*kind=chat*", late, times=1)
    await ann.part("kind").select_option("chat")
    await expect(ann.part("row")).to_have_count(11)
    await expect(row(ann, "in between")).to_have_count(1)


async def test_a_line_that_is_no_more_leads_to_the_end_of_the_chat(member, fake_agent):
    await fake_agent.send_lines("<Bob> hello")
    ann = await member()
    ann.expect_errors(http_error(400))
    await ann.page.goto(f"{ann.page.url}#line-999")
    await expect(row(ann, "hello")).to_be_visible()


@pytest.mark.parametrize("path", [CHATS, "/servers/mill"])
async def test_a_page_that_has_missed_more_than_is_kept_reads_anew_and_goes_on(
    member, fake_agent, path
):
    await fake_agent.send_lines("<Bob> before")
    ann = await member(path)
    asked = []

    async def lost(route):
        asked.append(route.request.url)
        body = 'event: lost\ndata: {"type":"lost","floor":9}\n\n'
        await route.fulfill(content_type="text/event-stream", body=body)

    await ann.page.route("**/servers/mill/events?*", lost, times=1)
    await ann.page.reload()
    await ann.expect_live()
    await fake_agent.send_lines(login("Eve"), "<Eve> after")
    await expect(ann.page.locator(".crowd")).to_contain_text("Eve", use_inner_text=False)
    assert len(asked) == 1
    if path == CHATS:
        await expect(ann.part("row")).to_have_count(3)
        await expect(row(ann, "before")).to_be_visible()
