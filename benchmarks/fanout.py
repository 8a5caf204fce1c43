"""Long-poll fan-out: one feed, N parked polls, one turn to all of them; then all poll again with the new cursor.

Measured: the time from the turn's POST being sent to the last byte of the last answer, and deliveries a second
over many such rounds, each begun when the last one's polls are parked again. Every poller has a token of its own.
coalserver stores the turn before it notifies listeners, checks tokens, and gives each poll a timeout; the minimal
server does none of this.

Not measured: connecting, the network, slow clients. The load generator reads and writes as much as the server and is
often the slower of the two, so the target applies to the server's processor time for a delivery: reading the poll,
parking it, answering it, and its share of the turn.
"""

from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from benchmarks import client, crowd, processes
from benchmarks.plan import Plan
from benchmarks.report import Row, Speed, cost_row, of_both, speed_row


async def run(plan: Plan) -> list[Row]:
    return await fan_out(plan, "long-poll", crowd.Stage.pollers)


async def fan_out(
    plan: Plan, name: str, come: Callable[[crowd.Stage, list[str]], Awaitable[Any]]
) -> list[Row]:
    """Run the benchmark for one transport."""
    async with processes.both(plan.under) as servers:
        tokens = {}
        for server in servers:
            by = await client.lines(server)
            tokens[server.name], _ = await client.guests(server, by, max(plan.crowds))
            client.close(by)
        rows: list[Row] = []
        for number in plan.crowds:
            speeds: dict[str, list[Speed]] = {server.name: [] for server in servers}
            lasts: dict[str, list[float]] = {server.name: [] for server in servers}
            for run in range(plan.runs):
                for server in processes.in_turn(servers, run):
                    listening = tokens[server.name][:number]
                    (host,) = await client.lines(server, 1)
                    stage = await crowd.Stage.set(server, host, listening[0])
                    await come(stage, listening)
                    speed, times = await stage.rounds(plan.seconds)
                    speeds[server.name].append(speed)
                    lasts[server.name].append(median(times) * 1000)
                    stage.end()
                    client.close([host])
                    await processes.quiet()
            what = f"{name} × {number:,}"
            rows += (
                speed_row(f"{what}: deliveries", *of_both(speeds), least=1.0, by="CPU"),
                cost_row(f"{what}: turn to last", "ms", *of_both(lasts)),
            )
    return rows
