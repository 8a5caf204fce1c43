"""Failures: how often something was tried in vain, so that guessing takes for ever."""

import math
import time
from collections.abc import Callable

from coalserver.domain.errors import DomainError, ErrorCode


class FailureLimiter:
    """Counts failures by what was tried and by whom. Success costs nothing and clears nothing."""

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

    def check(self, *names: str) -> None:
        """Refuse, with the seconds to wait, where one of these has failed too often of late."""
        now = self._clock()
        for name in names:
            count, started_at = self._counts.get(name, (0, now))
            remaining = started_at + self._seconds - now
            if count >= self._max_failures and remaining > 0:
                raise DomainError(ErrorCode.RATE_LIMITED, wait=math.ceil(remaining))

    def record_failure(self, *names: str) -> None:
        """Each of these has failed once more."""
        now = self._clock()
        if len(self._counts) > 100_000:
            self._delete_expired(now)
        for name in names:
            count, started_at = self._counts.get(name, (0, now))
            if now - started_at >= self._seconds:
                count, started_at = 0, now
            self._counts[name] = (count + 1, started_at)

    def _delete_expired(self, now: float) -> None:
        self._counts = {
            name: counted
            for name, counted in self._counts.items()
            if now - counted[1] < self._seconds
        }
