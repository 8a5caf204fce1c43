"""Rooms under rules: setting up, turns, what is seen, who leaves, and rules that fail."""

import json
import random

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.room import turn_for_seat
from tests.domain.builders import NOW, make_room, make_ruled_room, raises_code, some_rules


def test_rules_set_up_the_first_state_for_as_many_as_sit_here():
    room = make_ruled_room(some_rules(), 1, 2, 3)
    assert json.loads(room.state) == {"seats": 3, "turns": 0, "left": []}
    assert room.current == (0, 1, 2)


def test_rules_are_set_up_with_the_options():
    rules = some_rules(setup=lambda seats, options, rng: {"seats": seats, **options})
    room = make_ruled_room(rules, 1, 2, options=b'{"size":4}')
    assert json.loads(room.state)["size"] == 4


def test_rules_are_set_up_with_chance_from_outside():
    rules = some_rules(setup=lambda seats, options, rng: {"seats": 2, "die": rng.random()})
    assert make_ruled_room(rules, 1, 2).state == make_ruled_room(rules, 1, 2).state


def test_a_turn_gives_the_next_state():
    rules = some_rules()
    played = make_ruled_room(rules, 1, 2).play(2, {}, rules, NOW)
    assert (json.loads(played.state)["turns"], played.turns, played.touched) == (1, 1, NOW)


def test_only_who_is_current_plays():
    rules = some_rules(current=lambda state: (1,))
    room = make_ruled_room(rules, 1, 2)
    with raises_code(ErrorCode.NOT_YOUR_TURN):
        room.play(1, {}, rules, NOW)
    assert room.play(2, {}, rules, NOW).turns == 1


def test_a_turn_the_rules_refuse_changes_nothing():
    def legal(state, seat, turn):
        raise DomainError(ErrorCode.TURN_REFUSED, code="never")

    rules = some_rules(legal=legal)
    room = make_ruled_room(rules, 1, 2)
    with raises_code(ErrorCode.TURN_REFUSED, code="never"):
        room.play(1, {}, rules, NOW)
    assert room == make_ruled_room(rules, 1, 2)


def test_an_outcome_ends_play():
    rules = some_rules(outcome=lambda state: {"winner": 0} if state["turns"] else None)
    played = make_ruled_room(rules, 1, 2).play(1, {}, rules, NOW)
    assert (played.close_reason, played.outcome) == (CloseReason.FINISHED, b'{"winner":0}')
    assert (played.closed, played.current) == (NOW, ())


def test_what_the_rules_see_is_what_is_kept():
    """Keys that are numbers come back as text; rules find out at once, not at the second turn."""
    rules = some_rules(
        setup=lambda seats, options, rng: {0: "a"}, current=lambda state: (0,) if state["0"] else ()
    )
    assert make_ruled_room(rules, 1, 2).current == (0,)


def test_a_rule_cannot_spoil_the_state_behind_our_back():
    def current(state):
        state["turns"] = 99
        return (0, 1)

    rules = some_rules(current=current)
    assert json.loads(make_ruled_room(rules, 1, 2).state)["turns"] == 0


def explode(*_):
    raise ZeroDivisionError


def once_turned(rule):
    """The same rule until the first turn was played; then it fails."""

    def failing(state, *facts):
        return explode() if state["turns"] else rule(state, *facts)

    return failing


@pytest.mark.parametrize(
    "broken",
    [
        {"legal": explode},
        {"apply": explode},
        {"apply": lambda state, seat, turn: {1, 2}},
        {"apply": lambda state, seat, turn: {**state, "turns": float("nan")}},
        {"current": once_turned(lambda state: (0, 1))},
        {"current": lambda state: None if state["turns"] else (0, 1)},
        {"current": lambda state: ["a"] if state["turns"] else (0, 1)},
        {"current": lambda state: [True] if state["turns"] else (0, 1)},
        {"outcome": once_turned(lambda state: None)},
        {"outcome": lambda state: {1, 2} if state["turns"] else None},
    ],
)
def test_rules_that_fail_in_a_turn_change_nothing(broken):
    rules = some_rules(**broken)
    room = make_ruled_room(rules, 1, 2)
    before = room.state
    with raises_code(ErrorCode.RULES_FAILED):
        room.play(1, {}, rules, NOW)
    assert room.state == before


