"""`game_data.php`: what a game keeps for all, and for each of its players. The last write wins.

Beyond the document answers carry a `version`; a write with `If-Match` is refused when it is another by then.
"""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, free, stamp_or_null, unity, well
from coalserver.apis.multiplayer.schemas import BODY, Said, missing, sized
from coalserver.core.commands.players import keep_game_data, keep_player_data
from coalserver.core.queries.players import player_called
from coalserver.web.api import Call, Route

FILE = "/api/game_data.php"


async def game_get(call: Call) -> web.StreamResponse:
    """What the game keeps for everybody."""
    game = auth.game(call)
    return well(
        {
            "type": "game",
            "game_id": game.id,
            **free(call, "data", game.data),
            "version": game.data_version,
        }
    )


async def game_update(call: Call) -> web.StreamResponse:
    """Replace it: nothing is merged."""
    game = await call.core.do(
        keep_game_data, game=auth.game(call).tag, data=_document(call), expected=_expected(call)
    )
    return well(_updated("Game", game.data_updated, game.data_version))


async def player_get(call: Call) -> web.StreamResponse:
    """What is kept for the caller."""
    player = call.core.see(player_called, id=call.caller.player)
    return well(
        {
            "type": "player",
            "player_id": player.id,
            "player_name": player.name,
            **free(call, "data", player.data),
            "version": player.data_version,
        }
    )


async def player_update(call: Call) -> web.StreamResponse:
    """Replace it: nothing is merged."""
    player = await call.core.do(
        keep_player_data,
        player=call.caller.player,
        data=_document(call),
        expected=_expected(call),
    )
    return well(_updated("Player", player.updated, player.data_version))


def _updated(whose: str, at: float | None, version: int) -> JSON:
    return {
        "message": f"{whose} data updated successfully",
        "updated_at": stamp_or_null(at),
        "version": version,
    }


def _document(call: Call) -> bytes:
    """The whole body; from a Unity client perhaps as the one string `data_json`."""
    said: Said = call.body["said"]
    if not call.raw or call.raw.strip() == b"null":
        raise missing("body")
    if unity(call) and len(said.members) == 1:
        for name in ("data", "player_data", "game_data"):
            if isinstance(said.get(f"{name}_json"), str):
                return said.object(name) or b"{}"
    return sized("data", said.members)


def _expected(call: Call) -> int | None:
    """The version that the caller last saw, where he says so; one that never was, -1."""
    wanted = call.request.headers.get("If-Match", "").strip()
    if wanted in ("", "*"):
        return None
    digits = wanted.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else -1


ROUTES = (
    Route("GET", f"{FILE}/game/get", game_get, who=auth.game_only),
    Route("PUT", f"{FILE}/game/update", game_update, BODY, auth.private, media=()),
    Route("GET", f"{FILE}/player/get", player_get, who=auth.player),
    Route("PUT", f"{FILE}/player/update", player_update, BODY, auth.player, media=()),
)
