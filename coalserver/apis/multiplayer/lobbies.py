"""`matchmaking.php`: gather until the host starts. requests.py asks to be let in."""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.membership import (
    capacity,
    guarded,
    in_order,
    last_sign,
    lobby_in_path,
    member,
    named,
    own_lobby,
    rows_asked,
)
from coalserver.apis.multiplayer.render import JSON, free, heard_at, iso, stamp, stamp_or_null, well
from coalserver.apis.multiplayer.requests import pending_row
from coalserver.apis.multiplayer.schemas import BODY, Said, missing
from coalserver.core.commands import lobbies
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.lobbies import lobby_with, open_lobbies
from coalserver.core.queries.players import name_of
from coalserver.core.queries.requests import requests_to
from coalserver.core.queries.rooms import room_with
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby, Phase
from coalserver.domain.play.roster import Roster, Seat
from coalserver.web.api import Call, Route

FILE = "/api/matchmaking.php"
UNNAMED = "Matchmaking "
STARTED = "Game from Matchmaking "


async def listing(call: Call) -> web.StreamResponse:
    """Lobbies with a free place, newest first."""
    said = Said({**call.query, **call.body["said"].members})
    found, _ = call.core.see(
        open_lobbies,
        game=auth.game(call).tag,
        limit=rows_asked(said),
        search=said.text("search"),
        full=False,
    )
    return well({"lobbies": [_row(call, lobby) for lobby in found]})


def _row(call: Call, lobby: Lobby) -> JSON:
    roster = lobby.roster
    return {
        "matchmaking_id": lobby.code,
        "matchmaking_name": lobby.name,
        "host_player_id": roster.host,
        "max_players": roster.capacity,
        "strict_full": int(lobby.strict_full),
        "has_password": int(bool(lobby.password)),
        **free(call, "rules", lobby.options),
        "created_at": stamp(lobby.opened),
        "last_heartbeat": stamp(last_sign(call, roster, lobby.opened)),
        "current_players": len(roster),
        "host_name": call.core.see(name_of, id=roster.host),
    }


async def create(call: Call) -> web.StreamResponse:
    """Open a lobby and be its host."""
    player, said = call.caller.player, call.body["said"]
    if call.core.see(lobby_with, player=player) is not None:
        raise Refusal(Why.IN_A_LOBBY)
    if call.core.see(room_with, player=player) is not None:
        raise Refusal(Why.IN_A_ROOM)
    most = capacity(said)
    if not most:
        raise missing("max_players")
    lobby = await call.core.do(
        lobbies.open_lobby,
        game=auth.game(call).tag,
        player=player,
        name=said.text("matchmaking_name"),
        unnamed=UNNAMED,
        password=said.secret("password"),
        options=said.object("rules") or b"{}",
        capacity=most,
        strict_full=said.flag("strict_full"),
        by_request=said.flag("join_by_requests"),
        hand_over=said.flag("host_switch"),
        can_leave=said.flag("can_leave_room", True),
        realtime=said.flag("realtime_room"),
        data=said.object("player_data") or b"{}",
    )
    return well(
        {
            "matchmaking_id": lobby.code,
            "max_players": lobby.roster.capacity,
            "strict_full": lobby.strict_full,
            "join_by_requests": lobby.by_request,
            "is_host": True,
        }
    )


async def join(call: Call) -> web.StreamResponse:
    """Take a seat, where the host need not approve of it."""
    lobby, said = lobby_in_path(call), call.body["said"]
    data = said.brought()
    tried = guarded(call, f"lobby {lobby.id}", bool(lobby.password))
    try:
        await call.core.do(
            lobbies.join_lobby,
            lobby_id=lobby.id,
            player=call.caller.player,
            password=said.secret("password"),
            data=data,
        )
    except Refusal as refusal:
        if refusal.why is Why.WRONG_PASSWORD:
            call.web.failures.note(tried)
        raise
    return well({"matchmaking_id": lobby.code, "message": "Successfully joined matchmaking lobby"})


async def leave(call: Call) -> web.StreamResponse:
    """Give up one's seat; after the start only where members may."""
    await call.core.do(lobbies.leave_lobby, lobby_id=own_lobby(call).id, player=call.caller.player)
    return well({"message": "Successfully left matchmaking lobby"})


async def members(call: Call) -> web.StreamResponse:
    """Who sits in one's lobby, the host first."""
    lobby = own_lobby(call)
    rows = [_member(call, lobby.roster, seat) for seat in in_order(lobby.roster)]
    return well({"players": rows, "last_updated": iso(call.now)})


def _member(call: Call, roster: Roster, seat: Seat) -> JSON:
    heard = heard_at(call.core, seat.player) or seat.joined
    return {
        "player_id": seat.player,
        "joined_at": stamp(seat.joined),
        "last_heartbeat": stamp(heard),
        "status": _status(call, seat.player),
        "seconds_since_heartbeat": max(0, int(call.now - heard)),
        **member(call, roster, seat),
    }


