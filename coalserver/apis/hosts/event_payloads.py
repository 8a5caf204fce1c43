"""Event payloads, and the subscription of a member. WebSockets and polls get the same payloads."""

import base64
from collections.abc import Callable
from typing import Any

import orjson

from coalserver.apis.hosts import render
from coalserver.core import topics
from coalserver.core.caller import Caller, token_end
from coalserver.core.engine import Core
from coalserver.core.ports import Entry
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import (
    BinarySent,
    CommandSent,
    RoomClosed,
    RoomMemberJoined,
    RoomMemberLeft,
    SyncedStateChanged,
)
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SNAPSHOT_INTERVAL, SyncedState
from coalserver.web.responses import json_fragment
from coalserver.web.streaming.render_cache import RenderCache
from coalserver.web.streaming.subscriptions import Snapshot, Subscription

EventRenderer = Callable[[Entry], bytes | None]


class BinaryPayload(bytes):
    """The payload of a binary frame, which a WebSocket sends as it is."""


def subscription_for(
    core: Core, cache: RenderCache, session: int, caller: Caller, *, binary: bool
) -> Subscription:
    """Return the subscription of a caller to a session, until their token ends.

    Members receive its events, former members the event of their own departure. With
    `binary`, binary frames are rendered as bytes instead of base64. Raises ROOM_NOT_FOUND.
    """
    room, player = core.committed(Room, session), caller.player_id
    if room is None:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    own = topics.player(player)
    if player not in room.roster:
        audience = ("left", session, player)
        return Subscription(
            (own,), audience, _departure_renderer(core, session, player), ended=True
        )
    state_topic = topics.synced_state(session)
    return Subscription(
        (
            topics.room(session),
            topics.commands(session),
            topics.updates(session, player),
            state_topic,
        ),
        (session, player, binary),
        _member_renderer(core, cache, player, binary),
        own,
        room.ended,
        Snapshot(state_topic, _snapshot_check(player), lambda: latest_state(core, cache, session)),
        valid_until=token_end(core, caller),
    )


def latest_state(core: Core, cache: RenderCache, session: int) -> tuple[int, bytes] | None:
    """Return the id of the last state change and the rendered state, or None without a state."""
    synced = core.committed(SyncedState, session)
    if synced is None:
        return None
    rendered = cache.get_or_render(
        ("hosts state", session, synced.version), lambda: render_state(cache, synced)
    )
    return synced.entry, rendered


def render_state(cache: RenderCache, synced: SyncedState) -> bytes:
    """Return the `state` message with the whole state."""
    payload = {"type": "state", **render.versioned_state(synced, snapshot_of(cache, synced))}
    return _envelope(synced.entry, payload)


def snapshot_of(cache: RenderCache, synced: SyncedState) -> bytes:
    """Return the whole state as JSON, made once for each version: it takes up to 9 ms."""
    if not synced.patches:
        return synced.state
    return cache.get_or_render(_snapshot_key(synced), synced.snapshot)


async def prepare_snapshot(cache: RenderCache, synced: SyncedState) -> None:
    """Make the snapshot in steps, so that `snapshot_of` has it at once."""
    if synced.patches:
        await cache.get_or_render_in_turns(_snapshot_key(synced), synced.snapshot_in_steps)


def _snapshot_key(synced: SyncedState) -> tuple[str, int, int]:
    return "hosts snapshot", synced.id, synced.version


def render_event(core: Core, entry: Entry) -> bytes | None:
    """Return the payload of an event, or None if it has none."""
    renderer = EVENT_PAYLOADS.get(type(entry.event))
    return None if renderer is None else _envelope(entry.id, renderer(core, entry.event))


def _member_renderer(core: Core, cache: RenderCache, player: int, binary: bool) -> EventRenderer:
    """Return a renderer for one member, which omits the events that this member caused."""

    def render_for_member(entry: Entry) -> bytes | None:
        event = entry.event
        author = AUTHOR_FIELDS.get(type(event))
        if author is not None and getattr(event, author) == player:
            return None
        if binary and isinstance(event, BinarySent):
            return BinaryPayload(base64.b64decode(event.data))
        return cache.get_or_render(("hosts", entry.id), lambda: render_event(core, entry))

    return render_for_member


def _departure_renderer(core: Core, session: int, player: int) -> EventRenderer:
    def render_departure(entry: Entry) -> bytes | None:
        return render_event(core, entry) if is_departure(entry, session, player) else None

    return render_departure


def is_departure(entry: Entry, session: int, player: int) -> bool:
    """Return whether the entry records that the player left the session."""
    event = entry.event
    return isinstance(event, RoomMemberLeft) and (event.room, event.player) == (session, player)


def _snapshot_check(player: int) -> Callable[[list[Entry]], bool]:
    """Return a check whether other members set the state, or patched it too often to resend."""

    def is_due(entries: list[Entry]) -> bool:
        others = [entry.event for entry in entries if entry.event.by != player]
        return len(others) > SNAPSHOT_INTERVAL or any(event.patch is None for event in others)

    return is_due


def _envelope(id: int, payload: render.JSON) -> bytes:
    return orjson.dumps({"id": id, **payload}, default=json_fragment)


PayloadRenderer = Callable[[Core, Any], render.JSON]


def _command(core: Core, event: CommandSent) -> render.JSON:
    payload = {"type": "command", "name": event.name, "data": event.data}
    return {**payload, "from": render.name_of(core.state, event.sender)}


def _left(core: Core, event: RoomMemberLeft) -> render.JSON:
    player = render.name_of(core.state, event.player)
    return {"type": "left", "player": player, "reason": event.reason}


EVENT_PAYLOADS: dict[type, PayloadRenderer] = {
    RoomMemberJoined: lambda core, event: {
        "type": "joined",
        "player": render.name_of(core.state, event.player),
    },
    RoomMemberLeft: _left,
    SyncedStateChanged: lambda core, event: {
        "type": "update",
        "version": event.version,
        "patch": event.patch,
    },
    CommandSent: _command,
    BinarySent: lambda core, event: {
        "type": "binary",
        "from": render.name_of(core.state, event.sender),
        "data": event.data,
    },
    RoomClosed: lambda core, event: {"type": "ended", "reason": event.close_reason},
}
#: Event type -> its field with the author, who does not receive the event.
AUTHOR_FIELDS: dict[type, str] = {
    RoomMemberJoined: "player",
    SyncedStateChanged: "by",
    CommandSent: "sender",
    BinarySent: "sender",
}
