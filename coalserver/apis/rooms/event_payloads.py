"""Event payloads of rooms and sessions. Events without a renderer are not sent to clients."""

import logging
from collections.abc import Callable
from typing import Any

import orjson

from coalserver.apis.rooms.render import user
from coalserver.core.ports import Entry
from coalserver.domain.errors import DomainError
from coalserver.domain.play.events import (
    ActionRequested,
    JoinRequestAnswered,
    JoinRequested,
    LobbyChat,
    LobbyClosed,
    LobbyHostChanged,
    LobbyMemberAway,
    LobbyMemberJoined,
    LobbyMemberLeft,
    LobbyMemberReady,
    LobbyMemberRenamed,
    LobbyOpened,
    LobbyOptionsChanged,
    LobbyPasswordChanged,
    RoomChat,
    RoomClosed,
    RoomHostChanged,
    RoomMemberAway,
    RoomMemberJoined,
    RoomMemberLeft,
    RoomMemberRenamed,
    RoomPasswordChanged,
    TurnTaken,
    UpdateSent,
)
from coalserver.domain.play.game import Rules
from coalserver.domain.play.room import state_for_seat, turn_for_seat
from coalserver.web.responses import json_fragment

log = logging.getLogger(__name__)

Payload = dict[str, Any]
#: Stored reason -> reason in the document, which has no ban. Any other reason is `left`.
LEAVE_REASONS = {"kicked": "kicked", "timeout": "timeout", "banned": "kicked"}
#: The same for a closed room. Any other reason is `closed`.
CLOSE_REASONS = {"host_left": "host_left", "started": "started", "expired": "expired"}


def envelope(entry: Entry, payload: Payload | None) -> bytes | None:
    """Return `{"id", "event"}` as bytes, or None without a payload."""
    if payload is None:
        return None
    return orjson.dumps({"id": entry.id, "event": payload}, default=json_fragment)


def render_room_event(entry: Entry) -> bytes | None:
    """Return the payload of an event of a room, or None if it has none."""
    event = entry.event
    renderer = ROOM_PAYLOADS.get(type(event))
    if renderer is None:
        return None
    return envelope(entry, {**renderer(event, entry), "roomId": str(event.lobby)})


def render_host_event(entry: Entry) -> bytes | None:
    """Return the same for the host of the room, who also receives the join requests."""
    event = entry.event
    renderer = HOST_PAYLOADS.get(type(event))
    if renderer is None:
        return render_room_event(entry)
    return envelope(entry, {**renderer(event, entry), "roomId": str(event.lobby)})


def session_event_renderer(
    rules: Rules | None, seat: int | None
) -> Callable[[Entry], bytes | None]:
    """Return a renderer of session events for one seat, or for spectators (None)."""

    def render(entry: Entry) -> bytes | None:
        event = entry.event
        if isinstance(event, TurnTaken):
            payload = render_turn(event, rules, seat)
        else:
            renderer = SESSION_PAYLOADS.get(type(event))
            if renderer is None:
                return None
            payload = renderer(event, entry)
        return envelope(entry, {**payload, "sessionId": str(event.room)})

    return render


def render_turn(event: TurnTaken, rules: Rules | None, seat: int | None) -> Payload:
    """Return the payload of a turn as a seat may see it.

    `turn` has the whole turn. Its members are also copied beside `turn` if their names are free.
    If the rules fail to filter the turn, `turn` and `environment` are null.
    """
    taken, environment = event.turn, b"null"
    if rules is not None and event.state is not None:
        try:
            taken = turn_for_seat(rules, event.turn, event.seat, seat)
            environment = state_for_seat(rules, event.state, seat)
        except DomainError:
            log.exception("The rules of %s failed to render a turn.", event.game)
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


def _room_created(event: LobbyOpened, entry: Entry) -> Payload:
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
        "hostAway": False,
        "needsApproval": event.requires_approval,
    }
    return {"type": "room_created", "room": row}


def _room_gone(event: LobbyClosed, entry: Entry) -> Payload:
    payload: Payload = {
        "type": "room_gone",
        "reason": CLOSE_REASONS.get(event.close_reason, "closed"),
    }
    if event.room is not None:
        payload["sessionId"] = str(event.room)
    return payload


