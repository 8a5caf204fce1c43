"""`game_room.php`: where play happens. actions.py and updates.py are what members send one another."""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.actions import pending_row
from coalserver.apis.multiplayer.membership import (
    capacity,
    guarded,
    in_order,
    last_sign,
    member,
    own_room,
    room_in_path,
    rows_asked,
)
from coalserver.apis.multiplayer.render import JSON, free, heard_at, iso, stamp, well
from coalserver.apis.multiplayer.schemas import BODY, Said, missing
from coalserver.core.commands import rooms
from coalserver.core.queries.exchange import waiting_for
from coalserver.core.queries.lobbies import lobby_with
from coalserver.core.queries.players import name_of
from coalserver.core.queries.rooms import free_rooms, room_with
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster, Seat
from coalserver.web.api import Call, Route
from coalserver.web.endpoint import allowing

FILE = "/api/game_room.php"
UNNAMED = "Game Room "
#: Places in a room unless its host says how many.
USUAL = 6


async def create(call: Call) -> web.StreamResponse:
    """Open a room and be its host."""
    player, said = call.caller.player, call.body["said"]
    if call.core.see(room_with, player=player) is not None:
        raise Refusal(Why.IN_A_ROOM)
    if call.core.see(lobby_with, player=player) is not None:
        raise Refusal(Why.IN_A_LOBBY)
    room = await call.core.do(
        rooms.open_room,
        game=auth.game(call).tag,
        player=player,
        name=said.text("room_name"),
        unnamed=UNNAMED,
        capacity=capacity(said, USUAL),
        password=said.secret("password"),
        options=said.object("rules") or b"{}",
        hand_over=said.flag("host_switch"),
        can_leave=said.flag("can_leave_room", True),
        realtime=said.flag("realtime"),
        data=said.object("player_data") or b"{}",
    )
    return well(
        {
            "room_id": room.code,
            "room_name": room.name,
            "is_host": True,
            "realtime": room.realtime,
        }
    )


async def listing(call: Call) -> web.StreamResponse:
    """Rooms with a free place: most players first, then by name."""
    said = Said({**call.query, **call.body["said"].members})
    found = call.core.see(
        free_rooms,
        game=auth.game(call).tag,
        limit=rows_asked(said),
        search=said.text("search"),
    )
    return well({"rooms": [_row(room) for room in found]})


def _row(room: Room) -> JSON:
    return {
        "room_id": room.code,
        "room_name": room.name,
        "max_players": room.roster.capacity,
        "current_players": len(room.roster),
        "has_password": int(bool(room.password)),
    }


async def join(call: Call) -> web.StreamResponse:
    """Take a free seat; well also if one has it already."""
    room, said = room_in_path(call), call.body["said"]
    tried = guarded(call, f"room {room.id}", bool(room.password))
    try:
        with allowing(Why.ALREADY_HERE):
            await call.core.do(
                rooms.join_room,
                room_id=room.id,
                player=call.caller.player,
                password=said.secret("password"),
                data=said.brought(),
            )
    except Refusal as refusal:
        if refusal.why is Why.WRONG_PASSWORD:
            call.web.failures.note(tried)
        raise
    return well({"room_id": room.code, "message": "Successfully joined the room"})


async def members(call: Call) -> web.StreamResponse:
    """Who plays in one's room, the host first."""
    room = own_room(call)
    rows = [_member(call, room.roster, seat) for seat in in_order(room.roster)]
    return well({"players": rows, "last_updated": iso(call.now)})


def _member(call: Call, roster: Roster, seat: Seat) -> JSON:
    return {
        "player_id": str(seat.player),
        **member(call, roster, seat),
        "is_online": int(call.core.online(seat.player)),
        "last_heartbeat": stamp(heard_at(call.core, seat.player) or seat.joined),
        **free(call, "player_data", b"{}" if seat.data == b"null" else seat.data),
    }


async def leave(call: Call) -> web.StreamResponse:
    """Give up one's seat, and that in the lobby the room came from."""
    await call.core.do(rooms.leave_room, room_id=own_room(call).id, player=call.caller.player)
    return well({"message": "Successfully left the room"})


async def heartbeat(call: Call) -> web.StreamResponse:
    """Say that one is there."""
    own_room(call)
    return well({"status": "ok"})


async def current(call: Call) -> web.StreamResponse:
    """The room one is in, and what one has asked there and still waits for.

    Updates wait until they are polled for, by whoever knows what he has seen: none is pending here.
    """
    player = call.caller.player
    room = call.core.see(room_with, player=player)
    if room is None:
        return well({"in_room": False, "message": "Player is not in any game room"})
    roster, seat = room.roster, room.roster.of(player)
    shown = {
        "room_id": room.code,
        "room_name": room.name,
        "is_host": roster.host == player,
        "is_online": call.core.online(player),
        "max_players": roster.capacity,
        "current_players": len(roster),
        "has_password": bool(room.password),
        "is_active": not room.over,
        "player_name": call.core.see(name_of, id=player),
        "joined_at": stamp(seat.joined),
        "last_heartbeat": stamp(heard_at(call.core, player) or seat.joined),
        "room_created_at": stamp(room.opened),
        "room_last_activity": stamp(last_sign(call, roster, room.touched)),
    }
    waiting = call.core.see(waiting_for, room=room.id, player=player)
    rows = [pending_row(call, room, action) for action in waiting]
    return well({"in_room": True, "room": shown, "pending_actions": rows, "pending_updates": []})


async def stop(call: Call) -> web.StreamResponse:
    """The host ends play for everyone."""
    await call.core.do(rooms.close_room, room_id=own_room(call).id, by=call.caller.player)
    return well({"message": "Game room stopped successfully"})


async def kick(call: Call) -> web.StreamResponse:
    """The host puts a member out."""
    room, said = own_room(call), call.body["said"]
    if said.get("player_id") in (None, ""):
        raise missing("player_id")
    player = said.whole("player_id") or 0
    await call.core.do(rooms.kick_from_room, room_id=room.id, by=call.caller.player, player=player)
    return well({"message": "Player kicked successfully", "kicked_player_id": player})


async def password(call: Call) -> web.StreamResponse:
    """The host sets a password; null or an empty one removes it."""
    await call.core.do(
        rooms.lock_room,
        room_id=own_room(call).id,
        by=call.caller.player,
        password=call.body["said"].secret("password"),
    )
    return well({"message": "Password updated successfully"})


ROUTES = (
    Route("POST", f"{FILE}/create", create, BODY, auth.player, media=()),
    Route("POST", f"{FILE}/list", listing, BODY, auth.game_only, media=()),
    Route("GET", f"{FILE}/list", listing, BODY, auth.game_only, media=()),
    Route("POST", f"{FILE}/{{id}}/join", join, BODY, auth.player, media=()),
    Route("GET", f"{FILE}/players", members, who=auth.player),
    Route("POST", f"{FILE}/leave", leave, who=auth.player),
    Route("POST", f"{FILE}/heartbeat", heartbeat, who=auth.player),
    Route("GET", f"{FILE}/current", current, who=auth.player),
    Route("POST", f"{FILE}/stop", stop, who=auth.player),
    Route("POST", f"{FILE}/kick", kick, BODY, auth.player, media=()),
    Route("POST", f"{FILE}/password", password, BODY, auth.player, media=()),
)
