"""Requests: logins, creates, joins and turns through 64 connections, each durable before the response.

Measured: requests a second by the clock, and the server's processor time for one. Every guest signs in, creates one
room and joins that of another; then 64 of those rooms start, and each connection takes turns in a session of its
own. The game has no rules: a turn is relayed to listeners, and there are none.

Not measured: rules of a game, passwords, more than one seat at a time. The bare server keeps everything in memory
only; being durable may cost a fifth of its speed. The clock counts, for it also runs while only the disk works.
"""

import orjson

from benchmarks import client, processes
from benchmarks.client import CONNECTIONS, Line, request
from benchmarks.crowd import TURN
from benchmarks.plan import Plan
from benchmarks.processes import Server
from benchmarks.report import Row, Speed, of_both, speed_row

ROOM = {"name": "A room like any other", "options": {"board": 3, "clock": "slow"}}
#: Measurement -> target ratio.
TARGETS = {"guest sign-ins": None, "creates": 0.8, "joins": 0.8, "turns": None}


async def run(plan: Plan) -> list[Row]:
    async with processes.both(plan.under) as servers:
        speeds: dict[str, dict[str, list[Speed]]] = {
            what: {server.name: [] for server in servers} for what in TARGETS
        }
        for server in servers:
            by = await client.lines(server)
            await everything(server, by, CONNECTIONS * 8)
            client.close(by)
        for run in range(plan.runs):
            for server in processes.in_turn(servers, run):
                by = await client.lines(server)
                for what, speed in (await everything(server, by, plan.requests)).items():
                    speeds[what][server.name].append(speed)
                client.close(by)
    return [
        speed_row(f"{what}, {CONNECTIONS} connections", *of_both(speeds[what]), least=least)
        for what, least in TARGETS.items()
    ]


async def everything(server: Server, by: list[Line], number: int) -> dict[str, Speed]:
    """Send a number of requests of each kind."""
    speeds = {}
    tokens, speeds["guest sign-ins"] = await client.guests(server, by, number)
    creates = [request("POST", "/games/bench/rooms", token, ROOM) for token in tokens]
    speeds["creates"], bodies = await client.hammer(server, by, creates, 201)
    rooms = [orjson.loads(body)["roomId"] for body in bodies]
    joins = [
        request("POST", f"/games/bench/rooms/{room}/join", tokens[place - 1], {})
        for place, room in enumerate(rooms)
    ]
    speeds["joins"], _ = await client.hammer(server, by, joins, 200)
    starts = [
        request("POST", f"/games/bench/rooms/{room}/start", token)
        for room, token in zip(rooms[:CONNECTIONS], tokens, strict=False)
    ]
    _, bodies = await client.hammer(server, by, starts, 201)
    turns = [
        request("POST", f"/games/bench/sessions/{orjson.loads(body)['id']}/turn", token, TURN)
        for body, token in zip(bodies, tokens, strict=False)
    ]
    many = [turns[place % len(turns)] for place in range(number)]
    speeds["turns"], _ = await client.hammer(server, by, many, 204)
    return speeds
