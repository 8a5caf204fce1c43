"""The log is rolled, packed, truncated and taken away while the agent reads, sleeps or dies: no line is lost."""

import random
import shutil
import signal

import pytest

from tests.agent.machine import DATED, make_lines, packed, started_agent, wait_until


@pytest.fixture
def agent(machine, coal, log):
    agent = machine.agent(coal.url)
    started_agent(agent)
    return agent


def five_then_killed(log, coal, agent) -> None:
    """It has sent five lines, and is killed."""
    log.write(*make_lines(5))
    wait_until(lambda: len(coal.lines) == 5)
    agent.stop(signal.SIGKILL)


@pytest.mark.parametrize("pack", [True, False])
def test_rotated_log_is_read_to_its_end_before_the_new_one(log, coal, agent, pack):
    for round in range(5):
        log.write(*make_lines(20, 100 * round))
        log.roll(pack=pack)
        log.write(*make_lines(20, 100 * round + 50))
        if round % 2:
            wait_until(lambda: coal.lines == log.lines)
    wait_until(lambda: coal.lines == log.lines)


def test_last_line_of_a_rotated_log_needs_no_line_end(log, coal, agent):
    log.write(DATED + "one")
    log.write_bytes(DATED.encode() + b"killed her")
    wait_until(lambda: len(coal.lines) == 1)
    log.roll(then=DATED + "two")
    wait_until(lambda: coal.lines == [DATED + "one", DATED + "killed her", DATED + "two"])


@pytest.mark.parametrize("pack", [True, False])
def test_logs_rotated_while_the_agent_was_down_are_read_in_order(log, coal, agent, pack):
    log.write(*make_lines(30))
    wait_until(lambda: len(coal.lines) >= 10)
    agent.stop(signal.SIGKILL)
    for round in range(1, 4):
        log.write(*make_lines(10, 100 * round))
        log.roll(day=f"2026-09-2{round}", pack=pack)
    log.write(*make_lines(10, 900))
    agent.start()
    wait_until(lambda: len(coal.lines) == 70)
    assert coal.lines == log.lines


def test_agent_waits_for_a_file_that_is_being_packed(machine, log, coal, agent):
    log.write(*make_lines(50))
    wait_until(lambda: len(coal.lines) == 50)
    agent.stop(signal.SIGKILL)
    log.write(*make_lines(50, 50))
    whole = log.roll(then=DATED + "then")
    raw = whole.read_bytes()
    whole.write_bytes(raw[: len(raw) // 2])
    agent.start()
    wait_until(lambda: agent.said.count("Monitoring") == 2)
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
    log.write(DATED + "short")
    wait_until(lambda: len(coal.lines) == 6)
    # Longer than before when it is looked at again.
    agent.stop(signal.SIGKILL)
    log.path.write_bytes(b"")
    log.write(*make_lines(50, 100))
    agent.start()
    wait_until(lambda: coal.lines == log.lines)


def test_copy_made_before_truncation_is_read_to_its_end(log, coal, agent):
    five_then_killed(log, coal, agent)
    log.write(*make_lines(5, 5))
    shutil.copy(log.path, log.path.with_name("latest.log.1"))
    log.path.write_bytes(b"")
    log.write(*make_lines(5, 10))
    agent.start()
    wait_until(lambda: coal.lines == log.lines)


def test_log_copied_away_and_back_is_recognized(log, coal, agent):
    five_then_killed(log, coal, agent)
    copy = shutil.copy2(log.path, log.folder / "copy")
    log.path.unlink()
    shutil.move(copy, log.path)
    log.write(*make_lines(5, 5))
    agent.start()
    wait_until(lambda: coal.lines == log.lines)


def test_missing_old_log_continues_with_the_new_one(log, coal, agent):
    five_then_killed(log, coal, agent)
    log.path.unlink()
    log.write(DATED + "new")
    agent.start()
    wait_until(lambda: coal.lines == log.lines)
    assert "is gone" in agent.said


def test_agent_waits_for_a_missing_log(machine, coal):
    agent = machine.agent(coal.url)
    agent.start()
    wait_until(lambda: coal.pings)
    machine.log.write(DATED + "first")
    wait_until(lambda: coal.lines == machine.log.lines)


@pytest.mark.parametrize("seed", range(3))
def test_random_interruptions_lose_and_repeat_no_line(log, coal, agent, seed):
    chance = random.Random(seed)
    number = 0
    for _ in range(60):
        what = chance.random()
        if what < 0.7:
            some_more = make_lines(chance.randrange(1, 30), number)
            number += len(some_more)
            log.write(*some_more)
        elif what < 0.85:
            rolled = log.roll(pack=chance.random() < 0.5, then=f"{DATED}after {number}")
            if rolled.suffix == ".log" and chance.random() < 0.5:
                packed(rolled)
        elif what < 0.95:
            agent.stop(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            agent.start()
        else:
            coal.stop()
            coal.start()
    wait_until(lambda: len(coal.lines) == len(log.lines))
    assert coal.lines == log.lines
    assert len(coal.stored) == len(log.lines)
