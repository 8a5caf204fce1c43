"""Steps: work on many entities, in turns with other requests."""

import asyncio

from coalserver.core.queries.worlds import all_active_worlds
from coalserver.core.state import State
from coalserver.core.steps import MAX_WORK, ROW_WORK, describe_in_turns
from coalserver.domain.minecraft.world import World


async def test_entities_are_described_in_turns_with_other_work():
    described, counts = [], []

    async def other_work() -> None:
        while True:
            counts.append(len(described))
            await asyncio.sleep(0)

    other = asyncio.create_task(other_work())
    found = await describe_in_turns(range(1000), lambda row: described.append(row) or -row)
    other.cancel()
    assert found == [-row for row in range(1000)]
    at_once = [later - earlier for earlier, later in zip(counts, counts[1:], strict=False)]
    assert max(at_once) == MAX_WORK // ROW_WORK


def test_all_worlds_are_read_some_at_once(monkeypatch):
    state = State([World(id, f"w{id}", created=float(id // 3)) for id in range(1, 251)])
    limits, in_order = [], State.in_order
    monkeypatch.setattr(
        State,
        "in_order",
        lambda *args, limit, **more: limits.append(limit) or in_order(*args, limit=limit, **more),
    )
    assert [world.id for world in all_active_worlds(state)] == list(range(1, 251))
    assert limits == [100] * 4
