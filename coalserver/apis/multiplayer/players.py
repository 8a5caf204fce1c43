"""`game_players.php`: who plays a game, and who may not."""

import asyncio

import orjson
from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import (
    JSON,
    format_time,
    format_time_or_null,
    json_member,
    last_seen,
    success,
)
from coalserver.apis.multiplayer.schemas import PARAMS, Params, invalid_request
from coalserver.core.commands import moderation, players
from coalserver.core.queries.players import get_player, players_of_game
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import BAN_DURATIONS, Player
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import record_activity
from coalserver.web.responses import raw_response

FILE = "/api/game_players.php"
MIN_NAME_LENGTH, MAX_NAME_LENGTH = 2, 50
#: Rows of a long list that are made before others get their turn.
CHUNK_SIZE = 500


async def register(ctx: RequestContext) -> web.StreamResponse:
    """Make a player; the private key is shown this once."""
    game = ctx.caller.get_game()
    params: Params = ctx.body["params"]
    name = params.text("player_name", MAX_NAME_LENGTH)
    if not name:
        raise invalid_request("player_name")
    data = params.json_object("player_data") or b"{}"
    player, secret = await ctx.core.execute(
        players.register_player, game=game.tag, name=name, data=data
    )
    return success(
        {
            "player_id": str(player.id),
            "private_key": secret,
            "player_name": player.name,
            "game_id": game.id,
        }
    )


async def login(ctx: RequestContext) -> web.StreamResponse:
    """Come in; the answer shows the player as he was found."""
    ctx.caller = auth.player(ctx)
    player = ctx.core.query(get_player, id=ctx.caller.player_id)
    rendered = {
        "id": player.id,
        "game_id": ctx.caller.get_game().id,
        "player_name": player.name,
        **json_member(ctx, "player_data", player.data),
        "is_online": True,
        "last_login": format_time_or_null(player.last_login),
        "last_heartbeat": format_time_or_null(last_seen(ctx.core, player.id)),
        "last_logout": format_time_or_null(player.last_logout),
        "created_at": format_time(player.created),
        "updated_at": format_time(player.updated),
    }
    await record_activity(ctx)
    await ctx.core.execute(players.record_login, player_id=player.id)
    return success({"player": rendered})


async def heartbeat(ctx: RequestContext) -> web.StreamResponse:
    """Say that one is there. Every other call says so too."""
    at = last_seen(ctx.core, ctx.caller.player_id)
    return success({"message": "Heartbeat updated", "last_heartbeat": format_time_or_null(at)})


async def logout(ctx: RequestContext) -> web.StreamResponse:
    """Go: offline at once, and what is open is closed. The key stays good."""
    player = await ctx.core.execute(players.record_logout, player_id=ctx.caller.player_id)
    ctx.core.presence.leave(player.id)
    return success(
        {
            "message": "Player logged out successfully",
            "last_logout": format_time_or_null(player.last_logout),
        }
    )


async def rename(ctx: RequestContext) -> web.StreamResponse:
    """Be called something else."""
    params: Params = ctx.body["params"]
    name = params.text("new_name", MAX_NAME_LENGTH + 1)
    if not name:
        raise invalid_request("new_name")
    if not MIN_NAME_LENGTH <= len(name) <= MAX_NAME_LENGTH:
        raise invalid_request("name_length")
    player = await ctx.core.execute(
        players.rename_player, player_id=ctx.caller.player_id, name=name
    )
    return success(
        {
            "message": "Player name updated successfully",
            "new_name": player.name,
            "player_id": player.id,
        }
    )


async def rotate_key(ctx: RequestContext) -> web.StreamResponse:
    """Get another private key, shown this once; the old one stops at once."""
    secret = await ctx.core.execute(players.rotate_private_key, player_id=ctx.caller.player_id)
    return success({"message": "Player token rotated successfully", "private_key": secret})


async def list_players(ctx: RequestContext) -> web.StreamResponse:
    """Every player of the game, oldest first, for its owner."""
    found = ctx.core.query(players_of_game, game=ctx.caller.get_game().tag)
    rows: list[bytes] = []
    for start in range(0, len(found), CHUNK_SIZE):
        rows += [
            orjson.dumps(_player_row(ctx, player)) for player in found[start : start + CHUNK_SIZE]
        ]
        await asyncio.sleep(0)
    return raw_response(
        b'{"success":true,"count":%d,"players":[%b]}' % (len(rows), b",".join(rows))
    )


def _player_row(ctx: RequestContext, player: Player) -> JSON:
    return {
        "id": player.id,
        "player_name": player.name,
        "is_online": _is_online(ctx, player),
        "last_login": format_time_or_null(player.last_login),
        "last_logout": format_time_or_null(player.last_logout),
        "last_heartbeat": format_time_or_null(last_seen(ctx.core, player.id)),
        "created_at": format_time(player.created),
    }


def _is_online(ctx: RequestContext, player: Player) -> bool:
    """Whether a player is there. To register is a sign of life too, if no heartbeat."""
    core = ctx.core
    if last_seen(core, player.id) is None:
        return core.now - player.created < core.context.limits.away_after
    return core.online(player.id)


async def ban(ctx: RequestContext) -> web.StreamResponse:
    """Shut a player out of the game for a time; a new ban replaces an older one."""
    params: Params = ctx.body["params"]
    player = _player_param(params)
    duration = params.text("ban_duration").lower()
    if not duration:
        raise invalid_request("ban_duration")
    if duration not in BAN_DURATIONS:
        raise invalid_request("unknown_duration")
    created = await ctx.core.execute(
        moderation.ban,
        game=ctx.caller.get_game().tag,
        player_id=player,
        duration=duration,
        reason=params.text("ban_reason", 500),
    )
    return success(
        {
            "message": "Player banned successfully",
            "ban_id": created.code,
            "player_id": created.player,
            "ban_duration": created.duration,
            "ban_reason": created.reason or None,
            "banned_until": format_time_or_null(created.until),
        }
    )


async def unban(ctx: RequestContext) -> web.StreamResponse:
    """Let a player in again."""
    player = _player_param(ctx.body["params"])
    removed = await ctx.core.execute(
        moderation.unban, game=ctx.caller.get_game().tag, player_id=player
    )
    message = "Player unbanned successfully" if removed else "No active bans found for this player"
    return success({"message": message, "player_id": player, "bans_removed": removed})


def _player_param(params: Params) -> int:
    if params.get("player_id") in (None, ""):
        raise invalid_request("player_id")
    player = params.integer("player_id")
    if player is None:
        raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    return player


ROUTES = (
    Route("POST", f"{FILE}/register", register, PARAMS, auth.game_only, media=()),
    # Who calls, it finds out itself: the call must not count as a sign of life too early.
    Route("PUT", f"{FILE}/login", login),
    Route("POST", f"{FILE}/heartbeat", heartbeat, auth=auth.player),
    Route("POST", f"{FILE}/logout", logout, auth=auth.player),
    Route("PUT", f"{FILE}/rename", rename, PARAMS, auth.player, media=()),
    Route("POST", f"{FILE}/rotate", rotate_key, auth=auth.player),
    Route("GET", f"{FILE}/list", list_players, auth=auth.game_owner),
    Route("POST", f"{FILE}/ban", ban, PARAMS, auth.game_owner, media=()),
    Route("POST", f"{FILE}/unban", unban, PARAMS, auth.game_owner, media=()),
)
