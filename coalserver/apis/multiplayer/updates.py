"""`game_room.php/updates`: messages from one member of a room to others, read with a cursor.

Turns taken and chat sent through the rooms API appear here as updates, too, and changes of names and of the password.
"""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.membership import get_own_room
from coalserver.apis.multiplayer.render import JSON, format_time, json_member, success_with_rows
from coalserver.apis.multiplayer.schemas import (
    POLL_UPDATES,
    SEND_UPDATE,
    invalid_request,
    load_deferred,
    load_params,
)
from coalserver.core import topics
from coalserver.core.commands.messages import CHAT_TYPE, TURN_TYPE, Delivery, send_update
from coalserver.core.ports import Entry, Topic
from coalserver.core.queries.players import existing_player_ids, get_player
from coalserver.core.queries.rooms import finished_room_of_player, room_of_player
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Target
from coalserver.domain.play.events import (
    RoomChat,
    RoomMemberRenamed,
    RoomPasswordChanged,
    TurnTaken,
    UpdateSent,
)
from coalserver.domain.play.game import Rules, call_rule_json
from coalserver.domain.play.room import Room, state_for_seat, turn_for_seat
from coalserver.web.api import Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_fragment
from coalserver.web.streaming.long_poll import poll_until
from coalserver.web.streaming.render_cache import RenderCache
from coalserver.web.throttling import UseLimit

log = logging.getLogger(__name__)
T = TypeVar("T")

UPDATES = "/api/game_room.php/updates"
#: The types of updates about changes of the room and its members.
PASSWORD_TYPE, RENAMED_TYPE = "password_changed", "player_renamed"
#: Updates of one response, and entries read from the feed at a time.
PAGE_SIZE, SCAN_SIZE = 50, 200
#: Positions of readers kept in memory.
MAX_POSITIONS = 65_536
#: Hex digits of each half of an update id.
_HALF = 16
RoomEvent = TurnTaken | RoomChat | RoomPasswordChanged | RoomMemberRenamed


def send(ctx: RequestContext) -> Awaitable[web.StreamResponse]:
    """Send an update to each target. One that is offline gets it later, while it keeps its seat."""
    room = get_own_room(ctx)
    params = load_deferred(ctx)
    if params["type"] == CHAT_TYPE:
        ctx.take(UseLimit.CHAT)
    signing_key = ctx.core.context.signing_key

    def render(sent: list[Delivery]) -> JSON:
        return {
            "updates_sent": len(sent),
            "update_ids": [
                update_id(signing_key, room.id, target, entry_id) for target, entry_id in sent
            ],
            "target_players_ids": list(dict(sent)),
        }

    return execute(
        ctx,
        send_update,
        render,
        room_id=room.id,
        sender=ctx.caller.player_id,
        with_away=True,
        **params,
    )


async def poll(ctx: RequestContext) -> web.StreamResponse:
    """Return the updates after `last_update` from the requested senders, oldest first.

    After the rules have ended a game, a member can still read the rest. Then NOT_MEMBER is raised.
    """
    room = await _get_readable_room(ctx)
    params = load_params(ctx, POLL_UPDATES.schema)
    reader = UpdateReader(ctx, room, _sender_filter(ctx, params))
    last_update = params.get("last_update") or params.get("last_update_id") or None
    cursor = position_of(
        ctx.core.context.signing_key, room.id, ctx.caller.player_id, str(last_update or "")
    )

    async def look() -> tuple[list[Entry], bool]:
        reader.room = await _get_readable_room(ctx)
        found = await reader.after(cursor)
        if reader.room.id != room.id or (reader.room.ended and not found):
            raise DomainError(ErrorCode.NOT_MEMBER)
        return found, bool(found)

    watched = (topics.updates(room.id, ctx.caller.player_id), topics.room_chat(room.id))
    found = await poll_for_result(ctx, room, watched, params["wait"], look)
    rows = [reader.render(entry) for entry in found]
    members = {"updates": rows, "last_update": rows[-1]["update_id"] if rows else last_update}
    return await success_with_rows(ctx, members, "updates")


async def _get_readable_room(ctx: RequestContext) -> Room:
    """Return the caller's room, or the one that just ended with the caller in it. Raises NOT_MEMBER."""
    player = ctx.caller.player_id
    room = ctx.core.query(room_of_player, player=player)
    if room is None:
        room = ctx.core.query(finished_room_of_player, player=player)
        # The room may have ended in memory before its last turn is in the feed.
        await ctx.core.writer.flushed()
    if room is None:
        raise DomainError(ErrorCode.NOT_MEMBER)
    return room


