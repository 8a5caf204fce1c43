"""`leaderboard.php`: players of a game by fields of their data.

Beyond the document: `around` a player, `offset`, and `where`, filters that must all be equal.
"""

from typing import Any

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, free, well
from coalserver.apis.multiplayer.schemas import BODY, Said, missing
from coalserver.core.leaderboards import Fields, Where
from coalserver.core.queries.standings import standings
from coalserver.web.api import Call, Route
from coalserver.web.schemas import LARGEST

#: Rows of one answer, and how many are meant where nobody says.
MOST, USUAL = 100, 10
#: Fields that are compared, and filters. More would be no other order, and cost.
MOST_FIELDS = 8
LONGEST_NAME = 120


async def leaderboard(call: Call) -> web.StreamResponse:
    """Exact ranks; among equals the older player comes first."""
    game, said = auth.game(call), call.body["said"]
    fields, where = fields_of(said), filters_of(said)
    limit = number(said, "limit", USUAL, 1, MOST)
    offset = number(said, "offset", 0, 0, LARGEST)
    around = None if said.get("around") is None else number(said, "around", 0, 1, LARGEST)
    ranking = await call.core.rankings.ranking(game.tag, fields, where)
    players, start = call.core.see(
        standings, ranking=ranking, start=offset, limit=limit, around=around
    )
    answer: JSON = {
        "leaderboard": [
            {
                "rank": rank,
                "player_id": player.id,
                "player_name": player.name,
                **free(call, "player_data", player.data),
            }
            for rank, player in enumerate(players, start + 1)
        ],
        "total": len(ranking),
        "sort_by": fields,
        "limit": limit,
    }
    if said.has("around", "offset"):
        answer["offset"] = start
    return well(answer)


def fields_of(said: Said) -> Fields:
    """The fields to compare, each once. What can be no field's name is left out."""
    asked = said.get("sort_by")
    if not isinstance(asked, list) or not asked:
        raise missing("sort_by")
    fields = tuple(dict.fromkeys(name for name in map(_field, asked) if name))
    if not fields:
        raise missing("sort_fields")
    return fields[:MOST_FIELDS]


def filters_of(said: Said) -> Where:
    """What must be equal: plain values by the names of fields."""
    asked = said.get("where")
    if asked is None:
        return ()
    if not isinstance(asked, dict) or len(asked) > MOST_FIELDS:
        raise missing("where")
    filters = {_field(name): wanted for name, wanted in asked.items()}
    if "" in filters or any(isinstance(wanted, list | dict) for wanted in filters.values()):
        raise missing("where")
    return tuple(filters.items())


def number(said: Said, name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds; the default where it is absent."""
    if said.get(name) is None:
        return default
    value = said.whole(name)
    if value is None or not low <= value <= high:
        raise missing(name)
    return value


def _field(name: Any) -> str:
    """A field's name, dots leading into documents; empty for what cannot be one."""
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not name.isprintable():
        return ""
    name = name.strip()
    return name if all(name.split(".")) else ""


ROUTES = (Route("POST", "/api/leaderboard.php", leaderboard, BODY, auth.game_only, media=()),)
