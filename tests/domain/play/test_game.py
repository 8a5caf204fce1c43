"""Options of games, shared data and failures of rules."""

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Option, call_rule, call_rule_json, dump_json
from tests.domain.builders import NOW, failing_rule, make_game, make_rules, raises_code


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
def test_option_accepts_value(option, value):
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
def test_option_refuses_value(option, value):
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="a"):
        option.check(value)


def test_unknown_option_is_accepted():
    make_rules(options=(Option("a", int),)).check_options(b'{"b":"anything"}')


def test_known_option_is_checked():
    with raises_code(ErrorCode.OPTIONS_REFUSED, option="a"):
        make_rules(options=(Option("a", int),)).check_options(b'{"a":"one"}')


def test_missing_option_is_accepted():
    make_rules(options=(Option("a", int),)).check_options(b"{}")


@pytest.mark.parametrize("options", [b"[]", b'"a"', b"null", b"3"])
def test_options_must_be_an_object(options):
    with raises_code(ErrorCode.OPTIONS_REFUSED):
        make_rules(options=(Option("a", int),)).check_options(options)


def test_dump_json_is_compact_and_not_escaped():
    assert dump_json({"a": [1, "ö"]}) == '{"a":[1,"ö"]}'.encode()


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object(), "\ud800"])
def test_dump_json_raises_for_other_values(value):
    with pytest.raises((TypeError, ValueError)):
        dump_json(value)


def test_failing_rule_raises_rules_failed_with_its_name():
    with raises_code(ErrorCode.RULES_FAILED, rule="failing_rule"):
        call_rule(failing_rule, 1)


def test_rules_failed_keeps_the_cause():
    with pytest.raises(DomainError) as caught:
        call_rule(failing_rule)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_domain_error_of_a_rule_is_raised_unchanged():
    def legal():
        raise DomainError(ErrorCode.TURN_REFUSED, code="too_late")

    with raises_code(ErrorCode.TURN_REFUSED, code="too_late"):
        call_rule(legal)


def circular():
    state = []
    state.append(state)
    return state


@pytest.mark.parametrize("rule", [set, object, circular, lambda: {"a": float("inf")}])
def test_result_that_is_not_json_raises_rules_failed(rule):
    with raises_code(ErrorCode.RULES_FAILED):
        call_rule_json(rule)


def test_update_data_replaces_shared_data():
    updated = make_game(data=b'{"a":1}').update_data(b'{"b":2}', None, NOW + 5)
    assert (updated.data, updated.data_version, updated.data_updated) == (b'{"b":2}', 1, NOW + 5)


def test_update_data_with_an_old_version_is_refused():
    with raises_code(ErrorCode.VERSION_CONFLICT, version=2):
        make_game(data_version=2).update_data(b"{}", 1, NOW)
