"""Where streams or WebSockets do not get through, the page goes on with what does."""

import pytest
from playwright.async_api import Route, expect

from tests.browser.visitors import NO_SERVER, Visitor, refused


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
    ("blocked", "way"),
    [
        ((), "text/event-stream"),
        ((block_streams,), "websocket"),
        ((block_streams, block_sockets), "application/json"),
    ],
    ids=["a stream", "a WebSocket", "polls"],
)
async def test_a_game_runs_over(visit, guest, server, blocked, way):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    ann.expect_errors(NO_SERVER, refused(410))
    for block in blocked:
        await block(ann)
    heard_by = []
    ann.page.on("websocket", lambda socket: heard_by.append("websocket"))
    ann.page.on("request", lambda asked: heard_by.append(asked.headers.get("accept")))
    await ann.page.reload()
    await ann.is_live()

    room = await bob.opens("Friday evening")
    await ann.room("Friday evening").get_by_role("button").click()
    await ann.sees("status", "Waiting for Bob to start.")
    await ann.is_live()
    session = await bob.starts(room)
    await ann.sees("status", "Bob’s turn.")
    await bob.plays(session, 0)
    await ann.plays(4)
    await ann.sees_marks("X...O....")
    await ann.is_live()

    server.kill()
    await ann.is_cut()
    server.start_again()
    await bob.says(session, "still here?")
    await bob.plays(session, 1)
    await expect(ann.line("still here?")).to_have_count(1)
    await ann.plays(8)
    await ann.sees_marks("XX..O...O")
    await bob.plays(session, 2)
    await ann.sees("result", "Bob wins.")
    assert way in heard_by
