"""The chat of a world in a browser: live events, connection losses, history, search and delivery states."""

import time

import pytest
from playwright.async_api import expect

from coalserver.domain.minecraft.visitor import say_command
from tests.browser.crowd import CHATS, login
from tests.browser.visitors import NO_SERVER, PHONE, http_error

SCRIPT = "<script>window.injected=1</script><img src=x onerror=window.injected=1>"
ARABIC = "مرحبا (أ) <b>"


def row(visitor, text):
    return visitor.part("row").filter(has_text=text)


async def log_site_messages(fake_agent, *texts):
    """Send the log lines that the game writes for messages of Ann."""
    await fake_agent.send_lines(*(f"[Server] <Ann> {text}" for text in texts))


async def test_log_lines_appear_at_once(member, fake_agent):
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
    assert await ann.page.evaluate("window.injected") is None
    assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await ann.is_same_page()


async def test_server_restart_loses_no_message_and_is_shown(member, fake_agent, server):
    ann = await member()
    ann.expect_errors(NO_SERVER)
    await fake_agent.send_lines("<Bob> before")
    await expect(row(ann, "before")).to_be_visible()
    await ann.mark_page()
    server.kill()
    await ann.expect_reconnecting()
    await ann.send_chat("sent meanwhile")
    await ann.expect_text("sending-state", "Waiting to send")
    server.restart()
    await fake_agent.send_lines("<Bob> after")
    await ann.expect_live()
    await expect(row(ann, "after")).to_have_count(1)
    await expect(row(ann, "before")).to_have_count(1)
    await ann.expect_text("sending-state", "Sent. Waiting for delivery.")
    assert await fake_agent.send_ping() == [say_command("Ann", "sent meanwhile")]
    assert await ann.is_same_page()


async def test_message_shows_its_delivery_state(member, fake_agent):
    ann = await member()
    await ann.expect_live()
    await ann.send_chat("hello game")
    await ann.expect_text("sending-state", "Sent. Waiting for delivery.")
    assert await fake_agent.send_ping() == [say_command("Ann", "hello game")]
    await ann.expect_text("sending-state", "Delivered")
    await log_site_messages(fake_agent, "hello game")
    await ann.expect_text("in-game", "In the game")
    await expect(row(ann, "hello game")).to_have_count(1)
    await expect(ann.part("sending")).to_have_count(0)


@pytest.mark.parametrize("query", ["", "?q=deepslate", "?at={at}", "?player=Eve"])
async def test_sent_message_is_in_view_wherever_the_reader_is(member, fake_agent, query):
    start = int(time.time()) - 1000
    texts = [f"<Bob> line {number}." for number in range(300)]
    await fake_agent.send_lines("<Eve> deepslate here", *texts, at=start)
    ann = await member(CHATS + query.format(at=start))
    await ann.expect_live()
    await expect(ann.part("row").first).to_be_attached()
    await ann.part("log").evaluate("node => { node.scrollTop = 0; }")
    await ann.send_chat("by the way")
    await expect(ann.part("sending")).to_be_in_viewport(timeout=1000)
    await expect(row(ann, "line 299.")).to_be_in_viewport()
    await expect(ann.part("jump-to-latest")).to_be_hidden()
    assert ann.page.url.endswith(CHATS)
    await fake_agent.send_ping()
    await log_site_messages(fake_agent, "by the way")
    await expect(row(ann, "by the way")).to_be_in_viewport(timeout=1000)
    await expect(row(ann, "by the way")).to_have_count(1)


async def test_message_sent_in_a_search_is_in_view_while_the_server_is_down(
    member, fake_agent, server
):
    await fake_agent.send_lines("<Eve> deepslate here", "<Bob> the end")
    ann = await member(f"{CHATS}?q=deepslate")
    ann.expect_errors(NO_SERVER)
    await ann.expect_live()
    server.kill()
    await ann.expect_reconnecting()
    await ann.send_chat("by the way")
    await expect(ann.part("sending")).to_be_in_viewport(timeout=1000)
    server.restart()
    await expect(row(ann, "the end")).to_be_in_viewport()
    await expect(ann.part("sending")).to_be_in_viewport()


async def test_message_to_stopped_world_is_delivered_when_it_starts(member, fake_agent):
    await fake_agent.send_ping(running=False)
    ann = await member()
    await expect(
        ann.page.get_by_text("World is stopped. Your message will be delivered")
    ).to_be_visible()
    await ann.send_chat("good morning")
    await ann.expect_text("sending-state", "Will be delivered when the world starts.")
    await ann.page.reload()
    await ann.expect_text("sending-state", "Will be delivered when the world starts.")
    await ann.expect_live()
    assert await fake_agent.send_ping() == [say_command("Ann", "good morning")]
    await ann.expect_text("sending-state", "Delivered")
    await ann.expect_text("world-status", "Running")
    await expect(
        ann.page.get_by_text("World is stopped. Your message will be delivered")
    ).to_be_hidden()


async def test_history_is_loaded_while_scrolling_and_rows_in_view_stay_in_place(member, fake_agent):
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
    visible = row(ann, "line 200.")
    await visible.scroll_into_view_if_needed()
    before = await visible.bounding_box()
    await fake_agent.send_lines("<Bob> one more")
    await expect(ann.part("jump-to-latest")).to_have_text("Jump to latest (1)")
    assert await visible.bounding_box() == before
    await ann.part("jump-to-latest").click()
    await expect(row(ann, "one more")).to_be_in_viewport()
    await expect(ann.part("jump-to-latest")).to_be_hidden()


