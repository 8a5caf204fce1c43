"""Events: of one room, of all rooms of a game, of one session. Long-poll, SSE and WebSocket alike."""

from aiohttp import web

from coalserver.core import topics
from coalserver.core.engine import Core
from coalserver.core.ports import Topic
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
    core, caller = call.core, call.caller
    heard = Subscription(
        (topics.lobbies(game.tag),), None, tell_room, topics.player(caller.player)
    )

    def subscribe() -> Subscription:
        still_good(core, caller)
        return heard

    return await listened(call, subscribe)


async def one_room(call: Call) -> web.StreamResponse:
    """What happens in a room; its members also hear what is said there."""
    room = room_of(call).id
    core, caller = call.core, call.caller
    own = topics.player(caller.player)
    outside = Subscription((topics.lobby(room),), None, tell_room, own)
    inside = Subscription((topics.lobby(room), topics.lobby_chat(room)), None, tell_room, own)

    def subscribe() -> Subscription:
        still_good(core, caller)
        lobby = core.state.get(Lobby, room)
        return inside if lobby is not None and caller.player in lobby.roster else outside

    return await listened(call, subscribe)


async def one_session(call: Call) -> web.StreamResponse:
    """What happens in a session, through the eyes of one's seat or of a spectator."""
    session = visible(call).id
    core, caller = call.core, call.caller

    def subscribe() -> Subscription:
        still_good(core, caller)
        room = core.state.get(Room, session)
        seat = None if room is None else seat_of(room, caller.player)
        return seen_from(core, session, seat, caller.player)

    return await listened(call, subscribe)


def seen_from(core: Core, session: int, seat: int | None, player: int) -> Subscription:
    """What a seat of a session hears, or a spectator (None)."""
    room = core.state.get(Room, session)
    rules = None if room is None else core.setting.rules.get(room.game)
    heard: tuple[Topic, ...] = (topics.room(session),)
    if seat is not None:
        heard = (*heard, topics.room_chat(session))
    audience = ("seat", session, seat)
    return Subscription(heard, audience, session_teller(rules, seat), topics.player(player))


ROUTES = (
    Route("GET", ROOMS + "/events", all_rooms, who=listener),
    Route("GET", ROOM + "/events", one_room, who=listener),
    Route("GET", SESSION + "/events", one_session, who=listener),
)
