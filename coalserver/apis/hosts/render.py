"""How hosts, sessions and their players look in this dialect. Plain functions; nothing is decided here."""

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
from coalserver.web.api import RequestContext

JSON = dict[str, Any]

#: A guest who has no uuid; with his number behind it, once he sits somewhere.
NONAME = "NONAME"
_UUID = re.compile(
    r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}"
)
_NUMBERED_NONAME = re.compile(rf"{NONAME}-([0-9]{{1,18}})", re.IGNORECASE)


def format_uuid(code: str) -> str:
    """A code as this API shows it."""
    return str(UUID(code)).upper()


def parse_uuid(text: str) -> str:
    """The code that a uuid in any case means; empty for what is no uuid."""
    text = text.strip()
    return text.replace("-", "").lower() if _UUID.fullmatch(text) else ""


def name_of(state: State, player: int) -> str:
    """A host's uuid, or the numbered name of a guest who has none."""
    code = host_code(state, host=player)
    return format_uuid(code) if code else f"{NONAME}-{player}"


def find_member(state: State, room: Room, text: str) -> int | None:
    """The member of a session whom a client means."""
    if text == "host":
        return room.roster.host
    numbered = _NUMBERED_NONAME.fullmatch(text.strip())
    name = numbered[0].upper() if numbered else format_uuid(parse_uuid(text) or "0" * 32)
    return next((one for one in room.roster if name_of(state, one) == name), None)


def host(state: State, profile: HostProfile) -> JSON:
    """The document of one host."""
    return {
        "uuid": format_uuid(profile.code),
        "only_friends": profile.only_friends,
        "allow_nonames": profile.allow_nonames,
        "friends": names_of(state, profile.friends),
        "banlist": names_of(state, profile.banlist),
    }


def names_of(state: State, players: Iterable[int]) -> list[str]:
    return [name_of(state, player) for player in players]


def location(ctx: RequestContext, session: int) -> dict[str, str]:
    """Where a session is played: a WebSocket's address."""
    return {"Location": f"{ctx.origin.replace('http', 'ws', 1)}/sync/{session}"}


def session(state: State, room: Room, synced: SyncedState | None) -> JSON:
    """The document of one session, with its state."""
    return {
        "session_id": room.id,
        **participants(state, room),
        **versioned_state(synced or SyncedState(room.id)),
    }


def participants(state: State, room: Room) -> JSON:
    return {
        "players": names_of(state, room.roster),
        "host": name_of(state, room.roster.host),
    }


def versioned_state(synced: SyncedState) -> JSON:
    return {"version": synced.version, "state": orjson.Fragment(synced.snapshot())}


def format_key(secret: str) -> str:
    """A source-of-truth key as this API shows it."""
    return secret.upper()


def parse_key(key: str) -> str:
    """What a key in any case stands for."""
    return key.strip().lower()
