"""Who is slow, late or back after a stop is told the newest state, and its versions never go back."""

import asyncio
import socket

from tests.apis.app import TestApp
from tests.apis.hosts.clients import Session, make_hosted_session

#: Messages that no system takes on behalf of a client who does not read.
MANY = 800


async def test_whoever_reads_slowly_is_told_the_newest_state_and_every_command(
    test_app: TestApp,
) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    line = guest.ws.get_extra_info("socket")
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
    connection = guest.ws._response.connection
    assert connection is not None and connection.transport is not None
    connection.transport.pause_reading()
    for n in range(1, MANY + 1):
        await host.send(type="update", patch={"n": n, "pad": "x" * 16_000})
        await host.send(type="command", name=f"c{n}")
    await host.wait_until_handled()
    connection.transport.resume_reading()
    heard = [await guest.receive()]
    while not (heard[-1].get("name") == f"c{MANY}"):
        heard.append(await guest.receive())
    commands = [said["name"] for said in heard if said["type"] == "command"]
    versions = [said["version"] for said in heard if "version" in said]
    assert commands == [f"c{n}" for n in range(1, MANY + 1)]
    assert versions == sorted(set(versions)) and versions[-1] == MANY
    assert len(versions) < MANY - 100
    (last,) = [said for said in heard if said.get("version") == MANY]
    assert (last.get("state") or last["patch"])["n"] == MANY


async def test_who_is_told_the_newest_state_is_told_patches_from_there(
    persistent_test_app: TestApp,
) -> None:
    """Whoever begins anywhere, by whatever way, ends with the same state."""
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
            version, state = await caught_up(session, ann, after)
            if after in (-1, start):
                assert (version, state) == (153, expected["state"])
        await test_app.restart()


async def caught_up(session: Session, who: object, after: int) -> tuple[int, object]:
    """What a poller knows who has known nothing before."""
    version, state = 0, None
    while True:
        heard = await session.poll_events(who, after)  # type: ignore[arg-type]
        for said in heard:
            if said["type"] == "state":
                assert said["version"] > version
                version, state = said["version"], said["state"]
            if said["type"] == "update":
                assert version in (0, said["version"] - 1)
                version = said["version"]
                state = {**(state or {}), **said["patch"]}  # type: ignore[dict-item]
                state = {name: value for name, value in state.items() if value is not None}
            after = said["id"]
        if not heard:
            return version, state


async def test_a_stop_closes_every_line_so_that_it_comes_back(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    socket = await session.connect(ann)
    stopping = asyncio.ensure_future(test_app.restart())
    assert await socket.wait_closed() == 1012
    await stopping
    assert (await session.connect(ann)).accepted["type"] == "accepted"
