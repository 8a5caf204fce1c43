"""How hosts, sessions and their players look in this dialect. Plain functions; nothing is decided here."""

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from coalserver.core.queries.hosts import code_of
from coalserver.core.state import State
from coalserver.domain.play.host_profile import Welcome
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import Truth
from coalserver.web.api import Call

JSON = dict[str, Any]

#: A guest who has no uuid; with his number behind it, once he sits somewhere.
NONAME = "NONAME"
_UUID = re.compile(
    r"[0-9a-fA-F]{8}(-?)[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{4}\1[0-9a-fA-F]{12}"
)
_NUMBERED = re.compile(rf"{NONAME}-([0-9]{{1,18}})", re.IGNORECASE)


def uuid(code: str) -> str:
    """A code as this API shows it."""
    return str(UUID(code)).upper()


def code_of_text(text: str) -> str:
    """The code that a uuid in any case means; empty for what is no uuid."""
    text = text.strip()
    return text.replace("-", "").lower() if _UUID.fullmatch(text) else ""


def name_of(state: State, player: int) -> str:
    """A host's uuid, or the numbered name of a guest who has none."""
    code = code_of(state, host=player)
    return uuid(code) if code else f"{NONAME}-{player}"


def player_in(state: State, room: Room, text: str) -> int | None:
    """The member of a session whom a client means."""
    if text == "host":
        return room.roster.host
    numbered = _NUMBERED.fullmatch(text.strip())
    wanted = numbered[0].upper() if numbered else uuid(code_of_text(text) or "0" * 32)
    return next((one for one in room.roster if name_of(state, one) == wanted), None)


def host(state: State, welcome: Welcome) -> JSON:
    """The document of one host."""
    return {
        "uuid": uuid(welcome.code),
        "only_friends": welcome.only_friends,
        "allow_nonames": welcome.allow_nonames,
        "friends": names(state, welcome.friends),
        "banlist": names(state, welcome.banlist),
    }


def names(state: State, players: Iterable[int]) -> list[str]:
    return [name_of(state, player) for player in players]


def location(call: Call, session: int) -> dict[str, str]:
    """Where a session is played: a WebSocket's address."""
    return {"Location": f"{call.origin.replace('http', 'ws', 1)}/sync/{session}"}


def session(state: State, room: Room, truth: Truth | None) -> JSON:
    """The document of one session, with its state."""
    return {
        "session_id": room.id,
        **present(state, room),
        **version(truth or Truth(room.id)),
    }


def present(state: State, room: Room) -> JSON:
    return {
        "players": names(state, room.roster),
        "host": name_of(state, room.roster.host),
    }


def version(truth: Truth) -> JSON:
    return {"version": truth.version, "state": orjson.Fragment(truth.whole())}


def key(secret: str) -> str:
    """A source-of-truth key as this API shows it."""
    return secret.upper()


def secret_of(key: str) -> str:
    """What a key in any case stands for."""
    return key.strip().lower()
