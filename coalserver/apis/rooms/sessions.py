"""Sessions: play. The core calls them rooms."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.event_payloads import session_event_renderer
from coalserver.apis.rooms.pagination import boolean_param, page_params
from coalserver.apis.rooms.rooms import CHAT_HISTORY_SIZE
from coalserver.apis.rooms.schemas import CHAT, JOIN, TURN
from coalserver.core import topics
from coalserver.core.commands import rooms
from coalserver.core.queries.games import get_listed_game
from coalserver.core.queries.rooms import get_room, open_rooms, past_and_present_rooms
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.endpoint import ignoring
from coalserver.web.idempotency import execute_idempotent
from coalserver.web.responses import json_response, no_content, raw_response
from coalserver.web.streaming.subscriptions import CURSOR_HEADER

SESSIONS = "/games/{game}/sessions"
SESSION = SESSIONS + "/{session}"


def session_in_path(ctx: RequestContext) -> Room:
    """The session in the path, over or not; refuses one of another game, or that was never there."""
    ctx.core.query(get_listed_game, tag=ctx.path["game"])
    return ctx.core.query(get_room, game=ctx.path["game"], id=ctx.int_param("session"))


def visible_session_in_path(ctx: RequestContext) -> Room:
    """The same, unless it is private and the caller has no seat in it."""
    session = session_in_path(ctx)
    if session.password and ctx.caller.player_id not in session.roster:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    return session


async def list_sessions(ctx: RequestContext) -> web.StreamResponse:
    """The sessions I am in; with `open=true`, those with a free place."""
    game = ctx.core.query(get_listed_game, tag=ctx.path["game"])
    cursor = ctx.core.feed.head
    limit, offset = page_params(ctx)
    if boolean_param(ctx, "open"):
        found, total = ctx.core.query(open_rooms, game=game.tag, limit=limit, offset=offset)
    else:
        found, total = ctx.core.query(
            past_and_present_rooms,
            game=game.tag,
            player=ctx.caller.player_id,
            active=boolean_param(ctx, "active"),
            limit=limit,
            offset=offset,
        )
    rows = [render.session_row(ctx.core.state, one) for one in found]
    return json_response(rows, headers={"X-Total-Results": str(total), CURSOR_HEADER: str(cursor)})


async def get(ctx: RequestContext) -> web.StreamResponse:
    """One session, with the state as I may see it."""
    cursor = ctx.core.feed.head
    session = visible_session_in_path(ctx)
    rules = ctx.core.context.rules.get(session.game)
    rendered = render.session(ctx.core.state, session, rules, ctx.caller.player_id)
    return json_response(rendered, headers={CURSOR_HEADER: str(cursor)})


async def take_turn(ctx: RequestContext) -> web.StreamResponse:
    """Take a turn: a JSON object whose meaning is the game's."""
    await execute_idempotent(
        ctx,
        rooms.take_turn,
        room_id=session_in_path(ctx).id,
        player_id=ctx.caller.player_id,
        turn=ctx.body["value"],
    )
    return no_content()


async def join(ctx: RequestContext) -> web.StreamResponse:
    """Take a free seat; 200 also if you have one."""
    session = session_in_path(ctx)
    by = (ctx.caller.player_id, ctx.address) if session.password else ()
    limit_keys = [f"session {session.id} {part}" for part in by]
    with (
        ctx.app.failure_limiter.guard(*limit_keys, on=ErrorCode.WRONG_PASSWORD),
        ignoring(ErrorCode.ALREADY_MEMBER),
    ):
        await execute_idempotent(
            ctx, rooms.join_room, room_id=session.id, player_id=ctx.caller.player_id, **ctx.body
        )
    return json_response(
        render.reference("session", session.id, session.game),
        headers={CURSOR_HEADER: str(ctx.core.feed.head)},
    )


async def leave(ctx: RequestContext) -> web.StreamResponse:
    """Give up one's seat; what that means, the rules say."""
    await execute_idempotent(
        ctx, rooms.leave_room, room_id=session_in_path(ctx).id, player_id=ctx.caller.player_id
    )
    return no_content()


async def stop(ctx: RequestContext) -> web.StreamResponse:
    """The host ends the session for everyone."""
    await execute_idempotent(
        ctx, rooms.close_room, room_id=session_in_path(ctx).id, by=ctx.caller.player_id
    )
    return no_content()


async def send_chat(ctx: RequestContext) -> web.StreamResponse:
    """Say something to the members of the session."""
    message_id = await execute_idempotent(
        ctx,
        rooms.chat_in_room,
        room_id=session_in_path(ctx).id,
        player_id=ctx.caller.player_id,
        text=ctx.body["text"],
    )
    return json_response({"id": message_id}, 201)


async def list_chat(ctx: RequestContext) -> web.StreamResponse:
    """The last things said in the session, for its members."""
    session = session_in_path(ctx)
    session.roster.get_seat(ctx.caller.player_id)
    cursor = ctx.core.feed.head
    entries = await ctx.core.newest(topics.room_chat(session.id), CHAT_HISTORY_SIZE)
    rendered = filter(None, map(session_event_renderer(None, None), entries))
    return raw_response(b"[%b]" % b",".join(rendered), headers={CURSOR_HEADER: str(cursor)})


ROUTES = (
    Route("GET", SESSIONS, list_sessions, auth=player),
    Route("GET", SESSION, get, auth=player),
    Route("POST", SESSION + "/turn", take_turn, TURN, player),
    Route("POST", SESSION + "/join", join, JOIN, player),
    Route("POST", SESSION + "/leave", leave, auth=player),
    Route("POST", SESSION + "/stop", stop, auth=player),
    Route("POST", SESSION + "/chat", send_chat, CHAT, player),
    Route("GET", SESSION + "/chat", list_chat, auth=player),
)
