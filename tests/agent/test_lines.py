"""What of a log is sent: whole lines, each once, in order, as they were written."""

import os
from datetime import UTC, datetime

import pytest

from tests.agent.fake_server import FakeServer
from tests.agent.machine import DATED, Machine, started_agent, wait_until


@pytest.fixture
def agent(machine: Machine, coal: FakeServer):
    machine.log.write_bytes(b"2026-09-25 11:00:00 [INFO] from before\n")
    return machine.agent(coal.url)


def test_new_lines_are_sent_in_order(machine, coal, agent):
    started_agent(agent)
    for number in range(2000):
        machine.log.write(f"{DATED}<bob> {number}")
    wait_until(lambda: len(coal.lines) == 2000)
    assert coal.lines == machine.log.lines


def test_incomplete_line_is_sent_when_complete(machine, coal, agent):
    started_agent(agent)
    machine.log.write_bytes(DATED.encode() + b"<bob> hel")
    machine.log.write_bytes(b"")
    machine.log.write_bytes(b"lo\n" + DATED.encode() + b"<bob> y")
    wait_until(lambda: coal.lines == [DATED + "<bob> hello"])
    machine.log.write_bytes(b"ou\n")
    wait_until(lambda: coal.lines == [DATED + "<bob> hello", DATED + "<bob> you"])


def test_line_incomplete_at_the_start_is_sent_completely(machine, coal, agent):
    machine.log.write_bytes(DATED.encode() + b"<bob> hel")
    started_agent(agent)
    machine.log.write_bytes(b"lo\n")
    wait_until(lambda: coal.lines == [DATED + "<bob> hello"])


def test_blank_lines_are_skipped(machine, coal, agent):
    started_agent(agent)
    machine.log.write_bytes(b"\n\r\n   \n")
    machine.log.write(DATED + "one", end="\n\n")
    machine.log.write("\tat net.minecraft.Server.run(Server.java:1)", DATED + "two", end="\r\n")
    wait_until(lambda: len(coal.lines) == 3)
    assert coal.lines == machine.log.lines


def test_lines_in_any_encoding_become_text(machine, coal, agent):
    started_agent(agent)
    machine.log.write_bytes(DATED.encode() + "<bob> žluťoučký 🐎".encode() + b"\n")
    machine.log.write_bytes(DATED.encode() + "<bob> žluťoučký".encode("iso-8859-2") + b"\n")
    machine.log.write_bytes(b"\0\0\0" + DATED.encode() + b"\xff\xfe\x80 after the power was cut\n")
    machine.log.write_bytes(DATED.encode() + b"\xed\xa0\x80 half of a pair\n")
    machine.log.write(DATED + "end")
    wait_until(lambda: len(coal.lines) == 5)
    assert coal.lines[:2] == [DATED + "<bob> žluťoučký 🐎", DATED + "<bob> žluťoučký"]
    assert coal.lines[2].startswith(DATED) and coal.lines[2].endswith("after the power was cut")


def test_overlong_line_is_split(machine, coal, agent):
    started_agent(agent)
    machine.log.write_bytes(b"x" * 600_000 + b"\n")
    machine.log.write(DATED + "end")
    wait_until(lambda: coal.lines and coal.lines[-1] == DATED + "end")
    assert "".join(coal.lines[:-1]) == "x" * 600_000


def test_overload_warnings_are_counted_in_pings_and_not_sent(machine, coal, agent):
    machine.running()
    started_agent(agent)
    now = datetime.now(UTC)
    head = f"[{now:%H:%M:%S}] [Server thread/WARN]: "
    overloads = [
        head + "Can't keep up! Is the server overloaded? Running 3741ms or 74 ticks behind",
        f"{now:%Y-%m-%d %H:%M:%S} [WARN] Can't keep up! Did the system time change, or is the server"
        " overloaded? Running 2039ms behind, skipping 40 tick(s)",
        f"{now:%Y-%m-%d %H:%M:%S} [WARNING] Can't keep up! Did the system time change?",
        "2013-09-25 11:00:00 [WARN] Can't keep up! Is the server overloaded?"
        " Running 9ms or 9 ticks behind",
    ]
    for line in (*overloads, head + "bob moved wrongly!"):
        machine.log.write_bytes(line.encode() + b"\n")
    chats = [
        f"{DATED}<bob> Can't keep up! Running 1ms or 2 ticks behind",
        f"[{now:%H:%M:%S}] [Server thread/INFO]: <bob> who moved wrongly!",
    ]
    machine.log.write(*chats)
    wait_until(lambda: len(coal.lines) == 2)
    assert coal.lines == chats
    numbers = ("num_overloads", "ms_behind", "skipped_ticks")
    wait_until(lambda: [coal.pings[-1][name] for name in numbers] == ["3", "5780", "114"])


def test_line_without_date_is_sent_with_its_day(machine, coal, agent):
    started_agent(agent)
    machine.log.write("[12:00:00] [Server thread/INFO]: <bob> hi", DATED + "dated", "at a.b.c")
    wait_until(lambda: len(coal.lines) == 3)
    now = datetime.now(UTC)
    # By a clock that says before noon, a line of noon is nearly one of yesterday.
    assert coal.days[0] in (
        f"{now:%Y-%m-%d}",
        f"{datetime.fromtimestamp(now.timestamp() - 86400, UTC):%Y-%m-%d}",
    )
    assert coal.days[1:] == [None, None]


def test_days_of_undated_lines_are_counted_back_from_the_file_time(machine, coal, agent):
    started_agent(agent)
    wait_until(lambda: coal.pings)
    agent.kill()
    clocks = ["22:00:00", "23:59:59", "00:00:01", "00:00:00", "23:00:00", "03:00:00"]
    machine.log.write(*(f"[{clock}] [Server thread/INFO]: x" for clock in clocks))
    # The file was written to at four in the morning of the 25th.
    written = datetime(2026, 9, 25, 4, tzinfo=UTC).timestamp()
    os.utime(machine.log.path, (written, written))
    agent.start()
    wait_until(lambda: len(coal.lines) == 6)
    days = ["2026-09-23", "2026-09-23", "2026-09-24", "2026-09-24", "2026-09-24", "2026-09-25"]
    assert coal.days == days


def test_skip_chat_history_omits_old_chat(machine, coal):
    machine.log.write(DATED + "<bob> secret", DATED + "bob joined the game")
    agent = machine.agent(coal.url, "--parse_mc_history", "--skip_chat_history")
    agent.start()
    wait_until(lambda: coal.lines == [DATED + "bob joined the game"])
    machine.log.write(DATED + "<bob> news")
    wait_until(lambda: len(coal.lines) == 2)
    assert coal.lines[1] == DATED + "<bob> news"
