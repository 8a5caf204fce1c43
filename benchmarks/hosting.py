"""Hosted worlds: what this server adds to the program that it runs.

    python -m benchmarks.hosting [--worlds N] [--lines N] [--megabytes N] [--dir DIR]

The program is the stand-in of the tests, which is ready at once and takes next to nothing, so that the figures are
those of coalserver and its keepers:

- from the order to play to RUNNING;
- memory that coalserver and each keeper take for a world: resident, and of keepers also the proportional set size,
  which shares the pages of Python among them;
- lines a second of a flood, until all are in the history, or counted as left out, as most of a flood are;
- time and size of a saved game of a running world. Three quarters of its files are random: those of the game are packed
  already.

There is nothing to compare with: a bare handler hosts no worlds.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

import psutil

from benchmarks import processes
from benchmarks.processes import ROOT

FAKE_CHILD = ROOT / "tests" / "hosting" / "fake_child.py"
FIRST_PORT = 24_100
MIB = 1 << 20
EMAIL, PASSWORD = "root@example.org", "correct horse battery"
#: Longest wait for anything, in seconds.
TIMEOUT_SECONDS = 600
#: A line that the history has when all of the flood before it is taken in.
END = "the end of the flood"


@dataclass(frozen=True, slots=True)
class Plan:
    worlds: int
    lines: int
    megabytes: int


class Site:
    """A server in its own process, and an administrator of it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.settings = data.parent / f"{data.name}.ini"
        command = shlex.join((sys.executable, str(FAKE_CHILD)))
        self.settings.write_text(f"[version fake]\ncommand = {command}\n")
        self._token = ""
        self.url = ""
        self.process: subprocess.Popen[str]

    def command(self, *args: str) -> Any:
        """Run a command of the command line, and return its document."""
        line = (sys.executable, "run.py", "--json", *args, "--data", str(self.data))
        done = subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout) if done.stdout.strip() else None

    @contextmanager
    def serve(self, worlds: int) -> Iterator[None]:
        """Run the server with ports for so many worlds and one more; it is stopped at the end."""
        flags = (
            "--port", "0", "--config", str(self.settings), "--hosting-bind", "127.0.0.1",
            "--hosting-ports", f"{FIRST_PORT}-{FIRST_PORT + worlds}", "--hosting-memory", "100000",
            "--limits-exempt", "127.0.0.0/8,::1", "--log-level", "warning",
        )  # fmt: skip
        line = (sys.executable, "run.py", "--json", "serve", "--data", str(self.data), *flags)
        self.process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert self.process.stdout is not None
            document = ""
            for text in self.process.stdout:
                document += text
                if text == "}\n":
                    break
            self.url = json.loads(document)["listening"]
            self.command("account", "add", EMAIL, "--password", PASSWORD, "--admin")
            self._token = self.command("token", "add", EMAIL)["access_token"]
            yield
        finally:
            self.process.terminate()
            self.process.wait(TIMEOUT_SECONDS)

    def call(self, method: str, path: str, **body: Any) -> Any:
        request = Request(
            f"{self.url}/api/v1/servers{path}",
            method=method,
            data=json.dumps(body).encode() if method == "POST" else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            text = response.read()
        return json.loads(text) if text else None

    def add_world(self, number: int) -> str:
        """Add a world that may start, and return its key."""
        name = f"world{number}"
        options = ("--hosted", "--short-name", name, "--version", "fake", "--memory", "256M")
        added = self.command("world", "add", name, *options, "--eula", "--set", "idle_timeout=0")
        return str(added["key"])

    def hosting(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/{key}/hosting")
        return found

    def rss(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)


def until(holds: Callable[[], object], pause: float = 0.01) -> float:
    """Wait until a condition holds, and return the seconds."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > TIMEOUT_SECONDS:
            raise TimeoutError
        time.sleep(pause)
    return time.perf_counter() - began


def start_worlds(site: Site, keys: list[str]) -> list[float]:
    """Start worlds one after another, and return the seconds to RUNNING of each."""
    times = []
    for key in keys:
        began = time.perf_counter()
        site.call("POST", f"/{key}/queue/play")
        until(lambda key=key: site.hosting(key)["state"] == "RUNNING")
        times.append(time.perf_counter() - began)
    return times


def keeper_memory(site: Site, keys: list[str]) -> tuple[float, float]:
    """Return resident and proportional bytes of a keeper, the medians."""
    sizes = []
    for key in keys:
        keeper = psutil.Process(psutil.Process(site.hosting(key)["pid"]).ppid())
        found = keeper.memory_full_info()
        sizes.append((found.rss, found.pss))
    return median(one for one, _ in sizes), median(one for _, one in sizes)


def flood(site: Site, key: str, lines: int) -> float:
    """Return lines a second."""
    began = time.perf_counter()
    site.call("POST", f"/{key}/console", command=f"fake flood {lines}")
    site.call("POST", f"/{key}/console", command=f"fake chat Ada {END}")
    until(
        lambda: any(one["chat"] == END for one in site.call("GET", f"/{key}/chats")["chats"]), 0.05
    )
    return lines / (time.perf_counter() - began)


def save(site: Site, key: str, world: Path, megabytes: int) -> tuple[float, int]:
    """Return seconds and bytes of a saved game of a running world with so many MiB of files."""
    folder = world / "server" / "world" / "region"
    for number in range(megabytes):
        data = os.urandom(MIB * 3 // 4) + bytes(MIB // 4)
        (folder / f"r.{number + 10}.0.mca").write_bytes(data)
    began = time.perf_counter()
    site.call("POST", f"/{key}/queue/save")
    until(lambda: site.call("GET", f"/{key}/saves")["saves"], 0.05)
    seconds = time.perf_counter() - began
    return seconds, int(site.call("GET", f"/{key}/saves")["saves"][0]["size"])


def measure(plan: Plan, under: Path | None) -> list[tuple[str, str]]:
    with processes.fresh_directory(under) as folder:
        site = Site(folder / "data")
        with site.serve(plan.worlds):
            # The first one loads what is loaded once.
            keys = [site.add_world(0)]
            start_worlds(site, keys)
            time.sleep(2)
            before = site.rss()
            keys += [site.add_world(number) for number in range(1, plan.worlds + 1)]
            times = start_worlds(site, keys[1:])
            time.sleep(2)
            grown = (site.rss() - before) / plan.worlds
            rss, pss = keeper_memory(site, keys[1:])
            speed = flood(site, keys[0], plan.lines)
            world = min((site.data / "hosting" / "worlds").iterdir(), key=lambda one: int(one.name))
            seconds, size = save(site, keys[0], world, plan.megabytes)
            for key in keys:
                site.call("POST", f"/{key}/queue/kill")
            until(lambda: all(site.hosting(key)["state"] == "STOPPED" for key in keys))
    return [
        (f"from play to RUNNING, median of {plan.worlds}", f"{median(times):.2f} s"),
        (f"memory of coalserver per world, {plan.worlds} worlds", f"{grown / MIB:.1f} MiB"),
        (
            "memory of a keeper: resident; proportional",
            f"{rss / MIB:.1f} MiB; {pss / MIB:.1f} MiB",
        ),
        (f"flood of {plan.lines:,} lines", f"{speed:,.0f} lines/s"),
        (f"saved game of {plan.megabytes} MiB, while the world runs", f"{seconds:.1f} s"),
        ("size of that saved game", f"{size / MIB:.0f} MiB"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hosting", description="Measures hosted worlds."
    )
    parser.add_argument("--worlds", type=int, default=10, help="worlds that run at once [10]")
    parser.add_argument("--lines", type=int, default=100_000, help="lines of the flood [100000]")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the saved world [200]")
    parser.add_argument("--dir", type=Path, help="where the data directory is made")
    asked = parser.parse_args()
    rows = measure(Plan(asked.worlds, asked.lines, asked.megabytes), asked.dir)
    width = max(len(name) for name, _ in rows)
    print(", ".join(processes.machine().values()))
    for name, value in rows:
        print(f"{name.ljust(width)}  {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
