"""Sync sockets that have ended leave nothing that only a garbage collection could free."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from coalserver.web.streaming.websocket import FeedSocket
from tests.apis.app import TestApp
from tests.apis.hosts.clients import make_hosts


@pytest.fixture
def garbage() -> Iterator[list[object]]:
    """What a collection finds, kept; nothing else is collected meanwhile."""
    gc.collect()
    gc.disable()
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.parametrize("end", ["close", "abort", "refused", "left"])
async def test_ended_socket_leaves_no_cycle(
    test_app: TestApp, garbage: list[object], end: str
) -> None:
    host, guest = await make_hosts(test_app, 2)
    await host.set_admission()
    session = await host.launch()
    await guest.join_host(host)
    for number in range(5):
        socket = await session.connect(guest, **({"player": "x"} if end == "refused" else {}))
        if end == "close":
            await socket.send(type="ping")
            await socket.ws.close()
        elif end == "abort":
            await socket.send(type="command", name="x", data=number)
            connection = socket.ws._conn
            assert connection is not None and connection.transport is not None
            connection.transport.abort()
        elif end == "left":
            await host.post(f"/hosts/{host.uuid}/banlist?banned={guest.uuid}")
            await host.request("DELETE", f"/hosts/{host.uuid}/banlist/{guest.uuid}")
            await socket.wait_closed()
            await guest.join_host(host)
        else:
            await socket.wait_closed()
    async with asyncio.timeout(8):
        while any(isinstance(one, FeedSocket) for one in gc.get_objects()):
            await asyncio.sleep(0.1)
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    assert not Counter(type(one).__name__ for one in garbage if isinstance(one, FeedSocket))
