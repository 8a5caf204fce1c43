"""Limits on failures, so that passwords and tokens cannot be guessed by trying."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NoReturn

from coalserver.domain.errors import DomainError, ErrorCode

#: Counts kept before those of past windows are dropped.
MAX_COUNTS = 100_000


class FailureLimiter:
    """Counts failures per limit key, such as an address or an e-mail address, in fixed windows.

    Success neither counts nor resets a count.
    """

    def __init__(
        self,
        max_failures: int = 10,
        seconds: float = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_failures = max_failures
        self._seconds = seconds
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}

    def check(self, *limit_keys: str) -> None:
        """Raise RATE_LIMITED, with the seconds to wait, if any key has reached its limit."""
        now = self._clock()
        for limit_key in limit_keys:
            count, started_at = self._counts.get(limit_key, (0, now))
            remaining = started_at + self._seconds - now
            if count >= self._max_failures and remaining > 0:
                raise DomainError(ErrorCode.RATE_LIMITED, retry_after=math.ceil(remaining))

    def record_failure(self, *limit_keys: str) -> None:
        """Count one failure for each key."""
        now = self._clock()
        if len(self._counts) > MAX_COUNTS:
            self._delete_expired(now)
        for limit_key in limit_keys:
            count, started_at = self._counts.get(limit_key, (0, now))
            if now - started_at >= self._seconds:
                count, started_at = 0, now
            self._counts[limit_key] = (count + 1, started_at)

    def guard(
        self, *limit_keys: str, on: ErrorCode | tuple[ErrorCode, ...]
    ) -> AbstractContextManager[None]:
        """Return a context that counts a failure if its block raises a DomainError with code `on`.

        Entering raises RATE_LIMITED if any key has reached its limit.
        """
        if not limit_keys:
            return nullcontext()
        return self._guard(limit_keys, on if isinstance(on, tuple) else (on,))

    @contextmanager
    def _guard(self, limit_keys: tuple[str, ...], codes: tuple[ErrorCode, ...]) -> Iterator[None]:
        self.check(*limit_keys)
        try:
            yield
        except DomainError as error:
            if error.code in codes:
                self.record_failure(*limit_keys)
            raise

    def record_and_raise(self, *limit_keys: str, error: DomainError) -> NoReturn:
        """Count one failure for each key and raise the error, or RATE_LIMITED at the limit.

        For credentials sent with every request: a valid one is never limited.
        """
        self.check(*limit_keys)
        self.record_failure(*limit_keys)
        raise error

    def _delete_expired(self, now: float) -> None:
        self._counts = {
            limit_key: counted
            for limit_key, counted in self._counts.items()
            if now - counted[1] < self._seconds
        }
