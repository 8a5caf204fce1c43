"""Rooms, in which players gather before a session. The core calls them lobbies."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.event_payloads import render_room_event
from coalserver.apis.rooms.members import MemberHandlers, cursor_header
from coalserver.apis.rooms.pagination import boolean_param, page_params, text_param
from coalserver.apis.rooms.schemas import (
    ANSWER_REQUEST,
    CHAT,
    CREATE_ROOM,
    JOIN,
    KICK,
    QUICK_JOIN,
    READY,
    SET_OPTIONS,
)
from coalserver.core import topics
from coalserver.core.commands import lobbies, members
from coalserver.core.commands.join_requests import answer_join_request
from coalserver.core.commands.rooms import start_lobby
from coalserver.core.queries.games import get_listed_game
from coalserver.core.queries.lobbies import get_lobby, open_lobbies
from coalserver.domain.play.lobby import Lobby
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.idempotency import execute_idempotent
from coalserver.web.responses import json_response, no_content, raw_response
from coalserver.web.throttling import UseLimit

ROOMS = "/games/{game}/rooms"
ROOM = ROOMS + "/{room}"
REQUEST = ROOM + "/requests/{request}"


def room_in_path(ctx: RequestContext) -> Lobby:
    """Return the room in the path, open or closed. Raises GAME_NOT_FOUND or LOBBY_NOT_FOUND."""
    state = ctx.core.state
    game = get_listed_game(state, ctx.path["game"])
    return get_lobby(state, ctx.int_param("room"), game.tag)


def open_room_in_path(ctx: RequestContext) -> Lobby:
    """Return the open room in the path. Raises what room_in_path raises, and LOBBY_CLOSED."""
    lobby = room_in_path(ctx)
    lobby.check_open()
    return lobby


MEMBERS = MemberHandlers(
    name="room",
    kind=Lobby,
    id_param="lobby_id",
    get_entity=room_in_path,
    get_with_chat=open_room_in_path,
    join_command=lobbies.join_lobby,
    chat_topic=topics.lobby_chat,
    render_event=render_room_event,
)


def reference_headers(ctx: RequestContext, path: str) -> dict[str, str]:
    """Return `Location` with a path below the game, and the cursor."""
    location = f"/games/{ctx.path['game']}/{path}"
    return {"Location": location, **cursor_header(ctx.core.feed.head)}


async def create(ctx: RequestContext) -> web.StreamResponse:
    """Create a room with the caller as its host."""
    room = await execute_idempotent(
        ctx, lobbies.open_lobby, game=ctx.path["game"], player_id=ctx.caller.player_id, **ctx.body
    )
    headers = reference_headers(ctx, f"rooms/{room}")
    lobby = ctx.core.query(get_lobby, game=ctx.path["game"], id=room)
    return json_response(render.created_room(ctx.core.state, lobby), 201, headers)


async def quick_join(ctx: RequestContext) -> web.StreamResponse:
    """Join the fullest open room (200), or create one (201)."""
    name = ctx.body.pop("name", "") or "Quick game"
    room, created = await execute_idempotent(
        ctx,
        lobbies.quick_join,
        game=ctx.path["game"],
        player_id=ctx.caller.player_id,
        name=name,
        **ctx.body,
    )
    if not created:
        ctx.app.use_limiter.give_back(ctx, UseLimit.ROOMS)
    reference = render.reference("room", room, ctx.path["game"])
    headers = reference_headers(ctx, f"rooms/{room}")
    return json_response(reference, 201 if created else 200, headers)


async def set_options(ctx: RequestContext) -> web.StreamResponse:
    """Replace the options of a room. Host only."""
    room = open_room_in_path(ctx)
    await ctx.core.execute(
        lobbies.set_options,
        lobby_id=room.id,
        by=ctx.caller.player_id,
        options=ctx.body["dumped"],
    )
    return no_content()


async def kick(ctx: RequestContext) -> web.StreamResponse:
    """Remove a member from a room. Host only."""
    target = ctx.body["user_id"]
    await MEMBERS.execute_shared(ctx, members.kick, by=ctx.caller.player_id, player_id=target)
    return no_content()


async def set_ready(ctx: RequestContext) -> web.StreamResponse:
    """Set whether the caller is ready; only rooms created with `readyCheck` require it."""
    await MEMBERS.execute(
        ctx, lobbies.set_ready, player_id=ctx.caller.player_id, ready=ctx.body["ready"]
    )
    return no_content()


async def answer_request(ctx: RequestContext) -> web.StreamResponse:
    """Accept or reject a player who requests to join. Host only.

    Such requests come from players of the multiplayer API.
    """
    await MEMBERS.execute(
        ctx,
        answer_join_request,
        code=ctx.path["request"].lower(),
        by=ctx.caller.player_id,
        approve=ctx.body["accept"],
    )
    return no_content()


async def start(ctx: RequestContext) -> web.StreamResponse:
    """Start a session with all members of a room. Host only."""
    session = await MEMBERS.execute(
        ctx, start_lobby, by=ctx.caller.player_id, transfer_host=True, keep_seats=True
    )
    reference = render.reference("session", session, ctx.path["game"])
    return json_response(reference, 201, reference_headers(ctx, f"sessions/{session}"))


async def list_rooms(ctx: RequestContext) -> web.StreamResponse:
    """List rooms, newest first, with filters. Without `active`, only open rooms."""
    game = ctx.core.query(get_listed_game, tag=ctx.path["game"])
    cursor = ctx.core.feed.head
    limit, offset = page_params(ctx)
    active = boolean_param(ctx, "active")
    found, total = await ctx.core.query_in_steps(
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
    return raw_response(rows, headers={"X-Total-Results": str(total), **cursor_header(cursor)})


async def get(ctx: RequestContext) -> web.StreamResponse:
    """Return an open room with its members."""
    room = open_room_in_path(ctx)
    cursor = ctx.core.feed.head
    return json_response(
        render.room(ctx.core.state, room, ctx.caller.player_id), headers=cursor_header(cursor)
    )


ROUTES = (
    Route("POST", ROOMS, create, CREATE_ROOM, player, limit=UseLimit.ROOMS),
    Route("GET", ROOMS, list_rooms, auth=player),
    Route("POST", ROOMS + "/quick-join", quick_join, QUICK_JOIN, player, limit=UseLimit.ROOMS),
    Route("GET", ROOM, get, auth=player),
    Route("POST", ROOM + "/join", MEMBERS.join, JOIN, player),
    Route("POST", ROOM + "/leave", MEMBERS.leave, auth=player),
    Route("PUT", ROOM + "/options", set_options, SET_OPTIONS, player, limit=UseLimit.MESSAGES),
    Route("POST", ROOM + "/kick", kick, KICK, player),
    Route("POST", ROOM + "/ready", set_ready, READY, player, limit=UseLimit.MESSAGES),
    Route("POST", REQUEST, answer_request, ANSWER_REQUEST, player),
    Route("POST", ROOM + "/start", start, auth=player),
    Route("POST", ROOM + "/chat", MEMBERS.send_chat, CHAT, player, limit=UseLimit.CHAT),
    Route("GET", ROOM + "/chat", MEMBERS.list_chat, auth=player),
)
