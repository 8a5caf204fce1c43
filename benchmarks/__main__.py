"""Run the benchmarks and print a table; benchmarks/__init__.py describes what is measured and how."""

import argparse
import gc
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import uvloop

from benchmarks import (
    fanout,
    ingest,
    leaderboard,
    listing,
    memory,
    processes,
    relay,
    rest,
    restart,
    search,
    websockets,
)
from benchmarks.plan import QUICK, Plan
from benchmarks.report import Row, as_document, as_table

BENCHMARKS = {
    "fanout": fanout.run,
    "websockets": websockets.run,
    "rest": rest.run,
    "listing": listing.run,
    "memory": memory.run,
    "restart": restart.run,
    "leaderboard": leaderboard.run,
    "relay": relay.run,
    "ingest": ingest.run,
    "search": search.run,
}


async def measure(names: list[str], plan: Plan) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        began = time.perf_counter()
        rows += await BENCHMARKS[name](plan)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measures this server beside a bare one."
    )
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="one short run of everything")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    parser.add_argument("--runs", type=int, help="how many runs to take the median of")
    parser.add_argument("--crowds", help="how many listen, with commas between")
    parser.add_argument("--dir", type=Path, help="where data directories are made")
    asked = parser.parse_args()
    if strange := set(asked.names) - set(BENCHMARKS):
        parser.error(f"there is no benchmark {', '.join(sorted(strange))}")
    plan = replace(QUICK if asked.quick else Plan(), under=asked.dir)
    if asked.runs:
        plan = replace(plan, runs=asked.runs)
    if asked.crowds:
        plan = replace(plan, crowds=tuple(int(one) for one in asked.crowds.split(",")))
    processes.prepare()
    # A garbage collection in the load generator would delay the server; the load creates few cycles.
    gc.disable()
    rows = uvloop.run(measure(asked.names or list(BENCHMARKS), plan))
    machine = processes.machine()
    if asked.json:
        print(json.dumps(as_document(rows, machine), indent=2))
    else:
        print(as_table(rows, machine))
    return 0


if __name__ == "__main__":
    sys.exit(main())
