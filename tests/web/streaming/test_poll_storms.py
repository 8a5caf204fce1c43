"""Many polls that come, go and return at once: nothing is lost, nothing comes twice, and nothing is left behind."""

import asyncio
import random
import re
from collections.abc import AsyncIterator

import pytest

from coalserver.web.connections import ConnectionRunner
from coalserver.web.streaming.parked_poll import ParkingProtocol, ParkingRunner
from coalserver.web.streaming.poll_group import PollGroups
from tests.web.streaming.parking_server import Connection, ParkingServer, run_parking_server


@pytest.fixture(params=[ParkingRunner, ConnectionRunner], ids=["parked", "ordinary"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ParkingServer]:
    async with run_parking_server(request.param) as one:
        yield one


class Client:
    """A client that polls until it is stopped, and connects again whenever its connection is lost."""

    def __init__(self, server: ParkingServer, token: str, chance: float) -> None:
        self.server, self.token, self.chance = server, token, chance
        self.cursor = server.core.feed.head
        self.received: list[bytes] = []
        self.stopped = False

    async def run(self) -> None:
        while not self.stopped:
            connection = await self.server.connect()
            try:
                await self._poll(connection)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                connection.writer.close()

    async def _poll(self, connection: Connection) -> None:
        while not self.stopped:
            connection.send_poll(self.token, self.cursor)
            if random.random() < self.chance:
                # Gone before the answer, sometimes before the request was read.
                for _ in range(random.randrange(30)):
                    await asyncio.sleep(0)
                return
            status, head, body = await connection.read_response()
            assert status == 200
            self.received += re.findall(rb"line \d+", body)
            self.cursor = int(re.search(rb"X-Event-Cursor: (\d+)", head)[1])


async def until_all(server: ParkingServer, clients: list[Client], count: int) -> None:
    expected = [b"line %d" % number for number in range(count)]
    await server.until(lambda: all(len(client.received) >= count for client in clients))
    for client in clients:
        assert client.received == expected


async def stop(
    server: ParkingServer, clients: list[Client], tasks: "list[asyncio.Task[None]]"
) -> None:
    for client in clients:
        client.stopped = True
    await server.send_chat("the end")
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    await server.until(lambda: not server.server.connections)
    assert server.core.feed.waiter_count() == 0
    assert not server.core.feed._subscribers and not server.core.feed._last_subscribers
    assert not server.core.presence._holders and not server.core.presence._connections


@pytest.mark.parametrize("chance", [0.0, 0.3])
async def test_clients_that_come_and_go_hear_everything_once(server, chance):
    clients = [Client(server, server.token, chance) for _ in range(15)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    for number in range(60):
        await server.send_chat(f"line {number}")
        for _ in range(random.randrange(20)):
            await asyncio.sleep(0)
    await until_all(server, clients, 60)
    await stop(server, clients, tasks)


async def test_all_return_after_all_connections_were_cut(server):
    clients = [Client(server, server.token, 0.0) for _ in range(40)]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    for number in range(5):
        await server.until(lambda: len(server.server.connections) == len(clients))
        for connection in list(server.server.connections):
            connection.transport.abort()
        await server.send_chat(f"line {number}")
        await until_all(server, clients, number + 1)
    await stop(server, clients, tasks)


async def test_timers_and_groups_forget_connections_that_have_gone():
    async with run_parking_server() as server:
        connections = [await server.connect() for _ in range(20)]
        for connection in connections:
            connection.send_poll(server.token, server.core.feed.head)
        await server.until_parked(20)
        protocols = server.parked_connections
        app = protocols[0]._plan.app
        for connection in connections:
            connection.writer.close()
        await server.until_parked(0)
        timed = [one for bucket in app.timers._buckets.values() for one in bucket]
        assert not [one for one in timed if isinstance(one, ParkingProtocol)]
        assert not app.per_process(PollGroups)._groups
        assert all(one._plan is one._group is one._entry is None for one in protocols)
