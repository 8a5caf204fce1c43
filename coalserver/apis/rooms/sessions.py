"""Sessions, in which players play. The core calls them rooms."""

from aiohttp import web

from coalserver.apis.rooms import render
from coalserver.apis.rooms.auth import player
from coalserver.apis.rooms.event_payloads import session_event_renderer
from coalserver.apis.rooms.members import MemberHandlers, cursor_header
from coalserver.apis.rooms.pagination import boolean_param, page_params
from coalserver.apis.rooms.schemas import ANSWER_ACTION, CHAT, JOIN, TURN
from coalserver.core import topics
from coalserver.core.commands import members, messages, rooms
from coalserver.core.queries.games import get_listed_game
from coalserver.core.queries.rooms import get_room, open_rooms, past_and_present_rooms
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import json_response, no_content
from coalserver.web.throttling import UseLimit

SESSIONS = "/games/{game}/sessions"
SESSION = SESSIONS + "/{session}"


def session_in_path(ctx: RequestContext) -> Room:
    """Return the session in the path, running or ended. Raises GAME_NOT_FOUND or ROOM_NOT_FOUND."""
    state = ctx.core.state
    game = get_listed_game(state, ctx.path["game"])
    return get_room(state, ctx.int_param("session"), game.tag)


def visible_session_in_path(ctx: RequestContext) -> Room:
    """Return the session in the path. Raises PERMISSION_DENIED if it is private to its members."""
    session = session_in_path(ctx)
    if session.password and ctx.caller.player_id not in session.roster:
        raise DomainError(ErrorCode.PERMISSION_DENIED)
    return session


MEMBERS = MemberHandlers(
    name="session",
    kind=Room,
    id_param="room_id",
    get_entity=session_in_path,
    get_with_chat=session_in_path,
    join_command=rooms.join_room,
    chat_topic=topics.room_chat,
    render_event=session_event_renderer(None, None),
)


async def list_sessions(ctx: RequestContext) -> web.StreamResponse:
    """List the caller's sessions, newest first; with `open=true` all sessions with a free seat."""
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
    rows = [render.session_row(ctx.core.state, room) for room in found]
    return json_response(rows, headers={"X-Total-Results": str(total), **cursor_header(cursor)})


async def get(ctx: RequestContext) -> web.StreamResponse:
    """Return a session with the state that the caller may see."""
    cursor = ctx.core.feed.head
    session = visible_session_in_path(ctx)
    rules = ctx.core.context.rules.get(session.game)
    rendered = render.session(ctx.core.state, session, rules, ctx.caller.player_id)
    return json_response(rendered, headers=cursor_header(cursor))


async def take_turn(ctx: RequestContext) -> web.StreamResponse:
    """Take a turn: a JSON object that the game defines."""
    await MEMBERS.execute(
        ctx,
        rooms.take_turn,
        player_id=ctx.caller.player_id,
        turn=ctx.body["value"],
        document=ctx.body["dumped"],
    )
    return no_content()


async def answer_action(ctx: RequestContext) -> web.StreamResponse:
    """Set the status and the answer of an action that another member sent to the caller."""
    await MEMBERS.execute(
        ctx,
        messages.answer_action,
        code=ctx.path["action"].lower(),
        by=ctx.caller.player_id,
        **ctx.body,
    )
    return no_content()


async def stop(ctx: RequestContext) -> web.StreamResponse:
    """End a session for all its members. Host only."""
    await MEMBERS.execute_shared(ctx, members.close, by=ctx.caller.player_id)
    return no_content()


ROUTES = (
    Route("GET", SESSIONS, list_sessions, auth=player),
    Route("GET", SESSION, get, auth=player),
    Route("POST", SESSION + "/turn", take_turn, TURN, player, limit=UseLimit.MESSAGES),
    Route(
        "POST",
        SESSION + "/actions/{action}",
        answer_action,
        ANSWER_ACTION,
        player,
        limit=UseLimit.MESSAGES,
    ),
    Route("POST", SESSION + "/join", MEMBERS.join, JOIN, player),
    Route("POST", SESSION + "/leave", MEMBERS.leave, auth=player),
    Route("POST", SESSION + "/stop", stop, auth=player),
    Route("POST", SESSION + "/chat", MEMBERS.send_chat, CHAT, player, limit=UseLimit.CHAT),
    Route("GET", SESSION + "/chat", MEMBERS.list_chat, auth=player),
)
