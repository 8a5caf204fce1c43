"""Rules whose functions return invalid values: no request fails with a 500."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coalserver.storage.sqlite.store import SqliteStore
from tests.apis import sample_rules
from tests.apis.app import make_session, run_test_app


def deep(levels: int) -> Any:
    """Return this many nested lists."""
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


ODD_RESULTS = {
    "a huge number": 2**70,
    "one of 5000 digits": 10**5000,
    "NaN": float("nan"),
    "a lone surrogate": "\ud800",
    "NUL": "a\0b",
    "bytes": b"x",
    "a set": {1, 2},
    "keys that are not strings": {(1, 2): 3},
    "900 levels": deep(900),
    "100,000 levels": deep(100_000),
    "nothing": None,
    "true": True,
    "an object": object(),
}


def make_odd(rule: Callable[..., Any], active: list[bool], odd: Any) -> Callable[..., Any]:
    """Return the rule, which returns `odd` once `active` is not empty."""
    return lambda *args: odd if active else rule(*args)


@pytest.mark.parametrize("odd", ODD_RESULTS.values(), ids=ODD_RESULTS)
@pytest.mark.parametrize("rule", ["apply", "view", "seen", "outcome", "current", "left"])
async def test_server_survives_invalid_results_of_rules(
    tmp_path: Path, rule: str, odd: Any
) -> None:
    active: list[bool] = []
    async with run_test_app(SqliteStore(tmp_path / "data.sqlite")) as test_app:
        odd_rule = make_odd(getattr(sample_rules.FAULTY, rule), active, odd)
        test_app.core.context.rules["faulty"] = replace(sample_rules.FAULTY, **{rule: odd_rule})
        ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
        session = await make_session("faulty", ann, bob)
        poll = await test_app.start_waiting(bob.get(f"{session}/events?after-event-id=3&wait=30"))
        active.append(True)
        answers = [
            await ann.post(session + "/turn", {"n": 1}),
            await ann.get(session),
            await cid.get(session + "/events?wait=0"),
            await ann.post(session + "/leave"),
            await bob.get(session),
            await bob.post(session + "/stop"),
            await cid.get(session + "/events?wait=0"),
        ]
        active.clear()
        assert all(answer.status < 500 for answer in answers)
        assert (await cid.post("/games/noughts/rooms", {"name": "still here"})).status == 201
        if not poll.done():
            poll.cancel()
