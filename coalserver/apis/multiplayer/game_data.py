"""`game_data.php`: the data of a game and of each of its players. The last write wins.

Beyond the document, responses have a `version`. A write with `If-Match` fails if the version has changed.
"""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.render import (
    JSON,
    format_time_or_null,
    is_unity_client,
    json_member,
    success,
)
from coalserver.apis.multiplayer.schemas import (
    GAME_DATA,
    UNITY_DATA,
    invalid_request,
)
from coalserver.core.commands.players import save_game_data, save_player_data
from coalserver.core.queries.players import get_player
from coalserver.web.api import Route
from coalserver.web.body import load_body
from coalserver.web.context import RequestContext
from coalserver.web.throttling import UseLimit

FILE = "/api/game_data.php"


async def get_game_data(ctx: RequestContext) -> web.StreamResponse:
    """Return the data of the game."""
    game = ctx.caller.get_game()
    return success(
        ctx,
        {
            "type": "game",
            "game_id": game.id,
            **json_member(ctx, "data", game.data),
            "version": game.data_version,
        },
    )


async def update_game_data(ctx: RequestContext) -> web.StreamResponse:
    """Replace the data of the game."""
    return await execute(
        ctx,
        save_game_data,
        lambda game: _render_updated("Game", game.data_updated, game.data_version),
        game=ctx.caller.get_game().tag,
        data=_data_param(ctx),
        expected=_expected_version(ctx),
    )


async def get_player_data(ctx: RequestContext) -> web.StreamResponse:
    """Return the data of the caller."""
    player = ctx.core.query(get_player, id=ctx.caller.player_id)
    return success(
        ctx,
        {
            "type": "player",
            "player_id": player.id,
            "player_name": player.name,
            **json_member(ctx, "data", player.data),
            "version": player.data_version,
        },
    )


async def update_player_data(ctx: RequestContext) -> web.StreamResponse:
    """Replace the data of the caller."""
    return await execute(
        ctx,
        save_player_data,
        lambda player: _render_updated("Player", player.updated, player.data_version),
        player_id=ctx.caller.player_id,
        data=_data_param(ctx),
        expected=_expected_version(ctx),
    )


def _render_updated(owner: str, at: float | None, version: int) -> JSON:
    return {
        "message": f"{owner} data updated successfully",
        "updated_at": format_time_or_null(at),
        "version": version,
    }


def _data_param(ctx: RequestContext) -> bytes:
    """Return the new data as JSON. Raises INVALID_REQUEST if the body is missing or too large."""
    if not ctx.raw or ctx.raw.strip() == b"null":
        raise invalid_request("body")
    schema = UNITY_DATA if is_unity_client(ctx) else GAME_DATA.schema
    data: bytes = load_body(schema, ctx.body["members"])["data"]
    return data


def _expected_version(ctx: RequestContext) -> int | None:
    """Return the version in `If-Match`; None without one, -1, which matches no version, if it is invalid."""
    if_match = ctx.headers.get("If-Match", "").strip()
    if if_match in ("", "*"):
        return None
    digits = if_match.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 18 else -1


ROUTES = (
    Route("GET", f"{FILE}/game/get", get_game_data, auth=auth.game_only),
    Route("PUT", f"{FILE}/game/update", update_game_data, GAME_DATA, auth.game_owner, media=()),
    Route("GET", f"{FILE}/player/get", get_player_data, auth=auth.player),
    Route(
        "PUT",
        f"{FILE}/player/update",
        update_player_data,
        GAME_DATA,
        auth.player,
        media=(),
        limit=UseLimit.MESSAGES,
    ),
)
