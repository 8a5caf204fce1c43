"""How values look in this dialect. Plain functions; nothing is decided here."""

from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from coalserver.core.engine import Core
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

JSON = dict[str, Any]


def format_time(at: float) -> str:
    """`2026-03-13 09:39:06`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def format_time_or_null(at: float | None) -> str | None:
    """The same; null for what has not happened yet."""
    return None if at is None else format_time(at)


def format_iso_time(at: float) -> str:
    """`2026-03-13T09:39:06+00:00`, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def last_seen(core: Core, player: int) -> float | None:
    """When a player was last heard of; None for one who never was."""
    return core.presence.last_seen_at(player) or None


def success(members: JSON, headers: dict[str, str] | None = None) -> web.StreamResponse:
    """200 and `success`, with what belongs to it."""
    return json_response({"success": True, **members}, headers=headers)


def is_unity_client(ctx: RequestContext) -> bool:
    """Whether the client cannot read free JSON but as a string: `format=unity`."""
    return ctx.query.get("format", "").lower() == "unity"


def json_member(ctx: RequestContext, name: str, value: bytes) -> JSON:
    """A member of free JSON as this client reads it: as it is, or as a string named `…_json`."""
    if is_unity_client(ctx):
        return {f"{name}_json": value.decode()}
    return {name: orjson.Fragment(value)}