@dataclass(frozen=True)
class SenderFilter:
    """The senders whose updates a reader requests."""

    target: str
    sender_ids: frozenset[int] = frozenset()

    def matches(self, entry: Entry) -> bool:
        """Return whether the entry is from a requested sender.

        The answer never changes for an entry, so that entries once skipped need not be read again.
        """
        event = entry.event
        if self.target == Target.ALL:
            return True
        if self.target == Target.SPECIFIC:
            return _sender_of(event) in self.sender_ids
        from_host = event.from_host if isinstance(event, UpdateSent | RoomChat) else None
        if from_host is None:
            # Turns, changes, and chat of other APIs belong to the game, neither to the host nor to the others.
            return True
        return bool(from_host) is (self.target == Target.HOST)


def _sender_of(event: UpdateSent | RoomEvent) -> int:
    if isinstance(event, UpdateSent):
        return event.sender
    if isinstance(event, RoomPasswordChanged):
        return event.by or 0
    return event.player


def _sender_filter(ctx: RequestContext, params: dict[str, Any]) -> SenderFilter:
    """Return the requested filter. Without one it is the host, for a GET everybody: older clients know no filter."""
    default = Target.ALL if ctx.method == "GET" else Target.HOST
    target = params.get("from_players", default)
    if target != Target.SPECIFIC:
        return SenderFilter(target)
    known = ctx.core.query(existing_player_ids, ids=params["from_players_ids"])
    if not known:
        raise invalid_request("source_ids")
    return SenderFilter(target, frozenset(known))


class ReadPositions(RenderCache):
    """How far readers have read the feed, in memory only: an entry that is lost is read again."""

    def __init__(self, web: AppContext) -> None:
        super().__init__(max_entries=MAX_POSITIONS)


class UpdateReader:
    """A member of a room who reads updates with one filter."""

    def __init__(self, ctx: RequestContext, room: Room, sender_filter: SenderFilter) -> None:
        self.ctx = ctx
        self.room = room
        self.sender_filter = sender_filter
        self.player = ctx.caller.player_id

    async def after(self, cursor: int) -> list[Entry]:
        """Return the oldest entries after the cursor that are for this reader.

        The position reached is remembered, so that a filter with few matches does not read all again.
        """
        core, read_positions = self.ctx.core, self.ctx.app.per_process(ReadPositions)
        read_topics = (
            topics.updates(self.room.id, self.player),
            topics.room(self.room.id),
            topics.room_chat(self.room.id),
        )
        found: list[Entry] = []
        position: int = max(cursor, read_positions.get(self._position_key(cursor)) or -1)
        while len(found) < PAGE_SIZE:
            entries, read_to = await core.entries(read_topics, position, SCAN_SIZE)
            for entry in entries:
                if self._is_for_reader(entry):
                    found.append(entry)
                    if len(found) == PAGE_SIZE:
                        read_to = entry.id
                        break
            position = max(position, read_to)
            if len(entries) < SCAN_SIZE:
                break
        read_positions.put(self._position_key(found[-1].id if found else cursor), position)
        return found

    def render(self, entry: Entry) -> JSON:
        """Return an update as the response has it."""
        kind, data = self._type_and_data(entry.event)
        signing_key = self.ctx.core.context.signing_key
        return {
            "update_id": update_id(signing_key, self.room.id, self.player, entry.id),
            "from_player_id": str(_sender_of(entry.event)),
            "type": kind,
            **json_member(self.ctx, "data", data),
            "created_at": format_time(entry.at),
        }

    def _type_and_data(self, event: Any) -> tuple[str, bytes]:
        if isinstance(event, UpdateSent):
            return event.type, event.data
        if isinstance(event, RoomChat):
            return CHAT_TYPE, render_chat(event) if event.data is None else event.data
        if isinstance(event, RoomPasswordChanged):
            return PASSWORD_TYPE, orjson.dumps({"has_password": event.has_password})
        if isinstance(event, RoomMemberRenamed):
            renamed = {"player_id": event.player, "player_name": event.name}
            return RENAMED_TYPE, orjson.dumps(renamed)
        seat = self.room.roster.get_seat(self.player).number
        return TURN_TYPE, render_turn(event, self.ctx.core.context.rules.get(event.game), seat)

    def _is_for_reader(self, entry: Entry) -> bool:
        """Return whether an entry was sent to the reader, or to the room by another member meanwhile."""
        event = entry.event
        if isinstance(event, UpdateSent):
            return self.sender_filter.matches(entry)
        if not isinstance(event, RoomEvent):
            return False
        if isinstance(event, RoomPasswordChanged) and event.by is None:
            # An entry from before these changes became updates.
            return False
        if entry.at < self.room.roster.get_seat(self.player).joined:
            return False
        if isinstance(event, TurnTaken) and self.player in event.action_targets:
            return False
        has_rules = isinstance(event, TurnTaken) and event.state is not None
        is_own = _sender_of(event) == self.player
        return (has_rules or not is_own) and self.sender_filter.matches(entry)

    def _position_key(self, cursor: int) -> tuple[object, ...]:
        return ("updates", self.room.id, self.player, self.sender_filter, cursor)


