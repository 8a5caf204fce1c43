"""Slow, late and returning clients receive the newest state with increasing versions."""

import asyncio
import socket

from tests.apis.app import TestApp
from tests.apis.hosts.clients import Session, make_hosted_session

#: More messages than system buffers hold for a client that does not read.
MANY = 800


async def test_slow_client_receives_the_newest_state_and_all_commands(
    test_app: TestApp,
) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    raw_socket = guest.ws.get_extra_info("socket")
    raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
    connection = guest.ws._response.connection
    assert connection is not None and connection.transport is not None
    connection.transport.pause_reading()
    for n in range(1, MANY + 1):
        await host.send(type="update", patch={"n": n, "pad": "x" * 16_000})
        await host.send(type="command", name=f"c{n}")
    await host.wait_until_handled()
    connection.transport.resume_reading()
    events = [await guest.receive()]
    while not (events[-1].get("name") == f"c{MANY}"):
        events.append(await guest.receive())
    commands = [event["name"] for event in events if event["type"] == "command"]
    versions = [event["version"] for event in events if "version" in event]
    assert commands == [f"c{n}" for n in range(1, MANY + 1)]
    assert versions == sorted(set(versions)) and versions[-1] == MANY
    assert len(versions) < MANY - 100
    (last,) = [event for event in events if event.get("version") == MANY]
    assert (last.get("state") or last["patch"])["n"] == MANY


async def test_polling_from_any_cursor_reaches_the_same_state(
    persistent_test_app: TestApp,
) -> None:
    """Poll from several cursors, also after a restart, and compare the resulting state."""
    test_app = persistent_test_app
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    start = test_app.core.feed.head
    for n in range(150):
        if n in (40, 41, 120):
            await host.send(type="update", state={"whole": n})
        await host.send(type="update", patch={f"k{n % 7}": n, "whole": n if n % 50 else None})
    await host.wait_until_handled()
    expected = (await ann.get(session.path)).json
    assert expected["version"] == 153
    for _ in range(2):
        for after in (-1, start, start + 1, start + 60, start + 152):
            version, state = await catch_up(session, ann, after)
            if after in (-1, start):
                assert (version, state) == (153, expected["state"])
        await test_app.restart()


async def catch_up(session: Session, client: object, after: int) -> tuple[int, object]:
    """Poll from a cursor to the end and return the resulting version and state."""
    version, state = 0, None
    while True:
        events = await session.poll_events(client, after)  # type: ignore[arg-type]
        for event in events:
            if event["type"] == "state":
                assert event["version"] > version
                version, state = event["version"], event["state"]
            if event["type"] == "update":
                assert version in (0, event["version"] - 1)
                version = event["version"]
                state = {**(state or {}), **event["patch"]}  # type: ignore[dict-item]
                state = {name: value for name, value in state.items() if value is not None}
            after = event["id"]
        if not events:
            return version, state


async def test_shutdown_closes_connections_with_1012(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    socket = await session.connect(ann)
    stopping = asyncio.ensure_future(test_app.restart())
    assert await socket.wait_closed() == 1012
    await stopping
    assert (await session.connect(ann)).accepted["type"] == "accepted"
