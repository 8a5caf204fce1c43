"""Failure limits."""

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.throttling import FailureLimiter
from tests.core.stores import Clock
from tests.domain.builders import raises_code


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limited_seconds(failures: FailureLimiter, *names: str) -> int | None:
    """Return for how many seconds the keys are limited, or None."""
    try:
        failures.check(*names)
    except DomainError as error:
        assert error.code is ErrorCode.RATE_LIMITED
        return int(error.details["retry_after"])
    return None


def test_ten_failures_reach_the_limit(clock: Clock) -> None:
    failures = FailureLimiter(clock=clock)
    for _ in range(10):
        assert limited_seconds(failures, "a") is None
        failures.record_failure("a")
    assert limited_seconds(failures, "a") == 60


def test_keys_count_separately_and_any_key_limits(clock: Clock) -> None:
    failures = FailureLimiter(2, clock=clock)
    failures.record_failure("address", "ann")
    failures.record_failure("address", "bob")
    assert limited_seconds(failures, "ann") is limited_seconds(failures, "bob") is None
    assert limited_seconds(failures, "cid", "address") == 60


def test_wait_shrinks_and_ends(clock: Clock) -> None:
    failures = FailureLimiter(1, clock=clock)
    failures.record_failure("a")
    clock.now += 59.5
    assert limited_seconds(failures, "a") == 1
    clock.now += 0.5
    assert limited_seconds(failures, "a") is None


def test_counting_restarts_after_the_window(clock: Clock) -> None:
    failures = FailureLimiter(2, clock=clock)
    failures.record_failure("a")
    failures.record_failure("a")
    clock.now += 60
    failures.record_failure("a")
    assert limited_seconds(failures, "a") is None
    failures.record_failure("a")
    assert limited_seconds(failures, "a") == 60


def test_expired_counts_are_dropped(clock: Clock) -> None:
    failures = FailureLimiter(clock=clock)
    for number in range(100_001):
        failures.record_failure(str(number))
    clock.now += 61
    failures.record_failure("a")
    assert len(failures._counts) == 1


def test_guard_counts_only_the_codes_it_names(clock: Clock) -> None:
    failures = FailureLimiter(2, clock=clock)
    for code in (ErrorCode.WRONG_PASSWORD, ErrorCode.ROOM_FULL, ErrorCode.WRONG_PASSWORD):
        assert limited_seconds(failures, "a") is None
        with raises_code(code), failures.guard("a", on=ErrorCode.WRONG_PASSWORD):
            raise DomainError(code)
    assert limited_seconds(failures, "a") == 60
    with raises_code(ErrorCode.RATE_LIMITED), failures.guard("a", on=ErrorCode.WRONG_PASSWORD):
        pytest.fail("entered at the limit")


def test_guard_without_keys_counts_nothing(clock: Clock) -> None:
    failures = FailureLimiter(1, clock=clock)
    for _ in range(3):
        with (
            raises_code(ErrorCode.WRONG_PASSWORD),
            failures.guard(on=ErrorCode.WRONG_PASSWORD),
        ):
            raise DomainError(ErrorCode.WRONG_PASSWORD)


def test_invalid_credentials_raise_their_error_until_the_limit(clock: Clock) -> None:
    failures = FailureLimiter(1, clock=clock)
    error = DomainError(ErrorCode.INVALID_TOKEN)
    with raises_code(ErrorCode.INVALID_TOKEN):
        failures.record_and_raise("a", error=error)
    with raises_code(ErrorCode.RATE_LIMITED):
        failures.record_and_raise("a", error=error)
