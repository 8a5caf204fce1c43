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
from tests.contracts.normal import Normal
from tests.contracts.program import forks, serving

#: The step that stands for the rest of a part that went no further.
CUT_SHORT = "the script went no further"
RECORDED = Path(__file__).parent / "recorded"
#: Parts that have a server of their own, and which members of their answers hold words for people.
SERVED = {
    "rooms": frozenset({"description"}),
    "multiplayer": frozenset(),
    "hosts": frozenset(),
    "coal": frozenset(),
    "oauth": frozenset(),
    "site": frozenset({"text", "words", "sentence", "description", "title", "when", "label"}),
}
#: Parts that begin what they need themselves.
OTHERS = ("commands", "files")
#: Nobody is away, and no seat is freed, while the script runs; callers have addresses of their own.
FLAGS = (
    "--trusted-proxies", "127.0.0.1", "--away-after", "3600", "--hosts-grace", "3600", "--log-level", "warning",
)  # fmt: skip


async def served(name: str, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Run a part against a new server; gives its steps and what was asked."""
    module = importlib.import_module(f"tests.contracts.{name}")
    async with serving(folder / name, *FLAGS) as server:
        jar, connector = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as http:
            normal = Normal(SERVED[name])
            normal.know(server.url.removeprefix("http://"), "server")
            part = Part(name, server, http, normal)
            try:
                await module.run(part)
            except Exception as fault:
                # What was asked until then can be compared still, and so can the other parts.
                part.steps.append(
                    {"step": CUT_SHORT, "answer": repr(fault), "log": log_of(folder / name)}
                )
                return part.steps, part.asked
        assert await server.stop() == 0, f"{name}: the server did not end well"
    return part.steps, part.asked


def log_of(data: Path) -> str:
    """The end of what a server has logged."""
    return data.with_name(f"{data.name}.log").read_text("utf-8", "replace")[-3000:]


async def everything(folder: Path, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """All parts, some side by side; gives the recording by part, and under `asked` every request that was sent."""
    gate = asyncio.Semaphore(3)

    async def one(name: str) -> tuple[str, Any, list[str]]:
        async with gate:
            began = time.monotonic()
            if name in SERVED:
                steps, asked = await served(name, folder)
            else:
                module = importlib.import_module(f"tests.contracts.{name}")
                try:
                    steps, asked = await module.record(folder / name), []
                except Exception as fault:
                    steps, asked = [{"step": CUT_SHORT, "answer": repr(fault), "log": ""}], []
            print(
                f"{name}: {len(steps)} steps in {time.monotonic() - began:.1f} s", file=sys.stderr
            )
            return name, steps, asked

    names = [name for name in (*SERVED, *OTHERS) if not only or name in only]
    async with forks():
        done = await asyncio.gather(*map(one, names))
    found: dict[str, Any] = {name: steps for name, steps, _ in done}
    found["asked"] = [request for _, _, asked in done for request in asked]
    return found


def write(steps: list[dict[str, Any]], place: Path) -> None:
    """One step a line: a difference shows which."""
    lines = (json.dumps(step, ensure_ascii=False, sort_keys=True) for step in steps)
    place.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


def main() -> None:
    RECORDED.mkdir(exist_ok=True)
    only = tuple(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(everything(Path(folder), only))
    asked = found.pop("asked")
    cut = [name for name, steps in found.items() if steps[-1]["step"] == CUT_SHORT]
    if cut:
        sys.exit("Nothing is recorded: " + "; ".join(f"{name}: {found[name][-1]}" for name in cut))
    for name, steps in found.items():
        write(steps, RECORDED / f"{name}.json")
    if not only:
        from tests.contracts.coverage import unasked

        print("not requested:", unasked(asked) or "none", file=sys.stderr)


if __name__ == "__main__":
    main()
