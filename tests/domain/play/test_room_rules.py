"""Rooms with rules: setup, turns, views, leaving and failing rules."""

import json
import random

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.room import turn_for_seat
from tests.domain.builders import (
    NOW,
    failing_rule,
    make_room,
    make_room_with_rules,
    make_rules,
    raises_code,
)


def test_setup_receives_the_number_of_members():
    room = make_room_with_rules(make_rules(), 1, 2, 3)
    assert json.loads(room.state) == {"seats": 3, "turns": 0, "left": []}
    assert room.current == (0, 1, 2)


def test_setup_receives_the_options():
    rules = make_rules(setup=lambda seats, options, rng: {"seats": seats, **options})
    room = make_room_with_rules(rules, 1, 2, options=b'{"size":4}')
    assert json.loads(room.state)["size"] == 4


def test_setup_uses_the_given_random_generator():
    rules = make_rules(setup=lambda seats, options, rng: {"seats": 2, "die": rng.random()})
    assert make_room_with_rules(rules, 1, 2).state == make_room_with_rules(rules, 1, 2).state


def test_turn_produces_the_next_state():
    rules = make_rules()
    played = make_room_with_rules(rules, 1, 2).play(2, {}, rules, NOW)
    assert (json.loads(played.state)["turns"], played.turns, played.touched) == (1, 1, NOW)


def test_only_current_seats_may_play():
    rules = make_rules(current=lambda state: (1,))
    room = make_room_with_rules(rules, 1, 2)
    with raises_code(ErrorCode.NOT_YOUR_TURN):
        room.play(1, {}, rules, NOW)
    assert room.play(2, {}, rules, NOW).turns == 1


def test_refused_turn_changes_nothing():
    def legal(state, seat, turn):
        raise DomainError(ErrorCode.TURN_REFUSED, code="never")

    rules = make_rules(legal=legal)
    room = make_room_with_rules(rules, 1, 2)
    with raises_code(ErrorCode.TURN_REFUSED, code="never"):
        room.play(1, {}, rules, NOW)
    assert room == make_room_with_rules(rules, 1, 2)


def test_outcome_closes_the_room():
    rules = make_rules(outcome=lambda state: {"winner": 0} if state["turns"] else None)
    played = make_room_with_rules(rules, 1, 2).play(1, {}, rules, NOW)
    assert (played.close_reason, played.outcome) == (CloseReason.FINISHED, b'{"winner":0}')
    assert (played.closed, played.current) == (NOW, ())


def test_rules_receive_the_state_as_stored():
    """JSON turns number keys into text, before the first turn rather than after a restart."""
    rules = make_rules(
        setup=lambda seats, options, rng: {0: "a"}, current=lambda state: (0,) if state["0"] else ()
    )
    assert make_room_with_rules(rules, 1, 2).current == (0,)


def test_rule_cannot_mutate_the_stored_state():
    def current(state):
        state["turns"] = 99
        return (0, 1)

    rules = make_rules(current=current)
    assert json.loads(make_room_with_rules(rules, 1, 2).state)["turns"] == 0


def failing_after_first_turn(rule):
    """Return the rule, failing once a turn was played."""

    def failing(state, *args):
        return failing_rule() if state["turns"] else rule(state, *args)

    return failing


@pytest.mark.parametrize(
    "broken",
    [
        {"legal": failing_rule},
        {"apply": failing_rule},
        {"apply": lambda state, seat, turn: {1, 2}},
        {"apply": lambda state, seat, turn: {**state, "turns": float("nan")}},
        {"current": failing_after_first_turn(lambda state: (0, 1))},
        {"current": lambda state: None if state["turns"] else (0, 1)},
        {"current": lambda state: ["a"] if state["turns"] else (0, 1)},
        {"current": lambda state: [True] if state["turns"] else (0, 1)},
        {"outcome": failing_after_first_turn(lambda state: None)},
        {"outcome": lambda state: {1, 2} if state["turns"] else None},
    ],
)
def test_failing_rules_in_a_turn_change_nothing(broken):
    rules = make_rules(**broken)
    room = make_room_with_rules(rules, 1, 2)
    before = room.state
    with raises_code(ErrorCode.RULES_FAILED):
        room.play(1, {}, rules, NOW)
    assert room.state == before


