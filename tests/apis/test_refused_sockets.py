"""Refused WebSockets of each API: browsers learn the status and the error code from the close."""

import aiohttp
import pytest

from tests.apis.app import TIMEOUT_SECONDS, TestApp

REFUSALS = [
    ("/games/noughts/rooms/1/events", 4401, "auth.missing"),
    ("/games/noughts/rooms/1/events?ticket=x", 4403, "auth.invalid"),
    ("/sessions/1/events", 4401, "no_token"),
    ("/api/v1/servers/1/events", 4401, "no_token"),
    ("/api/v1/servers/1/events?ticket=x", 4401, "bad_token"),
    ("/", 1008, "Token required"),
    ("/realtime?token=x", 1008, "Invalid token"),
]


@pytest.mark.parametrize(("path", "code", "reason"), REFUSALS)
async def test_browser_learns_why_its_socket_is_refused(
    test_app: TestApp, path: str, code: int, reason: str
) -> None:
    headers = {"Origin": "https://example.org"}
    async with test_app.http.ws_connect(test_app.url(path), headers=headers) as socket:
        message = await socket.receive(TIMEOUT_SECONDS)
    assert (message.type, message.data, message.extra) == (
        aiohttp.WSMsgType.CLOSE,
        code,
        reason,
    )


async def test_browser_learns_that_the_server_stops(test_app: TestApp) -> None:
    test_app.core.feed.close()
    headers = {"Origin": "https://example.org"}
    async with test_app.http.ws_connect(test_app.url("/sync/1"), headers=headers) as socket:
        message = await socket.receive(TIMEOUT_SECONDS)
    assert (message.data, message.extra) == (4503, "server_stopping")
