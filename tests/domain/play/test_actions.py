"""Actions, join requests, and to whom things are sent."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import ActionStatus, Target, recipients
from tests.domain.builders import NOW, make_action, make_request, make_roster, raises_code


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        (Target.ALL, (1, 2, 3)),
        (Target.OTHERS, (1, 3)),
        (Target.HOST, (1,)),
    ],
)
def test_a_target_means(target, meant):
    assert recipients(make_roster(1, 2, 3), 2, target) == meant


def test_a_host_may_mean_himself():
    assert recipients(make_roster(1, 2), 1, Target.HOST) == (1,)


def test_alone_there_are_no_others():
    assert recipients(make_roster(1), 1, Target.OTHERS) == ()


def test_of_those_named_only_who_sits_here_is_meant_and_once():
    assert recipients(make_roster(1, 2, 3), 1, Target.SPECIFIC, (3, 9, 3, 1)) == (3, 1)


@pytest.mark.parametrize("named", [(), (9,)])
def test_when_nobody_named_sits_here_it_is_refused(named):
    with raises_code(ErrorCode.NO_TARGETS):
        recipients(make_roster(1, 2), 1, Target.SPECIFIC, named)


def test_who_is_away_is_left_out():
    assert recipients(make_roster(1, 2, 3, away=(3,)), 1, Target.ALL) == (1, 2)


def test_a_host_who_is_away_is_left_out():
    assert recipients(make_roster(1, 2, away=(1,)), 2, Target.HOST) == ()


def test_when_everybody_named_is_away_it_is_refused():
    with raises_code(ErrorCode.NO_TARGETS):
        recipients(make_roster(1, 2, away=(2,)), 1, Target.SPECIFIC, (2,))


def test_who_sends_is_there_whatever_was_noted():
    assert recipients(make_roster(1, 2, away=(1,)), 1, Target.ALL) == (1, 2)


def test_who_is_away_can_be_counted_in():
    roster = make_roster(1, 2, away=(2,))
    assert recipients(roster, 1, Target.OTHERS, with_away=True) == (2,)


def test_a_stranger_sends_nothing():
    with raises_code(ErrorCode.NOT_MEMBER):
        recipients(make_roster(1, 2), 3, Target.ALL)


@pytest.mark.parametrize("progress", [ActionStatus.COMPLETED, ActionStatus.FAILED])
def test_an_action_is_answered_for_good(progress):
    answered = make_action(target=2).update_status(2, progress, b"1", NOW)
    assert (answered.finished, answered.response, answered.finished_at) == (True, b"1", NOW)


def test_an_action_in_progress_is_not_answered_yet():
    answered = make_action(target=2).update_status(2, ActionStatus.PROCESSING, b"1", NOW)
    assert (answered.finished, answered.finished_at) == (False, None)


def test_an_action_in_progress_can_still_be_answered():
    action = make_action(target=2).update_status(2, ActionStatus.PROCESSING, b"null", NOW)
    assert action.update_status(2, ActionStatus.COMPLETED, b"1", NOW).finished


def test_only_its_target_answers_an_action():
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        make_action(sender=1, target=2).update_status(1, ActionStatus.COMPLETED, b"1", NOW)


def test_an_action_that_was_answered_stays_as_it_is():
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        make_action(target=2, status=ActionStatus.FAILED).update_status(
            2, ActionStatus.COMPLETED, b"1", NOW
        )


def test_an_action_whose_target_is_gone_has_failed():
    given_up = make_action().fail(NOW)
    assert (given_up.status, given_up.finished_at) == (ActionStatus.FAILED, NOW)


@pytest.mark.parametrize("approve", [True, False])
def test_a_request_is_answered_once(approve):
    answered = make_request().answer(1, approve, NOW)
    assert (answered.approved, answered.answered_at, answered.answered_by) == (approve, NOW, 1)
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        answered.answer(1, True, NOW)


def test_a_request_is_pending_until_it_is_answered():
    assert make_request().pending
    assert not make_request().answer(1, False, NOW).pending


def test_a_request_nobody_can_grant_is_rejected_by_nobody():
    rejected = make_request().reject(NOW)
    assert (rejected.approved, rejected.answered_by) == (False, None)
