"""Rendering of values in responses."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from coalserver.core.engine import Core
from coalserver.domain.play.player import Removal
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

JSON = dict[str, Any]

#: Bytes of rows that are rendered at once.
STEP_BYTES = 512 * 1024
#: Members that are 0 or 1, numbers in a string, and times, in the form of some sample.
FLAGS = frozenset(
    {"can_leave", "can_leave_room", "has_password", "host_switch", "is_host", "is_online"}
    | {"join_by_requests", "realtime", "realtime_room", "strict_full"}
)
NUMBERS = frozenset({"from_player_id", "player_id"})
TIMES = frozenset(
    {"banned_at", "banned_until", "created_at", "joined_at", "last_heartbeat", "last_login"}
    | {"last_logout", "last_updated", "left_at", "lobby_heartbeat", "original_utc", "processed_at"}
    | {"requested_at", "responded_at", "room_created_at", "room_last_activity", "started_at"}
    | {"updated_at", "utc"}
)


def format_time(at: float) -> str:
    """Return a time as `2026-03-13 09:39:06`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def format_time_or_null(at: float | None) -> str | None:
    """Return a time as `format_time` does, or None."""
    return None if at is None else format_time(at)


def format_iso_time(at: float) -> str:
    """Return a time as `2026-03-13T09:39:06+00:00`, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def last_seen(core: Core, player: int) -> float | None:
    """Return when a player was last seen, or None."""
    return core.last_seen_at(player) or None


def success(ctx: RequestContext, members: JSON) -> web.StreamResponse:
    """Return a response with `"success": true` and the given members, typed if the client wants that."""
    payload: JSON = {"success": True, **members}
    game = ctx.caller.game
    # Most games are not typed, and most requests have no query.
    if (game is None or game.typed or ctx.query_string) and is_typed(ctx):
        payload = typed(payload)
    return json_response(payload)


async def success_with_rows(ctx: RequestContext, members: JSON, name: str) -> web.StreamResponse:
    """Return what `success` does. Rows in the member `name` may be large: other requests run while they are rendered.

    To escape JSON for Unity clients takes 3 ms for each megabyte; for others it is only copied.
    """
    if not is_unity_client(ctx):
        return success(ctx, members)
    rows, size, are_typed = [], 0, is_typed(ctx)
    for row in members[name]:
        rendered = orjson.dumps(typed(row) if are_typed else row)
        rows.append(rendered)
        size += len(rendered)
        if size > STEP_BYTES:
            size = 0
            await asyncio.sleep(0)
    joined = b"[%b]" % b",".join(rows)
    if len(joined) <= STEP_BYTES:
        return success(ctx, {**members, name: orjson.Fragment(joined)})
    # Each copy of some megabytes takes a few milliseconds.
    rows.clear()
    await asyncio.sleep(0)
    response = success(ctx, {**members, name: orjson.Fragment(joined)})
    await asyncio.sleep(0)
    return response


def is_typed(ctx: RequestContext) -> bool:
    """Return whether the game has typed answers, or the client requests one with `format=json`."""
    game = ctx.caller.game
    if game is not None and game.typed:
        return True
    return bool(ctx.query_string) and ctx.query.get("format", "").lower() == "json"


def typed(value: Any, name: str = "") -> Any:
    """Return a payload with numbers as numbers, flags as booleans and times as ISO 8601 with `Z`.

    The document's samples have some numbers as strings, some flags as 0 and 1, and times in two other
    forms, which strict JSON readers such as System.Text.Json reject. Clients' own JSON is not changed.
    """
    if type(value) is dict:
        return {key: typed(member, key) for key, member in value.items()}
    if type(value) is list:
        return [typed(item, name) for item in value]
    if type(value) is int:
        return bool(value) if name in FLAGS else value
    if type(value) is str:
        if name in NUMBERS:
            return int(value)
        if name in TIMES:
            return f"{value.removesuffix('+00:00').replace(' ', 'T')}Z"
    return value


def render_removal(removal: Removal | None, id_name: str) -> JSON:
    """Return how a player lost their last seat, for `current`: no members if it was their decision."""
    if removal is None:
        return {}
    return {
        "reason": removal.reason,
        id_name: removal.code,
        "left_at": format_time(removal.at),
    }


def is_unity_client(ctx: RequestContext) -> bool:
    """Return whether the client requests JSON members as strings, with `format=unity`."""
    return ctx.query.get("format", "").lower() == "unity"


def json_member(ctx: RequestContext, name: str, value: bytes) -> JSON:
    """Return a JSON member, for a Unity client as a string named `…_json`."""
    if is_unity_client(ctx):
        return {f"{name}_json": value.decode()}
    return {name: orjson.Fragment(value)}
