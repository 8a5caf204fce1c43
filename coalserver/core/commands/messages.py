"""Message commands: actions, which their targets answer, and updates between members of a room."""

import json

from coalserver.core import topics
from coalserver.core.commands.members import emit_action_finished, touch_room
from coalserver.core.commands.rooms import take_turn
from coalserver.core.commands.storage_limits import check_game_storage, check_room_actions
from coalserver.core.queries.players import get_player
from coalserver.core.queries.rooms import get_room
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.construction import replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Action, ActionStatus, Target, recipients
from coalserver.domain.play.events import ActionRequested, RoomChat, UpdateSent
from coalserver.domain.play.room import Room
from coalserver.domain.text import MAX_REMOVED, printable

#: The type of an action that plays a turn, and of an update that is a chat message if it has a text.
TURN_TYPE, CHAT_TYPE = "turn", "chat"
#: Characters of a chat message.
MAX_CHAT_LENGTH = 1000
#: The targets of what concerns the whole room.
PUBLIC_TARGETS = (Target.ALL, Target.OTHERS)

#: The target of an update, and the id of the entry in which it finds the update.
Delivery = tuple[int, int]


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
    Without rules such an action to `all` or `others` takes a turn for the targets who read events:
    TurnTaken is emitted, and their actions are completed at once.
    Raises ROOM_NOT_FOUND, ROOM_ENDED, NOT_MEMBER, NO_TARGETS, TURN_REFUSED, TOO_MANY_ACTIONS
    and what `take_turn` raises.
    """
    room = get_room(uow, room_id)
    room.check_open()
    room.roster.get_seat(sender)
    if type == TURN_TYPE and room.state is not None:
        return [_play_turn(uow, room, sender, request)]
    check_game_storage(uow, room.game)
    check_room_actions(uow, room.id)
    players = recipients(room.roster, sender, target, player_ids)
    turn = json.loads(request) if type == TURN_TYPE and target in PUBLIC_TARGETS else None
    if isinstance(turn, dict) and any(_reads_events(uow, player) for player in players):
        return _relay_turn(uow, room, sender, players, turn, request)
    actions = [_request_action(uow, room, sender, player, type, request) for player in players]
    touch_room(uow, room)
    return actions


def answer_action(
    uow: UnitOfWork,
    *,
    code: str,
    by: int,
    status: ActionStatus,
    response: bytes = b"null",
    room_id: int | None = None,
) -> Action:
    """Set the status and response of an action as its target.

    Emits ActionFinished when it is completed or failed. Raises ACTION_NOT_FOUND, also for other
    players, finished actions and, with `room_id`, actions of other rooms.
    """
    action = uow.first(Action, "code", code)
    if action is None or room_id not in (None, action.room):
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
) -> list[Delivery]:
    """Send an update to each present target, with `with_away` also to away ones.

    Emits UpdateSent to each target. An update of type `chat` with a `text` is chat: RoomChat is
    emitted to the room if it concerns all of its other members, otherwise to the targets who read
    events. Raises ROOM_NOT_FOUND, ROOM_ENDED, NOT_MEMBER, GAME_STORAGE_FULL or NO_TARGETS.
    """
    room = get_room(uow, room_id)
    room.check_open()
    check_game_storage(uow, room.game)
    host = room.roster.host == sender
    seat = room.roster.get_seat(sender).number
    players = recipients(room.roster, sender, target, player_ids, with_away=with_away)
    chat = None
    text = _chat_text(data) if type == CHAT_TYPE else None
    if text is not None:
        name = get_player(uow, sender).name
        chat = RoomChat(room.game, room.id, sender, name, text, data, host)
    deliveries = {}
    if chat is not None and with_away and target in PUBLIC_TARGETS:
        others = [player for player in players if player != sender]
        if others:
            entry = uow.emit(chat, topics.room_chat(room.id))
            deliveries = dict.fromkeys(others, entry.id)
    for player in players:
        if player not in deliveries:
            event: RoomChat | UpdateSent = UpdateSent(
                room.game, room.id, sender, player, host, type, data, seat
            )
            if chat is not None and _reads_events(uow, player):
                event = chat
            deliveries[player] = uow.emit(event, topics.updates(room.id, player)).id
    touch_room(uow, room)
    return list(zip(players, map(deliveries.__getitem__, players), strict=True))


def _reads_events(uow: UnitOfWork, player_id: int) -> bool:
    """Return whether a member learns of messages from events: a player who is bound to no game.

    Players of one game are those of the multiplayer API, which read their actions.
    """
    return not get_player(uow, player_id).game


def _chat_text(data: bytes) -> str | None:
    """Return the text of an update as the text of a chat message, or None if it is none."""
    members = json.loads(data)
    value = members.get("text") if isinstance(members, dict) else None
    if not isinstance(value, str):
        return None
    text = value.strip()
    if len(text) > MAX_CHAT_LENGTH + MAX_REMOVED:
        return None
    text = printable(text, lines=True).strip()
    return text if 0 < len(text) <= MAX_CHAT_LENGTH else None


def _request_action(
    uow: UnitOfWork, room: Room, sender: int, target: int, type: str, request: bytes
) -> Action:
    action = uow.save(_new_action(uow, room, sender, target, type, request))
    event = ActionRequested(room.game, room.id, action.code, sender, target)
    if _reads_events(uow, target):
        seat = room.roster.get_seat(sender).number
        event = replace(event, seat=seat, type=type, request=request)
    uow.emit(event, topics.actions(room.id, target))
    return action


def _relay_turn(
    uow: UnitOfWork,
    room: Room,
    sender: int,
    players: tuple[int, ...],
    turn: dict[str, object],
    request: bytes,
) -> list[Action]:
    """Take a turn in a game without rules for some targets, and send it to the others as an action."""
    as_action = tuple(player for player in players if not _reads_events(uow, player))
    played = take_turn(
        uow,
        room_id=room.id,
        player_id=sender,
        turn=turn,
        document=request,
        action_targets=as_action,
    )
    actions = []
    for player in players:
        if player in as_action:
            action = _request_action(uow, played, sender, player, TURN_TYPE, request)
        else:
            action = _new_action(uow, played, sender, player, TURN_TYPE, request)
            action = uow.save(
                action.update_status(player, ActionStatus.COMPLETED, b"null", uow.now)
            )
            emit_action_finished(uow, action, played)
        actions.append(action)
    return actions


def _play_turn(uow: UnitOfWork, room: Room, sender: int, request: bytes) -> Action:
    turn = json.loads(request)
    if not isinstance(turn, dict):
        raise DomainError(ErrorCode.TURN_REFUSED, code="not_an_object")
    action = _new_action(uow, room, sender, room.roster.host, TURN_TYPE, request)
    seat = room.roster.get_seat(sender).number
    played = take_turn(uow, room_id=room.id, player_id=sender, turn=turn, document=request)
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
