"""`game_players.php`: the players of a game, and bans."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.render import (
    JSON,
    format_time,
    format_time_or_null,
    is_typed,
    json_member,
    last_seen,
    success,
    typed,
)
from coalserver.apis.multiplayer.schemas import BAN, REGISTER, RENAME, UNBAN
from coalserver.core.commands import moderation, players
from coalserver.core.queries.players import PIECE_SIZE, get_player, players_of_game
from coalserver.domain.play.player import Ban, Player
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import record_activity
from coalserver.web.responses import StreamedResponse, raw_response
from coalserver.web.throttling import UseLimit

FILE = "/api/game_players.php"


async def register(ctx: RequestContext) -> web.StreamResponse:
    """Create a player. Only this response has the private key."""
    game = ctx.caller.get_game()
    player, secret = await ctx.core.execute(players.register_player, game=game.tag, **ctx.body)
    return success(
        ctx,
        {
            "player_id": str(player.id),
            "private_key": secret,
            "player_name": player.name,
            "game_id": game.id,
        },
    )


async def login(ctx: RequestContext) -> web.StreamResponse:
    """Log in and return the player as they were before."""
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
    return success(ctx, {"player": rendered})


async def heartbeat(ctx: RequestContext) -> web.StreamResponse:
    """Return when the caller was last seen. Every request counts as activity."""
    at = last_seen(ctx.core, ctx.caller.player_id)
    return success(ctx, {"message": "Heartbeat updated", "last_heartbeat": format_time_or_null(at)})


async def logout(ctx: RequestContext) -> web.StreamResponse:
    """Log out: the caller is offline at once, and polls and sockets end. The key stays valid."""

    def render(player: Player) -> JSON:
        return {
            "message": "Player logged out successfully",
            "last_logout": format_time_or_null(player.last_logout),
        }

    player_id = ctx.caller.player_id
    response = await execute(ctx, players.record_logout, render, player_id=player_id)
    ctx.core.presence.leave(player_id)
    return response


async def rename(ctx: RequestContext) -> web.StreamResponse:
    """Change the caller's name."""

    def render(player: Player) -> JSON:
        return {
            "message": "Player name updated successfully",
            "new_name": player.name,
            "player_id": player.id,
        }

    player_id = ctx.caller.player_id
    return await execute(ctx, players.rename_player, render, player_id=player_id, **ctx.body)


async def rotate_key(ctx: RequestContext) -> web.StreamResponse:
    """Replace the private key, which only this response has; the old one is invalid at once."""
    secret = await ctx.core.execute(players.rotate_private_key, player_id=ctx.caller.player_id)
    return success(ctx, {"message": "Player token rotated successfully", "private_key": secret})


async def list_players(ctx: RequestContext) -> web.StreamResponse:
    """Return all players of the game, oldest first, for its owner."""
    count, pieces = ctx.core.query(players_of_game, game=ctx.caller.get_game().tag)
    body = _list_in_pieces(ctx, count, pieces)
    return raw_response(b"".join(body)) if count <= PIECE_SIZE else StreamedResponse(body)


def _list_in_pieces(
    ctx: RequestContext, count: int, pieces: Iterable[list[Player]]
) -> Iterator[bytes]:
    render = _typed_player_row if is_typed(ctx) else _player_row
    separator = b""
    yield b'{"success":true,"count":%d,"players":[' % count
    for piece in pieces:
        rows = b",".join([orjson.dumps(render(ctx, player)) for player in piece])
        if rows:
            rows, separator = separator + rows, b","
        yield rows
    yield b"]}"


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


def _typed_player_row(ctx: RequestContext, player: Player) -> Any:
    return typed(_player_row(ctx, player))


def _is_online(ctx: RequestContext, player: Player) -> bool:
    """Return whether a player is online. A new player without a heartbeat counts from registration."""
    core = ctx.core
    if last_seen(core, player.id) is None:
        return core.now - player.created < core.context.limits.away_after
    return core.online(player.id)


async def ban(ctx: RequestContext) -> web.StreamResponse:
    """Ban a player from the game. A new ban replaces an earlier one."""

    def render(created: Ban) -> JSON:
        return {
            "message": "Player banned successfully",
            "ban_id": created.code,
            "player_id": created.player,
            "ban_duration": created.duration,
            "ban_reason": created.reason or None,
            "banned_until": format_time_or_null(created.until),
        }

    game = ctx.caller.get_game().tag
    return await execute(ctx, moderation.ban, render, game=game, **ctx.body)


async def unban(ctx: RequestContext) -> web.StreamResponse:
    """Remove the ban of a player."""
    player = ctx.body["player_id"]

    def render(removed: int) -> JSON:
        message = (
            "Player unbanned successfully" if removed else "No active bans found for this player"
        )
        return {"message": message, "player_id": player, "bans_removed": removed}

    game = ctx.caller.get_game().tag
    return await execute(ctx, moderation.unban, render, game=game, player_id=player)


ROUTES = (
    Route(
        "POST",
        f"{FILE}/register",
        register,
        REGISTER,
        auth.game_only,
        media=(),
        limit=UseLimit.PLAYERS,
    ),
    # Authenticates in the handler: the response has the time before this request counts as activity.
    Route("PUT", f"{FILE}/login", login),
    Route("POST", f"{FILE}/heartbeat", heartbeat, auth=auth.player),
    Route("POST", f"{FILE}/logout", logout, auth=auth.player),
    Route("PUT", f"{FILE}/rename", rename, RENAME, auth.player, media=(), limit=UseLimit.MESSAGES),
    Route("POST", f"{FILE}/rotate", rotate_key, auth=auth.player, limit=UseLimit.MESSAGES),
    Route("GET", f"{FILE}/list", list_players, auth=auth.game_owner),
    Route("POST", f"{FILE}/ban", ban, BAN, auth.game_owner, media=()),
    Route("POST", f"{FILE}/unban", unban, UNBAN, auth.game_owner, media=()),
)
