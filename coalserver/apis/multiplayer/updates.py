"""`game_room.php/updates`: tell members something, and hear what one is told."""

import hashlib
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.membership import get_own_room
from coalserver.apis.multiplayer.render import JSON, format_time, json_member, success
from coalserver.apis.multiplayer.schemas import PARAMS, Params, invalid_request, parse_targets
from coalserver.core import topics
from coalserver.core.commands.messages import TURN_TYPE, send_update
from coalserver.core.ports import Entry, Topic
from coalserver.core.queries.players import existing_player_ids, get_player
from coalserver.core.queries.rooms import finished_room_of_player, room_of_player
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Target
from coalserver.domain.play.events import RoomChat, TurnTaken, UpdateSent
from coalserver.domain.play.game import Rules, call_rule_json
from coalserver.domain.play.room import Room, state_for_seat, turn_for_seat
from coalserver.web.api import Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_fragment
from coalserver.web.streaming.long_poll import poll_until
from coalserver.web.streaming.render_cache import RenderCache

log = logging.getLogger(__name__)
T = TypeVar("T")

UPDATES = "/api/game_room.php/updates"
#: How many one poll gives, and how many entries it looks at in one go.
PAGE_SIZE, SCAN_SIZE = 50, 200
#: Below the minute at which home routers cut quiet connections, and no longer than the server wants.
MAX_WAIT_SECONDS = 60
_HALF = 16


async def send(ctx: RequestContext) -> web.StreamResponse:
    """Tell members something: an update for each, also for one who is offline and hears it when he is back."""
    params: Params = ctx.body["params"]
    room = get_own_room(ctx)
    target, named_ids = parse_targets(params)
    kind = params.identifier("type")
    if not kind:
        raise invalid_request("type")
    sent = await ctx.core.execute(
        send_update,
        room_id=room.id,
        sender=ctx.caller.player_id,
        target=target,
        player_ids=named_ids,
        type=kind,
        data=params.json("data") or b"{}",
        with_away=True,
    )
    signing_key = ctx.core.context.signing_key
    return success(
        {
            "updates_sent": len(sent),
            "update_ids": [
                update_id(signing_key, room.id, entry.event.target, entry.id) for entry in sent
            ],
            "target_players_ids": [entry.event.target for entry in sent],
        }
    )


async def poll(ctx: RequestContext) -> web.StreamResponse:
    """What one was told after `last_update`, oldest first, from whom one wants to hear.

    Of a game that the rules have ended, what one has not heard yet; then one is in no room.
    """
    room, params = await _get_readable_room(ctx), poll_params(ctx)
    reader = UpdateReader(ctx, room, _sender_filter(ctx, params))
    last_update = next(
        (params.get(name) for name in ("last_update", "last_update_id") if params.get(name)), None
    )
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
    found = await poll_for_result(ctx, room, watched, look)
    rows = [reader.row(entry) for entry in found]
    return success({"updates": rows, "last_update": rows[-1]["update_id"] if rows else last_update})


async def _get_readable_room(ctx: RequestContext) -> Room:
    """The room one plays in, or has just played in to its end."""
    player = ctx.caller.player_id
    room = ctx.core.query(room_of_player, player=player)
    if room is None:
        room = ctx.core.query(finished_room_of_player, player=player)
        # That it is over may be true before its last turn is said.
        await ctx.core.writer.flushed()
    if room is None:
        raise DomainError(ErrorCode.NOT_MEMBER)
    return room


@dataclass(frozen=True)
class SenderFilter:
    """From whom a reader wants to hear."""

    name: str
    senders: frozenset[int] = frozenset()

    def __call__(self, entry: Entry) -> bool:
        """Whether this is one of them. What never changes decides, so that what was passed over stays so."""
        event = entry.event
        if self.name == Target.ALL:
            return True
        if self.name == Target.SPECIFIC:
            return (event.sender if isinstance(event, UpdateSent) else event.player) in self.senders
        if not isinstance(event, UpdateSent):
            # A turn or a word of chat is no message of the host's or of the others': it is the game's.
            return True
        return bool(event.from_host) is (self.name == Target.HOST)


def _sender_filter(ctx: RequestContext, params: Params) -> SenderFilter:
    """The filter asked for; the host's unless the client is so old that it knows no filter."""
    default = Target.ALL if ctx.request.method == "GET" else Target.HOST
    name = params.text("from_players").lower() or default
    if name not in tuple(Target):
        raise invalid_request("unknown_source")
    if name != Target.SPECIFIC:
        return SenderFilter(name)
    known = ctx.core.query(existing_player_ids, ids=params.ids("from_players_ids") or ())
    if not known:
        raise invalid_request("source_ids")
    return SenderFilter(name, frozenset(known))


