"""`game_room.php/actions`: requests from one member of a room to others, with an outcome."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.idempotency import execute
from coalserver.apis.multiplayer.membership import get_own_room
from coalserver.apis.multiplayer.render import (
    JSON,
    format_iso_time,
    format_time,
    json_member,
    success_with_rows,
)
from coalserver.apis.multiplayer.schemas import COMPLETE_ACTION, POLL, SEND_ACTION, load_params
from coalserver.apis.multiplayer.updates import ReadPositions, poll_for_result
from coalserver.core import topics
from coalserver.core.commands.messages import answer_action, send_action
from coalserver.core.queries.players import player_name
from coalserver.core.queries.rooms import answered_actions, pending_actions
from coalserver.domain.play.actions import Action, ActionStatus
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.throttling import UseLimit

ACTIONS = "/api/game_room.php/actions"


async def send(ctx: RequestContext) -> web.StreamResponse:
    """Send an action to each target that is online.

    In a game with rules an action `turn` takes a turn and is finished at once. It needs no target.
    """

    def render(sent: list[Action]) -> JSON:
        return {
            "actions_sent": len(sent),
            "action_ids": [action.code for action in sent],
            "target_players_ids": [action.target for action in sent],
        }

    return await execute(
        ctx,
        send_action,
        render,
        room_id=get_own_room(ctx).id,
        sender=ctx.caller.player_id,
        **ctx.body,
    )


async def complete(ctx: RequestContext) -> web.StreamResponse:
    """Set the status of an action, as its target."""
    return await execute(
        ctx,
        answer_action,
        lambda _: {"message": "Action completed"},
        code=ctx.path["id"].lower(),
        by=ctx.caller.player_id,
        status=ActionStatus(ctx.body["status"]),
        response=ctx.body["response"],
    )


async def poll(ctx: RequestContext) -> web.StreamResponse:
    """Return the caller's actions that were finished within the last hour, newest first.

    With `wait` the response waits for one that no earlier poll of this player has returned.
    """
    room, player = get_own_room(ctx), ctx.caller.player_id
    read_positions, position_key = ctx.app.per_process(ReadPositions), ("actions", room.id, player)

    async def look() -> tuple[list[Action], bool]:
        found = ctx.core.query(
            answered_actions, room=get_own_room(ctx).id, player=player, now=ctx.now
        )
        seen_codes = read_positions.get(position_key) or frozenset()
        return found, any(action.code not in seen_codes for action in found)

    found = await _poll(ctx, room, look)
    read_positions.put(position_key, frozenset(action.code for action in found))
    rows = [_render_finished_action(ctx, room, action) for action in found]
    return await success_with_rows(ctx, {"actions": rows}, "actions")


async def pending(ctx: RequestContext) -> web.StreamResponse:
    """Return the actions sent to the caller that are still pending, oldest first."""
    room, player = get_own_room(ctx), ctx.caller.player_id

    async def look() -> tuple[list[Action], bool]:
        found = ctx.core.query(pending_actions, room=get_own_room(ctx).id, player=player)
        return found, bool(found)

    found = await _poll(ctx, room, look)
    rows = [render_pending_action(ctx, room, action) for action in found]
    return await success_with_rows(ctx, {"actions": rows}, "actions")


async def _poll(
    ctx: RequestContext, room: Room, look: Callable[[], Awaitable[tuple[list[Action], bool]]]
) -> list[Action]:
    wait = load_params(ctx, POLL)["wait"]
    return await poll_for_result(
        ctx, room, (topics.actions(room.id, ctx.caller.player_id),), wait, look
    )


def _render_finished_action(ctx: RequestContext, room: Room, action: Action) -> JSON:
    return {
        "action_id": action.code,
        "action_type": action.type,
        **json_member(ctx, "response_data", action.response),
        "status": str(action.status),
        "target_id": action.target,
        "is_host": action.target == room.roster.host,
        "processed_at": format_iso_time(action.finished_at or action.requested_at),
    }


def render_pending_action(ctx: RequestContext, room: Room, action: Action) -> JSON:
    """Return an unfinished action, for its target and its sender."""
    return {
        "action_id": action.code,
        "player_id": action.sender,
        "target_id": action.target,
        "action_type": action.type,
        **json_member(ctx, "request_data", action.request),
        "created_at": format_time(action.requested_at),
        "player_name": ctx.core.query(player_name, id=action.sender),
        "is_host": action.sender == room.roster.host,
    }


ROUTES = (
    Route("POST", ACTIONS, send, SEND_ACTION, auth.player, media=(), limit=UseLimit.MESSAGES),
    Route("GET", f"{ACTIONS}/poll", poll, auth=auth.player),
    Route("GET", f"{ACTIONS}/pending", pending, auth=auth.player),
    Route(
        "POST",
        f"{ACTIONS}/{{id}}/complete",
        complete,
        COMPLETE_ACTION,
        auth.player,
        media=(),
        limit=UseLimit.MESSAGES,
    ),
)
