"""Events: of one room, of all rooms of a game, of one session. Long-poll, SSE and WebSocket alike."""

from aiohttp import web

from coalserver.core import topics
from coalserver.core.queries.games import game_tagged
from coalserver.dialects.rooms.auth import listener, still_good
from coalserver.dialects.rooms.render import seat_of
from coalserver.dialects.rooms.rooms import ROOM, ROOMS, room_of
from coalserver.dialects.rooms.sessions import SESSION, visible
from coalserver.dialects.rooms.telling import session_teller, tell_room
from coalserver.domain.lobby import Lobby
from coalserver.domain.room import Room
from coalserver.web.dialect import Call, Route
from coalserver.web.listen import Subscription
from coalserver.web.transports import listened


async def all_rooms(call: Call) -> web.StreamResponse:
    """What happens in the rooms of a game."""
    game = call.core.see(game_tagged, tag=call.path["game"])
    own = topics.player(call.caller.player)

    def subscribe() -> Subscription:
        still_good(call, call.caller)
        return Subscription((topics.lobbies(game.tag),), None, tell_room, own)

    return await listened(call, subscribe)


async def one_room(call: Call) -> web.StreamResponse:
    """What happens in a room; its members also hear what is said there."""
    room = room_of(call).id
    own = topics.player(call.caller.player)

    def subscribe() -> Subscription:
        still_good(call, call.caller)
        lobby = call.core.state.get(Lobby, room)
        heard = (topics.lobby(room),)
        if lobby is not None and call.caller.player in lobby.roster:
            heard += (topics.lobby_chat(room),)
        return Subscription(heard, None, tell_room, own)

    return await listened(call, subscribe)


async def one_session(call: Call) -> web.StreamResponse:
    """What happens in a session, through the eyes of one's seat or of a spectator."""
    session = visible(call).id
    own = topics.player(call.caller.player)

    def subscribe() -> Subscription:
        still_good(call, call.caller)
        room = call.core.state.get(Room, session)
        seat = None if room is None else seat_of(room, call.caller.player)
        heard = (topics.room(session),)
        if seat is not None:
            heard += (topics.room_chat(session),)
        rules = None if room is None else call.core.setting.rules.get(room.game)
        return Subscription(heard, ("seat", session, seat), session_teller(rules, seat), own)

    return await listened(call, subscribe)


ROUTES = (
    Route("GET", ROOMS + "/events", all_rooms, who=listener),
    Route("GET", ROOM + "/events", one_room, who=listener),
    Route("GET", SESSION + "/events", one_session, who=listener),
)
