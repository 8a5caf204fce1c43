"""Options a game understands, and rules that may fail."""

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Option, call_rule, call_rule_json, dump_json
from tests.domain.builders import NOW, make_game, raises_code, some_rules


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (Option("a", str), "x"),
        (Option("a", int), 3),
        (Option("a", float), 0.5),
        (Option("a", float), 2),
        (Option("a", bool), True),
        (Option("a", int, low=1, high=3), 1),
        (Option("a", int, low=1, high=3), 3),
        (Option("a", str, choices=("x", "y")), "y"),
    ],
)
def test_an_option_takes(option, value):
    option.check(value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (Option("a", str), 1),
        (Option("a", int), "1"),
        (Option("a", int), 1.0),
        (Option("a", int), True),
        (Option("a", float), True),
        (Option("a", bool), 1),
        (Option("a", str), None),
        (Option("a", int, low=1), 0),
        (Option("a", int, high=3), 4),
        (Option("a", str, choices=("x", "y")), "z"),
    ],
)
def test_an_option_does_not_take(option, value):
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="a"):
        option.check(value)


def test_options_a_game_does_not_know_are_its_players_business():
    some_rules(options=(Option("a", int),)).check_options(b'{"b":"anything"}')


def test_options_a_game_knows_are_checked():
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="a"):
        some_rules(options=(Option("a", int),)).check_options(b'{"a":"one"}')


def test_an_option_may_be_left_out():
    some_rules(options=(Option("a", int),)).check_options(b"{}")


@pytest.mark.parametrize("options", [b"[]", b'"a"', b"null", b"3"])
def test_options_that_are_no_object_are_refused(options):
    with raises_code(ErrorCode.OPTIONS_REFUSED):
        some_rules(options=(Option("a", int),)).check_options(options)


def test_json_is_dumped_compact_and_in_its_own_letters():
    assert dump_json({"a": [1, "ö"]}) == '{"a":[1,"ö"]}'.encode()


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object(), "\ud800"])
def test_what_is_not_json_is_not_dumped(value):
    with pytest.raises((TypeError, ValueError)):
        dump_json(value)


def failing(*_):
    raise ZeroDivisionError


def test_a_rule_that_fails_is_a_refusal_that_names_it():
    with raises_code(ErrorCode.RULES_FAILED, rule="failing"):
        call_rule(failing, 1)


def test_what_made_a_rule_fail_is_not_forgotten():
    with pytest.raises(DomainError) as caught:
        call_rule(failing)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_a_rule_refuses_is_refused_for_its_reason():
    def legal():
        raise DomainError(ErrorCode.TURN_REFUSED, code="too_late")

    with raises_code(ErrorCode.TURN_REFUSED, code="too_late"):
        call_rule(legal)


def circular():
    state = []
    state.append(state)
    return state


@pytest.mark.parametrize("answer", [set, object, circular, lambda: {"a": float("inf")}])
def test_an_answer_that_is_not_json_is_a_failure_of_the_rule(answer):
    with raises_code(ErrorCode.RULES_FAILED):
        call_rule_json(answer)


def test_shared_data_is_replaced_whole():
    kept = make_game(data=b'{"a":1}').update_data(b'{"b":2}', None, NOW + 5)
    assert (kept.data, kept.data_version, kept.data_updated) == (b'{"b":2}', 1, NOW + 5)


def test_shared_data_that_has_changed_since_is_not_replaced():
    with raises_code(ErrorCode.VERSION_CONFLICT, version=2):
        make_game(data_version=2).update_data(b"{}", 1, NOW)
