"""Rooms: gather, choose, leave, start. The core calls them lobbies."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.event_payloads import render_room_event
from coalserver.apis.rooms.pagination import boolean_param, page_params, text_param
from coalserver.apis.rooms.schemas import (
    CHAT,
    CREATE_ROOM,
    JOIN,
    KICK,
    QUICK_JOIN,
    READY,
    SET_OPTIONS,
)
from coalserver.core import topics
from coalserver.core.commands import lobbies
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.games import get_listed_game
from coalserver.core.queries.lobbies import get_lobby, open_lobbies
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import ignoring
from coalserver.web.idempotency import execute_idempotent
from coalserver.web.responses import json_response, no_content, raw_response
from coalserver.web.streaming.subscriptions import CURSOR_HEADER

ROOMS = "/games/{game}/rooms"
ROOM = ROOMS + "/{room}"
#: How much chat is kept for those who come later.
CHAT_HISTORY_SIZE = 200


def room_in_path(ctx: RequestContext) -> Lobby:
    """The room in the path, gone or not; refuses one of another game, or that was never there."""
    ctx.core.query(get_listed_game, tag=ctx.path["game"])
    return ctx.core.query(get_lobby, game=ctx.path["game"], id=ctx.int_param("room"))


def open_room_in_path(ctx: RequestContext) -> Lobby:
    """The same, unless it is gone."""
    lobby = room_in_path(ctx)
    lobby.check_open()
    return lobby


def location(ctx: RequestContext, room: int) -> str:
    return f"/games/{ctx.path['game']}/rooms/{room}"


async def create(ctx: RequestContext) -> web.StreamResponse:
    """Open a room and sit in it as its host."""
    room = await execute_idempotent(
        ctx, lobbies.open_lobby, game=ctx.path["game"], player_id=ctx.caller.player_id, **ctx.body
    )
    cursor = ctx.core.feed.head
    lobby = ctx.core.query(get_lobby, game=ctx.path["game"], id=room)
    return json_response(
        render.created_room(ctx.core.state, lobby),
        201,
        {"Location": location(ctx, room), CURSOR_HEADER: str(cursor)},
    )


async def quick_join(ctx: RequestContext) -> web.StreamResponse:
    """Sit down in the best open room, or in a new one: 200 or 201."""
    name = ctx.body.pop("name", "") or "Quick game"
    room, created = await execute_idempotent(
        ctx,
        lobbies.quick_join,
        game=ctx.path["game"],
        player_id=ctx.caller.player_id,
        name=name,
        **ctx.body,
    )
    headers = {"Location": location(ctx, room), CURSOR_HEADER: str(ctx.core.feed.head)}
    reference = render.reference("room", room, ctx.path["game"])
    return json_response(reference, 201 if created else 200, headers)


async def join(ctx: RequestContext) -> web.StreamResponse:
    """Join a room; 200 also if you were already in it."""
    room = room_in_path(ctx)
    by = (ctx.caller.player_id, ctx.address) if room.password else ()
    limit_keys = [f"room {room.id} {part}" for part in by]
    with (
        ctx.app.failure_limiter.guard(*limit_keys, on=ErrorCode.WRONG_PASSWORD),
        ignoring(ErrorCode.ALREADY_MEMBER),
    ):
        await execute_idempotent(
            ctx, lobbies.join_lobby, lobby_id=room.id, player_id=ctx.caller.player_id, **ctx.body
        )
    return json_response(
        render.reference("room", room.id, room.game),
        headers={CURSOR_HEADER: str(ctx.core.feed.head)},
    )


async def leave(ctx: RequestContext) -> web.StreamResponse:
    """Give up one's seat; when the host does, the room is gone."""
    await execute_idempotent(
        ctx,
        lobbies.leave_lobby,
        lobby_id=room_in_path(ctx).id,
        player_id=ctx.caller.player_id,
        open_only=True,
    )
    return no_content()


async def set_options(ctx: RequestContext) -> web.StreamResponse:
    """The host says what the game shall be like."""
    room = open_room_in_path(ctx)
    await ctx.core.execute(
        lobbies.set_options,
        lobby_id=room.id,
        by=ctx.caller.player_id,
        options=ctx.body["dumped"],
    )
    return no_content()


