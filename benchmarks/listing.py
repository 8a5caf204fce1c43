"""A list of 64 rooms through 64 connections, beside `orjson.dumps` of 64 dictionaries.

Measured: lists a second and the server's processor time for one, while no room changes. Ours looks at the token, reads
the filters, and says of each row whether the caller is in that room; the bare server's rows are the same for everyone.

Not measured: filters, and rooms that change between two lists (a changed row is made anew, the others are not).
"""

from benchmarks import client, processes
from benchmarks.client import request
from benchmarks.plan import Plan
from benchmarks.report import Row, Speed, of_both, speed_row
from benchmarks.rest import ROOM

ROOMS = 64


async def run(plan: Plan) -> list[Row]:
    async with processes.both(plan.under) as servers:
        asks = {}
        for server in servers:
            by = await client.lines(server)
            tokens, _ = await client.guests(server, by, ROOMS + 1)
            creates = [request("POST", "/games/list/rooms", token, ROOM) for token in tokens[1:]]
            await client.hammer(server, by, creates, 201)
            asks[server.name] = request("GET", f"/games/list/rooms?limit={ROOMS}", tokens[0])
            client.close(by)
        speeds: dict[str, list[Speed]] = {server.name: [] for server in servers}
        for run in range(plan.runs):
            for server in processes.in_turn(servers, run):
                by = await client.lines(server)
                some = [asks[server.name]] * plan.requests
                await client.hammer(server, by, some[: plan.requests // 10], 200)
                speed, _ = await client.hammer(server, by, some, 200)
                speeds[server.name].append(speed)
                client.close(by)
    return [speed_row(f"list of {ROOMS} rooms", *of_both(speeds), least=0.8)]
