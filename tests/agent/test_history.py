"""History: lines written before the first start of the agent."""

import os
import signal
from datetime import UTC, datetime

import pytest

from tests.agent.machine import pack_file
from tests.processes import wait_until

PARSE_HISTORY = "--parse_mc_history"


def undated_line(clock: str, text: str) -> str:
    return f"[{clock}] [Server thread/INFO]: {text}"


def write_archive(machine, name: str, *lines: str) -> None:
    path = machine.folder / "logs" / name
    path.write_text("".join(line + "\n" for line in lines))
    pack_file(path)


@pytest.fixture
def days(machine):
    """Lines of three days. The last day is in the log itself; file names do not sort by day."""
    write_archive(
        machine,
        "2026-09-23-2.log",
        undated_line("09:00:00", "two"),
        undated_line("23:59:00", "three"),
    )
    write_archive(machine, "2026-09-23-1.log", undated_line("08:00:00", "one"))
    late = [
        undated_line("23:00:00", "four"),
        "  at a.stack.trace",
        undated_line("00:10:00", "five"),
    ]
    write_archive(machine, "2026-09-23-10.log", *late)
    write_archive(machine, "debug-1.log", undated_line("00:00:00", "not of the game"))
    machine.log.write_bytes((undated_line("10:00:00", "six") + "\n").encode())
    written = datetime(2026, 9, 25, 11, tzinfo=UTC).timestamp()
    os.utime(machine.log.path, (written, written))
    return [
        (undated_line("08:00:00", "one"), "2026-09-23"),
        (undated_line("09:00:00", "two"), "2026-09-23"),
        (undated_line("23:59:00", "three"), "2026-09-23"),
        (undated_line("23:00:00", "four"), "2026-09-23"),
        ("  at a.stack.trace", None),
        (undated_line("00:10:00", "five"), "2026-09-24"),
        (undated_line("10:00:00", "six"), "2026-09-25"),
    ]


def lines_with_days(coal) -> list[tuple[str, str | None]]:
    return list(zip(coal.lines, coal.days, strict=True))


def test_history_is_sent_oldest_first_with_days_from_file_names(machine, coal, days):
    assert machine.agent(coal.url, PARSE_HISTORY).run_once() == 0
    assert lines_with_days(coal) == days


def test_history_is_sent_once_over_several_starts(machine, coal, days):
    agent = machine.agent(coal.url, PARSE_HISTORY)
    for _ in range(3):
        assert agent.run_once() == 0
    assert agent.run_once("--parse_all") == 0
    assert lines_with_days(coal) == days


def test_history_is_not_sent_without_the_flag(machine, coal, days):
    agent = machine.agent(coal.url)
    assert agent.run_once() == 0
    assert coal.lines == []
    machine.log.write(undated_line("12:00:00", "seven"))
    assert agent.run_once() == 0
    assert coal.lines == machine.log.lines


def test_history_can_be_sent_at_a_later_start(machine, coal, days):
    agent = machine.agent(coal.url)
    assert agent.run_once() == 0
    machine.log.write(undated_line("12:00:00", "seven"))
    assert agent.run_once() == 0
    machine.log.roll(day="2026-09-25", then=undated_line("13:00:00", "eight"))
    assert agent.run_once(PARSE_HISTORY) == 0
    history = [line for line, _ in days]
    assert coal.lines == [
        undated_line("12:00:00", "seven"),
        *history,
        undated_line("13:00:00", "eight"),
    ]


def test_history_starts_after_the_last_line_of_the_server(machine, coal, days):
    coal.single_lines.append(undated_line("23:59:00", "three"))
    agent = machine.agent(coal.url, PARSE_HISTORY)
    assert agent.run_once() == 0
    assert lines_with_days(coal) == days[3:]


def test_unknown_last_line_skips_the_history(machine, coal, days):
    coal.single_lines.append("2013-01-01 00:00:00 [INFO] long ago")
    agent = machine.agent(coal.url, PARSE_HISTORY)
    assert agent.run_once() == 0
    machine.log.write(undated_line("12:00:00", "seven"))
    assert agent.run_once() == 0
    assert coal.lines == machine.log.lines


def test_parse_all_sends_the_whole_history(machine, coal, days):
    coal.single_lines.append(undated_line("23:59:00", "three"))
    assert machine.agent(coal.url, PARSE_HISTORY, "--parse_all").run_once() == 0
    assert lines_with_days(coal) == days


def test_long_history_continues_after_the_agent_was_killed(machine, coal):
    expected = []
    for day in range(1, 9):
        lines = [undated_line("12:00:00", f"{day} {number} {'x' * 100}") for number in range(8000)]
        write_archive(machine, f"2026-09-0{day}-1.log", *lines)
        expected += lines
    machine.log.write_bytes(b"")
    agent = machine.agent(coal.url, PARSE_HISTORY)
    for part in (0.1, 0.5, 0.8):
        agent.start()
        wait_until(lambda part=part: len(coal.stored) > part * len(expected))
        agent.stop(signal.SIGKILL)
    agent.start()
    wait_until(lambda: len(coal.stored) == len(expected))
    machine.log.write(undated_line("13:00:00", "live"))
    wait_until(lambda: len(coal.stored) == len(expected) + 1)
    assert coal.lines == [*expected, *machine.log.lines]
