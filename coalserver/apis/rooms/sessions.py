"""Sessions: play. The core calls them rooms."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.event_payloads import session_teller
from coalserver.apis.rooms.pagination import flag, page
from coalserver.apis.rooms.rooms import CHAT_KEPT
from coalserver.apis.rooms.schemas import CHATTING, JOINING, TURN
from coalserver.core import topics
from coalserver.core.commands import rooms
from coalserver.core.queries.games import game_tagged
from coalserver.core.queries.rooms import my_rooms, open_rooms, room_in
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.room import Room
from coalserver.web.api import Call, Route
from coalserver.web.endpoint import allowing
from coalserver.web.idempotency import do_once
from coalserver.web.responses import answer, document, nothing
from coalserver.web.streaming.subscriptions import CURSOR

SESSIONS = "/games/{game}/sessions"
SESSION = SESSIONS + "/{session}"


def session_of(call: Call) -> Room:
    """The session in the path, over or not; refuses one of another game, or that was never there."""
    call.core.see(game_tagged, tag=call.path["game"])
    return call.core.see(room_in, game=call.path["game"], id=call.number("session"))


def visible(call: Call) -> Room:
    """The same, unless it is private and the caller has no seat in it."""
    session = session_of(call)
    if session.password and call.caller.player not in session.roster:
        raise Refusal(Why.NOT_YOURS)
    return session


async def listing(call: Call) -> web.StreamResponse:
    """The sessions I am in; with `open=true`, those with a free place."""
    game = call.core.see(game_tagged, tag=call.path["game"])
    cursor = call.core.feed.head
    limit, offset = page(call)
    if flag(call, "open"):
        found, total = call.core.see(open_rooms, game=game.tag, limit=limit, offset=offset)
    else:
        found, total = call.core.see(
            my_rooms,
            game=game.tag,
            player=call.caller.player,
            active=flag(call, "active"),
            limit=limit,
            offset=offset,
        )
    rows = [render.session_row(call.core.state, one) for one in found]
    return document(rows, headers={"X-Total-Results": str(total), CURSOR: str(cursor)})


async def get(call: Call) -> web.StreamResponse:
    """One session, with the state as I may see it."""
    cursor = call.core.feed.head
    session = visible(call)
    rules = call.core.setting.rules.get(session.game)
    shown = render.session(call.core.state, session, rules, call.caller.player)
    return document(shown, headers={CURSOR: str(cursor)})


async def turn(call: Call) -> web.StreamResponse:
    """Take a turn: a JSON object whose meaning is the game's."""
    await do_once(
        call,
        rooms.take_turn,
        room_id=session_of(call).id,
        player=call.caller.player,
        turn=call.body["value"],
    )
    return nothing()


async def join(call: Call) -> web.StreamResponse:
    """Take a free seat; 200 also if you have one."""
    session = session_of(call)
    tried = [f"session {session.id} {who}" for who in (call.caller.player, call.address)]
    if session.password:
        call.web.failures.check(*tried)
    try:
        with allowing(Why.ALREADY_HERE):
            await do_once(
                call,
                rooms.join_room,
                room_id=session.id,
                player=call.caller.player,
                **call.body,
            )
    except Refusal as refusal:
        if refusal.why is Why.WRONG_PASSWORD:
            call.web.failures.note(*tried)
        raise
    return document(
        render.reference("session", session.id, session.game),
        headers={CURSOR: str(call.core.feed.head)},
    )


async def leave(call: Call) -> web.StreamResponse:
    """Give up one's seat; what that means, the rules say."""
    await do_once(call, rooms.leave_room, room_id=session_of(call).id, player=call.caller.player)
    return nothing()


async def stop(call: Call) -> web.StreamResponse:
    """The host ends the session for everyone."""
    await do_once(call, rooms.close_room, room_id=session_of(call).id, by=call.caller.player)
    return nothing()


async def say(call: Call) -> web.StreamResponse:
    """Say something to the members of the session."""
    said = await do_once(
        call,
        rooms.chat_in_room,
        room_id=session_of(call).id,
        player=call.caller.player,
        text=call.body["text"],
    )
    return document({"id": said}, 201)


async def chat(call: Call) -> web.StreamResponse:
    """The last things said in the session, for its members."""
    session = session_of(call)
    session.roster.of(call.caller.player)
    cursor = call.core.feed.head
    entries = await call.core.newest(topics.room_chat(session.id), CHAT_KEPT)
    told = filter(None, map(session_teller(None, None), entries))
    return answer(b"[%b]" % b",".join(told), headers={CURSOR: str(cursor)})


ROUTES = (
    Route("GET", SESSIONS, listing, who=player),
    Route("GET", SESSION, get, who=player),
    Route("POST", SESSION + "/turn", turn, TURN, player),
    Route("POST", SESSION + "/join", join, JOINING, player),
    Route("POST", SESSION + "/leave", leave, who=player),
    Route("POST", SESSION + "/stop", stop, who=player),
    Route("POST", SESSION + "/chat", say, CHATTING, player),
    Route("GET", SESSION + "/chat", chat, who=player),
)