@pytest.mark.parametrize(
    "broken",
    [
        {"setup": failing_rule},
        {"setup": lambda seats, options, rng: {1, 2}},
        {"setup": lambda seats, options, rng: None},
        {"current": failing_rule},
        {"current": lambda state: 0},
        {"outcome": failing_rule},
        {"outcome": lambda state: {"winner": 0}},
    ],
)
def test_failing_rules_in_setup_are_reported(broken):
    with raises_code(ErrorCode.RULES_FAILED):
        make_room(1, 2).set_up(make_rules(**broken), random.Random(1))


def test_view_is_for_a_seat():
    rules = make_rules()
    assert json.loads(make_room_with_rules(rules, 1, 2).view(rules, 1)) == {"turns": 0, "you": 1}


def test_view_for_a_spectator_has_no_seat():
    rules = make_rules()
    assert json.loads(make_room_with_rules(rules, 1, 2).view(rules, None))["you"] is None


def test_view_without_rules_is_null():
    assert make_room(1).view(None, 0) == b"null"


@pytest.mark.parametrize("view", [failing_rule, lambda state, seat: {1}])
def test_failing_view_is_reported(view):
    rules = make_rules(view=view)
    with raises_code(ErrorCode.RULES_FAILED):
        make_room_with_rules(rules, 1, 2).view(rules, 0)


def test_seen_hides_parts_of_a_turn():
    rules = make_rules(seen=lambda turn, by, seat: turn if seat == by else {})
    assert turn_for_seat(rules, b'{"card":7}', 0, 0) == b'{"card":7}'
    assert turn_for_seat(rules, b'{"card":7}', 0, 1) == b"{}"


def test_turn_without_rules_is_shown_whole():
    assert turn_for_seat(None, b'{"card":7}', 0, 1) == b'{"card":7}'


def test_failing_seen_is_reported():
    with raises_code(ErrorCode.RULES_FAILED):
        turn_for_seat(make_rules(seen=failing_rule), b"{}", 0, 1)


def test_left_receives_the_seat():
    rules = make_rules()
    left = make_room_with_rules(rules, 1, 2, 3).leave(2, NOW, rules)
    assert json.loads(left.state)["left"] == [1]


def test_leaving_may_produce_an_outcome():
    rules = make_rules(outcome=lambda state: {"lost": state["left"]} if state["left"] else None)
    left = make_room_with_rules(rules, 1, 2).leave(2, NOW, rules)
    assert (left.close_reason, left.outcome) == (CloseReason.FINISHED, b'{"lost":[1]}')


def test_outcome_takes_precedence_over_host_left():
    rules = make_rules(outcome=lambda state: {"lost": state["left"]} if state["left"] else None)
    left = make_room_with_rules(rules, 1, 2).leave(1, NOW, rules)
    assert (left.close_reason, left.outcome) == (CloseReason.FINISHED, b'{"lost":[0]}')


def test_undecided_room_closes_when_the_host_leaves():
    rules = make_rules()
    assert (
        make_room_with_rules(rules, 1, 2).leave(1, NOW, rules).close_reason is CloseReason.HOST_LEFT
    )


@pytest.mark.parametrize("left", [failing_rule, lambda state, seat: {1}])
def test_failing_rules_prevent_leaving(left):
    rules = make_rules(left=left)
    room = make_room_with_rules(rules, 1, 2, 3, transfer_host=True)
    with raises_code(ErrorCode.RULES_FAILED):
        room.leave(2, NOW, rules)
    assert 2 in room.roster


@pytest.mark.parametrize("left", [failing_rule, lambda state, seat: {1}])
def test_failing_rules_do_not_prevent_removal(left):
    rules = make_rules(left=left)
    room = make_room_with_rules(rules, 1, 2, 3, transfer_host=True).remove_member(2, NOW, rules)
    assert (list(room.roster), room.close_reason) == ([1, 3], CloseReason.CLOSED)


def test_seat_left_in_a_game_with_rules_is_not_reassigned():
    rules = make_rules()
    room = make_room_with_rules(rules, 1, 2, 3).leave(2, NOW, rules)
    with raises_code(ErrorCode.ROOM_FULL):
        room.add_member(4, NOW)


def test_closed_room_keeps_its_roster_and_has_no_current_seat():
    closed = make_room_with_rules(make_rules(), 1, 2).close(CloseReason.CLOSED, NOW)
    assert (list(closed.roster), closed.current) == ([1, 2], ())
