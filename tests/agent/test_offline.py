"""Failures of the server and of the spool: lines wait and arrive once, in order."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from tests.agent.fake_server import FakeServer
from tests.agent.machine import AGENT, LINE_PREFIX, Log, make_lines, start_monitoring
from tests.processes import TIMEOUT_SECONDS, wait_until


@pytest.fixture
def agent(machine, coal, log):
    return machine.agent(coal.url)


def test_lines_wait_for_the_server_also_if_the_log_is_deleted(machine, coal, log, agent):
    coal.stop()
    start_monitoring(agent)
    log.write(*make_lines(100))
    wait_until(lambda: "Trying again" in agent.output)
    assert agent.stop() == 0
    # The agent reads the whole log and cannot send it.
    assert agent.run_once() == 1
    log.path.unlink()
    coal.start()
    start_monitoring(agent)
    wait_until(lambda: coal.lines == log.lines)


def test_batch_with_lost_response_is_stored_once(coal, log, agent):
    times = iter([True, True])
    coal.drops_response = lambda: next(times, False)
    start_monitoring(agent)
    log.write(*make_lines(30))
    wait_until(lambda: coal.lines == log.lines)
    assert len(coal.stored) == 30


def test_restarted_agent_continues_after_the_stored_lines(coal, log, agent):
    coal.drops_response = lambda: True
    start_monitoring(agent)
    log.write(*make_lines(30))
    wait_until(lambda: coal.lines == log.lines)
    agent.stop(signal.SIGKILL)
    coal.drops_response = lambda: False
    sent = len(coal.batches)
    agent.start()
    wait_until(lambda: agent.output.count("Monitoring") == 2)
    log.write(*make_lines(1, 30))
    wait_until(lambda: coal.lines == log.lines)
    assert [len(batch["lines"]) for batch in coal.batches[sent:]] == [1]


def test_expired_token_is_replaced(coal, log, agent):
    start_monitoring(agent)
    log.write(*make_lines(1))
    wait_until(lambda: len(coal.lines) == 1)
    coal.tokens.clear()
    log.write(*make_lines(1, 1))
    wait_until(lambda: len(coal.lines) == 2)
    assert coal.grants == ["authorization_code", "refresh_token"]
    coal.tokens.clear()
    coal.accepts_refresh = False
    log.write(*make_lines(1, 2))
    wait_until(lambda: len(coal.lines) == 3)
    assert coal.grants[2:] == ["refresh_token", "authorization_code"]


def test_rejected_line_is_logged_and_skipped(coal, log, agent):
    coal.rejection_status = lambda line: 400 if line.endswith(("7", "23")) else 0
    coal.stop()
    start_monitoring(agent)
    log.write(*make_lines(50))
    coal.start()
    accepted = [line for line in log.lines if not line.endswith(("7", "23"))]
    wait_until(lambda: coal.lines == accepted)
    for rejected in (7, 17, 23, 27, 37, 47):
        assert f"<bob> {rejected}" in agent.output
    assert agent.output.count("is left out") == 6


def test_too_large_batch_is_split(coal, log, agent):
    coal.max_batch_lines = 7
    coal.stop()
    start_monitoring(agent)
    log.write(*make_lines(100))
    coal.start()
    wait_until(lambda: coal.lines == log.lines)


def test_original_server_gets_single_lines(machine, log):
    coal = FakeServer(original=True)
    coal.start()
    try:
        agent = machine.agent(coal.url)
        start_monitoring(agent)
        log.write(*make_lines(20))
        wait_until(lambda: coal.single_lines == log.lines)
        # The original server fails permanently on invalid dates.
        coal.rejection_status = lambda line: 500 if "02-30" in line else 0
        failing = "2014-02-30 12:00:00 [INFO] never"
        log.write_bytes(failing.encode() + b"\n")
        log.write(*make_lines(1, 20))
        wait_until(lambda: coal.single_lines == log.lines, seconds=60)
        assert coal.stored == {}
        agent.stop()
    finally:
        coal.close()


def test_pings_continue_while_lines_are_retried(coal, log, agent):
    coal.rejection_status = lambda line: 503
    start_monitoring(agent)
    log.write(*make_lines(3))
    wait_until(lambda: "status 503" in agent.output)
    pings = len(coal.pings)
    wait_until(lambda: len(coal.pings) > pings)
    assert coal.stored == {}


def test_agent_respects_retry_after(coal, log, agent):
    coal.rejection_status = lambda line: 429
    coal.retry_after = 3
    start_monitoring(agent)
    log.write(*make_lines(1))
    wait_until(lambda: len(coal.batch_times) == 2)
    assert coal.batch_times[1] - coal.batch_times[0] >= 3
    coal.rejection_status = lambda line: 0
    wait_until(lambda: coal.lines == log.lines)


def test_log_contains_no_secrets(machine, coal, log):
    agent = machine.agent(coal.url, "-v")
    start_monitoring(agent)
    log.write(*make_lines(3))
    wait_until(lambda: len(coal.lines) == 3)
    coal.tokens.clear()
    log.write(*make_lines(3, 3))
    wait_until(lambda: len(coal.lines) == 6)
    agent.stop()
    for text in (agent.output, (machine.home / "agent.log").read_text()):
        assert "log_line" in text
        assert "5ecret" not in text
        assert not any(f"{kind}t1" in text for kind in ("Bearer ", "r"))


@pytest.mark.parametrize(
    "signal_number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT]
)
def test_signal_stops_the_agent_after_a_last_ping(machine, coal, agent, signal_number):
    machine.start_process()
    start_monitoring(agent)
    wait_until(lambda: coal.pings)
    pings, since = len(coal.pings), time.monotonic()
    assert agent.stop(signal_number) == 0
    assert len(coal.pings) == pings + 1
    assert coal.pings[-1]["is_server_running"] == "true"
    assert time.monotonic() - since < 5


def test_signal_while_the_main_thread_holds_a_lock_stops_the_agent(tmp_path):
    script = textwrap.dedent("""
        import os, signal, sys, threading
        import mc_coal_agent

        class Agent:
            def __init__(self, options):
                self.stop = threading.Event()

            def run(self, signals):
                with self.stop._cond:
                    os.kill(os.getpid(), signal.SIGTERM)
                return len(os.read(signals, 100))

        mc_coal_agent.Agent = Agent
        sys.exit(mc_coal_agent.main([]))
    """)
    line = [sys.executable, "-c", script]
    # The agent writes its log into the current folder.
    environment = {**os.environ, "PYTHONPATH": str(AGENT.parent)}
    ended = subprocess.run(line, cwd=tmp_path, env=environment, timeout=TIMEOUT_SECONDS)
    assert ended.returncode == 1


def test_second_agent_with_the_same_spool_is_rejected(machine, coal, log, agent):
    start_monitoring(agent)
    assert machine.agent(coal.url).run_once() == 2
    assert "Another agent uses" in agent.output


def test_corrupt_spool_is_replaced(machine, coal, log, agent):
    (machine.home / "mc_coal_agent.spool").write_bytes(b"no database" * 1000)
    start_monitoring(agent)
    log.write(*make_lines(1))
    wait_until(lambda: coal.lines == log.lines)
    assert "is corrupt" in agent.output


def test_agent_waits_for_an_inactive_world(coal, log, agent):
    coal.rejection_status = lambda line: 404
    start_monitoring(agent)
    log.write(*make_lines(3))
    wait_until(lambda: "not active" in agent.output)
    coal.rejection_status = lambda line: 0
    wait_until(lambda: coal.lines == log.lines)
    assert coal.single_lines == []


def test_restored_spool_loses_no_new_line(machine, coal, log, agent):
    start_monitoring(agent)
    log.write(*make_lines(5))
    wait_until(lambda: len(coal.lines) == 5)
    assert agent.stop() == 0
    spool, saved = machine.home / "mc_coal_agent.spool", machine.home / "saved"
    shutil.copy(spool, saved)
    log_bytes = log.path.read_bytes()
    agent.start()
    log.write(*make_lines(5, 5))
    wait_until(lambda: len(coal.lines) == 10)
    assert agent.stop() == 0
    # Spool and log are restored to an earlier state, and other lines follow while the server is down.
    shutil.copy(saved, spool)
    log.path.write_bytes(log_bytes)
    coal.stop()
    log.write(*make_lines(8, 100))
    assert agent.run_once() == 1
    coal.start()
    log.write(*make_lines(8, 200))
    assert agent.run_once() == 0
    assert coal.lines == log.lines


def take_away_lines_after(coal, count: int) -> None:
    """Do what a restored backup does."""
    for key in sorted(coal.stored)[count:]:
        del coal.stored[key]


@pytest.mark.parametrize("is_idle", [True, False])
def test_restored_server_gets_the_lines_again_that_it_lost(coal, log, agent, is_idle):
    start_monitoring(agent)
    for number in range(6):
        log.write(*make_lines(5, 5 * number))
        wait_until(lambda: coal.lines == log.lines)
    coal.stop()
    take_away_lines_after(coal, 12)
    coal.start()
    if not is_idle:
        log.write(*make_lines(5, 30))
    wait_until(lambda: coal.lines == log.lines)
    assert agent.output.count("sending them again") == 1
    agent.stop(signal.SIGKILL)
    take_away_lines_after(coal, 0)
    log.write(*make_lines(1, 40))
    assert agent.run_once() == 0
    assert coal.lines == log.lines


def test_newly_selected_log_is_read_from_its_end(machine, coal, log, agent):
    start_monitoring(agent)
    log.write(*make_lines(3))
    wait_until(lambda: len(coal.lines) == 3)
    agent.stop()
    other = Log(machine.folder / "server.log")
    other.write_bytes(b"2013-09-25 12:00:00 [INFO] long ago\n")
    agent.start()
    wait_until(lambda: "'../server.log'" in agent.output)
    other.write(LINE_PREFIX + "now")
    wait_until(lambda: coal.lines == [*log.lines, *other.lines])


def test_unreadable_log_is_reported(machine, coal):
    machine.log.path.mkdir()
    agent = machine.agent(coal.url)
    assert agent.run_once() == 2
    assert "Is a directory" in agent.output and "Traceback" not in agent.output


def test_sighup_under_nohup_is_ignored(machine, coal, agent):
    agent.start(under=("nohup",))
    wait_until(lambda: coal.pings)
    pings = len(coal.pings)
    agent.send(signal.SIGHUP)
    wait_until(lambda: len(coal.pings) > pings)
    assert agent.stop() == 0
