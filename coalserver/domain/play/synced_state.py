"""Truths: the state that its source of truth keeps in a room, version by version."""

import json
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import dump_json

#: Bytes that a whole state may have.
MAX_STATE_BYTES = 256 * 1024
#: A larger patch is not said: the whole state takes its place, with those who listen and on disk.
MAX_PATCH_BYTES = 16 * 1024
#: Versions from one snapshot to the next.
SNAPSHOT_INTERVAL = 64


@dataclass(frozen=True, slots=True)
class SyncedState:
    """A state: a snapshot, and the patches since. Every method returns the next truth or refuses.

    Nobody needs the whole at each version, so that it is put together when somebody does: for one who comes
    late, and for every 64th version, which goes to disk.
    """

    #: That of its room.
    id: int
    version: int = 0
    #: The snapshot: any JSON.
    state: bytes = b"null"
    #: JSON Merge Patches (RFC 7396) that lead from there to this version; each is an object.
    patches: tuple[bytes, ...] = ()
    #: The entry that said this version.
    entry: int = -1
    #: When the snapshot was made.
    snapshot_at: float = 0.0

    @property
    def size(self) -> int:
        """Bytes the whole has at most: a patch adds no more than it has itself."""
        return len(self.state) + sum(map(len, self.patches))

    def snapshot(self) -> bytes:
        """The state at this version, as JSON."""
        if not self.patches:
            return self.state
        state = json.loads(self.state)
        for patch in self.patches:
            state = merge_patch(state, json.loads(patch))
        return dump_json(state)

    def compact(self, now: float) -> "SyncedState":
        """The same version as a snapshot without patches."""
        return replace(self, state=self.snapshot(), patches=(), snapshot_at=now)

    def with_state(self, state: bytes, now: float) -> "SyncedState":
        """Another state."""
        if len(state) > MAX_STATE_BYTES:
            raise DomainError(ErrorCode.INVALID_REQUEST, fields={"state": "too_large"})
        return replace(self, version=self.version + 1, state=state, patches=(), snapshot_at=now)

    def apply_patch(self, patch: bytes, now: float) -> "SyncedState":
        """The state with a patch on it; a snapshot where that is due."""
        patched = self._with_patch(patch)
        if patched.size > MAX_STATE_BYTES:
            patched = patched.compact(now)
            if len(patched.state) > MAX_STATE_BYTES:
                raise DomainError(ErrorCode.INVALID_REQUEST, fields={"patch": "too_large"})
        if len(patched.patches) >= SNAPSHOT_INTERVAL or len(patch) > MAX_PATCH_BYTES:
            patched = patched.compact(now)
        return patched

    def replay(self, patch: bytes, entry: int) -> "SyncedState":
        """What this kept snapshot became when an entry said a patch."""
        return replace(self._with_patch(patch), entry=entry)

    def _with_patch(self, patch: bytes) -> "SyncedState":
        return replace(self, version=self.version + 1, patches=(*self.patches, patch))


def merge_patch(target: Any, patch: Any) -> Any:
    """A value with a JSON Merge Patch on it, as RFC 7396 has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result
