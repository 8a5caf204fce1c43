"""Questions about hosts: who they are, whom they let in, and what they launched."""

import hashlib

from coalserver.core.state import State
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.host_profile import Welcome
from coalserver.domain.play.lobby import same
from coalserver.domain.play.room import Room


def host_coded(state: State, *, code: str, missing: Why = Why.PLAYER_NOT_FOUND) -> Welcome:
    """The host with this code; `missing` is why it is refused where there is none."""
    welcome = state.one(Welcome, "code", code)
    if welcome is None:
        raise Refusal(missing)
    return welcome


def code_of(state: State, *, host: int) -> str:
    """A host's code; empty for a player who is no host."""
    welcome = state.get(Welcome, host)
    return welcome.code if welcome else ""


def launched_by(state: State, *, host: int) -> Room | None:
    """The running room that a host launched."""
    welcome = state.get(Welcome, host)
    if welcome is None or welcome.room is None:
        return None
    room = state.get(Room, welcome.room)
    return room if room is not None and not room.over else None


def proves_authority(state: State, *, room: int, secret: str) -> bool:
    """Whether this is the key that makes its holder a room's source of truth."""
    found = state.get(Room, room)
    if found is None or not found.authority:
        return False
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    return same(digest, found.authority)
