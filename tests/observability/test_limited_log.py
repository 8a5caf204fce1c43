"""Log lines that are limited."""

import logging

import pytest

from coalserver.observability.limited_log import LimitedLog


class Clock:
    now = -1000.0

    def __call__(self) -> float:
        return self.now


def log_at(times: list[float], kinds: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    clock = Clock()
    limited = LimitedLog(logging.getLogger("test"), 1, logging.ERROR, clock)
    with caplog.at_level(logging.ERROR):
        for clock.now, kind in zip(times, kinds, strict=True):
            limited.log(kind, "%s happened", kind)
    assert {record.levelname for record in caplog.records} == {"ERROR"}
    return [record.getMessage() for record in caplog.records]


def test_line_states_how_many_were_left_out(caplog: pytest.LogCaptureFixture) -> None:
    lines = log_at([-1000.0, -999.9, -999.8, -998.5], "aaaa", caplog)
    assert lines == ["a happened", "a happened (2 more since the last line)"]


def test_kinds_are_limited_apart(caplog: pytest.LogCaptureFixture) -> None:
    assert log_at([0.0, 0.1, 0.2], "aba", caplog) == ["a happened", "b happened"]
