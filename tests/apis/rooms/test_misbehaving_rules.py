"""Odd rules: whatever a function of theirs answers, callers get a clear answer and the server goes on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coalserver.storage.sqlite.store import SqliteStore
from tests.apis import sample_rules
from tests.apis.app import make_session, run_test_app


def deep(levels: int) -> Any:
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


ODD = {
    "a huge number": 2**70,
    "one of 5000 digits": 10**5000,
    "NaN": float("nan"),
    "a lone surrogate": "\ud800",
    "NUL": "a\0b",
    "bytes": b"x",
    "a set": {1, 2},
    "keys that are no texts": {(1, 2): 3},
    "900 levels": deep(900),
    "100,000 levels": deep(100_000),
    "nothing": None,
    "true": True,
    "an object": object(),
}


def odd_at_times(rule: Callable[..., Any], now: list[bool], odd: Any) -> Callable[..., Any]:
    """The rule as it was, until it is time."""
    return lambda *facts: odd if now else rule(*facts)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("rule", ["apply", "view", "seen", "outcome", "current", "left"])
async def test_the_server_goes_on(tmp_path: Path, rule: str, odd: Any) -> None:
    now: list[bool] = []
    async with run_test_app(SqliteStore(tmp_path / "data.sqlite")) as test_app:
        odd_one = odd_at_times(getattr(sample_rules.FAULTY, rule), now, odd)
        test_app.core.context.rules["faulty"] = replace(sample_rules.FAULTY, **{rule: odd_one})
        ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
        session = await make_session("faulty", ann, bob)
        poll = await test_app.start_waiting(bob.get(f"{session}/events?after-event-id=3&wait=30"))
        now.append(True)
        answers = [
            await ann.post(session + "/turn", {"n": 1}),
            await ann.get(session),
            await cid.get(session + "/events?wait=0"),
            await ann.post(session + "/leave"),
            await bob.get(session),
            await bob.post(session + "/stop"),
            await cid.get(session + "/events?wait=0"),
        ]
        now.clear()
        assert all(answer.status < 500 for answer in answers)
        assert (await cid.post("/games/noughts/rooms", {"name": "still here"})).status == 201
        if not poll.done():
            poll.cancel()
