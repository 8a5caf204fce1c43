"""`time.php`: what time it is here, and so many hours further."""

import re

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, iso, stamp, well
from coalserver.apis.multiplayer.schemas import missing
from coalserver.web.api import Call, Route

EARLIEST, LATEST = -12, 14
#: Hours or half hours; a `+` in a query arrives as a blank.
OFFSET = re.compile(r"([+ -]?)(\d{1,2}(?:\.[05]0*|:[03]0)?)?\s*", re.ASCII)


async def time(call: Call) -> web.StreamResponse:
    """The time of this server in UTC, and with `utc` that of a zone, in the same form."""
    now = call.now
    wanted = call.query.get("utc", "")
    if not wanted:
        return well(_shown(now))
    hours = offset(wanted)
    return well(
        {
            **_shown(now + hours * 3600),
            "offset": {
                "offset_hours": int(hours) if hours.is_integer() else hours,
                "offset_string": f"{hours:+g}",
                "original_utc": iso(now),
                "original_timestamp": int(now),
            },
        }
    )


def offset(text: str) -> float:
    """Hours from UTC: `+1`, `-2`, `5.5` or `5:30`. A sign alone is none, as some clients write it."""
    found = OFFSET.fullmatch(text)
    if found is None:
        raise missing("utc")
    digits = (found[2] or "0").replace(":30", ".5").replace(":00", "")
    hours = float(digits) * (-1 if found[1] == "-" else 1)
    if not EARLIEST <= hours <= LATEST:
        raise missing("utc")
    return hours + 0.0


def _shown(at: float) -> JSON:
    return {"utc": iso(at), "timestamp": int(at), "readable": f"{stamp(at)} UTC"}


ROUTES = (Route("GET", "/api/time.php", time, who=auth.game_only),)
