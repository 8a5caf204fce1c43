"""`leaderboard.php`: players of a game by fields of their data.

Beyond the document: `around` a player, `offset`, and `where`, filters that must all be equal.
"""

from typing import Any

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, json_member, success
from coalserver.apis.multiplayer.schemas import PARAMS, Params, invalid_request
from coalserver.core.leaderboards import Fields, Filters
from coalserver.core.queries.games import leaderboard_page
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.schemas import MAX_INTEGER

#: Rows of one answer, and how many are meant where nobody says.
MAX_LIMIT, DEFAULT_LIMIT = 100, 10
#: Fields that are compared, and filters. More would be no other order, and cost.
MAX_FIELDS = 8
MAX_NAME_LENGTH = 120


async def get_leaderboard(ctx: RequestContext) -> web.StreamResponse:
    """Exact ranks; among equals the older player comes first."""
    game, params = ctx.caller.get_game(), ctx.body["params"]
    fields, where = parse_fields(params), parse_filters(params)
    limit = parse_number(params, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    offset = parse_number(params, "offset", 0, 0, MAX_INTEGER)
    around = (
        None if params.get("around") is None else parse_number(params, "around", 0, 1, MAX_INTEGER)
    )
    ranking = await ctx.core.leaderboards.get(game.tag, fields, where)
    players, start = ctx.core.query(
        leaderboard_page, leaderboard=ranking, start=offset, limit=limit, around=around
    )
    payload: JSON = {
        "leaderboard": [
            {
                "rank": rank,
                "player_id": player.id,
                "player_name": player.name,
                **json_member(ctx, "player_data", player.data),
            }
            for rank, player in enumerate(players, start + 1)
        ],
        "total": len(ranking),
        "sort_by": fields,
        "limit": limit,
    }
    if params.has("around", "offset"):
        payload["offset"] = start
    return success(payload)


def parse_fields(params: Params) -> Fields:
    """The fields to compare, each once. What can be no field's name is left out."""
    sort_by = params.get("sort_by")
    if not isinstance(sort_by, list) or not sort_by:
        raise invalid_request("sort_by")
    fields = tuple(dict.fromkeys(name for name in map(_field_name, sort_by) if name))
    if not fields:
        raise invalid_request("sort_fields")
    return fields[:MAX_FIELDS]


def parse_filters(params: Params) -> Filters:
    """What must be equal: plain values by the names of fields."""
    where = params.get("where")
    if where is None:
        return ()
    if not isinstance(where, dict) or len(where) > MAX_FIELDS:
        raise invalid_request("where")
    filters = {_field_name(name): value for name, value in where.items()}
    if "" in filters or any(isinstance(wanted, list | dict) for wanted in filters.values()):
        raise invalid_request("where")
    return tuple(filters.items())


def parse_number(params: Params, name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds; the default where it is absent."""
    if params.get(name) is None:
        return default
    value = params.integer(name)
    if value is None or not low <= value <= high:
        raise invalid_request(name)
    return value


def _field_name(name: Any) -> str:
    """A field's name, dots leading into documents; empty for what cannot be one."""
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        return ""
    name = name.strip()
    return name if all(name.split(".")) else ""


ROUTES = (Route("POST", "/api/leaderboard.php", get_leaderboard, PARAMS, auth.game_only, media=()),)
