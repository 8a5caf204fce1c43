"""Restart: from process start to the first response, with 100,000 rooms, each with its own host, and the memory then.

Measured: the time until a list of rooms is answered with 200, over the data directory of a server that was stopped in
good order, the files in the page cache. The bare server reads the same players, tokens and rooms from a file, a
JSON document a line; it has nothing to check, no indexes and no events.

Not measured: a cold disk; a directory left by `kill -9` (SQLite then reads its log first).
`python -m benchmarks.restart DIR N` makes a directory.
"""

import asyncio
import gc
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from benchmarks import client, processes
from benchmarks.client import request
from benchmarks.plan import Plan
from benchmarks.processes import ROOT, Server
from benchmarks.report import Row, cost_row, of_both
from benchmarks.rest import ROOM

#: Commands executed at once, which fill one batch of the writer.
AT_ONCE = 2_000
BARE = "bare.jsonl"
#: The guest that requests the list.
TOKEN = "token"


async def run(plan: Plan) -> list[Row]:
    with processes.fresh_directory(plan.under) as data:
        command = (sys.executable, "-m", "benchmarks.restart", str(data), str(plan.rooms))
        subprocess.run(command, cwd=ROOT, check=True)
        token = (data / TOKEN).read_text()
        times: dict[str, list[float]] = {"coalserver": [], "bare": []}
        sizes: dict[str, list[float]] = {"coalserver": [], "bare": []}
        for _ in range(plan.runs):
            for ours in (True, False):
                began = time.perf_counter()
                if ours:
                    server = processes.start_ours(data)
                else:
                    server = processes.start_bare("--load", str(data / BARE))
                try:
                    await _listed(server, token, plan.rooms)
                    times[server.name].append(time.perf_counter() - began)
                    sizes[server.name].append(server.rss() / 1e6)
                finally:
                    server.stop()
    return [
        cost_row(f"restart with {plan.rooms:,} rooms", "s", *of_both(times)),
        cost_row("memory after the restart", "MB", *of_both(sizes)),
    ]


async def _listed(server: Server, token: str, rooms: int) -> None:
    (line,) = await client.lines(server, 1)
    status, head, body = await line.ask(request("GET", "/games/bench/rooms?limit=1", token))
    if status != 200 or len(orjson.loads(body)) != 1:
        raise RuntimeError(f"{server.name} answers {status}: {body!r}")
    if b"X-Total-Results" in head and f"X-Total-Results: {rooms}".encode() not in head:
        raise RuntimeError(f"{server.name} has lost rooms: {head!r}")
    client.close([line])


async def build(data: Path, rooms: int) -> None:
    """Fill a data directory with the commands that a server would execute."""
    from coalserver.config import Config
    from coalserver.core.commands.accounts import create_guest
    from coalserver.core.commands.games import add_game
    from coalserver.core.commands.lobbies import open_lobby
    from coalserver.core.engine import Core
    from coalserver.server.admin import open_offline
    from coalserver.storage.data_directory import DataDirectory

    options = orjson.dumps(ROOM["options"])

    async def one(core: Core, lines: list[Any]) -> None:
        player, token = await core.execute(create_guest, name="")
        name = ROOM["name"]
        lobby = await core.execute(
            open_lobby, game="bench", player_id=player.id, name=name, options=options
        )
        row = {"roomId": lobby.id, "game": "bench", "host": player.id, **ROOM}
        lines += (
            {"kind": "Player", "doc": {"id": player.id, "name": player.name}},
            {"kind": "Token", "doc": {"secret": token, "player": player.id}},
            {"kind": "Room", "doc": row},
        )

    home = DataDirectory(data)
    with home.lock(), (data / BARE).open("wb") as bare:
        async with open_offline(Config(data=data), home) as desk:
            await desk.core.execute(add_game, tag="bench", name="bench", max_players=2)
            for start in range(0, rooms, AT_ONCE):
                lines: list[Any] = []
                some = range(min(AT_ONCE, rooms - start))
                await asyncio.gather(*(one(desk.core, lines) for _ in some))
                bare.writelines(orjson.dumps(line) + b"\n" for line in lines)
            (data / TOKEN).write_text(lines[1]["doc"]["secret"])


if __name__ == "__main__":
    gc.disable()
    asyncio.run(build(Path(sys.argv[1]), int(sys.argv[2])))