def _user(event: Any) -> Payload:
    return user(event.player, event.name)


def _chat(event: LobbyChat | RoomChat, entry: Entry) -> Payload:
    return {
        "type": "chat",
        "user": user(event.player, event.name),
        "text": event.text,
        "at": int(entry.at * 1000),
    }


def _update(event: UpdateSent, entry: Entry) -> Payload:
    return {
        "type": "update",
        "updateType": event.type,
        "playerId": event.seat,
        "userId": event.sender,
        "data": orjson.Fragment(event.data),
    }


def _action(event: ActionRequested, entry: Entry) -> Payload:
    return {
        "type": "action",
        "actionType": event.type,
        "actionId": event.action,
        "playerId": event.seat,
        "userId": event.sender,
        "data": orjson.Fragment(event.request),
    }


def _left(event: LobbyMemberLeft | RoomMemberLeft, entry: Entry) -> Payload:
    payload: Payload = {
        "type": "user_leave",
        "user": _user(event),
        "reason": LEAVE_REASONS.get(event.reason, "left"),
    }
    if payload["reason"] == "kicked":
        by_admin = event.by_admin or event.reason == "banned"
        payload["by"] = "administrator" if by_admin else "host"
    return payload


def _away(event: LobbyMemberAway | RoomMemberAway, entry: Entry) -> Payload:
    return {"type": "user_away" if event.away else "user_back", "user": _user(event)}


def _host(event: LobbyHostChanged | RoomHostChanged, entry: Entry) -> Payload:
    return {"type": "host_changed", "host": _user(event)}


def _password(event: LobbyPasswordChanged | RoomPasswordChanged, entry: Entry) -> Payload:
    return {"type": "password_changed", "private": event.has_password}


def _renamed(event: LobbyMemberRenamed | RoomMemberRenamed, entry: Entry) -> Payload:
    return {"type": "user_renamed", "user": _user(event)}


def _join_requested(event: JoinRequested, entry: Entry) -> Payload:
    return {
        "type": "join_requested",
        "requestId": event.request,
        "user": _user(event),
        "at": int(entry.at * 1000),
    }


def _join_request_ended(event: JoinRequestAnswered, entry: Entry) -> Payload:
    answer = "approved" if event.approved else "rejected"
    return {
        "type": "join_request_ended",
        "requestId": event.request,
        "user": _user(event),
        "reason": event.reason or answer,
    }


PayloadRenderers = dict[type, Callable[[Any, Entry], Payload]]

ROOM_PAYLOADS: PayloadRenderers = {
    LobbyOpened: _room_created,
    LobbyClosed: _room_gone,
    LobbyMemberJoined: lambda event, entry: {"type": "user_join", "user": _user(event)},
    LobbyMemberLeft: _left,
    LobbyMemberReady: lambda event, entry: {
        "type": "user_ready",
        "user": _user(event),
        "ready": event.ready,
    },
    LobbyMemberAway: _away,
    LobbyHostChanged: _host,
    LobbyOptionsChanged: lambda event, entry: {
        "type": "options_changed",
        "options": orjson.Fragment(event.options),
    },
    LobbyPasswordChanged: _password,
    LobbyMemberRenamed: _renamed,
    LobbyChat: _chat,
}
#: Sent to the host of a room only.
HOST_PAYLOADS: PayloadRenderers = {
    JoinRequested: _join_requested,
    JoinRequestAnswered: _join_request_ended,
}
SESSION_PAYLOADS: PayloadRenderers = {
    RoomMemberJoined: lambda event, entry: {"type": "user_join", "user": _user(event)},
    RoomMemberLeft: _left,
    RoomMemberAway: _away,
    RoomHostChanged: _host,
    RoomPasswordChanged: _password,
    RoomMemberRenamed: _renamed,
    RoomChat: _chat,
    UpdateSent: _update,
    ActionRequested: _action,
    RoomClosed: lambda event, entry: {
        "type": "session_over",
        "reason": event.close_reason,
        "outcome": orjson.Fragment(event.outcome or b"null"),
    },
}
