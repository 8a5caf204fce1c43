"""Transports: fallbacks where streams or WebSockets are blocked."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Route, expect

from tests.browser.guests import LogInGuest
from tests.browser.visitors import NO_SERVER, Visit, Visitor, http_error

Block = Callable[[Visitor], Awaitable[None]]


async def block_streams(visitor: Visitor) -> None:
    async def block(route: Route) -> None:
        if route.request.headers.get("accept") == "text/event-stream":
            await route.abort()
        else:
            await route.continue_()

    await visitor.page.route("**/events?*", block)


async def block_sockets(visitor: Visitor) -> None:
    await visitor.page.route_web_socket("**/events?*", lambda socket: socket.close())


def refuse_sockets(code: int, reason: str) -> Block:
    """Return a function that has WebSockets refused as the server does it."""

    async def refuse(visitor: Visitor) -> None:
        await visitor.page.route_web_socket(
            "**/events?*", lambda socket: socket.close(code=code, reason=reason)
        )

    return refuse


@pytest.mark.parametrize(
    ("code", "reason", "title"),
    [
        (4401, "auth.missing", None),
        (4403, "auth.banned", "You are banned from this game."),
        (4404, "room.not_found", "Room not found"),
        (4410, "room.gone", "This room is closed."),
        (4429, "rate.limited", None),
        (4503, "server_failed", None),
        (1011, "", None),
    ],
)
async def test_refused_websocket_is_final_or_another_transport_is_tried(
    visit: Visit, guest: LogInGuest, code: int, reason: str, title: str | None
) -> None:
    ann, bob = await visit(name="Ann"), await guest("Bob")
    ann.expect_errors(NO_SERVER)
    room = await bob.create_room("Friday evening")
    await block_streams(ann)
    await refuse_sockets(code, reason)(ann)
    polls: list[str] = []
    ann.page.on(
        "request",
        lambda request: (
            polls.append(request.url)
            if f"{room}/events" in request.url
            and request.headers.get("accept") == "application/json"
            else None
        ),
    )
    await ann.open_path(room)
    if title is None:
        await ann.expect_text("status", "A seat is free.")
        await (await guest("Cid")).join(room)
        await ann.expect_text("status", "This room is full.")
        await ann.expect_text("my-name", "Ann")
        assert polls
    else:
        await ann.expect_error_page(title)
        assert [url for url in polls if "wait=0" not in url] == []


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
