"""Join requests and their answers."""

import pytest

from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.join_requests import EndReason
from tests.domain.builders import NOW, make_join_request, raises_code


@pytest.mark.parametrize("approved", [True, False])
def test_answered_join_request_rejects_second_answer(approved):
    answered = make_join_request().answer(1, approved, NOW)
    assert (answered.approved, answered.answered_at, answered.answered_by) == (approved, NOW, 1)
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        answered.answer(1, True, NOW)


def test_join_request_is_pending_until_answered():
    assert make_join_request().pending
    assert not make_join_request().answer(1, False, NOW).pending


def test_automatic_rejection_has_no_answerer():
    rejected = make_join_request().reject(NOW, EndReason.LOBBY_CLOSED)
    assert (rejected.approved, rejected.answered_by) == (False, None)
    assert (rejected.pending, rejected.end_reason) == (False, "closed")


def test_join_request_expires_after_ten_minutes():
    request = make_join_request()
    assert not request.is_expired(NOW + 599)
    assert request.is_expired(NOW + 600)
    with raises_code(ErrorCode.JOIN_REQUEST_ANSWERED):
        request.answer(1, True, NOW + 600)
    assert not request.answer(1, True, NOW + 599).is_expired(NOW + 600)
