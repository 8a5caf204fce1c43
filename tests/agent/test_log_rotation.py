"""Rotated, compressed, truncated and deleted logs: no line is lost or repeated."""

import random
import shutil
import signal

import pytest

from tests.agent.machine import LINE_PREFIX, make_lines, pack_file, start_monitoring
from tests.processes import wait_until


@pytest.fixture
def agent(machine, coal, log):
    agent = machine.agent(coal.url)
    start_monitoring(agent)
    return agent


def send_five_lines_and_kill(log, coal, agent) -> None:
    """Let the agent send five lines, then kill it."""
    log.write(*make_lines(5))
    wait_until(lambda: len(coal.lines) == 5)
    agent.stop(signal.SIGKILL)


@pytest.mark.parametrize("pack", [True, False])
def test_rotated_log_is_read_to_its_end_before_the_new_one(log, coal, agent, pack):
    for cycle in range(5):
        log.write(*make_lines(20, 100 * cycle))
        log.roll(pack=pack)
        log.write(*make_lines(20, 100 * cycle + 50))
        if cycle % 2:
            wait_until(lambda: coal.lines == log.lines)
    wait_until(lambda: coal.lines == log.lines)


def test_last_line_of_a_rotated_log_needs_no_line_end(log, coal, agent):
    log.write(LINE_PREFIX + "one")
    log.write_bytes(LINE_PREFIX.encode() + b"killed her")
    wait_until(lambda: len(coal.lines) == 1)
    log.roll(then=LINE_PREFIX + "two")
    wait_until(
        lambda: coal.lines == [LINE_PREFIX + "one", LINE_PREFIX + "killed her", LINE_PREFIX + "two"]
    )


@pytest.mark.parametrize("pack", [True, False])
def test_logs_rotated_while_the_agent_was_down_are_read_in_order(log, coal, agent, pack):
    log.write(*make_lines(30))
    wait_until(lambda: len(coal.lines) >= 10)
    agent.stop(signal.SIGKILL)
    for cycle in range(1, 4):
        log.write(*make_lines(10, 100 * cycle))
        log.roll(day=f"2026-09-2{cycle}", pack=pack)
    log.write(*make_lines(10, 900))
    agent.start()
    wait_until(lambda: len(coal.lines) == 70)
    assert coal.lines == log.lines


def test_agent_waits_for_a_file_that_is_being_packed(machine, log, coal, agent):
    log.write(*make_lines(50))
    wait_until(lambda: len(coal.lines) == 50)
    agent.stop(signal.SIGKILL)
    log.write(*make_lines(50, 50))
    whole = log.roll(then=LINE_PREFIX + "then")
    raw = whole.read_bytes()
    whole.write_bytes(raw[: len(raw) // 2])
    agent.start()
    wait_until(lambda: agent.output.count("Monitoring") == 2)
    whole.write_bytes(raw)
    wait_until(lambda: coal.lines == log.lines)


def test_logs_with_equal_first_lines_are_distinguished(log, coal, agent):
    same = "[04:00:00] [ServerMain/INFO]: Environment: PROD"
    log.roll(day="2026-09-20", then=same)
    for day in (21, 22, 23):
        log.roll(day=f"2026-09-{day}", then=same)
    wait_until(lambda: coal.lines == [same] * 4)
    agent.stop(signal.SIGKILL)
    log.roll(day="2026-09-24", then=same)
    log.write(same)
    agent.start()
    wait_until(lambda: coal.lines == [same] * 6)


def test_truncated_log_is_read_from_its_start(log, coal, agent):
    log.write(*make_lines(5))
    wait_until(lambda: len(coal.lines) == 5)
    log.path.write_bytes(b"")
    log.write(LINE_PREFIX + "short")
    wait_until(lambda: len(coal.lines) == 6)
    # The new content is longer than the old when the agent reads it.
    agent.stop(signal.SIGKILL)
    log.path.write_bytes(b"")
    log.write(*make_lines(50, 100))
    agent.start()
    wait_until(lambda: coal.lines == log.lines)


def test_copy_made_before_truncation_is_read_to_its_end(log, coal, agent):
    send_five_lines_and_kill(log, coal, agent)
    log.write(*make_lines(5, 5))
    shutil.copy(log.path, log.path.with_name("latest.log.1"))
    log.path.write_bytes(b"")
    log.write(*make_lines(5, 10))
    agent.start()
    wait_until(lambda: coal.lines == log.lines)


def test_log_copied_away_and_back_is_recognized(log, coal, agent):
    send_five_lines_and_kill(log, coal, agent)
    copy = shutil.copy2(log.path, log.folder / "copy")
    log.path.unlink()
    shutil.move(copy, log.path)
    log.write(*make_lines(5, 5))
    agent.start()
    wait_until(lambda: coal.lines == log.lines)


def test_missing_old_log_continues_with_the_new_one(log, coal, agent):
    send_five_lines_and_kill(log, coal, agent)
    log.path.unlink()
    log.write(LINE_PREFIX + "new")
    agent.start()
    wait_until(lambda: coal.lines == log.lines)
    assert "is gone" in agent.output


def test_agent_waits_for_a_missing_log(machine, coal):
    agent = machine.agent(coal.url)
    agent.start()
    wait_until(lambda: coal.pings)
    machine.log.write(LINE_PREFIX + "first")
    wait_until(lambda: coal.lines == machine.log.lines)


@pytest.mark.parametrize("seed", range(3))
def test_random_interruptions_lose_and_repeat_no_line(log, coal, agent, seed):
    rng = random.Random(seed)
    number = 0
    for _ in range(60):
        choice = rng.random()
        if choice < 0.7:
            lines = make_lines(rng.randrange(1, 30), number)
            number += len(lines)
            log.write(*lines)
        elif choice < 0.85:
            rolled = log.roll(pack=rng.random() < 0.5, then=f"{LINE_PREFIX}after {number}")
            if rolled.suffix == ".log" and rng.random() < 0.5:
                pack_file(rolled)
        elif choice < 0.95:
            agent.stop(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            agent.start()
        else:
            coal.stop()
            coal.start()
    wait_until(lambda: len(coal.lines) == len(log.lines))
    assert coal.lines == log.lines
    assert len(coal.stored) == len(log.lines)


def test_lost_position_is_reported_once_while_the_log_is_missing(log, coal, agent):
    send_five_lines_and_kill(log, coal, agent)
    log.path.unlink()
    before = agent.output.count("is gone")
    agent.start()
    wait_until(lambda: "is gone" in agent.output)
    pings = len(coal.pings)
    wait_until(lambda: len(coal.pings) >= pings + 1)
    log.write(LINE_PREFIX + "again")
    wait_until(lambda: coal.lines[-1] == LINE_PREFIX + "again")
    assert agent.output.count("is gone") == before + 1
