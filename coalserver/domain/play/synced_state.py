"""Truths: the state that its source of truth keeps in a room, version by version."""

import json
from dataclasses import dataclass, replace
from typing import Any

from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import dumped

#: Bytes that a whole state may have.
MOST = 256 * 1024
#: A larger patch is not said: the whole state takes its place, with those who listen and on disk.
LARGEST_PATCH = 16 * 1024
#: Versions from one snapshot to the next.
EVERY = 64


@dataclass(frozen=True, slots=True)
class Truth:
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
    at: float = 0.0

    @property
    def size(self) -> int:
        """Bytes the whole has at most: a patch adds no more than it has itself."""
        return len(self.state) + sum(map(len, self.patches))

    def whole(self) -> bytes:
        """The state at this version, as JSON."""
        if not self.patches:
            return self.state
        state = json.loads(self.state)
        for patch in self.patches:
            state = merged(state, json.loads(patch))
        return dumped(state)

    def folded(self, now: float) -> "Truth":
        """The same version as a snapshot without patches."""
        return replace(self, state=self.whole(), patches=(), at=now)

    def replaced(self, state: bytes, now: float) -> "Truth":
        """Another state."""
        if len(state) > MOST:
            raise Refusal(Why.MALFORMED, fields={"state": "too_large"})
        return replace(self, version=self.version + 1, state=state, patches=(), at=now)

    def patched(self, patch: bytes, now: float) -> "Truth":
        """The state with a patch on it; a snapshot where that is due."""
        after = self._with(patch)
        if after.size > MOST:
            after = after.folded(now)
            if len(after.state) > MOST:
                raise Refusal(Why.MALFORMED, fields={"patch": "too_large"})
        if len(after.patches) >= EVERY or len(patch) > LARGEST_PATCH:
            after = after.folded(now)
        return after

    def followed(self, patch: bytes, entry: int) -> "Truth":
        """What this kept snapshot became when an entry said a patch."""
        return replace(self._with(patch), entry=entry)

    def _with(self, patch: bytes) -> "Truth":
        return replace(self, version=self.version + 1, patches=(*self.patches, patch))


def merged(target: Any, patch: Any) -> Any:
    """A value with a JSON Merge Patch on it, as RFC 7396 has it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
