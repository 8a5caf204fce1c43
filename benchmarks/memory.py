"""Memory: what a player, a parked long-poll and an idle WebSocket cost, by the resident size of the server.

Measured: the growth of a fresh server by 5,000 of them, over that with the first 100, which load what is loaded
once. Polls are measured when they are parked for the first time, and again after three turns that all of them
heard and polled after: how a first poll is parked need not be how the following ones are.

A player is a guest with a token who logs in after the start. The others' guests log in before the server is restarted.

Not measured: kernel memory of sockets (some kilobytes each, the same for both).
"""

from benchmarks import client, crowd, processes
from benchmarks.plan import Plan
from benchmarks.processes import Server
from benchmarks.report import Row, cost_row

WARM = 100
ROUNDS = 3
#: Guests that are weighed, after the first hundred.
PLAYERS = 20_000
PLAYER = "player"
POLL, AGAIN, SOCKET = "parked long-poll", "parked long-poll, after 3 turns", "idle WebSocket"
#: Measurement -> target ratio.
TARGETS = {PLAYER: None, POLL: 1.3, AGAIN: 1.3, SOCKET: None}


async def run(plan: Plan) -> list[Row]:
    sizes: dict[str, tuple[list[float], list[float]]] = {what: ([], []) for what in TARGETS}
    with processes.fresh_directory(plan.under) as data:
        processes.furnish(data)
        server = processes.start_ours(data)
        try:
            tokens = await _guests(server, plan)
        finally:
            server.stop()
        for _ in range(plan.runs):
            await _weigh_players(sizes[PLAYER], plan)
            for sockets in (False, True):
                server = processes.start_ours(data)
                try:
                    for what, size in (await _growth(server, tokens, sockets)).items():
                        sizes[what][0].append(size)
                finally:
                    server.stop()
                server = processes.start_bare()
                try:
                    found = await _growth(server, await _guests(server, plan), sockets)
                    for what, size in found.items():
                        sizes[what][1].append(size)
                finally:
                    server.stop()
    return [
        cost_row(f"memory per {what}", "kB", *both, most=TARGETS[what])
        for what, both in sizes.items()
    ]


async def _weigh_players(sizes: tuple[list[float], list[float]], plan: Plan) -> None:
    """Add the kilobytes of each player after the first hundred, in fresh servers."""
    with processes.fresh_directory(plan.under) as data:
        processes.furnish(data)
        for number, ours in enumerate((True, False)):
            server = processes.start_ours(data) if ours else processes.start_bare()
            try:
                by = await client.lines(server)
                await client.guests(server, by, WARM)
                before = server.rss()
                await client.guests(server, by, PLAYERS)
                client.close(by)
                await processes.quiet(1)
                sizes[number].append((server.rss() - before) / (PLAYERS * 1024))
            finally:
                server.stop()


async def _guests(server: Server, plan: Plan) -> list[str]:
    by = await client.lines(server)
    tokens, _ = await client.guests(server, by, WARM + plan.idle)
    client.close(by)
    return tokens


async def _growth(server: Server, tokens: list[str], sockets: bool) -> dict[str, float]:
    """Return kilobytes for each connection after the first hundred."""
    (host,) = await client.lines(server, 1)
    stage = await crowd.Stage.set(server, host, tokens[0])
    come = stage.sockets if sockets else stage.pollers
    await come(tokens[:WARM])
    await _turns(stage)
    before = server.rss()
    await come(tokens[WARM:])
    await processes.quiet(1)
    many = (len(tokens) - WARM) * 1024
    sizes = {SOCKET if sockets else POLL: (server.rss() - before) / many}
    if not sockets:
        await _turns(stage)
        sizes[AGAIN] = (server.rss() - before) / many
    stage.end()
    client.close([host])
    await processes.quiet()
    return sizes


async def _turns(stage: crowd.Stage) -> None:
    for _ in range(ROUNDS):
        await stage.publish()
        await stage.settled()
    await processes.quiet(1)
