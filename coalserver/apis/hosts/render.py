"""JSON shapes of hosts, sessions and players, and the formats of uuids and keys."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from coalserver.core.queries.hosts import host_code
from coalserver.core.state import State
from coalserver.domain.play.host_profile import HostProfile
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState
from coalserver.web.context import RequestContext

JSON = dict[str, Any]

#: The name of guests without a uuid; once they are in a session, their player id is appended.
NONAME = "NONAME"
_UUID = re.compile(
    r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}"
)
_NUMBERED_NONAME = re.compile(rf"{NONAME}-([0-9]{{1,18}})", re.IGNORECASE)


def format_uuid(code: str) -> str:
    """Return the uuid of a code, in upper case."""
    return str(UUID(code)).upper()


def parse_uuid(text: str) -> str:
    """Return the code of a uuid in any case, or the empty string if the text is not a uuid."""
    text = text.strip()
    return text.replace("-", "").lower() if _UUID.fullmatch(text) else ""


def name_of(state: State, player: int) -> str:
    """Return the uuid of a host, or `NONAME-<player id>` for a guest without a uuid."""
    code = host_code(state, host=player)
    return format_uuid(code) if code else f"{NONAME}-{player}"


def find_member(state: State, room: Room, text: str) -> int | None:
    """Return the member that a client names by `host`, a uuid or `NONAME-<player id>`, or None."""
    if text == "host":
        return room.roster.host
    numbered = _NUMBERED_NONAME.fullmatch(text.strip())
    name = numbered[0].upper() if numbered else format_uuid(parse_uuid(text) or "0" * 32)
    return next((player for player in room.roster if name_of(state, player) == name), None)


def host(state: State, profile: HostProfile) -> JSON:
    """Return a host with its lists."""
    return {
        "uuid": format_uuid(profile.code),
        "only_friends": profile.only_friends,
        "allow_nonames": profile.allow_nonames,
        "friends": names_of(state, profile.friends),
        "banlist": names_of(state, profile.banlist),
    }


def names_of(state: State, players: Iterable[int]) -> list[str]:
    """Return the names of players, in their order."""
    return [name_of(state, player) for player in players]


def location(ctx: RequestContext, session: int) -> dict[str, str]:
    """Return the `Location` header with the address of a session's sync WebSocket."""
    return {"Location": f"{ctx.public_url.replace('http', 'ws', 1)}/sync/{session}"}


def session(state: State, room: Room, synced: SyncedState, snapshot: bytes) -> JSON:
    """Return a session with its members and its state, of which `snapshot` is the JSON."""
    return {
        "session_id": room.id,
        **participants(state, room),
        **versioned_state(synced, snapshot),
    }


def participants(state: State, room: Room) -> JSON:
    """Return the names of the members and of the host."""
    return {
        "players": names_of(state, room.roster),
        "host": name_of(state, room.roster.host),
    }


def versioned_state(synced: SyncedState, snapshot: bytes) -> JSON:
    """Return the state with its version."""
    return {"version": synced.version, "state": orjson.Fragment(snapshot)}


def format_key(secret: str) -> str:
    """Return the source-of-truth key of a secret."""
    return secret.upper()


def parse_key(key: str) -> str:
    """Return the secret of a source-of-truth key in any case."""
    return key.strip().lower()
