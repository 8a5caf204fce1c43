"""Large patches of synced states: parsed and merged in steps before their command runs, since a command does not wait.

Updates of one room that come meanwhile wait for it, so that the state stays as it was.
"""

import asyncio
from weakref import WeakValueDictionary

from coalserver.core.commands.synced_state import PreparedPatch
from coalserver.core.state import State
from coalserver.core.steps import complete_in_turns
from coalserver.domain.errors import DomainError
from coalserver.domain.play.synced_state import SyncedState

#: How often a patch is prepared again, since something else has changed the state meanwhile.
MAX_ATTEMPTS = 3


class PatchPreparation:
    """Prepares patches: one at a time for each room."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def prepare(self, room_id: int, patch: bytes | None, now: float) -> PreparedPatch | None:
        """Return a patch that takes long, prepared; None for another one, and for a whole state.

        To be called by a room's source of truth, right before the command: without an await in between.
        """
        lock = self._locks.get(room_id)
        if lock is None:
            if patch is None or not self._takes_long(room_id, patch):
                return None
            lock = self._locks[room_id] = asyncio.Lock()
        async with lock:
            for _ in range(MAX_ATTEMPTS):
                if patch is None or not self._takes_long(room_id, patch):
                    return None
                before = self._state.get(SyncedState, room_id)
                prepared = await _prepare(before, room_id, patch, now)
                if self._state.get(SyncedState, room_id) is before:
                    return prepared
            return None

    def _takes_long(self, room_id: int, patch: bytes) -> bool:
        state = self._state.get(SyncedState, room_id) or SyncedState(room_id)
        return state.needs_snapshot(patch)


async def _prepare(
    before: SyncedState | None, room_id: int, patch: bytes, now: float
) -> PreparedPatch:
    state = before or SyncedState(room_id)
    try:
        after = await complete_in_turns(state.apply_patch_in_steps(patch, now))
    except DomainError as error:
        error.__traceback__ = None
        return PreparedPatch(before, error)
    return PreparedPatch(before, after)
