"""Queries about hosts of the hosts API: their profiles and launched rooms."""

from coalserver.core.state import Reader
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.room import Room
from coalserver.domain.text import constant_time_equals, secret_digest


def get_host_profile(reader: Reader, host_id: int) -> HostProfile:
    """Return the profile of the host with this player id. Raises PLAYER_NOT_FOUND."""
    profile = reader.get(HostProfile, host_id)
    if profile is None:
        raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    return profile


def host_by_code(
    reader: Reader, *, code: str, missing_code: ErrorCode = ErrorCode.PLAYER_NOT_FOUND
) -> HostProfile:
    """Return the host with this code. Raises `missing_code` where there is none."""
    profile = reader.first(HostProfile, "code", code)
    if profile is None:
        raise DomainError(missing_code)
    return profile


def host_code(reader: Reader, *, host: int) -> str:
    """Return a host's code, or an empty text for a player who is not a host."""
    profile = reader.get(HostProfile, host)
    return profile.code if profile else ""


def launched_room(reader: Reader, *, host: int) -> Room | None:
    """Return the running room that a host has launched, or None."""
    profile = reader.get(HostProfile, host)
    if profile is None or profile.room is None:
        return None
    room = reader.get(Room, profile.room)
    return room if room is not None and not room.ended else None


def is_authority(reader: Reader, *, room: int, secret: str) -> bool:
    """Return whether a secret proves its holder to be a room's source of truth."""
    found = reader.get(Room, room)
    if found is None or not found.authority:
        return False
    return constant_time_equals(secret_digest(secret), found.authority)
