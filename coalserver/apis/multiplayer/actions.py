"""`game_room.php/actions`: ask a member for something, and be answered."""

from aiohttp import web

from coalserver.apis.multiplayer import auth
from coalserver.apis.multiplayer.membership import own_room
from coalserver.apis.multiplayer.memory import Remembered
from coalserver.apis.multiplayer.polls import polled
from coalserver.apis.multiplayer.render import JSON, free, iso, stamp, well
from coalserver.apis.multiplayer.schemas import BODY, Said, missing
from coalserver.apis.multiplayer.targets import targets
from coalserver.core import topics
from coalserver.core.commands.messages import TURN, answer_action, send_action
from coalserver.core.queries.exchange import answered_for, pending_for
from coalserver.core.queries.players import name_of
from coalserver.domain.play.actions import Action, Progress, Target
from coalserver.domain.play.room import Room
from coalserver.web.api import Call, Route

ACTIONS = "/api/game_room.php/actions"
#: What a target may say of an action.
STATES = (Progress.PROCESSING, Progress.COMPLETED, Progress.FAILED)


async def send(call: Call) -> web.StreamResponse:
    """Ask members for something: an action for each of them who is there.

    In a game with rules an action `turn` is a turn, answered at once; it needs no target.
    """
    said: Said = call.body["said"]
    kind = said.word("action_type")
    if not kind:
        raise missing("action_type")
    request = said.free("request_data")
    target, named = targets(said, Target.HOST if kind == TURN else None)
    room = own_room(call)
    sent = await call.core.do(
        send_action,
        room_id=room.id,
        sender=call.caller.player,
        target=target,
        named=named,
        type=kind,
        request=request or b"{}",
    )
    return well(
        {
            "actions_sent": len(sent),
            "action_ids": [action.code for action in sent],
            "target_players_ids": [action.target for action in sent],
        }
    )


async def complete(call: Call) -> web.StreamResponse:
    """The one who was asked says how far it is, or that it is done."""
    said: Said = call.body["said"]
    status = said.text("status").lower()
    if not status:
        raise missing("status")
    if status not in STATES:
        raise missing("unknown_status")
    await call.core.do(
        answer_action,
        code=call.path["id"].lower(),
        by=call.caller.player,
        progress=Progress(status),
        response=said.free("response_data") or b"{}",
    )
    return well({"message": "Action completed"})


async def poll(call: Call) -> web.StreamResponse:
    """What one asked for and was answered within the hour, newest first; reading uses nothing up.

    With `wait` it is answered when there is one that no poll of this player has shown yet.
    """
    room, player = own_room(call), call.caller.player
    remembered, shown = call.web.own(Remembered), ("actions", room.id, player)

    async def look() -> tuple[list[Action], bool]:
        found = call.core.see(answered_for, room=own_room(call).id, player=player, now=call.now)
        before = remembered.get(shown) or frozenset()
        return found, any(action.code not in before for action in found)

    found = await polled(call, room, (topics.actions(room.id, player),), look)
    remembered.put(shown, frozenset(action.code for action in found))
    return well({"actions": [_answered_row(call, room, action) for action in found]})


async def pending(call: Call) -> web.StreamResponse:
    """What one is asked for and has not begun, oldest first."""
    room, player = own_room(call), call.caller.player

    async def look() -> tuple[list[Action], bool]:
        found = call.core.see(pending_for, room=own_room(call).id, player=player)
        return found, bool(found)

    found = await polled(call, room, (topics.actions(room.id, player),), look)
    return well({"actions": [pending_row(call, room, action) for action in found]})


def _answered_row(call: Call, room: Room, action: Action) -> JSON:
    return {
        "action_id": action.code,
        "action_type": action.type,
        **free(call, "response_data", action.response),
        "status": str(action.progress),
        "target_id": action.target,
        "is_host": action.target == room.roster.host,
        "processed_at": iso(action.answered or action.asked),
    }


def pending_row(call: Call, room: Room, action: Action) -> JSON:
    """An action as its target sees it, and its sender while he waits."""
    return {
        "action_id": action.code,
        "player_id": action.sender,
        "target_id": action.target,
        "action_type": action.type,
        **free(call, "request_data", action.request),
        "created_at": stamp(action.asked),
        "player_name": call.core.see(name_of, id=action.sender),
        "is_host": action.sender == room.roster.host,
    }


ROUTES = (
    Route("POST", ACTIONS, send, BODY, auth.player, media=()),
    Route("GET", f"{ACTIONS}/poll", poll, who=auth.player),
    Route("GET", f"{ACTIONS}/pending", pending, who=auth.player),
    Route("POST", f"{ACTIONS}/{{id}}/complete", complete, BODY, auth.player, media=()),
)
