"""Rendering of values in responses."""

from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from coalserver.core.engine import Core
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response

JSON = dict[str, Any]


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
    """Return a response with `"success": true` and the given members."""
    return json_response({"success": True, **members})


def is_unity_client(ctx: RequestContext) -> bool:
    """Return whether the client requests JSON members as strings, with `format=unity`."""
    return ctx.query.get("format", "").lower() == "unity"


def json_member(ctx: RequestContext, name: str, value: bytes) -> JSON:
    """Return a JSON member, for a Unity client as a string named `…_json`."""
    if is_unity_client(ctx):
        return {f"{name}_json": value.decode()}
    return {name: orjson.Fragment(value)}
