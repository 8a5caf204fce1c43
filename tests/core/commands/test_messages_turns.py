"""Turns taken by an action of type turn."""

import json

import pytest

from coalserver.core import topics
from coalserver.core.commands.messages import send_action
from coalserver.core.commands.rooms import take_turn
from coalserver.core.queries.rooms import answered_actions, pending_actions
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import Action, ActionStatus, Target
from coalserver.domain.play.events import ActionFinished, ActionRequested, TurnTaken
from tests.domain.builders import make_rules, raises_code


def make_turn(table, room, sender, request, **kwargs):
    kwargs = {"target": Target.HOST, "type": "turn", **kwargs}
    return table.execute(send_action, room_id=room.id, sender=sender, request=request, **kwargs)


def test_action_of_type_turn_takes_a_turn_in_a_game_with_rules(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}')
    assert table.room_state(room.id)["grid"] == "....0...."
    assert [event.player for event in table.events(TurnTaken, topics.room(room.id))] == [ann]


def test_turn_is_answered_with_the_view_of_its_player(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}')
    table.clear_events()
    (action,) = make_turn(table, room, bob, b'{"cell":0}')
    assert (action.status, action.target) == (ActionStatus.COMPLETED, ann)
    assert json.loads(action.response) == {"grid": "1...0...."}
    found = table.query(answered_actions, room=room.id, player=bob, now=table.now)
    assert found == [action]
    finished = table.events(ActionFinished, topics.actions(room.id, bob))
    assert [event.action for event in finished] == [action.code]


def test_turn_is_not_pending_for_its_targets(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}', target=Target.ALL)
    assert table.query(pending_actions, room=room.id, player=bob) == []
    assert table.events(ActionRequested) == []


def test_turn_of_another_seat_is_refused(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    with raises_code(ErrorCode.NOT_YOUR_TURN):
        make_turn(table, room, bob, b'{"cell":4}')


@pytest.mark.parametrize("request_", [b"null", b"[4]", b'"4"', b"4"])
def test_turn_that_is_not_an_object_is_refused_before_the_rules(table, request_):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    with raises_code(ErrorCode.TURN_REFUSED, code="not_an_object"):
        make_turn(table, room, ann, request_)


def test_failing_view_refuses_the_turn(table):
    table.set_rules("free", make_rules(view=lambda state, seat: {1, 2}))
    ann = table.make_guest()
    room = table.make_started_room(ann, table.make_guest(), game="free")
    with raises_code(ErrorCode.RULES_FAILED):
        make_turn(table, room, ann, b"{}")
    assert table.room(room.id) == room


def test_deciding_turn_is_answered_in_the_closed_room(table):
    rules = make_rules(outcome=lambda state: {"winner": 0} if state["turns"] else None)
    table.set_rules("free", rules)
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    (action,) = make_turn(table, room, ann, b"{}")
    assert (action.finished, table.room(room.id).ended) == (True, True)
    assert table.state.count(Action) == 0


def test_turns_by_action_and_by_command_emit_the_same_event(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}')
    table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 0})
    assert [event.turn for event in table.events(TurnTaken)] == [b'{"cell":4}', b'{"cell":0}']


def test_turn_without_rules_is_an_ordinary_action(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    (action,) = make_turn(table, room, bob, b"4")
    assert table.query(pending_actions, room=room.id, player=ann) == [action]


def test_other_types_are_ordinary_actions_in_a_game_with_rules(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    (action,) = make_turn(table, room, bob, b"{}", type="wave")
    assert table.query(pending_actions, room=room.id, player=ann) == [action]
