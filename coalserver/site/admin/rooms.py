"""Admins and what goes on: rooms that gather, sessions that play, who is in them, and their end."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from coalserver.core.commands.moderation import (
    end_lobby,
    end_room,
    put_out_of_lobby,
    put_out_of_room,
)
from coalserver.core.queries.admin import gathering, playing
from coalserver.core.queries.players import name_of
from coalserver.domain.audit import What
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.site.admin.layout import Again, do, get, post, show, went_well
from coalserver.web.api import Call
from coalserver.web.pages.cookies import leads_to
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.typed import typed

#: Of each kind, the newest.
SHOWN = 100
DONE = {
    "closed": ("gathering", N_("The room is closed.")),
    "out": ("gathering", N_("The player is out of the room.")),
    "ended": ("playing", N_("The session is ended.")),
    "out-of-session": ("playing", N_("The player is out of the session.")),
}


def rooms_page(call: Call, **said: Any) -> web.StreamResponse:
    lobbies, gather = call.core.see(gathering, limit=SHOWN)
    rooms, play = call.core.see(playing, limit=SHOWN)
    context = {
        "lobbies": [(lobby, _seats(call, lobby)) for lobby in lobbies],
        "lobby_count": gather,
        "rooms": [(room, _seats(call, room)) for room in rooms],
        "room_count": play,
    }
    return show(call, "rooms", context, **{"done": went_well(call, DONE), **said})


def _seats(call: Call, place: Lobby | Room) -> list[dict[str, Any]]:
    """Who is in a place, as they came."""
    return [
        {
            "player": seat.player,
            "name": name_of(call.core.state, id=seat.player),
            "host": seat.player == place.roster.host,
            "away": seat.away,
        }
        for seat in place.roster.seats
    ]


async def see_rooms(call: Call) -> web.StreamResponse:
    """Every room that gathers and every session that plays; the newest first."""
    return rooms_page(call)


async def close_room(call: Call) -> web.StreamResponse:
    """A gathering ends for everyone."""
    await typed(call, {})
    lobby = the_lobby(call)
    await do(call, What.LOBBY_CLOSED, _named(lobby), end_lobby, lobby_id=lobby.id)
    return leads_to("/admin/rooms?done=closed")


async def kick_from_room(call: Call) -> web.StreamResponse:
    """A member of a gathering has to go."""
    await typed(call, {})
    lobby = the_lobby(call)
    await _put_out(call, lobby, put_out_of_lobby, lobby_id=lobby.id)
    return leads_to("/admin/rooms?done=out")


async def close_session(call: Call) -> web.StreamResponse:
    """Play ends for everyone."""
    await typed(call, {})
    room = the_room(call)
    await do(call, What.ROOM_CLOSED, _named(room), end_room, room_id=room.id)
    return leads_to("/admin/rooms?done=ended#playing")


async def kick_from_session(call: Call) -> web.StreamResponse:
    """One who plays has to go."""
    await typed(call, {})
    room = the_room(call)
    await _put_out(call, room, put_out_of_room, room_id=room.id)
    return leads_to("/admin/rooms?done=out-of-session#playing")


def the_lobby(call: Call) -> Lobby:
    found = call.core.state.get(Lobby, call.number("room"))
    if found is None:
        raise Refusal(Why.LOBBY_NOT_FOUND)
    return found


def the_room(call: Call) -> Room:
    found = call.core.state.get(Room, call.number("session"))
    if found is None:
        raise Refusal(Why.ROOM_NOT_FOUND)
    return found


def _named(place: Lobby | Room) -> str:
    return f"{place.name or place.game} ({place.game} {place.id})"


async def _put_out(
    call: Call, place: Lobby | Room, command: Callable[..., Any], **where: int
) -> None:
    """The player whom the path names has to go from there."""
    player = call.number("player")
    who = f"{name_of(call.core.state, id=player)} ({player})"
    about: dict[str, Any] = {"detail": _named(place), **where, "player": player}
    await do(call, What.PLAYER_PUT_OUT, who, command, **about)


ROUTES = (
    get("/admin/rooms", see_rooms),
    post("/admin/rooms/{room}/close", close_room),
    post("/admin/rooms/{room}/kick/{player}", kick_from_room),
    post("/admin/sessions/{session}/close", close_session),
    post("/admin/sessions/{session}/kick/{player}", kick_from_session),
)
AGAIN: Again = {
    "close_room": (rooms_page, "gathering"),
    "kick_from_room": (rooms_page, "gathering"),
    "close_session": (rooms_page, "playing"),
    "kick_from_session": (rooms_page, "playing"),
}