async def kick(ctx: RequestContext) -> web.StreamResponse:
    """The host puts a member out."""
    await execute_idempotent(
        ctx,
        lobbies.kick_from_lobby,
        lobby_id=room_in_path(ctx).id,
        by=ctx.caller.player_id,
        player_id=ctx.body["user_id"],
    )
    return no_content()


async def set_ready(ctx: RequestContext) -> web.StreamResponse:
    """Say whether one is ready; it counts in rooms made with `readyCheck`."""
    await execute_idempotent(
        ctx,
        lobbies.set_ready,
        lobby_id=room_in_path(ctx).id,
        player_id=ctx.caller.player_id,
        ready=ctx.body["ready"],
    )
    return no_content()


async def start(ctx: RequestContext) -> web.StreamResponse:
    """The host starts a session with everyone in the room."""
    session = await execute_idempotent(
        ctx,
        start_lobby,
        lobby_id=room_in_path(ctx).id,
        by=ctx.caller.player_id,
        transfer_host=True,
        keep_seats=True,
    )
    game = ctx.path["game"]
    return json_response(
        render.reference("session", session, game),
        201,
        {
            "Location": f"/games/{game}/sessions/{session}",
            CURSOR_HEADER: str(ctx.core.feed.head),
        },
    )


async def send_chat(ctx: RequestContext) -> web.StreamResponse:
    """Say something to the members of the room."""
    message_id = await execute_idempotent(
        ctx,
        lobbies.chat_in_lobby,
        lobby_id=room_in_path(ctx).id,
        player_id=ctx.caller.player_id,
        text=ctx.body["text"],
    )
    return json_response({"id": message_id}, 201)


async def list_chat(ctx: RequestContext) -> web.StreamResponse:
    """The last things said in the room, for its members."""
    room = open_room_in_path(ctx)
    room.roster.get_seat(ctx.caller.player_id)
    cursor = ctx.core.feed.head
    entries = await ctx.core.newest(topics.lobby_chat(room.id), CHAT_HISTORY_SIZE)
    rendered = filter(None, map(render_room_event, entries))
    return raw_response(b"[%b]" % b",".join(rendered), headers={CURSOR_HEADER: str(cursor)})


async def list_rooms(ctx: RequestContext) -> web.StreamResponse:
    """Open rooms, newest first; filters narrow them."""
    game = ctx.core.query(get_listed_game, tag=ctx.path["game"])
    cursor = ctx.core.feed.head
    limit, offset = page_params(ctx)
    active = boolean_param(ctx, "active")
    found, total = ctx.core.query(
        open_lobbies,
        game=game.tag,
        limit=limit,
        offset=offset,
        search=text_param(ctx, "search"),
        private=boolean_param(ctx, "private"),
        full=boolean_param(ctx, "full"),
        active=True if active is None else active,
        options={
            name.removeprefix("option."): value
            for name, value in ctx.query.items()
            if name.startswith("option.")
        },
    )
    rows = ctx.app.per_process(render.RoomRowCache).render_list(found, ctx.caller.player_id)
    return raw_response(rows, headers={"X-Total-Results": str(total), CURSOR_HEADER: str(cursor)})


async def get(ctx: RequestContext) -> web.StreamResponse:
    """One room with everyone in it."""
    room = open_room_in_path(ctx)
    cursor = ctx.core.feed.head
    return json_response(render.room(ctx.core.state, room), headers={CURSOR_HEADER: str(cursor)})


ROUTES = (
    Route("POST", ROOMS, create, CREATE_ROOM, player),
    Route("GET", ROOMS, list_rooms, auth=player),
    Route("POST", ROOMS + "/quick-join", quick_join, QUICK_JOIN, player),
    Route("GET", ROOM, get, auth=player),
    Route("POST", ROOM + "/join", join, JOIN, player),
    Route("POST", ROOM + "/leave", leave, auth=player),
    Route("PUT", ROOM + "/options", set_options, SET_OPTIONS, player),
    Route("POST", ROOM + "/kick", kick, KICK, player),
    Route("POST", ROOM + "/ready", set_ready, READY, player),
    Route("POST", ROOM + "/start", start, auth=player),
    Route("POST", ROOM + "/chat", send_chat, CHAT, player),
    Route("GET", ROOM + "/chat", list_chat, auth=player),
)
