"""What listeners may see of values: as they were when the feed's newest entry was said, and on disk by then.

State runs ahead of the feed by what is not on disk yet. Who is told a value itself instead of an entry must not
hear of that: after a crash it would never have been.
"""

from collections.abc import Iterable
from typing import Any, TypeVar

from coalserver.core.ports import Batch
from coalserver.core.state import State
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState

T = TypeVar("T")
#: The classes of which listeners are told values.
KINDS: tuple[type, ...] = (Room, SyncedState)


class CommittedView:
    """The newest values that were written, of a few classes. They are State's own: a name more, no copy."""

    def __init__(self, state: State) -> None:
        self._values: dict[type, dict[int, Any]] = {kind: {} for kind in KINDS}
        for kind, values in self._values.items():
            everything: Iterable[Any] = state.all(kind)
            values.update((value.id, value) for value in everything)

    def get(self, kind: type[T], id: int) -> T | None:
        return self._values[kind].get(id)

    def apply(self, batch: Batch) -> None:
        """A batch is on disk and is about to be said."""
        for changes in (batch.values, batch.derived):
            for (kind, id), value in changes.items():
                values = self._values.get(kind)
                if values is None:
                    continue
                if value is None:
                    values.pop(id, None)
                else:
                    values[id] = value
