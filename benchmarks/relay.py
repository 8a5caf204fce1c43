"""Relay: 1,000 rooms of four members, each of whom sends ten small messages a second to the others.

Measured: messages a second until the last was heard, and the server's processor time for one: reading it, writing
three frames to the other members and one to its sender. The load sends as clocks do, whether the last ones were heard
or not, each member at a moment of its own; a server that cannot keep up is done later. And what share of a core the
whole would take at the price of one message.

Both servers speak the same frames. The minimal one is the usual first version: `async for`, and `send_str` for each
member of the room. The load reads four frames for each it writes and is often the slower of the two, so the target
goes by processor time.

Not measured: connecting; clients that read slowly; kinds of clients that need other frames.
"""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson

from benchmarks import client, processes
from benchmarks.client import request
from benchmarks.plan import Plan
from benchmarks.processes import ROOT, Server
from benchmarks.report import Row, Speed, cost_row, of_both, speed_row

MEMBERS = 4
#: Messages a second of each member, and slots within a tenth of a second.
PACE, MOMENTS = 10, 50
#: Seconds within which every message must have been received.
TIMEOUT_SECONDS = 60
SAID = orjson.dumps(
    {"type": "send", "command": "move", "data": {"x": 12.5, "y": -3.25, "turn": 7}, "target": "all"}
)
#: Clients must mask their frames; a mask of zeros leaves the payload as it is.
FRAME = bytes((0x81, 0x80 | len(SAID), 0, 0, 0, 0)) + SAID
API = "/api/game_{}.php/{}"


async def run(plan: Plan) -> list[Row]:
    with processes.fresh_directory(plan.under) as data:
        command = (sys.executable, "run.py", "game", "add", "relay", "--data", str(data), "--json")
        made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        token = orjson.loads(made.stdout)["api_token"]
        with stopped(processes.start_ours(data)) as ours, stopped(processes.start_bare()) as bare:
            halls = {
                ours.name: await Hall.of(ours, await rooms_of_ours(ours, token, plan.relays)),
                bare.name: await Hall.of(bare, rooms_of_bare(plan.relays)),
            }
            speeds: dict[str, list[Speed]] = {name: [] for name in halls}
            for run in range(plan.runs):
                for server in processes.in_turn((ours, bare), run):
                    speeds[server.name].append(await halls[server.name].relay(plan.seconds))
            for hall in halls.values():
                client.close(hall.members)
            await processes.quiet()
    what = f"relay, {plan.relays:,} rooms × {MEMBERS}"
    rate = plan.relays * MEMBERS * PACE
    shares = {
        name: [run.cpu / run.count * rate * 100 for run in runs] for name, runs in speeds.items()
    }
    return [
        speed_row(f"{what}: messages", *of_both(speeds), least=1.0, by="CPU"),
        cost_row(f"{what}: {PACE}/s each, of one core", "%", *of_both(shares)),
    ]


@contextmanager
def stopped(server: Server) -> Iterator[Server]:
    """Stop a server in the end, even if stopping another one fails."""
    try:
        yield server
    finally:
        server.stop()


def rooms_of_bare(number: int) -> list[str]:
    return [f"/relay?room={n // MEMBERS}" for n in range(number * MEMBERS)]


async def rooms_of_ours(server: Server, api: str, number: int) -> list[str]:
    """Create players and rooms through the API; return the socket URLs of the members, room by room."""
    by = await client.lines(server)

    async def ask(asks: Sequence[tuple[str, str, Any]]) -> list[Any]:
        more = f"X-Api-Token: {api}\r\n"
        requests = [
            request("POST", path, body=body, more=f"{more}X-Player-Token: {key}\r\n")
            for path, key, body in asks
        ]
        _, bodies = await client.hammer(server, by, requests, 200)
        return [orjson.loads(body) for body in bodies]

    register = API.format("players", "register")
    names = [(register, "", {"player_name": f"Player {n}"}) for n in range(number * MEMBERS)]
    keys = [said["private_key"] for said in await ask(names)]
    create = API.format("room", "create")
    asks = [(create, key, {"realtime": True, "max_players": MEMBERS}) for key in keys[::MEMBERS]]
    made = [said["room_id"] for said in await ask(asks)]
    await ask(
        [
            (API.format("room", f"{made[n // MEMBERS]}/join"), key, {})
            for n, key in enumerate(keys)
            if n % MEMBERS
        ]
    )
    tokens = await ask([("/api/realtime.php/token", key, None) for key in keys])
    client.close(by)
    return [f"/?token={said['token']}&client=json" for said in tokens]


