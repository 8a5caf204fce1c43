"""`game_data.php`: what a game keeps for all, and for each of its players. The last write wins.

Beyond the document answers carry a `version`; a write with `If-Match` is refused when it is another by then.
"""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import (
    JSON,
    format_time_or_null,
    is_unity_client,
    json_member,
    success,
)
from coalserver.apis.multiplayer.schemas import PARAMS, Params, dump_limited, invalid_request
from coalserver.core.commands.players import save_game_data, save_player_data
from coalserver.core.queries.players import get_player
from coalserver.web.api import Route
from coalserver.web.context import RequestContext

FILE = "/api/game_data.php"


async def get_game_data(ctx: RequestContext) -> web.StreamResponse:
    """What the game keeps for everybody."""
    game = ctx.caller.get_game()
    return success(
        {
            "type": "game",
            "game_id": game.id,
            **json_member(ctx, "data", game.data),
            "version": game.data_version,
        }
    )


async def update_game_data(ctx: RequestContext) -> web.StreamResponse:
    """Replace it: nothing is merged."""
    game = await ctx.core.execute(
        save_game_data,
        game=ctx.caller.get_game().tag,
        data=_data_param(ctx),
        expected=_expected_version(ctx),
    )
    return success(_render_updated("Game", game.data_updated, game.data_version))


async def get_player_data(ctx: RequestContext) -> web.StreamResponse:
    """What is kept for the caller."""
    player = ctx.core.query(get_player, id=ctx.caller.player_id)
    return success(
        {
            "type": "player",
            "player_id": player.id,
            "player_name": player.name,
            **json_member(ctx, "data", player.data),
            "version": player.data_version,
        }
    )


async def update_player_data(ctx: RequestContext) -> web.StreamResponse:
    """Replace it: nothing is merged."""
    player = await ctx.core.execute(
        save_player_data,
        player_id=ctx.caller.player_id,
        data=_data_param(ctx),
        expected=_expected_version(ctx),
    )
    return success(_render_updated("Player", player.updated, player.data_version))


def _render_updated(owner: str, at: float | None, version: int) -> JSON:
    return {
        "message": f"{owner} data updated successfully",
        "updated_at": format_time_or_null(at),
        "version": version,
    }


def _data_param(ctx: RequestContext) -> bytes:
    """The whole body; from a Unity client perhaps as the one string `data_json`."""
    params: Params = ctx.body["params"]
    if not ctx.raw or ctx.raw.strip() == b"null":
        raise invalid_request("body")
    if is_unity_client(ctx) and len(params.members) == 1:
        for name in ("data", "player_data", "game_data"):
            if isinstance(params.get(f"{name}_json"), str):
                return params.json_object(name) or b"{}"
    return dump_limited("data", params.members)


def _expected_version(ctx: RequestContext) -> int | None:
    """The version that the caller last saw, where he says so; one that never was, -1."""
    if_match = ctx.request.headers.get("If-Match", "").strip()
    if if_match in ("", "*"):
        return None
    digits = if_match.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else -1


ROUTES = (
    Route("GET", f"{FILE}/game/get", get_game_data, auth=auth.game_only),
    Route("PUT", f"{FILE}/game/update", update_game_data, PARAMS, auth.game_owner, media=()),
    Route("GET", f"{FILE}/player/get", get_player_data, auth=auth.player),
    Route("PUT", f"{FILE}/player/update", update_player_data, PARAMS, auth.player, media=()),
)