async def poll_for_result(
    ctx: RequestContext,
    room: Room,
    watched: Sequence[Topic],
    wait: int,
    look: Callable[[], Awaitable[tuple[T, bool]]],
) -> T:
    """Return the result of `look` once its second value is true, or after `wait` seconds.

    A logout ends the wait. A ban or a new private key meanwhile raises what `auth.player` raises.
    """
    seconds = min(wait, ctx.app.poll_seconds)
    player = ctx.caller.player_id
    last_logout = ctx.core.query(get_player, id=player).last_logout
    first_look = True

    async def check() -> tuple[T, bool]:
        nonlocal first_look
        if not first_look:
            auth.player(ctx)
        first_look = False
        found, enough = await look()
        logged_out = ctx.core.query(get_player, id=player).last_logout != last_logout
        return found, enough or logged_out

    return await poll_until(
        ctx, (*watched, topics.room(room.id), topics.player(player)), seconds, check
    )


def update_id(signing_key: bytes, room: int, reader: int, entry: int) -> str:
    """Return the id of an entry for one reader in one room: 16 hex digits of an HMAC, 16 of the entry's id.

    Clients cannot guess ids. An id of another room or reader is invalid.
    """
    text = f"update {room} {reader} {entry}".encode()
    signature = hmac.new(signing_key, text, hashlib.sha256).hexdigest()[:_HALF]
    return f"{signature}{entry:0{_HALF}x}"


def position_of(signing_key: bytes, room: int, reader: int, id: str) -> int:
    """Return the entry id in an update id, or -1, the position before all entries, if it is invalid."""
    id = id.strip().lower()
    digits = id[_HALF:]
    if len(digits) != _HALF or not set(digits) <= set("0123456789abcdef"):
        return -1
    entry = int(digits, 16)
    if entry >= 1 << 63:
        return -1
    expected = update_id(signing_key, room, reader, entry)
    is_valid = hmac.compare_digest(id.encode("utf-8", "replace"), expected.encode())
    return entry if is_valid else -1


def render_turn(event: TurnTaken, rules: Rules | None, seat: int) -> bytes:
    """Return a turn as one seat may see it; without rules, the turn alone.

    If the rules fail, the members of the payload are null: the turn itself is valid.
    """
    if rules is None or event.state is None:
        return event.turn
    try:
        taken = turn_for_seat(rules, event.turn, event.seat, seat)
        environment = state_for_seat(rules, event.state, seat)
        outcome = call_rule_json(rules.outcome, orjson.loads(event.state))
    except DomainError:
        log.exception("The rules of %s failed to render a turn.", event.game)
        taken = environment = outcome = b"null"
    return orjson.dumps(
        {
            "player_id": event.player,
            "seat": event.seat,
            "turn": taken,
            "environment": environment,
            "current": event.current,
            "outcome": outcome,
        },
        default=json_fragment,
    )


def render_chat(event: RoomChat) -> bytes:
    """Return the payload of a chat message."""
    payload = {"player_id": event.player, "player_name": event.name, "text": event.text}
    return orjson.dumps(payload)


ROUTES = (
    Route("POST", UPDATES, send, SEND_UPDATE, auth.player, media=(), limit=UseLimit.MESSAGES),
    Route("POST", f"{UPDATES}/poll", poll, POLL_UPDATES, auth.player, media=()),
    Route("GET", f"{UPDATES}/poll", poll, auth=auth.player),
)
