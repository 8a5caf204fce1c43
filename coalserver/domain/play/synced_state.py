"""Synced state: a room's state in versions, which its source of truth sets and patches."""

from dataclasses import dataclass
from typing import Any

import orjson

from coalserver.domain.construction import quickly_made, replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.steps import Steps, complete
from coalserver.domain.text import trimmed

#: Members of a patch that are merged at once.
STEP_MEMBERS = 2000
#: Limit of the whole state.
MAX_STATE_BYTES = 256 * 1024
#: A larger patch is replaced by the whole state, both for subscribers and on disk.
MAX_PATCH_BYTES = 16 * 1024
#: Versions between two snapshots.
SNAPSHOT_INTERVAL = 64


@quickly_made
@dataclass(frozen=True, slots=True)
class SyncedState:
    """A snapshot and the patches since. Methods return a new SyncedState or raise DomainError.

    The whole state is computed on demand: for new subscribers, and for every 64th version, which is
    written to disk.
    """

    #: Id of the room.
    id: int
    version: int = 0
    #: The snapshot: any JSON.
    state: bytes = b"null"
    #: JSON Merge Patches (RFC 7396) from the snapshot to this version; each is an object.
    patches: tuple[bytes, ...] = ()
    #: Id of the entry that published this version; -1: none.
    entry: int = -1
    #: When the snapshot was made.
    snapshot_at: float = 0.0

    @property
    def size(self) -> int:
        """Upper bound of the whole state's bytes: a patch adds at most its own length."""
        return len(self.state) + sum(map(len, self.patches))

    def snapshot(self) -> bytes:
        """Return the whole state at this version: JSON."""
        return complete(self.snapshot_in_steps())

    def snapshot_in_steps(self) -> Steps[bytes]:
        """Return the snapshot, in steps: yields the work of each in microseconds or so."""
        if not self.patches:
            return self.state
        # Python's own decoder takes 12 ms for the largest list of fractions.
        state = orjson.loads(self.state)
        yield len(self.state) // 64
        for patch in self.patches:
            members = orjson.loads(patch)
            yield len(patch) // 64
            state = yield from _merge_in_steps(state, members)
        return trimmed(orjson.dumps(state))

    def compact(self, now: float) -> "SyncedState":
        """Return the same version as a snapshot without patches."""
        return complete(self._compact_in_steps(now))

    def _compact_in_steps(self, now: float) -> Steps["SyncedState"]:
        state = yield from self.snapshot_in_steps()
        return replace(self, state=state, patches=(), snapshot_at=now)

    def with_state(self, state: bytes, now: float) -> "SyncedState":
        """Return the next version with another state (any JSON).

        Raises INVALID_REQUEST (field `state`) above MAX_STATE_BYTES.
        """
        if len(state) > MAX_STATE_BYTES:
            raise DomainError(ErrorCode.INVALID_REQUEST, fields={"state": "too_large"})
        return replace(self, version=self.version + 1, state=state, patches=(), snapshot_at=now)

    def apply_patch(self, patch: bytes, now: float) -> "SyncedState":
        """Return the next version with a patch (a JSON object), as a snapshot where one is due.

        Raises INVALID_REQUEST (field `patch`) if the state exceeds MAX_STATE_BYTES.
        """
        return complete(self.apply_patch_in_steps(patch, now))

    def apply_patch_in_steps(self, patch: bytes, now: float) -> Steps["SyncedState"]:
        """Return what `apply_patch` returns, in steps. Raises what it raises."""
        patched = self._with_patch(patch)
        if patched.size > MAX_STATE_BYTES:
            patched = yield from patched._compact_in_steps(now)
            if len(patched.state) > MAX_STATE_BYTES:
                raise DomainError(ErrorCode.INVALID_REQUEST, fields={"patch": "too_large"})
        elif self.needs_snapshot(patch):
            patched = yield from patched._compact_in_steps(now)
        return patched

    def needs_snapshot(self, patch: bytes) -> bool:
        """Return whether the next version, with a patch, is a snapshot: this may take 20 ms."""
        return (
            len(patch) > MAX_PATCH_BYTES
            or len(self.patches) + 1 >= SNAPSHOT_INTERVAL
            or self.size + len(patch) > MAX_STATE_BYTES
        )

    def replay(self, patch: bytes, entry: int) -> "SyncedState":
        """Return the next version with a patch from a stored entry, for recovery."""
        return replace(self._with_patch(patch), entry=entry)

    def _with_patch(self, patch: bytes) -> "SyncedState":
        return replace(self, version=self.version + 1, patches=(*self.patches, patch))


def merge_patch(target: Any, patch: Any) -> Any:
    """Return the target with a JSON Merge Patch applied (RFC 7396). Changes and reuses the target and the patch."""
    return complete(_merge_in_steps(target, patch))


def _merge_in_steps(target: Any, patch: Any) -> Steps[Any]:
    """Return what `merge_patch` returns, in steps."""
    if not isinstance(patch, dict):
        return patch
    result = target if isinstance(target, dict) else {}
    pending, members = [(result, patch)], 0
    # A loop without calls: a patch may have thousands of members.
    while pending:
        into, some = pending.pop()
        for name, value in some.items():
            if value is None:
                into.pop(name, None)
            elif isinstance(value, dict):
                inner = into.get(name)
                if not isinstance(inner, dict):
                    inner = into[name] = {}
                pending.append((inner, value))
            else:
                into[name] = value
        members += len(some) + 1
        if members > STEP_MEMBERS:
            yield members // 5
            members = 0
    return result
