"""Actions and recipients of messages."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.actions import ActionStatus, Target, recipients
from tests.domain.builders import NOW, make_action, make_roster, raises_code


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target.ALL, (1, 2, 3)),
        (Target.OTHERS, (1, 3)),
        (Target.HOST, (1,)),
    ],
)
def test_target_selects_members(target, expected):
    assert recipients(make_roster(1, 2, 3), 2, target) == expected


def test_host_target_includes_sending_host():
    assert recipients(make_roster(1, 2), 1, Target.HOST) == (1,)


def test_others_is_empty_for_a_single_member():
    assert recipients(make_roster(1), 1, Target.OTHERS) == ()


def test_specific_target_selects_named_members_once():
    assert recipients(make_roster(1, 2, 3), 1, Target.SPECIFIC, (3, 9, 3, 1)) == (3, 1)


@pytest.mark.parametrize("named", [(), (9,)])
def test_specific_target_without_members_is_refused(named):
    with raises_code(ErrorCode.NO_TARGETS):
        recipients(make_roster(1, 2), 1, Target.SPECIFIC, named)


def test_away_member_is_left_out():
    assert recipients(make_roster(1, 2, 3, away=(3,)), 1, Target.ALL) == (1, 2)


def test_away_host_is_left_out():
    assert recipients(make_roster(1, 2, away=(1,)), 2, Target.HOST) == ()


def test_specific_target_with_away_members_only_is_refused():
    with raises_code(ErrorCode.NO_TARGETS):
        recipients(make_roster(1, 2, away=(2,)), 1, Target.SPECIFIC, (2,))


def test_away_sender_counts_as_present():
    assert recipients(make_roster(1, 2, away=(1,)), 1, Target.ALL) == (1, 2)


def test_with_away_includes_away_members():
    roster = make_roster(1, 2, away=(2,))
    assert recipients(roster, 1, Target.OTHERS, with_away=True) == (2,)


def test_sender_without_a_seat_is_refused():
    with raises_code(ErrorCode.NOT_MEMBER):
        recipients(make_roster(1, 2), 3, Target.ALL)


@pytest.mark.parametrize("status", [ActionStatus.COMPLETED, ActionStatus.FAILED])
def test_final_status_finishes_action(status):
    answered = make_action(target=2).update_status(2, status, b"1", NOW)
    assert (answered.finished, answered.response, answered.finished_at) == (True, b"1", NOW)


def test_processing_action_is_not_finished():
    answered = make_action(target=2).update_status(2, ActionStatus.PROCESSING, b"1", NOW)
    assert (answered.finished, answered.finished_at) == (False, None)


def test_processing_action_can_be_completed():
    action = make_action(target=2).update_status(2, ActionStatus.PROCESSING, b"null", NOW)
    assert action.update_status(2, ActionStatus.COMPLETED, b"1", NOW).finished


def test_sender_cannot_update_action():
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        make_action(sender=1, target=2).update_status(1, ActionStatus.COMPLETED, b"1", NOW)


def test_finished_action_cannot_be_updated():
    with raises_code(ErrorCode.ACTION_NOT_FOUND):
        make_action(target=2, status=ActionStatus.FAILED).update_status(
            2, ActionStatus.COMPLETED, b"1", NOW
        )


def test_fail_finishes_action():
    failed = make_action().fail(NOW)
    assert (failed.status, failed.finished_at) == (ActionStatus.FAILED, NOW)
