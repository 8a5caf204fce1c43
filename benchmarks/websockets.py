"""WebSocket fan-out: one feed, N open WebSockets, one turn to all of them.

Measured and not measured: as for the long-poll (fanout.py). The bare server sends with `await socket.send_str(text)`
in a loop over the members; both servers ping quiet sockets every 20 seconds and neither compresses.
"""

from benchmarks import crowd
from benchmarks.fanout import fan_out
from benchmarks.plan import Plan
from benchmarks.report import Row


async def run(plan: Plan) -> list[Row]:
    return await fan_out(plan, "WebSocket", crowd.Stage.sockets)
