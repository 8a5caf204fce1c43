"""Samples: figures over time, kept in longer steps for a longer time (hosting.md, 8; site.md, 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

#: Length of a step in seconds -> how long its rows are kept. Each sample is counted in a row of every step.
KEPT_SECONDS: Mapping[int, int] = {60: 48 * 3600, 900: 30 * 86400, 3600: 2 * 365 * 86400}
#: The shortest step, in which samples are recorded.
MINUTE = min(KEPT_SECONDS)


class Tally(NamedTuple):
    """Some measurements of one figure: their number, their sum and the largest of them."""

    number: int
    total: float
    peak: float

    @classmethod
    def of(cls, value: float) -> Self:
        """Return the tally of one measurement."""
        return cls(1, value, value)

    def merge(self, other: "Tally") -> "Tally":
        """Return the tally of the measurements of both."""
        return Tally(
            self.number + other.number, self.total + other.total, max(self.peak, other.peak)
        )

    @property
    def mean(self) -> float:
        """The average of the measurements."""
        return self.total / self.number


#: Figures by their names.
Tallies = Mapping[str, Tally]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured in one minute, or a part of it."""

    #: What was measured, such as `world 3`: see `world_series`.
    series: str
    #: When, as a unixtime.
    at: float
    tallies: Tallies


class SampleRow(NamedTuple):
    """A stored row: the start of its step, as a unixtime, and what was measured in it."""

    at: int
    tallies: Tallies


def world_series(world_id: int) -> str:
    """Return the series of a hosted world.

    Its figures are `cpu` (percent of a core), `memory` (bytes), `players`, `overloads` and `behind` (their number
    and their milliseconds in the last five minutes) and `ticks` (ticks per second).
    """
    return f"world {world_id}"


def merge(first: Tallies, second: Tallies) -> dict[str, Tally]:
    """Return the tallies of the measurements of both."""
    merged = dict(first)
    for name, tally in second.items():
        merged[name] = merged[name].merge(tally) if name in merged else tally
    return merged


def step_start(at: float, step: int) -> int:
    """Return the start of the step in which a time lies."""
    return int(at // step) * step
