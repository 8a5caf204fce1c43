"""Record the contracts: `python -m tests.contracts.record` writes the files in `recorded/`, one for each part."""

import asyncio
import importlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.contracts.calls import Part
from tests.contracts.placeholders import Placeholders
from tests.contracts.program import forks, run_server

#: The step that replaces the rest of a part that failed.
CUT_SHORT = "the script went no further"
RECORDED = Path(__file__).parent / "recorded"
#: Parts with their own server, and the members of their answers that hold texts.
SERVED = {
    "rooms": frozenset({"description"}),
    "multiplayer": frozenset(),
    "hosts": frozenset(),
    "coal": frozenset(),
    "oauth": frozenset(),
    "site": frozenset({"text", "words", "sentence", "description", "title", "when", "label"}),
}
#: Parts that start their own processes.
OTHERS = ("commands", "files")
#: No player becomes away or loses a seat while the script runs; each caller has its own address.
FLAGS = (
    "--trusted-proxies", "127.0.0.1", "--away-after", "3600", "--hosts-grace", "3600", "--log-level", "warning",
)  # fmt: skip


async def run_part(name: str, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Run a part against a new server and return its steps and requests."""
    module = importlib.import_module(f"tests.contracts.{name}")
    async with run_server(folder / name, *FLAGS) as server:
        jar, connector = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as http:
            placeholders = Placeholders(SERVED[name])
            placeholders.add(server.url.removeprefix("http://"), "server")
            part = Part(name, server, http, placeholders)
            try:
                await module.run(part)
            except Exception as error:
                # The requests before the failure, and the other parts, can still be compared.
                part.steps.append(
                    {"step": CUT_SHORT, "answer": repr(error), "log": end_of_log(folder / name)}
                )
                return part.steps, part.requests
        assert await server.stop() == 0, f"{name}: the server did not end well"
    return part.steps, part.requests


def end_of_log(data: Path) -> str:
    """Return the end of a server's log."""
    return data.with_name(f"{data.name}.log").read_text("utf-8", "replace")[-3000:]


async def record_all(folder: Path, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run all parts, some concurrently; return the recording by part and, as `requests`, all requests."""
    gate = asyncio.Semaphore(3)

    async def one(name: str) -> tuple[str, Any, list[str]]:
        async with gate:
            began = time.monotonic()
            if name in SERVED:
                steps, requests = await run_part(name, folder)
            else:
                module = importlib.import_module(f"tests.contracts.{name}")
                try:
                    steps, requests = await module.record(folder / name), []
                except Exception as error:
                    steps, requests = [{"step": CUT_SHORT, "answer": repr(error), "log": ""}], []
            print(
                f"{name}: {len(steps)} steps in {time.monotonic() - began:.1f} s", file=sys.stderr
            )
            return name, steps, requests

    names = [name for name in (*SERVED, *OTHERS) if not only or name in only]
    async with forks():
        done = await asyncio.gather(*map(one, names))
    found: dict[str, Any] = {name: steps for name, steps, _ in done}
    found["requests"] = [request for _, _, requests in done for request in requests]
    return found


def write(steps: list[dict[str, Any]], place: Path) -> None:
    """Write one step per line, so that a diff shows the step."""
    lines = (json.dumps(step, ensure_ascii=False, sort_keys=True) for step in steps)
    place.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


def main() -> None:
    RECORDED.mkdir(exist_ok=True)
    only = tuple(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(record_all(Path(folder), only))
    requests = found.pop("requests")
    failed = [name for name, steps in found.items() if steps[-1]["step"] == CUT_SHORT]
    if failed:
        sys.exit(
            "Nothing is recorded: " + "; ".join(f"{name}: {found[name][-1]}" for name in failed)
        )
    for name, steps in found.items():
        write(steps, RECORDED / f"{name}.json")
    if not only:
        from tests.contracts.coverage import unrequested_routes

        print("not requested:", unrequested_routes(requests) or "none", file=sys.stderr)


if __name__ == "__main__":
    main()
