"""Message commands: actions, which their targets answer, and updates between members of a room."""

import json

from coalserver.core import topics
from coalserver.core.commands.members import emit_action_finished, touch_room
from coalserver.core.commands.rooms import take_turn
from coalserver.core.ports import Entry
from coalserver.core.queries.rooms import get_room
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Action, ActionStatus, Target, recipients
from coalserver.domain.play.events import ActionRequested, UpdateSent
from coalserver.domain.play.room import Room

#: The type of an action that plays a turn, in a game with rules.
TURN_TYPE = "turn"


def send_action(
    uow: UnitOfWork,
    *,
    room_id: int,
    sender: int,
    target: Target,
    type: str,
    player_ids: tuple[int, ...] = (),
    request: bytes = b"null",
) -> list[Action]:
    """Create an action for each present target and emit ActionRequested to each of them.

    In a game with rules an action of type `turn` takes a turn. It is completed at once on behalf of
    the host, with the state that the sender may see as its response; emits TurnTaken and ActionFinished.
    Raises ROOM_NOT_FOUND, ROOM_ENDED, NOT_MEMBER, NO_TARGETS, TURN_REFUSED and what `take_turn` raises.
    """
    room = get_room(uow, room_id)
    room.check_open()
    room.roster.get_seat(sender)
    if type == TURN_TYPE and room.state is not None:
        return [_play_turn(uow, room, sender, request)]
    actions = [
        uow.save(_new_action(uow, room, sender, player, type, request))
        for player in recipients(room.roster, sender, target, player_ids)
    ]
    for action in actions:
        event = ActionRequested(room.game, room.id, action.code, sender, action.target)
        uow.emit(event, topics.actions(room.id, action.target))
    touch_room(uow, room)
    return actions


def answer_action(
    uow: UnitOfWork, *, code: str, by: int, status: ActionStatus, response: bytes = b"null"
) -> Action:
    """Set the status and response of an action as its target.

    Emits ActionFinished when it is completed or failed. Raises ACTION_NOT_FOUND, also for other
    players and finished actions.
    """
    action = uow.first(Action, "code", code)
    if action is None:
        raise DomainError(ErrorCode.ACTION_NOT_FOUND)
    room = get_room(uow, action.room)
    answered = uow.save(action.update_status(by, status, response, uow.now))
    if answered.finished:
        emit_action_finished(uow, answered, room)
    touch_room(uow, room)
    return answered


def send_update(
    uow: UnitOfWork,
    *,
    room_id: int,
    sender: int,
    target: Target,
    type: str,
    player_ids: tuple[int, ...] = (),
    data: bytes = b"null",
    with_away: bool = False,
) -> list[Entry]:
    """Emit UpdateSent for each present target, with `with_away` also for away ones.

    Raises ROOM_NOT_FOUND, ROOM_ENDED, NOT_MEMBER or NO_TARGETS.
    """
    room = get_room(uow, room_id)
    room.check_open()
    host = room.roster.host == sender
    sent = []
    for player in recipients(room.roster, sender, target, player_ids, with_away=with_away):
        update = UpdateSent(room.game, room.id, sender, player, host, type, data)
        sent.append(uow.emit(update, topics.updates(room.id, player)))
    touch_room(uow, room)
    return sent


def _play_turn(uow: UnitOfWork, room: Room, sender: int, request: bytes) -> Action:
    turn = json.loads(request)
    if not isinstance(turn, dict):
        raise DomainError(ErrorCode.TURN_REFUSED, code="not_an_object")
    action = _new_action(uow, room, sender, room.roster.host, TURN_TYPE, request)
    seat = room.roster.get_seat(sender).number
    played = take_turn(uow, room_id=room.id, player_id=sender, turn=turn)
    response = played.view(uow.rules(room.game), seat)
    answered = action.update_status(action.target, ActionStatus.COMPLETED, response, uow.now)
    if not played.ended:
        uow.save(answered)
        emit_action_finished(uow, answered, played)
    return answered


def _new_action(
    uow: UnitOfWork, room: Room, sender: int, target: int, type: str, request: bytes
) -> Action:
    return Action(
        uow.new_id(Action), uow.new_code(), room.id, sender, target, type, request, uow.now
    )
