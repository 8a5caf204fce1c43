"""A clock for tests that step the wall clock."""


class SteppedClock:
    """A wall clock that can be set, beside the monotonic time."""

    def __init__(self) -> None:
        self.monotonic, self.offset = 100.0, 1_700_000_000.0

    def wall(self) -> float:
        return self.monotonic + self.offset

    def steady(self) -> float:
        return self.monotonic
