"""`leaderboard.php`: the players of a game in the order of fields of their data.

Beyond the document: `around`, a player; `offset`; and `where`, values that players must have.
"""

from typing import Any

from aiohttp import web
from marshmallow import fields

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, json_member, success_with_rows
from coalserver.apis.multiplayer.schemas import Data, IntegerField, LenientField, LenientSchema
from coalserver.core.leaderboards import Fields, Filters
from coalserver.core.queries.games import leaderboard_page
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.schemas import MAX_INTEGER

#: Rows of one response.
MAX_LIMIT, DEFAULT_LIMIT = 100, 10
#: Sort fields, and filters. Each further one costs time and hardly changes the order.
MAX_FIELDS = 8
MAX_NAME_LENGTH = 120


class SortFieldsField(LenientField[Fields]):
    """The names of the fields to sort by, each once. Invalid names are left out."""

    default_error_messages = {"fields": "sort_fields"}

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Fields:
        if not isinstance(value, list) or not value:
            raise self.make_error("required")
        names = tuple(dict.fromkeys(name for name in map(_field_name, value) if name))
        if not names:
            raise self.make_error("fields")
        return names[:MAX_FIELDS]


class FiltersField(LenientField[Filters]):
    """The values that fields must have: strings, numbers, booleans or null."""

    def _deserialize(self, value: Any, attr: str | None, data: Data, **kw: Any) -> Filters:
        if not isinstance(value, dict) or len(value) > MAX_FIELDS:
            raise self.make_error("invalid")
        filters = {_field_name(name): wanted for name, wanted in value.items()}
        if "" in filters or any(isinstance(wanted, list | dict) for wanted in filters.values()):
            raise self.make_error("invalid")
        return tuple(filters.items())


class LeaderboardSchema(LenientSchema):
    sort_by = SortFieldsField(missing_error="sort_by")
    where = FiltersField(invalid_error="where", load_default=())
    limit = IntegerField(1, MAX_LIMIT, invalid_error="limit", load_default=DEFAULT_LIMIT)
    offset = IntegerField(0, MAX_INTEGER, invalid_error="offset", load_default=0)
    around = IntegerField(1, MAX_INTEGER, invalid_error="around", load_default=None)
    shows_offset = fields.Raw()

    def prepare(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the members, with `shows_offset` if `around` or `offset` is there, even as null."""
        return {**super().prepare(data), "shows_offset": "around" in data or "offset" in data}


async def get_leaderboard(ctx: RequestContext) -> web.StreamResponse:
    """Return a page of a leaderboard. Of players with equal fields the oldest comes first."""
    body = ctx.body
    leaderboard = await ctx.core.leaderboards.get(
        ctx.caller.get_game().tag, body["sort_by"], body["where"]
    )
    players, start = ctx.core.query(
        leaderboard_page,
        leaderboard=leaderboard,
        start=body["offset"],
        limit=body["limit"],
        around=body["around"],
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
        "total": len(leaderboard),
        "sort_by": body["sort_by"],
        "limit": body["limit"],
    }
    if body["shows_offset"]:
        payload["offset"] = start
    return await success_with_rows(ctx, payload, "leaderboard")


def _field_name(name: Any) -> str:
    """Return the name of a field, in which dots lead into objects; empty if it is invalid."""
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        return ""
    name = name.strip()
    return name if all(name.split(".")) else ""


ROUTES = (
    Route(
        "POST",
        "/api/leaderboard.php",
        get_leaderboard,
        LeaderboardSchema(),
        auth.game_only,
        media=(),
    ),
)
