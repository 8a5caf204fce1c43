"""A host and two guests play through lost connections and restarts without losing a command.

The host sends on a WebSocket; one guest receives on a WebSocket, the other polls. Connections are closed at random and
the server is restarted twice; clients resume with cursors and idempotency keys.
"""

import asyncio
import random
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from coalserver.storage.sqlite.store import SqliteStore
from tests.apis.app import TestApp, run_test_app
from tests.apis.hosts.clients import HostClient, Session, SyncSocket, make_hosted_session

COMMANDS = 60
#: Errors of a client after a lost connection; a stopped server has no address (ValueError).
DISCONNECTED = (AssertionError, aiohttp.ClientError, ConnectionError, TimeoutError, ValueError)


class Listener:
    """The messages that a guest received, in order, across reconnections."""

    def __init__(self) -> None:
        self.cursor = -1
        self.names: list[str] = []
        self.versions: list[int] = []
        self.state: Any = None

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "command":
            self.names.append(message["name"])
        if message["type"] == "state":
            self.versions.append(message["version"])
            self.state = message["state"]
        if message["type"] == "update":
            self.versions.append(message["version"])
            self.state = {**(self.state or {}), **message["patch"]}
        self.cursor = max(self.cursor, message.get("id", -1))

    @property
    def done(self) -> bool:
        return f"c{COMMANDS - 1}" in self.names and (self.state or {}).get("n") == COMMANDS - 1


async def connect(session: Session, client: HostClient, **more: Any) -> SyncSocket:
    """Connect as soon as a server runs."""
    while True:
        try:
            socket = await session.connect(client, **more)
        except DISCONNECTED:
            await asyncio.sleep(0)
            continue
        assert socket.accepted["type"] == "accepted"
        return socket


async def send_as_host(session: Session, chance: random.Random) -> None:
    """Send all messages of the host with keys; repeat unconfirmed ones on the next connection."""
    socket = await connect(session, session.host)
    for n in range(COMMANDS):
        patch = {"type": "update", "patch": {"n": n, f"k{n % 5}": n}, "key": f"u{n}"}
        command = {"type": "command", "name": f"c{n}", "key": f"c{n}"}
        for message in (patch, command):
            while True:
                try:
                    await socket.send(**message)
                    if chance.random() < 0.1:
                        await socket.ws.close()
                    await socket.expect(type="done", key=message["key"])
                    break
                except DISCONNECTED:
                    socket = await connect(session, session.host)


async def listen_on_socket(
    session: Session, client: HostClient, listener: Listener, chance: random.Random
) -> None:
    """Receive as a guest on a WebSocket that rejoins with the last received id."""
    while not listener.done:
        socket = await connect(session, client, after=listener.cursor)
        assert socket.state["version"] >= max(listener.versions, default=0)
        if socket.state["version"] > max(listener.versions, default=0):
            listener.versions.append(socket.state["version"])
        listener.state = socket.state["state"]
        try:
            while not listener.done:
                listener.take(await socket.receive())
                if chance.random() < 0.05:
                    await socket.ws.close()
        except DISCONNECTED:
            continue


async def listen_by_polling(session: Session, client: HostClient, listener: Listener) -> None:
    """Receive as a guest that polls."""
    while not listener.done:
        try:
            for message in await session.poll_events(client, listener.cursor, wait=1):
                listener.take(message)
        except DISCONNECTED:
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(3))
async def test_commands_arrive_once_and_versions_increase_across_restarts(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "data.sqlite"
    async with run_test_app(
        SqliteStore(path), reopen_store=lambda store: SqliteStore(path)
    ) as test_app:
        await play_across_restarts(test_app, seed)


async def play_across_restarts(test_app: TestApp, seed: int) -> None:
    chance = random.Random(seed)
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    on_socket, by_poll = Listener(), Listener()
    playing = asyncio.gather(
        send_as_host(session, random.Random(seed)),
        listen_on_socket(session, ann, on_socket, random.Random(seed + 100)),
        listen_by_polling(session, bob, by_poll),
    )
    for part in (1, 2):
        await test_app.wait_until(lambda part=part: len(by_poll.names) >= part * COMMANDS // 3)
        for _ in range(chance.randrange(50)):
            await asyncio.sleep(0)
        await test_app.restart()
    async with asyncio.timeout(60):
        await playing
    expected = [f"c{n}" for n in range(COMMANDS)]
    final = {f"k{n % 5}": n for n in range(COMMANDS - 5, COMMANDS)} | {"n": COMMANDS - 1}
    for listener in (on_socket, by_poll):
        assert listener.names == expected
        assert listener.versions == sorted(set(listener.versions))
        assert (listener.versions[-1], listener.state) == (COMMANDS, final)
