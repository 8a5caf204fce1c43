"""Comparison of all answers with the recorded contracts; `record.py` records them."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.coverage import unrequested_routes
from tests.contracts.record import CUT_SHORT, OTHERS, RECORDED, SERVED, record_all

#: Number of differences in one failure message.
SHOWN = 20
MISSING = "(missing)"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("contracts")
    return asyncio.run(record_all(folder))


def differences(was: Any, now: Any, path: str = "") -> Iterator[str]:
    """Return where two values differ, including types: 2 is not 2.0, and true is not 1."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in sorted({*was, *now}):
            yield from differences(was.get(name, MISSING), now.get(name, MISSING), f"{path}.{name}")
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for number, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from differences(one, other, f"{path}[{number}]")
    elif type(was) is not type(now) or was != now:
        yield f"{path}: was {json.dumps(was, ensure_ascii=False)[:300]}, is {json.dumps(now, ensure_ascii=False)[:300]}"


@pytest.mark.parametrize("name", (*SERVED, *OTHERS))
def test_part_matches_the_record(found: dict[str, Any], name: str) -> None:
    recorded, now = json.loads((RECORDED / f"{name}.json").read_text("utf-8")), found[name]
    shown = []
    if now[-1]["step"] == CUT_SHORT:
        cut = now.pop()
        shown.append(
            f"{CUT_SHORT} after {len(now)} of {len(recorded)} steps: {cut['answer']}\n{cut['log']}"
        )
    for before, after in zip(recorded, now, strict=False):
        for one in differences(before, after):
            shown.append(f"{before['step'][:200]}\n    {one}")
    assert not shown, f"{len(shown)} differences in {name}:\n" + "\n".join(shown[:SHOWN])
    assert len(recorded) == len(now)


def test_every_route_is_requested(found: dict[str, Any]) -> None:
    assert unrequested_routes(found["requests"]) == []
