"""Values and entries for stores."""

from typing import Any

from coalserver.core.ports import Batch, Entry, Store, Topic
from coalserver.domain.accounts.events import TokenRevoked
from coalserver.domain.play.player import Player


def make_player(id: int, name: str = "Ada") -> Player:
    return Player(id, name, created=0.0, updated=0.0)


def make_batch(*values: Any, deleted: tuple[Any, ...] = (), **kwargs: Any) -> Batch:
    values_by_key = {(type(value), value.id): value for value in values}
    return Batch(
        {**values_by_key, **{(type(value), value.id): None for value in deleted}}, **kwargs
    )


def make_entry(id: int, *topics: Topic, at: float = 0.0) -> Entry:
    return Entry(id, at, TokenRevoked(player=1, token=id), topics or (("player", 1),))


async def write_entries(store: Store, *entries: Entry) -> None:
    """Write entries and their counter, as the batch writer does."""
    await store.write(Batch(entries=list(entries), counters={"entry": entries[-1].id + 1}))


def ids(entries: list[Entry]) -> list[int]:
    return [entry.id for entry in entries]
