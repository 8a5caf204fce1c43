"""`game_room.php/actions`: ask a member for something, and be answered."""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.membership import get_own_room
from coalserver.apis.multiplayer.render import (
    JSON,
    format_iso_time,
    format_time,
    json_member,
    success,
)
from coalserver.apis.multiplayer.schemas import PARAMS, Params, invalid_request, parse_targets
from coalserver.apis.multiplayer.updates import ReadPositions, poll_for_result
from coalserver.core import topics
from coalserver.core.commands.messages import TURN_TYPE, answer_action, send_action
from coalserver.core.queries.players import player_name
from coalserver.core.queries.rooms import answered_actions, pending_actions
from coalserver.domain.play.actions import Action, ActionStatus, Target
from coalserver.domain.play.room import Room
from coalserver.web.api import Route
from coalserver.web.context import RequestContext

ACTIONS = "/api/game_room.php/actions"
#: What a target may say of an action.
ANSWER_STATUSES = (ActionStatus.PROCESSING, ActionStatus.COMPLETED, ActionStatus.FAILED)


async def send(ctx: RequestContext) -> web.StreamResponse:
    """Ask members for something: an action for each of them who is there.

    In a game with rules an action `turn` is a turn, answered at once; it needs no target.
    """
    params: Params = ctx.body["params"]
    kind = params.identifier("action_type")
    if not kind:
        raise invalid_request("action_type")
    request = params.json("request_data")
    target, named_ids = parse_targets(params, Target.HOST if kind == TURN_TYPE else None)
    room = get_own_room(ctx)
    sent = await ctx.core.execute(
        send_action,
        room_id=room.id,
        sender=ctx.caller.player_id,
        target=target,
        player_ids=named_ids,
        type=kind,
        request=request or b"{}",
    )
    return success(
        {
            "actions_sent": len(sent),
            "action_ids": [action.code for action in sent],
            "target_players_ids": [action.target for action in sent],
        }
    )


async def complete(ctx: RequestContext) -> web.StreamResponse:
    """The one who was asked says how far it is, or that it is done."""
    params: Params = ctx.body["params"]
    status = params.text("status").lower()
    if not status:
        raise invalid_request("status")
    if status not in ANSWER_STATUSES:
        raise invalid_request("unknown_status")
    await ctx.core.execute(
        answer_action,
        code=ctx.path["id"].lower(),
        by=ctx.caller.player_id,
        status=ActionStatus(status),
        response=params.json("response_data") or b"{}",
    )
    return success({"message": "Action completed"})


async def poll(ctx: RequestContext) -> web.StreamResponse:
    """What one asked for and was answered within the hour, newest first; reading uses nothing up.

    With `wait` it is answered when there is one that no poll of this player has shown yet.
    """
    room, player = get_own_room(ctx), ctx.caller.player_id
    read_positions, position_key = ctx.app.per_process(ReadPositions), ("actions", room.id, player)

    async def look() -> tuple[list[Action], bool]:
        found = ctx.core.query(
            answered_actions, room=get_own_room(ctx).id, player=player, now=ctx.now
        )
        seen_codes = read_positions.get(position_key) or frozenset()
        return found, any(action.code not in seen_codes for action in found)

    found = await poll_for_result(ctx, room, (topics.actions(room.id, player),), look)
    read_positions.put(position_key, frozenset(action.code for action in found))
    return success({"actions": [_answered_row(ctx, room, action) for action in found]})


async def pending(ctx: RequestContext) -> web.StreamResponse:
    """What one is asked for and has not begun, oldest first."""
    room, player = get_own_room(ctx), ctx.caller.player_id

    async def look() -> tuple[list[Action], bool]:
        found = ctx.core.query(pending_actions, room=get_own_room(ctx).id, player=player)
        return found, bool(found)

    found = await poll_for_result(ctx, room, (topics.actions(room.id, player),), look)
    return success({"actions": [pending_row(ctx, room, action) for action in found]})


def _answered_row(ctx: RequestContext, room: Room, action: Action) -> JSON:
    return {
        "action_id": action.code,
        "action_type": action.type,
        **json_member(ctx, "response_data", action.response),
        "status": str(action.status),
        "target_id": action.target,
        "is_host": action.target == room.roster.host,
        "processed_at": format_iso_time(action.finished_at or action.requested_at),
    }


def pending_row(ctx: RequestContext, room: Room, action: Action) -> JSON:
    """An action as its target sees it, and its sender while he waits."""
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
    Route("POST", ACTIONS, send, PARAMS, auth.player, media=()),
    Route("GET", f"{ACTIONS}/poll", poll, auth=auth.player),
    Route("GET", f"{ACTIONS}/pending", pending, auth=auth.player),
    Route("POST", f"{ACTIONS}/{{id}}/complete", complete, PARAMS, auth.player, media=()),
)
