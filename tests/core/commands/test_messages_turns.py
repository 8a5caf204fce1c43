"""Turns played by an action: how the rules of a game meet the exchange."""

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


def make_turn(table, room, sender, request, **parts):
    parts = {"target": Target.HOST, "type": "turn", **parts}
    return table.execute(send_action, room_id=room.id, sender=sender, request=request, **parts)


def test_in_a_game_with_rules_an_action_turn_plays_a_turn(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}')
    assert table.room_state(room.id)["grid"] == "....0...."
    assert [event.player for event in table.events(TurnTaken, topics.room(room.id))] == [ann]


def test_it_is_answered_at_once_with_what_the_player_sees(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}')
    table.clear_events()
    (action,) = make_turn(table, room, bob, b'{"cell":0}')
    assert (action.status, action.target) == (ActionStatus.COMPLETED, ann)
    assert json.loads(action.response) == {"grid": "1...0...."}
    found = table.query(answered_actions, room=room.id, player=bob, now=table.now)
    assert found == [action]
    heard = table.events(ActionFinished, topics.actions(room.id, bob))
    assert [event.action for event in heard] == [action.code]


def test_it_waits_for_nobody(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}', target=Target.ALL)
    assert table.query(pending_actions, room=room.id, player=bob) == []
    assert table.events(ActionRequested) == []


def test_a_turn_out_of_turn_is_refused(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    with raises_code(ErrorCode.NOT_YOUR_TURN):
        make_turn(table, room, bob, b'{"cell":4}')


@pytest.mark.parametrize("request_", [b"null", b"[4]", b'"4"', b"4"])
def test_a_turn_that_is_no_object_never_comes_to_the_rules(table, request_):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    with raises_code(ErrorCode.TURN_REFUSED, code="not_an_object"):
        make_turn(table, room, ann, request_)


def test_rules_that_fail_to_show_the_state_play_no_turn(table):
    table.set_rules("free", make_rules(view=lambda state, seat: {1, 2}))
    ann = table.make_guest()
    room = table.make_started_room(ann, table.make_guest(), game="free")
    with raises_code(ErrorCode.RULES_FAILED):
        make_turn(table, room, ann, b"{}")
    assert table.room(room.id) == room


def test_a_turn_that_decides_the_game_is_answered_though_its_room_is_over(table):
    rules = make_rules(outcome=lambda state: {"winner": 0} if state["turns"] else None)
    table.set_rules("free", rules)
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob, game="free")
    (action,) = make_turn(table, room, ann, b"{}")
    assert (action.finished, table.room(room.id).ended) == (True, True)
    assert table.state.count(Action) == 0


def test_a_turn_in_another_dialect_and_one_by_action_are_the_same_event(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    make_turn(table, room, ann, b'{"cell":4}')
    table.execute(take_turn, room_id=room.id, player_id=bob, turn={"cell": 0})
    assert [event.turn for event in table.events(TurnTaken)] == [b'{"cell":4}', b'{"cell":0}']


def test_without_rules_an_action_turn_is_an_action_like_any(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_room(ann, bob)
    (action,) = make_turn(table, room, bob, b"4")
    assert table.query(pending_actions, room=room.id, player=ann) == [action]


def test_with_rules_other_actions_are_actions_like_any(table):
    ann, bob = table.make_guest(), table.make_guest()
    room = table.make_started_room(ann, bob)
    (action,) = make_turn(table, room, bob, b"{}", type="wave")
    assert table.query(pending_actions, room=room.id, player=ann) == [action]