class UpdateReader:
    """One member who reads, with one filter."""

    def __init__(self, ctx: RequestContext, room: Room, sender_filter: SenderFilter) -> None:
        self.ctx = ctx
        self.room = room
        self.sender_filter = sender_filter
        self.player = ctx.caller.player_id

    async def after(self, cursor: int) -> list[Entry]:
        """The oldest entries after the cursor that are for this reader.

        What was passed over is remembered, so that a filter that lets little through is not slow for it.
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
            entries, now = await core.entries(read_topics, position, SCAN_SIZE)
            for entry in entries:
                if self._is_for_reader(entry):
                    found.append(entry)
                    if len(found) == PAGE_SIZE:
                        now = entry.id
                        break
            position = max(position, now)
            if len(entries) < SCAN_SIZE:
                break
        read_positions.put(self._position_key(found[-1].id if found else cursor), position)
        return found

    def row(self, entry: Entry) -> JSON:
        """An update as it goes out."""
        event = entry.event
        kind, data = self._type_and_data(event)
        signing_key = self.ctx.core.context.signing_key
        sender = event.sender if isinstance(event, UpdateSent) else event.player
        return {
            "update_id": update_id(signing_key, self.room.id, self.player, entry.id),
            "from_player_id": str(sender),
            "type": kind,
            **json_member(self.ctx, "data", data),
            "created_at": format_time(entry.at),
        }

    def _type_and_data(self, event: Any) -> tuple[str, bytes]:
        if isinstance(event, UpdateSent):
            return event.type, event.data
        if isinstance(event, RoomChat):
            return "chat", render_chat(event)
        seat = self.room.roster.get_seat(self.player).number
        return TURN_TYPE, render_turn(event, self.ctx.core.context.rules.get(event.game), seat)

    def _is_for_reader(self, entry: Entry) -> bool:
        """Whether an entry is for this reader: sent to him, or said while he sat here by another."""
        event = entry.event
        if isinstance(event, UpdateSent):
            return self.sender_filter(entry)
        if not isinstance(event, TurnTaken | RoomChat):
            return False
        if entry.at < self.room.roster.get_seat(self.player).joined:
            return False
        ruled = isinstance(event, TurnTaken) and event.state is not None
        return (ruled or event.player != self.player) and self.sender_filter(entry)

    def _position_key(self, cursor: int) -> tuple[object, ...]:
        """Under which name it is remembered how far this reader has looked."""
        return ("updates", self.room.id, self.player, self.sender_filter, cursor)


class ReadPositions(RenderCache):
    """How far readers have looked, and what polls have shown. What is forgotten is read again."""

    def __init__(self, web: AppContext) -> None:
        super().__init__(max_entries=65_536)


def poll_params(ctx: RequestContext) -> Params:
    """What a poll asks for: in the query, or in the body, which wins."""
    body = ctx.body.get("params")
    return Params({**ctx.query, **(body.members if body else {})})


async def poll_for_result(
    ctx: RequestContext,
    room: Room,
    watched: Sequence[Topic],
    look: Callable[[], Awaitable[tuple[T, bool]]],
) -> T:
    """What `look` gives as soon as it is enough; at once when the caller logs out.

    Before each look the caller must still be who he was: a ban or a new key ends the wait.
    """
    wait = poll_params(ctx).integer("wait") or 0
    seconds = min(wait, MAX_WAIT_SECONDS, ctx.app.poll_seconds)
    player = ctx.caller.player_id
    last_logout = ctx.core.query(get_player, id=player).last_logout
    checked_once = False

    async def check() -> tuple[T, bool]:
        nonlocal checked_once
        if checked_once:
            auth.player(ctx)
        checked_once = True
        found, enough = await look()
        logged_out = ctx.core.query(get_player, id=player).last_logout != last_logout
        return found, enough or logged_out

    return await poll_until(
        ctx, (*watched, topics.room(room.id), topics.player(player)), seconds, check
    )


def update_id(signing_key: bytes, room: int, reader: int, entry: int) -> str:
    """The id under which a reader in a room knows an entry."""
    return f"{_sign(signing_key, room, reader, entry)}{entry:0{_HALF}x}"


def position_of(signing_key: bytes, room: int, reader: int, id: str) -> int:
    """The entry's id that an update id stands for; -1, before everything, where it is none."""
    id = id.strip().lower()
    signature, digits = id[:_HALF], id[_HALF:]
    if len(digits) != _HALF or not set(digits) <= set("0123456789abcdef"):
        return -1
    entry = int(digits, 16)
    if entry >= 1 << 63:
        return -1
    is_valid = hmac.compare_digest(
        signature.encode("utf-8", "replace"), _sign(signing_key, room, reader, entry).encode()
    )
    return entry if is_valid else -1


def _sign(signing_key: bytes, room: int, reader: int, entry: int) -> str:
    text = f"update {room} {reader} {entry}".encode()
    return hmac.new(signing_key, text, hashlib.sha256).hexdigest()[:_HALF]


def render_turn(event: TurnTaken, rules: Rules | None, seat: int) -> bytes:
    """A turn through the eyes of a seat. Without rules it is the turn itself, and nothing else.

    Rules that fail to say what a seat may see of it show nothing: the turn was taken all the same.
    """
    if rules is None or event.state is None:
        return event.turn
    try:
        taken = turn_for_seat(rules, event.turn, event.seat, seat)
        environment = state_for_seat(rules, event.state, seat)
        outcome = call_rule_json(rules.outcome, orjson.loads(event.state))
    except DomainError:
        log.exception("The rules of %s have failed to show a turn.", event.game)
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
    """What a member said."""
    payload = {"player_id": event.player, "player_name": event.name, "text": event.text}
    return orjson.dumps(payload)


ROUTES = (
    Route("POST", UPDATES, send, PARAMS, auth.player, media=()),
    Route("POST", f"{UPDATES}/poll", poll, PARAMS, auth.player, media=()),
    Route("GET", f"{UPDATES}/poll", poll, auth=auth.player),
)
