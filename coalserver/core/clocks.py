"""Clocks: the wall clock, and a steady time that steps of the wall clock do not move."""

from collections.abc import Callable

#: A change of the wall clock against the monotonic clock that counts as a step. Adjustments by NTP
#: without a step are at most 0.5 ms a second.
STEP_SECONDS = 2.0
#: Seconds for which a wall clock that was set forward must hold before tokens expire by it.
HOLD_SECONDS = 3600.0


class Clocks:
    """The wall clock beside the monotonic one, both in seconds.

    Without a monotonic clock, as in tests, the wall clock never steps.
    """

    def __init__(
        self, wall: Callable[[], float], monotonic: Callable[[], float] | None = None
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic or wall
        #: Wall minus monotonic time: at the start, at the last check, and as trusted for expiry.
        self._offset = self._checked = self._trusted = self._difference()
        #: Monotonic time at which the wall clock was last set forward; None: it is trusted.
        self._stepped_at: float | None = None
        #: When this process started, in steady time.
        self.started = self.steady()
        #: Wall time minus steady time, as of the last check.
        self.drift = 0.0

    def steady(self) -> float:
        """Return a time that only advances; without a step of the wall clock it is the wall time."""
        return self._monotonic() + self._offset

    def expiry_time(self) -> float:
        """Return the time by which tokens expire: the wall time, without a recent step forward."""
        # As `unheld_seconds`, but without another call: this runs for every request with a token.
        wall = self._wall()
        step = wall - self._monotonic() - self._trusted
        return wall - step if step >= STEP_SECONDS else wall

    def unheld_seconds(self) -> float:
        """Return by how much the wall clock was set forward, until the new time has held; else 0."""
        step = self._difference() - self._trusted
        return step if step >= STEP_SECONDS else 0.0

    def to_wall(self, steady: float) -> float:
        """Return the wall time of a steady time. Times before the start are wall times already."""
        return steady if steady < self.started else steady + self.drift

    @property
    def in_doubt(self) -> bool:
        """Whether the wall clock was set forward and the new time has not held for an hour."""
        return self._stepped_at is not None

    def check(self) -> bool:
        """Compare the clocks; return whether the wall clock has stepped since the last check."""
        difference = self._difference()
        stepped = abs(difference - self._checked) >= STEP_SECONDS
        self._checked = difference
        self.drift = difference - self._offset
        if difference - self._trusted < STEP_SECONDS:
            self._trusted, self._stepped_at = difference, None
        elif stepped or self._stepped_at is None:
            self._stepped_at = self._monotonic()
        elif self._monotonic() - self._stepped_at >= HOLD_SECONDS:
            self._trusted, self._stepped_at = difference, None
        return stepped

    def _difference(self) -> float:
        return self._wall() - self._monotonic()
