"""Agent lines: batches of log lines as agents send them, over HTTP to the disk, by processor time of the server.

Several worlds, each with an agent of its own that sends its next batch when the server has stored the one before, on a
connection for each batch, as the agent does. Half of the agents send the day of each line (from a file), half do not
(live). Measured is the processor time of the server process, all threads together: it answers only for lines that are
on disk.

    python -m benchmarks.agent_lines [--checkout DIR …] [--lines N] [--worlds N] [--runs N] [--threads]

With several checkouts, their runs alternate.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import logs, processes
from benchmarks.processes import Server
from benchmarks.report import Speed

#: Lines in a batch, as the agent sends them.
BATCH = 500
WORLDS = 4
#: Lines of each world before the measurement.
WARM_LINES = 2_000
EMAIL, PASSWORD = "ann@example.org", "correct horse"


def serve(checkout: Path, data: Path) -> Server:
    """Start a checkout's server, pinned to its core."""
    command = ("run.py", "serve", "--data", str(data), "--port", "0", "--json")
    return processes.start(
        "coalserver", (*command, "--limits-exempt", "127.0.0.0/8"), checkout=checkout
    )


def call(
    server: Server, method: str, path: str, body: bytes, media: str, token: str = ""
) -> dict[str, Any]:
    """Send a request on a connection of its own, with the agent's headers, and return the JSON answer."""
    headers = {
        "Accept-Encoding": "identity", "Content-Type": media, "Accept": "application/json",
        "User-Agent": "mc_coal_agent", "Connection": "close",
    }  # fmt: skip
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path} answers {response.status}: {content[:300]!r}")
    answer: dict[str, Any] = json.loads(content)
    return answer


def agent_token(server: Server, checkout: Path, data: Path, world: str) -> str:
    """Pair an agent with a world and return its access token."""
    command = (sys.executable, "run.py", "world", "pair", world, "--data", str(data), "--json")
    said = subprocess.run(command, cwd=checkout, capture_output=True, check=True).stdout
    form_type = "application/x-www-form-urlencoded"
    code = json.dumps({"code": json.loads(said)["code"]}).encode()
    paired = call(server, "POST", "/api/v1/agents/pair", code, "application/json")
    form = {
        "client_id": paired["client_id"], "client_secret": paired["client_secret"],
        "code": paired["client_secret"], "grant_type": "authorization_code", "redirect_uri": "/",
        "scope": "agent",
    }  # fmt: skip
    answer = call(server, "POST", "/oauth/v1/token", urlencode(form).encode(), form_type)
    return str(answer["access_token"])


def batches(count: int, seed: int, day: str | None, first: int = 1) -> list[tuple[int, bytes]]:
    """Return bodies of batches as the agent writes them, each with its last sequence number."""
    date = {"date": day} if day else {}
    found = []
    numbered = [
        {"sequence": number, "line": line, **date}
        for number, line in enumerate(logs.lines(count, seed), first)
    ]
    for start in range(0, count, BATCH):
        lines = numbered[start : start + BATCH]
        batch = {"source": "f" * 32, "zone": "Europe/Berlin", "lines": lines}
        found.append(
            (first + start + len(lines) - 1, json.dumps(batch, ensure_ascii=False).encode())
        )
    return found


def send(server: Server, token: str, work: Sequence[tuple[int, bytes]], before: int) -> None:
    for last, body in work:
        path = f"/api/v1/agents/loglines?after={before}"
        answer = call(server, "POST", path, body, "application/json", token)
        if answer["stored"] != last:
            raise RuntimeError(f"{answer} instead of {last}")
        before = last


def send_all(
    server: Server, tokens: Sequence[str], work: Sequence[Sequence[tuple[int, bytes]]], before: int
) -> None:
    """Send the batches of all worlds, each in a thread of its own."""
    failures: list[BaseException] = []

    def guarded(token: str, some: Sequence[tuple[int, bytes]]) -> None:
        try:
            send(server, token, some, before)
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=guarded, args=pair) for pair in zip(tokens, work, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def thread_seconds(pid: int) -> dict[int, float]:
    """Return the processor seconds of each thread of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {
        int(task.name): int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks
    }


def measure(
    checkout: Path, lines: int, worlds: int, under: Path | None = None, *, threads: bool = False
) -> Speed:
    """Return what a number of lines costs a checkout's server."""
    names = [f"world{number}" for number in range(worlds)]
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    days = [day if number % 2 else None for number in range(worlds)]
    each = lines // worlds
    warm = [batches(WARM_LINES, seed, some) for seed, some in enumerate(days, 100)]
    work = [batches(each, seed, some, WARM_LINES + 1) for seed, some in enumerate(days)]
    with tempfile.TemporaryDirectory(prefix="coalserver-bench-", dir=under) as folder:
        data = Path(folder)
        add = (sys.executable, "run.py", "--data", folder, "--json")
        account = (*add, "account", "add", EMAIL, "--password", PASSWORD, "--admin", "--active")
        for command in (account, *((*add, "world", "add", name, "--short-name", name) for name in names)):  # fmt: skip
            subprocess.run(command, cwd=checkout, capture_output=True, check=True)
        server = serve(checkout, data)
        try:
            tokens = [agent_token(server, checkout, data, name) for name in names]
            send_all(server, tokens, warm, 0)
            each_before = thread_seconds(server.pid)
            cpu, load, began = server.cpu(), time.process_time(), time.perf_counter()
            send_all(server, tokens, work, WARM_LINES)
            taken = time.perf_counter() - began
            speed = Speed(each * worlds, taken, server.cpu() - cpu, time.process_time() - load)
            if threads:
                _print_threads(server.pid, each_before, speed.count)
            return speed
        finally:
            server.stop()


def _print_threads(pid: int, before: dict[int, float], count: int) -> None:
    for id, seconds in thread_seconds(pid).items():
        micros = (seconds - before.get(id, 0.0)) / count * 1e6
        if micros >= 0.1:
            name = "the loop" if id == pid else f"thread {id}"
            print(f"  {name}: {micros:.1f} µs a line", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agent_lines", description=__doc__)
    parser.add_argument("--checkout", type=Path, action="append", help="folder of the code")
    parser.add_argument("--lines", type=int, default=80_000)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--dir", type=Path, help="where data directories are made")
    parser.add_argument("--threads", action="store_true", help="print the time of each thread")
    asked = parser.parse_args()
    processes.prepare()
    checkouts = [path.resolve() for path in asked.checkout or [processes.ROOT]]
    found: dict[Path, list[Speed]] = {path: [] for path in checkouts}
    for _ in range(asked.runs):
        for path, runs in found.items():
            speed = measure(path, asked.lines, asked.worlds, asked.dir, threads=asked.threads)
            runs.append(speed)
            cost, rate = speed.cpu / speed.count * 1e6, speed.count / speed.seconds
            print(f"{path.name}: {cost:.1f} µs of CPU a line, {1e6 / cost:,.0f} lines a second of"
                  f" one core, {rate:,.0f} by the clock", flush=True)  # fmt: skip
    for path, runs in found.items():
        cost = statistics.median(run.cpu / run.count * 1e6 for run in runs)
        print(f"median of {path.name}: {cost:.1f} µs, {1e6 / cost:,.0f} lines a second of one core")
    return 0


if __name__ == "__main__":
    os.environ.pop("COAL_DATA", None)
    sys.exit(main())
