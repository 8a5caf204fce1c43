"""Attack: one anonymous client does its worst with each kind of request, while another client is served.

    python -m benchmarks.attack [--seconds 60] [--kind KIND …] [--under DIR] [--json]

The attacker comes from 127.0.0.2, the other client from 127.0.0.1; the server has the default settings. Printed for
each kind: requests of the attacker by status, the other client's latency of a durable write and of a list (median,
99th percentile and worst), and by how much the server's memory and its data directory grew. Each kind has a fresh
server. Attacker and measurement share a core: on a busy machine the latencies include their own waiting, and that for
the disk. The row `nothing` has what they are without an attack.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import processes
from benchmarks.processes import ROOT, Server

#: Requests of the attacker at a time, and connections that it opens.
CONCURRENCY, CONNECTIONS = 32, 2000
#: Pause between two measurements.
PAUSE_SECONDS = 0.05
ATTACKER, OTHER = "127.0.0.2", "127.0.0.1"
GAME = "bench"
#: The statuses counted apart.
STATUSES = (429, 503)


@dataclass
class Attacker:
    """What the attacks share: the server, the game's token and the statuses of the responses."""

    server: Server
    http: aiohttp.ClientSession
    api_token: str
    until: float
    statuses: Counter[int] = field(default_factory=Counter)
    numbers: Any = field(default_factory=itertools.count)

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request, count its status and return the parsed response; None after an error."""
        url = f"http://{self.server.host}:{self.server.port}{path}"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            async with self.http.request(method, url, json=body, headers=headers) as response:
                self.statuses[response.status] += 1
                raw = await response.read()
                return json.loads(raw) if response.status < 300 and raw else None
        except (aiohttp.ClientError, OSError):
            self.statuses[0] += 1
            return None

    async def repeat(self, send: Callable[[int], Awaitable[Any]]) -> None:
        """Call a function with growing numbers, CONCURRENCY at a time, until the time is over."""

        async def worker() -> None:
            while time.monotonic() < self.until:
                await send(next(self.numbers))

        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))

    async def guest(self, name: str = "Eve") -> dict[str, str]:
        """Log a guest in and return its headers."""
        found = await self.send("POST", "/accounts/login", login(name))
        return {"Authorization": f"Bearer {found['token']}", "id": str(found["user"]["userId"])}

    async def player(self) -> dict[str, str]:
        """Register a player of the game and return its headers."""
        headers = {"X-Api-Token": self.api_token}
        body = {"player_name": "Eve"}
        found = await self.send("POST", "/api/game_players.php/register", body, **headers)
        return {**headers, "X-Player-Token": found["private_key"]}


def login(name: str) -> dict[str, str]:
    return {"credentialType": "guest", "username": name}


async def nothing(eve: Attacker) -> None:
    """Attack nothing: the other rows compare with this one."""
    await asyncio.sleep(max(0.0, eve.until - time.monotonic()))


async def guests(eve: Attacker) -> None:
    await eve.repeat(lambda number: eve.send("POST", "/accounts/login", login(f"{number:050}")))


async def rooms(eve: Attacker) -> None:
    me = await eve.guest()

    async def create_and_leave(number: int) -> None:
        body = {"name": f"{number:050}", "options": {"x": "y" * 15_000}}
        room = await eve.send("POST", f"/games/{GAME}/rooms", body, **me)
        if room is not None:
            await eve.send("POST", f"/games/{GAME}/rooms/{room['roomId']}/leave", **me)

    await eve.repeat(create_and_leave)


async def chat(eve: Attacker) -> None:
    me = await eve.guest()
    room = await eve.send("POST", f"/games/{GAME}/rooms", {"name": "x"}, **me)
    path = f"/games/{GAME}/rooms/{room['roomId']}/chat"
    await eve.repeat(lambda number: eve.send("POST", path, {"text": "x" * 1000}, **me))


async def updates(eve: Attacker) -> None:
    me, other = await eve.player(), await eve.player()
    room = {"room_name": "x", "max_players": 2}
    created = await eve.send("POST", "/api/game_room.php/create", room, **me)
    await eve.send("POST", f"/api/game_room.php/{created['room_id']}/join", {}, **other)
    body = {"type": "x", "target_players": "all", "data": {"x": "y" * 60_000}}
    await eve.repeat(lambda number: eve.send("POST", "/api/game_room.php/updates", body, **me))


async def actions(eve: Attacker) -> None:
    me, other = await eve.player(), await eve.player()
    room = {"room_name": "x", "max_players": 2}
    created = await eve.send("POST", "/api/game_room.php/create", room, **me)
    await eve.send("POST", f"/api/game_room.php/{created['room_id']}/join", {}, **other)
    body = {"action_type": "x", "target_players": "others", "request_data": {"x": "y" * 60_000}}
    await eve.repeat(lambda number: eve.send("POST", "/api/game_room.php/actions", body, **me))


async def data(eve: Attacker) -> None:
    owners = [await eve.guest() for _ in range(50)]

    async def save(number: int) -> None:
        me = owners[number % len(owners)]
        path = f"/games/{GAME}/user-data/{me['id']}/key{number}"
        await eve.send("PUT", path, "x" * 16_000, **me)

    await eve.repeat(save)


async def players(eve: Attacker) -> None:
    headers = {"X-Api-Token": eve.api_token}

    async def register(number: int) -> None:
        body = {"player_name": f"Eve {number}", "player_data": {"x": "y" * 60_000}}
        await eve.send("POST", "/api/game_players.php/register", body, **headers)

    await eve.repeat(register)


async def hosts(eve: Attacker) -> None:
    async def register(number: int) -> None:
        host = await eve.send("POST", "/hosts")
        if host is not None:
            for _ in range(200):
                await eve.send("GET", f"/hosts/{host['uuid']}/access_token")

    await eve.repeat(register)


async def registrations(eve: Attacker) -> None:
    async def register(number: int) -> None:
        body = {"email": f"{number}@example.org", "password": "correct horse", "username": "Eve"}
        await eve.send("POST", "/accounts/register", body)

    await eve.repeat(register)


async def logins(eve: Attacker) -> None:
    async def log_in(number: int) -> None:
        body = {"credentialType": "password", "email": f"{number}@example.org", "password": "wrong"}
        await eve.send("POST", "/accounts/login", body)

    await eve.repeat(log_in)


async def oauth_clients(eve: Attacker) -> None:
    body = {"redirect_uris": [f"https://example.org/{number}{'x' * 900}" for number in range(10)]}
    await eve.repeat(lambda number: eve.send("POST", "/oauth/v1/register", body))


async def large_bodies(eve: Attacker) -> None:
    """Send bodies that take long to parse to a route without a limit of use."""
    body = {"credentialType": "x", "x": [{"a": 1}] * 65_000}
    raw = json.dumps(body, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://{eve.server.host}:{eve.server.port}/accounts/login"

    async def post(number: int) -> None:
        async with eve.http.post(url, data=raw, headers=headers) as response:
            eve.statuses[response.status] += 1
            await response.read()

    await eve.repeat(post)


async def connections(eve: Attacker) -> None:
    """Open connections that send nothing, and keep them."""
    writers = await open_connections(eve, CONNECTIONS)
    await asyncio.sleep(max(0.0, eve.until - time.monotonic()))
    for writer in writers:
        writer.close()


async def slow_bodies(eve: Attacker) -> None:
    """Send bodies byte by byte on many connections."""
    head = (
        b"POST /accounts/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100000\r\n\r\n"
    )
    while time.monotonic() < eve.until:
        writers = await open_connections(eve, CONNECTIONS // 4)
        for writer in writers:
            writer.write(head)
        while time.monotonic() < eve.until and any(not writer.is_closing() for writer in writers):
            for writer in writers:
                if not writer.is_closing():
                    writer.write(b" ")
            await asyncio.sleep(1)
        for writer in writers:
            writer.close()


async def open_connections(eve: Attacker, count: int) -> list[asyncio.StreamWriter]:
    writers = []
    for _ in range(count):
        with suppress(OSError):
            _, writer = await asyncio.open_connection(
                eve.server.host, eve.server.port, local_addr=(ATTACKER, 0)
            )
            writers.append(writer)
            eve.statuses[200] += 1
    return writers


KINDS: dict[str, Callable[[Attacker], Awaitable[None]]] = {
    attack.__name__: attack
    for attack in (
        *(nothing, guests, rooms, chat, updates, actions, data, players, hosts),
        *(registrations, logins, oauth_clients, large_bodies, connections, slow_bodies),
    )
}


class Measurement:
    """The other client, in a process of its own, so that the attacker does not delay it."""

    def __init__(self, server: Server) -> None:
        context = multiprocessing.get_context("spawn")
        self._stopping, self._results = context.Event(), context.SimpleQueue()
        arguments = (server.host, server.port, self._stopping, self._results)
        self._process = context.Process(target=measure_other, args=arguments)
        self._process.start()
        self._results.get()

    def stop(self) -> tuple[list[float], int]:
        """Return the seconds of each request and the number of errors."""
        self._stopping.set()
        found: tuple[list[float], int] = self._results.get()
        self._process.join()
        return found


def measure_other(host: str, port: int, stopping: Any, results: Any) -> None:
    """Make a durable write and a list in turn until told to stop."""
    connection = http.client.HTTPConnection(host, port, timeout=30, source_address=(OTHER, 0))
    seconds: list[float] = []
    errors = 0

    def call(method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        nonlocal errors
        started = time.perf_counter()
        connection.request(method, path, json.dumps(body), headers)
        response = connection.getresponse()
        raw = response.read()
        seconds.append(time.perf_counter() - started)
        errors += response.status >= 400
        return json.loads(raw) if raw else None

    headers = {"Content-Type": "application/json"}
    mine = call("POST", "/accounts/login", login("Ann"), headers)
    headers["Authorization"] = f"Bearer {mine['token']}"
    path = f"/games/{GAME}/user-data/{mine['user']['userId']}/key"
    seconds.clear()
    results.put(None)
    while not stopping.wait(PAUSE_SECONDS):
        call("PUT", path, 1, headers)
        call("GET", f"/games/{GAME}/rooms?limit=20", None, headers)
    connection.close()
    results.put((seconds, errors))


async def measure(kind: str, seconds: float, under: Path | None) -> dict[str, Any]:
    """Attack a fresh server with one kind and return a row of the table."""
    with processes.fresh_directory(under) as folder:
        processes.furnish(folder)
        line = [sys.executable, "run.py", "game", "rotate", GAME, "--data", str(folder), "--json"]
        output = subprocess.run(line, cwd=ROOT, capture_output=True, check=True).stdout
        server = processes.start_ours(folder, exempt=False)
        try:
            before = server.rss(), size_of(folder)
            other = Measurement(server)
            connector = aiohttp.TCPConnector(limit=CONCURRENCY, local_addr=(ATTACKER, 0))
            async with aiohttp.ClientSession(connector=connector) as session:
                until = time.monotonic() + seconds
                eve = Attacker(server, session, json.loads(output)["api_token"], until)
                await KINDS[kind](eve)
            latencies, errors = other.stop()
            after = server.rss(), size_of(folder)
        finally:
            server.stop()
    milliseconds = sorted(second * 1000 for second in latencies)
    return {
        "kind": kind,
        "accepted": sum(count for status, count in eve.statuses.items() if 200 <= status < 300),
        **{str(status): eve.statuses[status] for status in STATUSES},
        "others": sum(
            count
            for status, count in eve.statuses.items()
            if not 200 <= status < 300 and status not in STATUSES
        ),
        "median ms": round(statistics.median(milliseconds), 1),
        "p99 ms": round(milliseconds[int(len(milliseconds) * 0.99)], 1),
        "worst ms": round(milliseconds[-1], 1),
        "errors": errors,
        "memory MB": round((after[0] - before[0]) / 1e6, 1),
        "disk MB": round((after[1] - before[1]) / 1e6, 1),
    }


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="seconds for each kind")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--under", type=Path, help="folder of the temporary data directories")
    parser.add_argument("--json", action="store_true", help="print JSON, one document a line")
    options = parser.parse_args()
    processes.prepare()
    for number, kind in enumerate(options.kind):
        row = asyncio.run(measure(kind, options.seconds, options.under))
        if options.json:
            print(json.dumps(row), flush=True)
            continue
        if not number:
            print("".join(f"{name:>14}" for name in row))
        print("".join(f"{value:>14}" for value in row.values()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
