"""Exchange commands: what members of a room send one another, to be answered or only heard."""

import json

from coalserver.core import topics
from coalserver.core.commands.finding import the_room
from coalserver.core.commands.rooms import say_answered, take_turn, touch
from coalserver.core.ports import Entry
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.actions import Action, Progress, Target, recipients
from coalserver.domain.play.message_events import ActionAsked, UpdateSent
from coalserver.domain.play.room import Room

#: The type of an action that plays a turn, in a game with rules.
TURN = "turn"


def send_action(
    unit: Unit,
    *,
    room_id: int,
    sender: int,
    target: Target,
    type: str,
    named: tuple[int, ...] = (),
    request: bytes = b"null",
) -> list[Action]:
    """Ask members for something: an action of its own for each who is there.

    Where the game has rules, an action of type `turn` is theirs: it plays the turn and is answered
    at once, in the host's name, with the state as the sender may see it.
    """
    room = the_room(unit, room_id)
    room.running()
    room.roster.of(sender)
    if type == TURN and room.state is not None:
        return [_play(unit, room, sender, request)]
    asked = [
        unit.put(_action(unit, room, sender, player, type, request))
        for player in recipients(room.roster, sender, target, named)
    ]
    for action in asked:
        said = ActionAsked(room.game, room.id, action.code, sender, action.target)
        unit.say(said, topics.actions(room.id, action.target))
    touch(unit, room)
    return asked


def answer_action(
    unit: Unit, *, code: str, by: int, progress: Progress, response: bytes = b"null"
) -> Action:
    """The target says how far it is. The sender hears of it when it is answered for good."""
    action = unit.one(Action, "code", code)
    if action is None:
        raise Refusal(Why.ACTION_NOT_FOUND)
    room = the_room(unit, action.room)
    answered = unit.put(action.answer(by, progress, response, unit.now))
    if answered.done:
        say_answered(unit, answered, room)
    touch(unit, room)
    return answered


def send_update(
    unit: Unit,
    *,
    room_id: int,
    sender: int,
    target: Target,
    type: str,
    named: tuple[int, ...] = (),
    data: bytes = b"null",
    with_away: bool = False,
) -> list[Entry]:
    """Send members a message: an entry of its own for each who is there, or away if they count."""
    room = the_room(unit, room_id)
    room.running()
    room.roster.of(sender)
    host = room.roster.host == sender
    sent = []
    for player in recipients(room.roster, sender, target, named, with_away=with_away):
        update = UpdateSent(room.game, room.id, sender, player, host, type, data)
        sent.append(unit.say(update, topics.updates(room.id, player)))
    touch(unit, room)
    return sent


def _play(unit: Unit, room: Room, sender: int, request: bytes) -> Action:
    turn = json.loads(request)
    if not isinstance(turn, dict):
        raise Refusal(Why.TURN_REFUSED, code="not_an_object")
    asked = _action(unit, room, sender, room.roster.host, TURN, request)
    seat = room.roster.of(sender).number
    played = take_turn(unit, room_id=room.id, player=sender, turn=turn)
    response = played.view(unit.rules(room.game), seat)
    answered = asked.answer(asked.target, Progress.COMPLETED, response, unit.now)
    if not played.over:
        unit.put(answered)
        say_answered(unit, answered, played)
    return answered


def _action(unit: Unit, room: Room, sender: int, target: int, type: str, request: bytes) -> Action:
    return Action(
        unit.new_id(Action), unit.new_code(), room.id, sender, target, type, request, unit.now
    )
