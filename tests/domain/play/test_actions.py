"""Actions, join requests, and to whom things are sent."""

import pytest

from coalserver.domain.errors import Why
from coalserver.domain.play.actions import Progress, Target, recipients
from tests.domain.builders import NOW, a_request, a_roster, an_action, refused


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        (Target.ALL, (1, 2, 3)),
        (Target.OTHERS, (1, 3)),
        (Target.HOST, (1,)),
    ],
)
def test_a_target_means(target, meant):
    assert recipients(a_roster(1, 2, 3), 2, target) == meant


def test_a_host_may_mean_himself():
    assert recipients(a_roster(1, 2), 1, Target.HOST) == (1,)


def test_alone_there_are_no_others():
    assert recipients(a_roster(1), 1, Target.OTHERS) == ()


def test_of_those_named_only_who_sits_here_is_meant_and_once():
    assert recipients(a_roster(1, 2, 3), 1, Target.SPECIFIC, (3, 9, 3, 1)) == (3, 1)


@pytest.mark.parametrize("named", [(), (9,)])
def test_when_nobody_named_sits_here_it_is_refused(named):
    with refused(Why.NO_TARGETS):
        recipients(a_roster(1, 2), 1, Target.SPECIFIC, named)


def test_who_is_away_is_left_out():
    assert recipients(a_roster(1, 2, 3, away=(3,)), 1, Target.ALL) == (1, 2)


def test_a_host_who_is_away_is_left_out():
    assert recipients(a_roster(1, 2, away=(1,)), 2, Target.HOST) == ()


def test_when_everybody_named_is_away_it_is_refused():
    with refused(Why.NO_TARGETS):
        recipients(a_roster(1, 2, away=(2,)), 1, Target.SPECIFIC, (2,))


def test_who_sends_is_there_whatever_was_noted():
    assert recipients(a_roster(1, 2, away=(1,)), 1, Target.ALL) == (1, 2)


def test_who_is_away_can_be_counted_in():
    roster = a_roster(1, 2, away=(2,))
    assert recipients(roster, 1, Target.OTHERS, with_away=True) == (2,)


def test_a_stranger_sends_nothing():
    with refused(Why.NOT_HERE):
        recipients(a_roster(1, 2), 3, Target.ALL)


@pytest.mark.parametrize("progress", [Progress.COMPLETED, Progress.FAILED])
def test_an_action_is_answered_for_good(progress):
    answered = an_action(target=2).answer(2, progress, b"1", NOW)
    assert (answered.done, answered.response, answered.answered) == (True, b"1", NOW)


def test_an_action_in_progress_is_not_answered_yet():
    answered = an_action(target=2).answer(2, Progress.PROCESSING, b"1", NOW)
    assert (answered.done, answered.answered) == (False, None)


def test_an_action_in_progress_can_still_be_answered():
    action = an_action(target=2).answer(2, Progress.PROCESSING, b"null", NOW)
    assert action.answer(2, Progress.COMPLETED, b"1", NOW).done


def test_only_its_target_answers_an_action():
    with refused(Why.ACTION_NOT_FOUND):
        an_action(sender=1, target=2).answer(1, Progress.COMPLETED, b"1", NOW)


def test_an_action_that_was_answered_stays_as_it_is():
    with refused(Why.ACTION_NOT_FOUND):
        an_action(target=2, progress=Progress.FAILED).answer(2, Progress.COMPLETED, b"1", NOW)


def test_an_action_whose_target_is_gone_has_failed():
    given_up = an_action().give_up(NOW)
    assert (given_up.progress, given_up.answered) == (Progress.FAILED, NOW)


@pytest.mark.parametrize("approve", [True, False])
def test_a_request_is_answered_once(approve):
    answered = a_request().answer(1, approve, NOW)
    assert (answered.approved, answered.answered, answered.answered_by) == (approve, NOW, 1)
    with refused(Why.REQUEST_ANSWERED):
        answered.answer(1, True, NOW)


def test_a_request_is_pending_until_it_is_answered():
    assert a_request().pending
    assert not a_request().answer(1, False, NOW).pending


def test_a_request_nobody_can_grant_is_rejected_by_nobody():
    rejected = a_request().reject(NOW)
    assert (rejected.approved, rejected.answered_by) == (False, None)