async def test_search_result_links_to_its_place_in_the_history(member, fake_agent):
    long_ago = time.time() - 86400
    texts = [f"<Bob> line {number}." for number in range(300)]
    texts[100] = "<Bob> I found DIAMONDS here"
    await fake_agent.send_lines(*texts, at=long_ago)
    ann = await member()
    await ann.page.locator(".history-filter summary").click()
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
    await ann.page.get_by_role("link", name="Clear").click()
    await expect(row(ann, "line 299.")).to_be_in_viewport()


async def test_filter_by_player_and_type_applies_to_live_rows(member, fake_agent):
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


async def test_sound_is_off_by_default_and_the_choice_is_stored(member, fake_agent):
    ann = await member()
    await expect(ann.part("sound")).to_have_attribute("aria-pressed", "false")
    await ann.part("sound").click()
    await ann.page.reload()
    await expect(ann.part("sound")).to_have_attribute("aria-pressed", "true")


async def test_chat_can_be_used_with_the_keyboard_only(member, fake_agent):
    await fake_agent.send_lines(*(f"<Bob> line {number}." for number in range(100)))
    ann = await member()
    await ann.tab_to(ann.part("log"))
    await ann.press("Enter")
    await expect(row(ann, "line 99.")).to_be_focused()
    await ann.press("ArrowUp", "ArrowUp", "Enter")
    await expect(row(ann, "line 97.")).to_have_attribute("data-highlighted", "")
    assert "#line-" in ann.page.url
    await ann.press("Escape")
    await expect(ann.part("log")).to_be_focused()
    await ann.tab_to(ann.part("chat-input"))
    await ann.type_line("by hand")
    await ann.expect_text("sending-state", "Sent. Waiting for delivery.")
    await expect(ann.part("chat-input")).to_be_focused()


async def test_chat_tells_a_deactivated_member_to_sign_in(member, fake_agent, server):
    ann = await member()
    await ann.expect_live()
    ann.expect_errors(http_error(401), http_error(403), "WebSocket")
    await ann.send_chat("one")
    await ann.expect_text("sending-state", "Sent. Waiting for delivery.")
    server.run_command("account", "activate", "ann@example.org", "--off")
    await fake_agent.send_lines("<Bob> secret")
    await expect(ann.page.get_by_text("You no longer have access to this chat")).to_be_visible()
    await expect(row(ann, "secret")).to_have_count(0)
    await ann.send_chat("two")
    await expect(ann.page.get_by_text("Not sent. Sign in and try again.")).to_be_visible()


async def test_online_list_is_retried_after_a_failed_request(member, fake_agent):
    ann = await member()
    ann.expect_errors(NO_SERVER)
    await ann.expect_live()
    aborted = []

    async def abort_once(route):
        if aborted:
            return await route.continue_()
        aborted.append(route)
        await route.abort()

    await ann.page.route("**/servers/mill", abort_once)
    await fake_agent.send_lines(login("Bob"))
    await expect(ann.page.locator("[data-ref=online]")).to_have_text("BBob")
    assert aborted


async def test_line_logged_while_history_is_loading_is_shown(member, fake_agent):
    await fake_agent.send_lines(*(f"<Bob> line {number}." for number in range(10)))
    ann = await member()
    await ann.expect_live()

    async def delay(route):
        response = await route.fetch()
        await fake_agent.send_lines("<Bob> in between")
        await expect(row(ann, "in between")).to_have_count(1)
        await route.fulfill(response=response)

    await ann.part("kind").evaluate("node => node.closest('details').open = true")
    await ann.page.route("**/servers/mill/chats?*kind=chat*", delay, times=1)
    await ann.part("kind").select_option("chat")
    await expect(ann.part("row")).to_have_count(11)
    await expect(row(ann, "in between")).to_have_count(1)


async def test_link_to_unknown_line_shows_the_end_of_the_chat(member, fake_agent):
    await fake_agent.send_lines("<Bob> hello")
    ann = await member()
    ann.expect_errors(http_error(400))
    await ann.page.goto(f"{ann.page.url}#line-999")
    await expect(row(ann, "hello")).to_be_visible()


@pytest.mark.parametrize("path", [CHATS, "/servers/mill"])
async def test_page_reloads_its_data_after_lost_events(member, fake_agent, path):
    await fake_agent.send_lines("<Bob> before")
    ann = await member(path)
    requests = []

    async def lose_events(route):
        requests.append(route.request.url)
        body = 'event: lost\ndata: {"type":"lost","floor":9}\n\n'
        await route.fulfill(content_type="text/event-stream", body=body)

    await ann.page.route("**/servers/mill/events?*", lose_events, times=1)
    await ann.page.reload()
    await ann.expect_live()
    await fake_agent.send_lines(login("Eve"), "<Eve> after")
    await expect(ann.page.locator(".online-list")).to_contain_text("Eve", use_inner_text=False)
    assert len(requests) == 1
    if path == CHATS:
        await expect(ann.part("row")).to_have_count(3)
        await expect(row(ann, "before")).to_be_visible()
