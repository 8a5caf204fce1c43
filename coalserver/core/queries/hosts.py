"""Questions about hosts: who they are, whom they let in, and what they launched."""

import hashlib

from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.room import Room
from coalserver.domain.text import constant_time_equals


def host_by_code(
    state: State, *, code: str, missing_code: ErrorCode = ErrorCode.PLAYER_NOT_FOUND
) -> HostProfile:
    """The host with this code; `missing` is why it is refused where there is none."""
    profile = state.first(HostProfile, "code", code)
    if profile is None:
        raise DomainError(missing_code)
    return profile


def host_code(state: State, *, host: int) -> str:
    """A host's code; empty for a player who is no host."""
    profile = state.get(HostProfile, host)
    return profile.code if profile else ""


def launched_room(state: State, *, host: int) -> Room | None:
    """The running room that a host launched."""
    profile = state.get(HostProfile, host)
    if profile is None or profile.room is None:
        return None
    room = state.get(Room, profile.room)
    return room if room is not None and not room.ended else None


def is_authority(state: State, *, room: int, secret: str) -> bool:
    """Whether this is the key that makes its holder a room's source of truth."""
    found = state.get(Room, room)
    if found is None or not found.authority:
        return False
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    return constant_time_equals(digest, found.authority)
