"""Events: of one room, of all rooms of a game, of one session. Long-poll, SSE and WebSocket alike."""

from dataclasses import replace

from aiohttp import web

from coalserver.apis.rooms.auth import listener, still_good
from coalserver.apis.rooms.event_payloads import session_teller, tell_room
from coalserver.apis.rooms.render import seat_of
from coalserver.apis.rooms.rooms import ROOM, ROOMS, known_room
from coalserver.apis.rooms.sessions import SESSION, visible
from coalserver.core import topics
from coalserver.core.engine import Core
from coalserver.core.ports import Topic
from coalserver.core.queries.games import game_tagged
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.web.api import Call, Route
from coalserver.web.streaming.subscriptions import Subscription, first_cursor
from coalserver.web.streaming.transports import listened


async def all_rooms(call: Call) -> web.StreamResponse:
    """What happens in the rooms of a game."""
    game = call.core.see(game_tagged, tag=call.path["game"])
    core, caller = call.core, call.caller
    heard = Subscription((topics.lobbies(game.tag),), None, tell_room, topics.player(caller.player))

    def subscribe() -> Subscription:
        still_good(core, caller)
        return heard

    return await listened(call, subscribe)


async def one_room(call: Call) -> web.StreamResponse:
    """What happens in a room; its members also hear what is said there.

    Of a room that is gone, what the caller has not heard; after that it is 410.
    """
    lobby = known_room(call)
    room = lobby.id
    if not lobby.open:
        # That it is gone may be true before it is said.
        await call.core.ledger.settled()
        unheard, _ = await call.core.entries((topics.lobby(room),), first_cursor(call), 1)
        if not unheard:
            lobby.still_open()
    core, caller = call.core, call.caller
    own = topics.player(caller.player)
    outside = Subscription((topics.lobby(room),), None, tell_room, own)
    inside = Subscription((topics.lobby(room), topics.lobby_chat(room)), None, tell_room, own)
    afterwards = replace(outside, over=True)

    def subscribe() -> Subscription:
        still_good(core, caller)
        lobby = core.state.get(Lobby, room)
        if lobby is None or not lobby.open:
            return afterwards
        return inside if caller.player in lobby.roster else outside

    return await listened(call, subscribe)


async def one_session(call: Call) -> web.StreamResponse:
    """What happens in a session, through the eyes of one's seat or of a spectator."""
    session = visible(call).id
    core, caller = call.core, call.caller

    def subscribe() -> Subscription:
        still_good(core, caller)
        room = core.state.get(Room, session)
        if room is None:
            raise Refusal(Why.ROOM_NOT_FOUND)
        seat = seat_of(room, caller.player)
        if room.password and seat is None:
            raise Refusal(Why.NOT_YOURS)
        return seen_from(core, room, seat, caller.player)

    return await listened(call, subscribe)


def seen_from(core: Core, room: Room, seat: int | None, player: int) -> Subscription:
    """What a seat of a session hears, or a spectator (None)."""
    rules = core.setting.rules.get(room.game)
    heard: tuple[Topic, ...] = (topics.room(room.id),)
    if seat is not None:
        heard = (*heard, topics.room_chat(room.id))
    audience = ("seat", room.id, seat)
    return Subscription(heard, audience, session_teller(rules, seat), topics.player(player))


ROUTES = (
    Route("GET", ROOMS + "/events", all_rooms, who=listener),
    Route("GET", ROOM + "/events", one_room, who=listener),
    Route("GET", SESSION + "/events", one_session, who=listener),
)
