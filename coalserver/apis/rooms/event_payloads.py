"""How events sound in this dialect. An event without words here is not for these clients."""

import logging
from collections.abc import Callable
from typing import Any

import orjson

from coalserver.apis.rooms.render import user
from coalserver.core.ports import Entry
from coalserver.domain.errors import Refusal
from coalserver.domain.play.game import Rules
from coalserver.domain.play.lobby_events import (
    HostChanged,
    LobbyChat,
    LobbyClosed,
    LobbyOpened,
    MemberAway,
    MemberJoined,
    MemberLeft,
    MemberReady,
    OptionsChanged,
)
from coalserver.domain.play.room import shown, viewed
from coalserver.domain.play.room_events import (
    PlayerAway,
    PlayerEntered,
    PlayerLeft,
    RoomChat,
    RoomClosed,
    RoomHostChanged,
    TurnTaken,
)
from coalserver.web.responses import embedded

log = logging.getLogger(__name__)

Said = dict[str, Any]
#: The document knows these ways of leaving; a ban is a kick to those who stay.
HOWS = {"kicked": "kicked", "timeout": "timeout", "banned": "kicked"}
#: Likewise for how a room ends.
ENDINGS = {"host_left": "host_left", "started": "started", "expired": "expired"}


def told(entry: Entry, said: Said | None) -> bytes | None:
    """`{"id", "event"}` as bytes."""
    if said is None:
        return None
    return orjson.dumps({"id": entry.id, "event": said}, default=embedded)


def tell_room(entry: Entry) -> bytes | None:
    """What the members of a room, or those who look at all rooms, are told."""
    event = entry.event
    say = ROOM_WORDS.get(type(event))
    if say is None:
        return None
    return told(entry, {**say(event, entry), "roomId": str(event.lobby)})


def session_teller(rules: Rules | None, seat: int | None) -> Callable[[Entry], bytes | None]:
    """What one seat of a session, or a spectator (None), is told."""

    def tell(entry: Entry) -> bytes | None:
        event = entry.event
        if isinstance(event, TurnTaken):
            said = turn(event, rules, seat)
        else:
            say = SESSION_WORDS.get(type(event))
            if say is None:
                return None
            said = say(event, entry)
        return told(entry, {**said, "sessionId": str(event.room)})

    return tell


def turn(event: TurnTaken, rules: Rules | None, seat: int | None) -> Said:
    """A turn through the eyes of a seat: whole as `turn`, and its members beside ours where names allow.

    Rules that fail to say what a seat may see of it show nothing: the turn was taken all the same.
    """
    taken, environment = event.turn, b"null"
    if rules is not None and event.state is not None:
        try:
            taken = shown(rules, event.turn, event.seat, seat)
            environment = viewed(rules, event.state, seat)
        except Refusal:
            log.exception("The rules of %s have failed to show a turn.", event.game)
            taken = b"null"
    members = orjson.loads(taken)
    if not isinstance(members, dict):
        members = {}
    return {
        **members,
        "type": "turn",
        "player": event.seat,
        "turn": orjson.Fragment(taken),
        "environment": orjson.Fragment(environment),
        "current": event.current,
        "number": event.number,
    }


def _opened(event: LobbyOpened, entry: Entry) -> Said:
    row = {
        "roomId": event.lobby,
        "name": event.name,
        "game": event.game,
        "numUsers": 1,
        "maxUsers": event.capacity,
        "active": True,
        "private": event.private,
        "options": orjson.Fragment(event.options),
        "host": user(event.host, event.host_name),
    }
    return {"type": "room_created", "room": row}


def _closed(event: LobbyClosed, entry: Entry) -> Said:
    said: Said = {"type": "room_gone", "reason": ENDINGS.get(event.ending, "closed")}
    if event.room is not None:
        said["sessionId"] = str(event.room)
    return said


def _who(event: Any) -> Said:
    return user(event.player, event.name)


def _chat(event: LobbyChat | RoomChat, entry: Entry) -> Said:
    return {
        "type": "chat",
        "user": _who(event),
        "text": event.text,
        "at": int(entry.at * 1000),
    }


def _left(event: MemberLeft | PlayerLeft, entry: Entry) -> Said:
    return {"type": "user_leave", "user": _who(event), "reason": HOWS.get(event.how, "left")}


def _away(event: MemberAway | PlayerAway, entry: Entry) -> Said:
    return {"type": "user_away" if event.away else "user_back", "user": _who(event)}


def _host(event: HostChanged | RoomHostChanged, entry: Entry) -> Said:
    return {"type": "host_changed", "host": _who(event)}


Words = dict[type, Callable[[Any, Entry], Said]]

ROOM_WORDS: Words = {
    LobbyOpened: _opened,
    LobbyClosed: _closed,
    MemberJoined: lambda event, entry: {"type": "user_join", "user": _who(event)},
    MemberLeft: _left,
    MemberReady: lambda event, entry: {
        "type": "user_ready",
        "user": _who(event),
        "ready": event.ready,
    },
    MemberAway: _away,
    HostChanged: _host,
    OptionsChanged: lambda event, entry: {
        "type": "options_changed",
        "options": orjson.Fragment(event.options),
    },
    LobbyChat: _chat,
}
SESSION_WORDS: Words = {
    PlayerEntered: lambda event, entry: {"type": "user_join", "user": _who(event)},
    PlayerLeft: _left,
    PlayerAway: _away,
    RoomHostChanged: _host,
    RoomChat: _chat,
    RoomClosed: lambda event, entry: {
        "type": "session_over",
        "reason": event.ending,
        "outcome": orjson.Fragment(event.outcome or b"null"),
    },
}