def _status(call: Call, player: int) -> str:
    return "active" if call.core.online(player) else "inactive"


async def heartbeat(call: Call) -> web.StreamResponse:
    """Say that one is there."""
    own_lobby(call)
    return well({"status": "ok"})


async def current(call: Call) -> web.StreamResponse:
    """The lobby one is in, and to its host, who asks to be let in."""
    player = call.caller.player
    lobby = call.core.see(lobby_with, player=player)
    if lobby is None:
        message = "Player is not in any matchmaking lobby"
        return well({"in_matchmaking": False, "message": message})
    roster, seat = lobby.roster, lobby.roster.of(player)
    asking = call.core.see(requests_to, lobby=lobby.id) if roster.host == player else []
    started = lobby.phase is Phase.STARTED
    shown = {
        "matchmaking_id": lobby.code,
        "is_host": roster.host == player,
        "max_players": roster.capacity,
        "current_players": len(roster),
        "strict_full": lobby.strict_full,
        "join_by_requests": lobby.by_request,
        **free(call, "rules", lobby.options),
        "joined_at": stamp(seat.joined),
        "player_status": _status(call, player),
        "last_heartbeat": stamp(heard_at(call.core, player) or seat.joined),
        "lobby_heartbeat": stamp(last_sign(call, roster, lobby.opened)),
        "is_started": started,
        "started_at": stamp_or_null(lobby.closed) if started else None,
    }
    rows = [pending_row(call, lobby, request) for request in asking]
    return well({"in_matchmaking": True, "matchmaking": shown, "pending_requests": rows})


async def start(call: Call) -> web.StreamResponse:
    """The host begins play, in a room with everyone who is there."""
    lobby = own_lobby(call)
    unnamed = lobby.name == f"{UNNAMED}{lobby.code[:6]}"
    room = await call.core.do(
        start_lobby,
        lobby_id=lobby.id,
        by=call.caller.player,
        name=f"{STARTED}{lobby.code[:6]}" if unnamed else None,
        only_present=True,
    )
    return well(
        {
            "room_id": room.code,
            "room_name": room.name,
            "players_transferred": len(room.roster),
            "message": "Game started successfully",
        }
    )


async def stop(call: Call) -> web.StreamResponse:
    """The host ends the gathering, before play has begun."""
    await call.core.do(
        lobbies.close_lobby, lobby_id=own_lobby(call).id, by=call.caller.player, only_open=True
    )
    return well({"message": "Matchmaking lobby stopped successfully"})


async def remove(call: Call) -> web.StreamResponse:
    """The host ends the gathering, also after play has begun: the room goes on."""
    await call.core.do(
        lobbies.close_lobby, lobby_id=own_lobby(call).id, by=call.caller.player, only_open=False
    )
    return well({"message": "Matchmaking lobby removed successfully"})


async def kick(call: Call) -> web.StreamResponse:
    """The host puts a member out, before play has begun."""
    lobby, said = own_lobby(call), call.body["said"]
    if said.get("player_id") in (None, ""):
        raise missing("player_id")
    player = said.whole("player_id") or 0
    await call.core.do(
        lobbies.kick_from_lobby, lobby_id=lobby.id, by=call.caller.player, player=player
    )
    return well({"message": "Player kicked successfully", "kicked_player_id": player})


async def password(call: Call) -> web.StreamResponse:
    """The host sets a password; null or an empty one removes it."""
    await call.core.do(
        lobbies.lock_lobby,
        lobby_id=own_lobby(call).id,
        by=call.caller.player,
        password=call.body["said"].secret("password"),
    )
    return well({"message": "Password updated successfully"})


ROUTES = (
    Route("POST", f"{FILE}/list", listing, BODY, auth.game_or_player, media=()),
    Route("GET", f"{FILE}/list", listing, BODY, auth.game_or_player, media=()),
    Route("POST", f"{FILE}/create", create, BODY, auth.player, media=()),
    *named("POST", FILE, "join", join, BODY),
    Route("POST", f"{FILE}/leave", leave, who=auth.player),
    Route("GET", f"{FILE}/players", members, who=auth.player),
    Route("POST", f"{FILE}/heartbeat", heartbeat, who=auth.player),
    Route("GET", f"{FILE}/current", current, who=auth.player),
    Route("POST", f"{FILE}/start", start, who=auth.player),
    Route("POST", f"{FILE}/stop", stop, who=auth.player),
    Route("POST", f"{FILE}/remove", remove, who=auth.player),
    Route("POST", f"{FILE}/kick", kick, BODY, auth.player, media=()),
    Route("POST", f"{FILE}/password", password, BODY, auth.player, media=()),
)