class Hall:
    """All connections to one of the servers."""

    def __init__(self, server: Server, number: int) -> None:
        self.server = server
        self.members = [Member(self) for _ in range(number)]
        #: Frames that have not been received yet.
        self.left = 0
        self.done = asyncio.Event()

    @classmethod
    async def of(cls, server: Server, paths: list[str]) -> "Hall":
        hall = cls(server, len(paths))
        await client.connect(server, hall.members)
        for start in range(0, len(paths), client.AT_ONCE):
            some = hall.members[start : start + client.AT_ONCE]
            for member, path in zip(some, paths[start:], strict=False):
                member.open(path)
            await asyncio.gather(*(member.greeted for member in some))
        # Members of a room are adjacent in the list and send in different slots.
        random.Random(1).shuffle(hall.members)
        return hall

    async def relay(self, seconds: float) -> Speed:
        """Send messages for a time, each member in its own slots, and wait for the last delivery."""
        moments = [self.members[n::MOMENTS] for n in range(MOMENTS)]
        await self._send(moments, 0.5)
        cpu, load, began = self.server.cpu(), time.process_time(), time.perf_counter()
        count = await self._send(moments, seconds)
        taken = time.perf_counter() - began
        return Speed(count, taken, self.server.cpu() - cpu, time.process_time() - load)

    async def _send(self, moments: list[list["Member"]], seconds: float) -> int:
        count, self.left, began = 0, 0, time.perf_counter()
        for turn in range(int(seconds * PACE * MOMENTS)):
            some = moments[turn % MOMENTS]
            self.left += len(some) * MEMBERS
            count += len(some)
            for member in some:
                member.transport.write(FRAME)
            late = began + turn / PACE / MOMENTS - time.perf_counter()
            await asyncio.sleep(max(late, 0))
        # All frames may arrive before the next one is sent, more than once.
        while self.left:
            self.done.clear()
            await asyncio.wait_for(self.done.wait(), TIMEOUT_SECONDS)
        return count


class Member(asyncio.Protocol):
    """A socket that counts received frames."""

    __slots__ = ("hall", "transport", "greeted", "answered", "_before")

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._before = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def open(self, path: str) -> None:
        upgrade = (
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        self.transport.write(request("GET", path, more=upgrade))

    def data_received(self, data: bytes) -> None:
        if not self.greeted.done():
            return self._greeting(data)
        if self._before:
            data = self._before + data
        at, end = 0, len(data)
        while end - at >= 4:
            size = data[at + 1]
            size = size + 2 if size < 126 else (data[at + 2] << 8 | data[at + 3]) + 4
            if at + size > end:
                break
            at += size
            hall = self.hall
            hall.left -= 1
            if not hall.left:
                hall.done.set()
        self._before = data[at:]

    def _greeting(self, data: bytes) -> None:
        """Read the handshake and the first frame, `connected`."""
        self._before += data
        head, _, rest = self._before.partition(b"\r\n\r\n")
        if rest and not head.startswith(b"HTTP/1.1 101"):
            self.greeted.set_exception(RuntimeError(f"a socket was answered {self._before!r}"))
        elif b'"connected"' in rest and rest.endswith(b"}}"):
            self._before = b""
            self.greeted.set_result(None)
