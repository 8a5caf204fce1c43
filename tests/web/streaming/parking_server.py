"""A running server that parks polls, and clients that write bytes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.play.lobby import Lobby
from coalserver.security.passwords import PasswordService
from coalserver.server.app import build_application
from coalserver.storage.memory import MemoryStore
from coalserver.web.context import AppContext
from coalserver.web.streaming.parked_poll import ParkingProtocol, ParkingRunner

URL = "/games/pong/rooms/1/events"


class Connection:
    """One keep-alive connection of a client that writes bytes and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send_poll(
        self, token: str, cursor: int, wait: int = 30, extra: str = "", url: str = URL
    ) -> None:
        self.writer.write(
            f"GET {url}?after-event-id={cursor}&wait={wait} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {token}\r\n{extra}\r\n".encode()
        )

    async def read_response(self) -> tuple[int, bytes, bytes]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        length = re.search(rb"Content-Length: (\d+)", head)
        body = await self.reader.readexactly(int(length[1])) if length else b""
        return int(head.split(b" ")[1]), head, body


class ParkingServer:
    """A running server with one lobby, its host Ann and its member Bob."""

    def __init__(self, core: Core, port: int, server: web.Server) -> None:
        self.core, self.port, self.server = core, port, server
        self.ann = self.bob = 0
        self.token = ""
        self.connections: list[Connection] = []

    async def connect(self) -> Connection:
        self.connections.append(Connection(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.connections[-1]

    async def send_chat(self, text: str) -> int:
        entry = await self.core.execute(
            members.chat, kind=Lobby, id=1, player_id=self.ann, text=text
        )
        return entry.id

    @property
    def parked_count(self) -> int:
        return len(self.parked_connections)

    @property
    def parked_connections(self) -> list[ParkingProtocol]:
        """The connections on which a poll is parked."""
        return [
            one for one in self.server.connections if isinstance(one, ParkingProtocol) and one.there
        ]

    async def join(self, name: str) -> tuple[int, str]:
        """Add a member to the lobby; return their id and token."""
        player, token = await self.core.execute(create_guest, name=name)
        await self.core.execute(join_lobby, lobby_id=1, player_id=player.id)
        return player.id, token

    async def kick(self, player: int) -> None:
        await self.core.execute(members.kick, kind=Lobby, id=1, by=self.ann, player_id=player)

    async def until_parked(self, count: int = 1) -> None:
        async with asyncio.timeout(5):
            while self.parked_count != count:
                await asyncio.sleep(0)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                await asyncio.sleep(0)

    async def until_waiting(self) -> None:
        async with asyncio.timeout(5):
            while not self.core.feed.waiter_count():
                await asyncio.sleep(0)


@asynccontextmanager
async def run_parking_server(
    runner: type[web.AppRunner] = ParkingRunner, base_url: str = "", tail: int = 20_000
) -> AsyncIterator[ParkingServer]:
    """Run a server. `tail`: entries kept in memory."""
    core = await Core.recover(MemoryStore(), CoreContext(time.time), tail)
    writer_task = asyncio.create_task(core.writer.run())
    app_runner = runner(
        build_application(
            AppContext(core, base_url=base_url, services={PasswordService: PasswordService()})
        ),
        access_log=None,
        handler_cancellation=True,
    )
    await app_runner.setup()
    await web.TCPSite(app_runner, "127.0.0.1", 0).start()
    server = ParkingServer(core, app_runner.addresses[0][1], app_runner.server)
    await core.execute(add_game, tag="pong")
    ann, _ = await core.execute(create_guest, name="Ann")
    bob, server.token = await core.execute(create_guest, name="Bob")
    server.ann, server.bob = ann.id, bob.id
    await core.execute(open_lobby, game="pong", player_id=ann.id, name="x")
    await core.execute(join_lobby, lobby_id=1, player_id=bob.id)
    try:
        yield server
    finally:
        for connection in server.connections:
            connection.writer.close()
        core.feed.close()
        await app_runner.cleanup()
        core.writer.close()
        await writer_task


async def connect_and_poll(server: ParkingServer) -> tuple[Connection, int]:
    """Return a connection whose first poll was answered, and its cursor."""
    connection = await server.connect()
    connection.send_poll(server.token, server.core.feed.head)
    await server.until_waiting()
    cursor = await server.send_chat("first")
    assert (await connection.read_response())[0] == 200
    return connection, cursor
