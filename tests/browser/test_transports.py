"""Transports: fallbacks where streams or WebSockets are blocked."""

import pytest
from playwright.async_api import Route, expect

from tests.browser.visitors import NO_SERVER, Visitor, http_error


async def block_streams(visitor: Visitor) -> None:
    async def block(route: Route) -> None:
        if route.request.headers.get("accept") == "text/event-stream":
            await route.abort()
        else:
            await route.continue_()

    await visitor.page.route("**/events?*", block)


async def block_sockets(visitor: Visitor) -> None:
    await visitor.page.route_web_socket("**/events?*", lambda socket: socket.close())


@pytest.mark.parametrize(
    ("blocked", "transport"),
    [
        ((), "text/event-stream"),
        ((block_streams,), "websocket"),
        ((block_streams, block_sockets), "application/json"),
    ],
    ids=["a stream", "a WebSocket", "polls"],
)
async def test_game_runs_over_transport(visit, guest, server, blocked, transport):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    ann.expect_errors(NO_SERVER, http_error(410))
    for block in blocked:
        await block(ann)
    transports = []
    ann.page.on("websocket", lambda socket: transports.append("websocket"))
    ann.page.on("request", lambda request: transports.append(request.headers.get("accept")))
    await ann.page.reload()
    await ann.expect_live()

    room = await bob.create_room("Friday evening")
    await ann.room_row("Friday evening").get_by_role("button").click()
    await ann.expect_text("status", "Waiting for Bob to start.")
    await ann.expect_live()
    session = await bob.start(room)
    await ann.expect_text("status", "Bob’s turn.")
    await bob.play(session, 0)
    await ann.play(4)
    await ann.expect_board("X...O....")
    await ann.expect_live()

    server.kill()
    await ann.expect_reconnecting()
    server.restart()
    await bob.send_chat(session, "still here?")
    await bob.play(session, 1)
    await expect(ann.chat_line("still here?")).to_have_count(1)
    await ann.play(8)
    await ann.expect_board("XX..O...O")
    await bob.play(session, 2)
    await ann.expect_text("result", "Bob wins.")
    assert transport in transports
