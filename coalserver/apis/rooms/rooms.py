"""Rooms: gather, choose, leave, start. The core calls them lobbies."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.event_payloads import tell_room
from coalserver.apis.rooms.pagination import flag, page, text
from coalserver.apis.rooms.schemas import (
    CHATTING,
    CHOOSING,
    CREATING,
    JOINING,
    KICKING,
    QUICK_JOINING,
    READYING,
)
from coalserver.core import topics
from coalserver.core.commands import lobbies
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.games import game_tagged
from coalserver.core.queries.lobbies import lobby_in, open_lobbies
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby
from coalserver.web.api import Call, Route
from coalserver.web.endpoint import allowing
from coalserver.web.idempotency import do_once
from coalserver.web.responses import answer, document, nothing
from coalserver.web.streaming.subscriptions import CURSOR

ROOMS = "/games/{game}/rooms"
ROOM = ROOMS + "/{room}"
#: How much chat is kept for those who come later.
CHAT_KEPT = 200


def known_room(call: Call) -> Lobby:
    """The room in the path, gone or not; refuses one of another game, or that was never there."""
    call.core.see(game_tagged, tag=call.path["game"])
    return call.core.see(lobby_in, game=call.path["game"], id=call.number("room"))


def room_of(call: Call) -> Lobby:
    """The same, unless it is gone."""
    lobby = known_room(call)
    lobby.still_open()
    return lobby


def location(call: Call, room: int) -> str:
    return f"/games/{call.path['game']}/rooms/{room}"


async def create(call: Call) -> web.StreamResponse:
    """Open a room and sit in it as its host."""
    room = await do_once(
        call, lobbies.open_lobby, game=call.path["game"], player=call.caller.player, **call.body
    )
    cursor = call.core.feed.head
    lobby = call.core.see(lobby_in, game=call.path["game"], id=room)
    return document(
        render.created(call.core.state, lobby),
        201,
        {"Location": location(call, room), CURSOR: str(cursor)},
    )


async def quick_join(call: Call) -> web.StreamResponse:
    """Sit down in the best open room, or in a new one: 200 or 201."""
    name = call.body.pop("name", "") or "Quick game"
    room, made = await do_once(
        call,
        lobbies.quick_join,
        game=call.path["game"],
        player=call.caller.player,
        name=name,
        **call.body,
    )
    headers = {"Location": location(call, room), CURSOR: str(call.core.feed.head)}
    reference = render.reference("room", room, call.path["game"])
    return document(reference, 201 if made else 200, headers)


async def join(call: Call) -> web.StreamResponse:
    """Join a room; 200 also if you were already in it."""
    room = known_room(call)
    tried = [f"room {room.id} {who}" for who in (call.caller.player, call.address)]
    if room.password:
        call.web.failures.check(*tried)
    try:
        with allowing(Why.ALREADY_HERE):
            await do_once(
                call,
                lobbies.join_lobby,
                lobby_id=room.id,
                player=call.caller.player,
                **call.body,
            )
    except Refusal as refusal:
        if refusal.why is Why.WRONG_PASSWORD:
            call.web.failures.note(*tried)
        raise
    return document(
        render.reference("room", room.id, room.game),
        headers={CURSOR: str(call.core.feed.head)},
    )


async def leave(call: Call) -> web.StreamResponse:
    """Give up one's seat; when the host does, the room is gone."""
    await do_once(
        call,
        lobbies.leave_lobby,
        lobby_id=known_room(call).id,
        player=call.caller.player,
        only_open=True,
    )
    return nothing()


async def options(call: Call) -> web.StreamResponse:
    """The host says what the game shall be like."""
    room = room_of(call)
    await call.core.do(
        lobbies.choose_options,
        lobby_id=room.id,
        by=call.caller.player,
        options=call.body["dumped"],
    )
    return nothing()


async def kick(call: Call) -> web.StreamResponse:
    """The host puts a member out."""
    await do_once(
        call,
        lobbies.kick_from_lobby,
        lobby_id=known_room(call).id,
        by=call.caller.player,
        player=call.body["user_id"],
    )
    return nothing()


async def ready(call: Call) -> web.StreamResponse:
    """Say whether one is ready; it counts in rooms made with `readyCheck`."""
    await do_once(
        call,
        lobbies.set_ready,
        lobby_id=known_room(call).id,
        player=call.caller.player,
        ready=call.body["ready"],
    )
    return nothing()


async def start(call: Call) -> web.StreamResponse:
    """The host starts a session with everyone in the room."""
    session = await do_once(
        call,
        start_lobby,
        lobby_id=known_room(call).id,
        by=call.caller.player,
        hand_over=True,
        keep_seats=True,
    )
    game = call.path["game"]
    return document(
        render.reference("session", session, game),
        201,
        {
            "Location": f"/games/{game}/sessions/{session}",
            CURSOR: str(call.core.feed.head),
        },
    )


async def say(call: Call) -> web.StreamResponse:
    """Say something to the members of the room."""
    said = await do_once(
        call,
        lobbies.chat_in_lobby,
        lobby_id=known_room(call).id,
        player=call.caller.player,
        text=call.body["text"],
    )
    return document({"id": said}, 201)


async def chat(call: Call) -> web.StreamResponse:
    """The last things said in the room, for its members."""
    room = room_of(call)
    room.roster.of(call.caller.player)
    cursor = call.core.feed.head
    entries = await call.core.newest(topics.lobby_chat(room.id), CHAT_KEPT)
    told = filter(None, map(tell_room, entries))
    return answer(b"[%b]" % b",".join(told), headers={CURSOR: str(cursor)})


async def listing(call: Call) -> web.StreamResponse:
    """Open rooms, newest first; filters narrow them."""
    game = call.core.see(game_tagged, tag=call.path["game"])
    cursor = call.core.feed.head
    limit, offset = page(call)
    active = flag(call, "active")
    found, total = call.core.see(
        open_lobbies,
        game=game.tag,
        limit=limit,
        offset=offset,
        search=text(call, "search"),
        private=flag(call, "private"),
        full=flag(call, "full"),
        active=True if active is None else active,
        options={
            name.removeprefix("option."): value
            for name, value in call.query.items()
            if name.startswith("option.")
        },
    )
    rows = call.web.own(render.Rows).of(found, call.caller.player)
    return answer(rows, headers={"X-Total-Results": str(total), CURSOR: str(cursor)})


async def get(call: Call) -> web.StreamResponse:
    """One room with everyone in it."""
    room = room_of(call)
    cursor = call.core.feed.head
    return document(render.room(call.core.state, room), headers={CURSOR: str(cursor)})


ROUTES = (
    Route("POST", ROOMS, create, CREATING, player),
    Route("GET", ROOMS, listing, who=player),
    Route("POST", ROOMS + "/quick-join", quick_join, QUICK_JOINING, player),
    Route("GET", ROOM, get, who=player),
    Route("POST", ROOM + "/join", join, JOINING, player),
    Route("POST", ROOM + "/leave", leave, who=player),
    Route("PUT", ROOM + "/options", options, CHOOSING, player),
    Route("POST", ROOM + "/kick", kick, KICKING, player),
    Route("POST", ROOM + "/ready", ready, READYING, player),
    Route("POST", ROOM + "/start", start, who=player),
    Route("POST", ROOM + "/chat", say, CHATTING, player),
    Route("GET", ROOM + "/chat", chat, who=player),
)