@pytest.mark.parametrize(
    "broken",
    [
        {"setup": explode},
        {"setup": lambda seats, options, rng: {1, 2}},
        {"setup": lambda seats, options, rng: None},
        {"current": explode},
        {"current": lambda state: 0},
        {"outcome": explode},
        {"outcome": lambda state: {"winner": 0}},
    ],
)
def test_rules_that_fail_set_nothing_up(broken):
    with raises_code(ErrorCode.RULES_FAILED):
        make_room(1, 2).set_up(some_rules(**broken), random.Random(1))


def test_a_seat_sees_what_the_rules_show_it():
    rules = some_rules()
    assert json.loads(make_ruled_room(rules, 1, 2).view(rules, 1)) == {"turns": 0, "you": 1}


def test_a_spectator_sees_what_the_rules_show_to_nobody_in_particular():
    rules = some_rules()
    assert json.loads(make_ruled_room(rules, 1, 2).view(rules, None))["you"] is None


def test_without_rules_there_is_nothing_to_see():
    assert make_room(1).view(None, 0) == b"null"


@pytest.mark.parametrize("view", [explode, lambda state, seat: {1}])
def test_a_view_that_fails_is_refused(view):
    rules = some_rules(view=view)
    with raises_code(ErrorCode.RULES_FAILED):
        make_ruled_room(rules, 1, 2).view(rules, 0)


def test_others_see_of_a_turn_what_the_rules_show():
    rules = some_rules(seen=lambda turn, by, seat: turn if seat == by else {})
    assert turn_for_seat(rules, b'{"card":7}', 0, 0) == b'{"card":7}'
    assert turn_for_seat(rules, b'{"card":7}', 0, 1) == b"{}"


def test_without_rules_others_see_the_whole_turn():
    assert turn_for_seat(None, b'{"card":7}', 0, 1) == b'{"card":7}'


def test_a_turn_that_cannot_be_shown_is_refused():
    with raises_code(ErrorCode.RULES_FAILED):
        turn_for_seat(some_rules(seen=explode), b"{}", 0, 1)


def test_rules_are_told_who_gave_up_his_seat():
    rules = some_rules()
    left = make_ruled_room(rules, 1, 2, 3).leave(2, rules, NOW)
    assert json.loads(left.state)["left"] == [1]


def test_leaving_may_decide_the_game():
    rules = some_rules(outcome=lambda state: {"lost": state["left"]} if state["left"] else None)
    left = make_ruled_room(rules, 1, 2).leave(2, rules, NOW)
    assert (left.close_reason, left.outcome) == (CloseReason.FINISHED, b'{"lost":[1]}')


def test_a_host_who_leaves_may_decide_the_game_also_where_it_hangs_on_him():
    rules = some_rules(outcome=lambda state: {"lost": state["left"]} if state["left"] else None)
    left = make_ruled_room(rules, 1, 2).leave(1, rules, NOW)
    assert (left.close_reason, left.outcome) == (CloseReason.FINISHED, b'{"lost":[0]}')


def test_a_host_who_leaves_an_undecided_game_ends_it_where_it_hangs_on_him():
    rules = some_rules()
    assert make_ruled_room(rules, 1, 2).leave(1, rules, NOW).close_reason is CloseReason.HOST_LEFT


@pytest.mark.parametrize("left", [explode, lambda state, seat: {1}])
def test_rules_that_fail_hold_back_who_wants_to_leave(left):
    rules = some_rules(left=left)
    room = make_ruled_room(rules, 1, 2, 3, transfer_host=True)
    with raises_code(ErrorCode.RULES_FAILED):
        room.leave(2, rules, NOW)
    assert 2 in room.roster


@pytest.mark.parametrize("left", [explode, lambda state, seat: {1}])
def test_rules_that_fail_do_not_hold_back_who_must_go(left):
    rules = some_rules(left=left)
    dropped = make_ruled_room(rules, 1, 2, 3, transfer_host=True).remove_member(2, rules, NOW)
    assert (list(dropped.roster), dropped.close_reason) == ([1, 3], CloseReason.CLOSED)


def test_a_seat_that_was_given_up_under_rules_is_nobodys():
    rules = some_rules()
    room = make_ruled_room(rules, 1, 2, 3).leave(2, rules, NOW)
    with raises_code(ErrorCode.ROOM_FULL):
        room.add_member(4, NOW)


def test_when_play_is_over_the_roster_stays_and_nobody_is_current():
    closed = make_ruled_room(some_rules(), 1, 2).close(CloseReason.CLOSED, NOW)
    assert (list(closed.roster), closed.current) == ([1, 2], ())
