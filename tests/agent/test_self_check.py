"""The self-check: each finding is logged once, and reported with each ping."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.agent.machine import LINE_PREFIX, load_agent, start_monitoring
from tests.agent.remote_console import RemoteConsole
from tests.processes import wait_until

agent_module = load_agent()


def findings(coal) -> dict[str, str]:
    """Return the details of the findings of the last ping by code."""
    if not coal.pings:
        return {}
    return {item["code"]: item["detail"] for item in json.loads(coal.pings[-1]["findings"])}


def test_healthy_world_has_no_findings(machine, coal, log):
    start_monitoring(machine.agent(coal.url))
    wait_until(lambda: coal.pings)
    assert findings(coal) == {}


def test_wrong_rcon_password_is_reported_and_the_world_runs(machine, coal, log):
    rcon = RemoteConsole()
    try:
        where = f"127.0.0.1:{rcon.port}"
        agent = machine.agent(coal.url, "--rcon", where, "--rcon_password", "wrong")
        start_monitoring(agent)
        wait_until(lambda: len(coal.pings) > 1)
        assert findings(coal) == {"rcon_password": where}
        assert coal.pings[-1]["is_server_running"] == "true"
        assert agent.output.count("RCON refuses the password") == 1
        rcon.password = "wrong"
        wait_until(lambda: findings(coal) == {})
    finally:
        rcon.close()


def test_missing_log_is_reported_until_it_is_there(machine, coal):
    agent = machine.agent(coal.url, "--mc_logfile", "../no/such.log")
    start_monitoring(agent)
    wait_until(lambda: len(coal.pings) > 1)
    assert findings(coal) == {"log_missing": "../no/such.log"}
    assert agent.output.count("The log does not exist") == 1
    (machine.folder / "no").mkdir()
    (machine.folder / "no" / "such.log").write_text(LINE_PREFIX + "one\n")
    wait_until(lambda: findings(coal) == {})
    wait_until(lambda: coal.lines == [LINE_PREFIX + "one"])


@pytest.mark.parametrize(
    ("hours", "fitting"), [(1, "Etc/GMT+1"), (-5.5, "Asia/Kolkata"), (0, None)]
)
def test_log_in_another_zone_is_reported_with_the_fitting_zone(
    machine, coal, log, hours: float, fitting: str | None
):
    agent = machine.agent(coal.url)
    start_monitoring(agent)
    wait_until(lambda: coal.pings)
    for number in range(1, 4):
        clock = datetime.now(UTC) - timedelta(hours=hours)
        log.write(f"[{clock:%H:%M:%S}] [Server thread/INFO]: <bob> {number}")
        wait_until(lambda number=number: len(coal.lines) == number)
    pings = len(coal.pings)
    wait_until(lambda: len(coal.pings) > pings + 1)
    assert findings(coal) == ({"zone": fitting} if fitting else {})
    assert agent.output.count("--mc_timezone") == (1 if fitting else 0)


def test_log_without_known_headers_is_reported(machine, coal, log):
    agent = machine.agent(coal.url)
    start_monitoring(agent)
    log.write(*(f"something {number}" for number in range(300)))
    wait_until(lambda: "not_understood" in findings(coal))
    assert agent.output.count("No line of the log") == 1
    log.write(LINE_PREFIX + "one")
    wait_until(lambda: findings(coal) == {})


@pytest.mark.parametrize(
    ("line", "second"),
    [
        ("[12:34:56] [Server thread/INFO]: x", 45296),
        ("[01:34:56 PM] [Server thread/INFO]: x", 48896),
        ("[12:10:00 AM] [Server thread/INFO]: x", 600),
        ("[01:34:56 PM INFO]: x", 48896),
        ("10:00:03 [INFO] x", 36003),
        ("2026/11/20 10:00:02 [INFO] x", 36002),
        ("2026-11-20T10:00:05.123456789Z [11:00:05 INFO]: x", 39605),
        ("mc-1  | [10:00:06 INFO]: x", 36006),
        (">....[10:00:01 INFO]: x", 36001),
        ("[25ก.ย.2026 12:34:56.789] [Server thread/INFO] [n/]: x", 45296),
        ("[16.02.2019 12:34:56] [Server thread/INFO]: x", 45296),
        ("Sep 25 10:00:00 host java[12]: [11:00:00] [Server thread/INFO]: x", 39600),
        ("2013-04-19 10:32:55 [INFO] x", None),
        ("\tat x.y(Z.java:12:13:14)", None),
        ("[25:00:00] [Server thread/INFO]: x", None),
    ],
)
def test_day_is_told_for_lines_without_a_date_that_all_servers_understand(
    line: str, second: int | None
):
    assert agent_module.second_of_day(line) == second


@pytest.mark.parametrize("piece", [" ", ".", ">", "\t", "\x1b[0m", "a", "a | ", "1:", "[", "[a"])
def test_header_of_a_long_line_is_found_in_linear_time(piece: str):
    # Without a time limit here: a quadratic pattern would need hours for these lines.
    for end in ("", "x", "[10:00:01 INFO]: x"):
        line = piece * (200_000 // len(piece)) + end
        found = (
            36_001 if end.startswith("[") and piece in (" ", ".", ">", "\t", "\x1b[0m") else None
        )
        assert agent_module.clock_of(line) == found
        assert agent_module.second_of_day(line) == found


@pytest.mark.parametrize(
    ("raw", "encoding", "text"),
    [
        ("[10:00:00] [a/INFO]: señor åø", "cp1252", "[10:00:00] [a/INFO]: señor åø"),
        ("2013-04-19 10:32:55 [INFO] žluť", "iso-8859-2", "2013-04-19 10:32:55 [INFO] žluť"),
        ("2013-04-19 10:32:55 [INFO] 5 €", "cp1252", "2013-04-19 10:32:55 [INFO] 5 €"),
        ("[10:00:00] žluť 🐎", "utf-8", "[10:00:00] žluť 🐎"),
    ],
)
def test_encoding_of_a_line_is_recognised(raw: str, encoding: str, text: str):
    assert agent_module.decode_line(raw.encode(encoding) + b"\r\n") == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_log_in_utf_16_is_read(machine, coal, encoding):
    text = "[10:00:00] [Server thread/INFO]: <bob> \u010a \u0a0a 🐎"
    mark = "\ufeff".encode(encoding)
    machine.log.write_bytes(mark + f"{text} 1\r\n{text} 2\r\n".encode(encoding))
    agent = machine.agent(coal.url, "--parse_mc_history")
    start_monitoring(agent)
    machine.log.write_bytes(f"{text} 3\r\n".encode(encoding))
    wait_until(lambda: coal.lines == [f"{text} {number}" for number in (1, 2, 3)])


def test_encoding_of_the_log_can_be_given(machine, coal):
    text = LINE_PREFIX + "<bob> привет"
    machine.log.write_bytes((text + "\n").encode("cp1251"))
    flags = ("--parse_mc_history", "--mc_log_encoding")
    assert machine.agent(coal.url, *flags, "no-such").run_once() == 2
    agent = machine.agent(coal.url, *flags, "windows-1251")
    assert agent.run_once() == 0
    assert coal.lines == [text]


def test_windows_is_refused_with_one_sentence():
    with pytest.raises(agent_module.ConfigurationError, match="WSL"):
        agent_module.check_platform("nt")
    agent_module.check_platform("posix")


def test_error_that_comes_and_goes_is_logged_once_a_minute(caplog):
    now = [1000.0]
    steps = iter([OSError("disk full"), 0.0] * 200)

    def step() -> float:
        outcome = next(steps)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    log = agent_module.line_log
    worker = agent_module.Worker("x", step, None, log, clock=lambda: now[0])
    caplog.set_level("INFO")
    delays = []
    for _ in range(40):
        delay = worker.run_step()
        now[0] += delay
        delays.append(delay)
    assert max(delays) > 25
    messages = [record.message for record in caplog.records]
    assert messages.count("disk full Trying again.") <= (now[0] - 1000) / 60 + 1
    assert "Working again." not in messages


def test_worker_goes_on_after_an_error(caplog):
    now, fails = [1000.0], [True]

    def step() -> float:
        if fails[0]:
            raise OSError("disk full")
        return 1.0

    worker = agent_module.Worker("x", step, None, agent_module.line_log, clock=lambda: now[0])
    caplog.set_level("INFO")
    now[0] += worker.run_step()
    fails[0] = False
    for _ in range(20):
        now[0] += worker.run_step()
    messages = [record.message for record in caplog.records]
    assert messages == ["disk full Trying again.", "Working again."]
