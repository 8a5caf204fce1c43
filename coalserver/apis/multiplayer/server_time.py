"""`time.php`: the time of the server, in UTC and with an offset."""

import re

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, format_iso_time, format_time, success
from coalserver.apis.multiplayer.schemas import invalid_request
from coalserver.web.api import Route
from coalserver.web.context import RequestContext

MIN_OFFSET_HOURS, MAX_OFFSET_HOURS = -12, 14
#: Hours or half hours. A `+` in a query is decoded as a space.
OFFSET = re.compile(r"([+ -]?)(\d{1,2}(?:\.[05]0*|:[03]0)?)?\s*", re.ASCII)


async def get_time(ctx: RequestContext) -> web.StreamResponse:
    """Return the time in UTC; with `utc`, the time at that offset from UTC."""
    now = ctx.now
    zone = ctx.query.get("utc", "")
    if not zone:
        return success(ctx, _render_time(now))
    hours = parse_offset(zone)
    return success(
        ctx,
        {
            **_render_time(now + hours * 3600),
            "offset": {
                "offset_hours": int(hours) if hours.is_integer() else hours,
                "offset_string": f"{hours:+g}",
                "original_utc": format_iso_time(now),
                "original_timestamp": int(now),
            },
        },
    )


def parse_offset(text: str) -> float:
    """Return an offset from UTC in hours: `+1`, `-2`, `5.5` or `5:30`.

    Some clients send a sign alone for zero. Raises INVALID_REQUEST for anything else.
    """
    found = OFFSET.fullmatch(text)
    if found is None:
        raise invalid_request("utc")
    digits = (found[2] or "0").replace(":30", ".5").replace(":00", "")
    hours = float(digits) * (-1 if found[1] == "-" else 1)
    if not MIN_OFFSET_HOURS <= hours <= MAX_OFFSET_HOURS:
        raise invalid_request("utc")
    return hours + 0.0


def _render_time(at: float) -> JSON:
    return {"utc": format_iso_time(at), "timestamp": int(at), "readable": f"{format_time(at)} UTC"}


ROUTES = (Route("GET", "/api/time.php", get_time, auth=auth.game_only),)
