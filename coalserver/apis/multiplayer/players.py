"""`game_players.php`: who plays a game, and who may not."""

import asyncio

import orjson
from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.render import JSON, free, heard_at, stamp, stamp_or_null, well
from coalserver.apis.multiplayer.schemas import BODY, Said, missing
from coalserver.core.commands import bans, players
from coalserver.core.queries.players import player_called, players_of
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import BAN_SECONDS, Player
from coalserver.web.api import Call, Route
from coalserver.web.endpoint import heard
from coalserver.web.responses import answer

FILE = "/api/game_players.php"
SHORTEST_NAME, LONGEST_NAME = 2, 50
#: Rows of a long list that are made before others get their turn.
PIECE = 500


async def register(call: Call) -> web.StreamResponse:
    """Make a player; the private key is shown this once."""
    game = auth.game(call)
    said: Said = call.body["said"]
    name = said.text("player_name", LONGEST_NAME)
    if not name:
        raise missing("player_name")
    data = said.object("player_data") or b"{}"
    player, secret = await call.core.do(
        players.register_player, game=game.tag, name=name, data=data
    )
    return well(
        {
            "player_id": str(player.id),
            "private_key": secret,
            "player_name": player.name,
            "game_id": game.id,
        }
    )


async def login(call: Call) -> web.StreamResponse:
    """Come in; the answer shows the player as he was found."""
    call.caller = auth.player(call)
    player = call.core.see(player_called, id=call.caller.player)
    found = {
        "id": player.id,
        "game_id": auth.game(call).id,
        "player_name": player.name,
        **free(call, "player_data", player.data),
        "is_online": True,
        "last_login": stamp_or_null(player.last_login),
        "last_heartbeat": stamp_or_null(heard_at(call.core, player.id)),
        "last_logout": stamp_or_null(player.last_logout),
        "created_at": stamp(player.created),
        "updated_at": stamp(player.updated),
    }
    await heard(call)
    await call.core.do(players.note_login, player=player.id)
    return well({"player": found})


async def heartbeat(call: Call) -> web.StreamResponse:
    """Say that one is there. Every other call says so too."""
    at = heard_at(call.core, call.caller.player)
    return well({"message": "Heartbeat updated", "last_heartbeat": stamp_or_null(at)})


async def logout(call: Call) -> web.StreamResponse:
    """Go: offline at once, and what is open is closed. The key stays good."""
    player = await call.core.do(players.note_logout, player=call.caller.player)
    call.core.presence.depart(player.id)
    return well(
        {
            "message": "Player logged out successfully",
            "last_logout": stamp_or_null(player.last_logout),
        }
    )


async def rename(call: Call) -> web.StreamResponse:
    """Be called something else."""
    said: Said = call.body["said"]
    name = said.text("new_name", LONGEST_NAME + 1)
    if not name:
        raise missing("new_name")
    if not SHORTEST_NAME <= len(name) <= LONGEST_NAME:
        raise missing("name_length")
    player = await call.core.do(players.rename_player, player=call.caller.player, name=name)
    return well(
        {
            "message": "Player name updated successfully",
            "new_name": player.name,
            "player_id": player.id,
        }
    )


async def rotate(call: Call) -> web.StreamResponse:
    """Get another private key, shown this once; the old one stops at once."""
    secret = await call.core.do(players.rotate_key, player=call.caller.player)
    return well({"message": "Player token rotated successfully", "private_key": secret})


async def listing(call: Call) -> web.StreamResponse:
    """Every player of the game, oldest first, for its owner."""
    found = call.core.see(players_of, game=auth.game(call).tag)
    rows: list[bytes] = []
    for start in range(0, len(found), PIECE):
        rows += [orjson.dumps(_row(call, player)) for player in found[start : start + PIECE]]
        await asyncio.sleep(0)
    return answer(b'{"success":true,"count":%d,"players":[%b]}' % (len(rows), b",".join(rows)))


def _row(call: Call, player: Player) -> JSON:
    return {
        "id": player.id,
        "player_name": player.name,
        "is_online": _online(call, player),
        "last_login": stamp_or_null(player.last_login),
        "last_logout": stamp_or_null(player.last_logout),
        "last_heartbeat": stamp_or_null(heard_at(call.core, player.id)),
        "created_at": stamp(player.created),
    }


def _online(call: Call, player: Player) -> bool:
    """Whether a player is there. To register is a sign of life too, if no heartbeat."""
    core = call.core
    if heard_at(core, player.id) is None:
        return core.now - player.created < core.setting.limits.away_after
    return core.online(player.id)


async def ban(call: Call) -> web.StreamResponse:
    """Shut a player out of the game for a time; a new ban replaces an older one."""
    said: Said = call.body["said"]
    player = _named(said)
    duration = said.text("ban_duration").lower()
    if not duration:
        raise missing("ban_duration")
    if duration not in BAN_SECONDS:
        raise missing("unknown_duration")
    made = await call.core.do(
        bans.ban,
        game=auth.game(call).tag,
        player=player,
        duration=duration,
        reason=said.text("ban_reason", 500),
    )
    return well(
        {
            "message": "Player banned successfully",
            "ban_id": made.code,
            "player_id": made.player,
            "ban_duration": made.duration,
            "ban_reason": made.reason or None,
            "banned_until": stamp_or_null(made.until),
        }
    )


async def unban(call: Call) -> web.StreamResponse:
    """Let a player in again."""
    player = _named(call.body["said"])
    removed = await call.core.do(bans.unban, game=auth.game(call).tag, player=player)
    message = "Player unbanned successfully" if removed else "No active bans found for this player"
    return well({"message": message, "player_id": player, "bans_removed": removed})


def _named(said: Said) -> int:
    if said.get("player_id") in (None, ""):
        raise missing("player_id")
    player = said.whole("player_id")
    if player is None:
        raise Refusal(Why.PLAYER_NOT_FOUND)
    return player


ROUTES = (
    Route("POST", f"{FILE}/register", register, BODY, auth.game_only, media=()),
    # Who calls, it finds out itself: the call must not count as a sign of life too early.
    Route("PUT", f"{FILE}/login", login),
    Route("POST", f"{FILE}/heartbeat", heartbeat, who=auth.player),
    Route("POST", f"{FILE}/logout", logout, who=auth.player),
    Route("PUT", f"{FILE}/rename", rename, BODY, auth.player, media=()),
    Route("POST", f"{FILE}/rotate", rotate, who=auth.player),
    Route("GET", f"{FILE}/list", listing, who=auth.private),
    Route("POST", f"{FILE}/ban", ban, BODY, auth.private, media=()),
    Route("POST", f"{FILE}/unban", unban, BODY, auth.private, media=()),
)
