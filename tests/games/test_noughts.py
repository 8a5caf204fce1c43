"""The rules of noughts and crosses."""

import random

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.games.noughts import LINES, RULES
from tests.domain.builders import raises_code


def make_state(grid=".........", turn=0, left=None):
    return {"grid": grid, "turn": turn, "left": left}


def play(*cells, state=None):
    """Return the state after the seats marked these cells in turn."""
    state = state or make_state()
    for cell in cells:
        (seat,) = RULES.current(state)
        RULES.legal(state, seat, {"cell": cell})
        state = RULES.apply(state, seat, {"cell": cell})
    return state


def test_game_begins_with_an_empty_grid_and_the_host():
    assert RULES.setup(2, {}, random.Random(1)) == make_state()


def test_random_seat_begins_on_request():
    firsts = {
        RULES.setup(2, {"first": "random"}, random.Random(seed))["turn"] for seed in range(20)
    }
    assert firsts == {0, 1}


def test_turn_marks_a_cell_and_passes_to_the_other_seat():
    assert play(4) == make_state("....0....", turn=1)


def test_two_turns_mark_two_cells():
    assert play(4, 0) == make_state("1...0....", turn=0)


@pytest.mark.parametrize("turn", [None, [], {}, {"cell": 9}, {"cell": -1}, {"cell": "4"}])
def test_turn_without_a_cell_is_refused(turn):
    with raises_code(ErrorCode.TURN_REFUSED, code="not_a_cell"):
        RULES.legal(make_state(), 0, turn)


@pytest.mark.parametrize("cell", [True, 4.0])
def test_cell_must_be_an_integer(cell):
    with raises_code(ErrorCode.TURN_REFUSED, code="not_a_cell"):
        RULES.legal(make_state(), 0, {"cell": cell})


def test_marked_cell_is_refused():
    with raises_code(ErrorCode.TURN_REFUSED, code="cell_not_empty"):
        RULES.legal(play(4), 1, {"cell": 4})


def test_other_members_of_a_turn_are_ignored():
    RULES.legal(make_state(), 0, {"cell": 4, "comment": "ha"})
    assert RULES.seen({"cell": 4, "comment": "ha"}, 0, 1) == {"cell": 4}


def test_new_game_has_no_outcome():
    assert RULES.outcome(make_state()) is None


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("seat", [0, 1])
def test_three_in_a_line_win(line, seat):
    grid = "".join(str(seat) if cell in line else "." for cell in range(9))
    assert RULES.outcome(make_state(grid)) == {"winner": seat}


def test_full_grid_without_a_line_is_a_draw():
    assert RULES.outcome(make_state("001110001")) == {"winner": None}


def test_line_in_a_full_grid_wins():
    assert RULES.outcome(make_state("000110101")) == {"winner": 0}


def test_decided_game_has_no_current_seat():
    assert RULES.current(make_state("000......")) == ()


@pytest.mark.parametrize("seat", [0, 1])
def test_leaving_seat_loses(seat):
    assert RULES.outcome(RULES.left(make_state(), seat)) == {"winner": 1 - seat}


@pytest.mark.parametrize("seat", [0, 1, None])
def test_grid_is_visible_to_all(seat):
    assert RULES.view(play(4), seat) == {"grid": "....0...."}


@pytest.mark.parametrize("options", [b"{}", b'{"first":"host"}', b'{"first":"random","x":1}'])
def test_options_are_accepted(options):
    RULES.check_options(options)


@pytest.mark.parametrize("options", [b'{"first":"me"}', b'{"first":1}', b'{"first":null}'])
def test_options_are_refused(options):
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="first"):
        RULES.check_options(options)


def test_complete_game():
    assert RULES.outcome(play(4, 0, 2, 6, 3, 5, 1, 7, 8)) == {"winner": None}
