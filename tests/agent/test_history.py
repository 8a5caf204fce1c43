"""What was logged before the agent was started for the first time, if that is wanted."""

import os
import signal
from datetime import UTC, datetime

import pytest

from tests.agent.machine import packed, wait_until

WANTED = "--parse_mc_history"


def undated(clock: str, text: str) -> str:
    return f"[{clock}] [Server thread/INFO]: {text}"


def archive(machine, name: str, *lines: str) -> None:
    path = machine.folder / "logs" / name
    path.write_text("".join(line + "\n" for line in lines))
    packed(path)


@pytest.fixture
def days(machine):
    """Three days, of which the last is in the log itself; the names sort otherwise than the days do."""
    archive(machine, "2026-09-23-2.log", undated("09:00:00", "two"), undated("23:59:00", "three"))
    archive(machine, "2026-09-23-1.log", undated("08:00:00", "one"))
    late = [undated("23:00:00", "four"), "  at a.stack.trace", undated("00:10:00", "five")]
    archive(machine, "2026-09-23-10.log", *late)
    archive(machine, "debug-1.log", undated("00:00:00", "not of the game"))
    machine.log.write_bytes((undated("10:00:00", "six") + "\n").encode())
    written = datetime(2026, 9, 25, 11, tzinfo=UTC).timestamp()
    os.utime(machine.log.path, (written, written))
    return [
        (undated("08:00:00", "one"), "2026-09-23"),
        (undated("09:00:00", "two"), "2026-09-23"),
        (undated("23:59:00", "three"), "2026-09-23"),
        (undated("23:00:00", "four"), "2026-09-23"),
        ("  at a.stack.trace", None),
        (undated("00:10:00", "five"), "2026-09-24"),
        (undated("10:00:00", "six"), "2026-09-25"),
    ]


def told(coal) -> list[tuple[str, str | None]]:
    return list(zip(coal.lines, coal.days, strict=True))


def test_history_is_sent_oldest_first_with_days_from_file_names(machine, coal, days):
    assert machine.agent(coal.url, WANTED).once() == 0
    assert told(coal) == days


def test_history_is_sent_once_over_several_starts(machine, coal, days):
    agent = machine.agent(coal.url, WANTED)
    for _ in range(3):
        assert agent.once() == 0
    assert agent.once("--parse_all") == 0
    assert told(coal) == days


def test_history_is_not_sent_without_the_flag(machine, coal, days):
    agent = machine.agent(coal.url)
    assert agent.once() == 0
    assert coal.lines == []
    machine.log.write(undated("12:00:00", "seven"))
    assert agent.once() == 0
    assert coal.lines == machine.log.lines


def test_history_can_be_sent_at_a_later_start(machine, coal, days):
    agent = machine.agent(coal.url)
    assert agent.once() == 0
    machine.log.write(undated("12:00:00", "seven"))
    assert agent.once() == 0
    machine.log.roll(day="2026-09-25", then=undated("13:00:00", "eight"))
    assert agent.once(WANTED) == 0
    history = [line for line, _ in days]
    assert coal.lines == [undated("12:00:00", "seven"), *history, undated("13:00:00", "eight")]


def test_history_starts_after_the_last_line_of_the_server(machine, coal, days):
    coal.singles.append(undated("23:59:00", "three"))
    agent = machine.agent(coal.url, WANTED)
    assert agent.once() == 0
    assert told(coal) == days[3:]


def test_unknown_last_line_skips_the_history(machine, coal, days):
    coal.singles.append("2013-01-01 00:00:00 [INFO] long ago")
    agent = machine.agent(coal.url, WANTED)
    assert agent.once() == 0
    machine.log.write(undated("12:00:00", "seven"))
    assert agent.once() == 0
    assert coal.lines == machine.log.lines


def test_parse_all_sends_the_whole_history(machine, coal, days):
    coal.singles.append(undated("23:59:00", "three"))
    assert machine.agent(coal.url, WANTED, "--parse_all").once() == 0
    assert told(coal) == days


def test_long_history_continues_after_the_agent_was_killed(machine, coal):
    wanted = []
    for day in range(1, 9):
        lines = [undated("12:00:00", f"{day} {number} {'x' * 100}") for number in range(8000)]
        archive(machine, f"2026-09-0{day}-1.log", *lines)
        wanted += lines
    machine.log.write_bytes(b"")
    agent = machine.agent(coal.url, WANTED)
    for part in (0.1, 0.5, 0.8):
        agent.start()
        wait_until(lambda part=part: len(coal.stored) > part * len(wanted))
        agent.stop(signal.SIGKILL)
    agent.start()
    wait_until(lambda: len(coal.stored) == len(wanted))
    machine.log.write(undated("13:00:00", "live"))
    wait_until(lambda: len(coal.stored) == len(wanted) + 1)
    assert coal.lines == [*wanted, *machine.log.lines]
