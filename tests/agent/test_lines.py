"""Lines that the agent sends: complete, once, in order and with their days."""

import os
from datetime import UTC, datetime

import pytest

from tests.agent.fake_server import FakeServer
from tests.agent.machine import LINE_PREFIX, Machine, start_monitoring
from tests.processes import wait_until


@pytest.fixture
def agent(machine: Machine, coal: FakeServer):
    machine.log.write_bytes(b"2026-09-25 11:00:00 [INFO] from before\n")
    return machine.agent(coal.url)


def test_new_lines_are_sent_in_order(machine, coal, agent):
    start_monitoring(agent)
    for number in range(2000):
        machine.log.write(f"{LINE_PREFIX}<bob> {number}")
    wait_until(lambda: len(coal.lines) == 2000)
    assert coal.lines == machine.log.lines


def test_incomplete_line_is_sent_when_complete(machine, coal, agent):
    start_monitoring(agent)
    machine.log.write_bytes(LINE_PREFIX.encode() + b"<bob> hel")
    machine.log.write_bytes(b"")
    machine.log.write_bytes(b"lo\n" + LINE_PREFIX.encode() + b"<bob> y")
    wait_until(lambda: coal.lines == [LINE_PREFIX + "<bob> hello"])
    machine.log.write_bytes(b"ou\n")
    wait_until(lambda: coal.lines == [LINE_PREFIX + "<bob> hello", LINE_PREFIX + "<bob> you"])


def test_line_incomplete_at_the_start_is_sent_completely(machine, coal, agent):
    machine.log.write_bytes(LINE_PREFIX.encode() + b"<bob> hel")
    start_monitoring(agent)
    machine.log.write_bytes(b"lo\n")
    wait_until(lambda: coal.lines == [LINE_PREFIX + "<bob> hello"])


def test_blank_lines_are_skipped(machine, coal, agent):
    start_monitoring(agent)
    machine.log.write_bytes(b"\n\r\n   \n")
    machine.log.write(LINE_PREFIX + "one", end="\n\n")
    machine.log.write(
        "\tat net.minecraft.Server.run(Server.java:1)", LINE_PREFIX + "two", end="\r\n"
    )
    wait_until(lambda: len(coal.lines) == 3)
    assert coal.lines == machine.log.lines


def test_lines_in_any_encoding_become_text(machine, coal, agent):
    start_monitoring(agent)
    machine.log.write_bytes(LINE_PREFIX.encode() + "<bob> žluťoučký 🐎".encode() + b"\n")
    machine.log.write_bytes(LINE_PREFIX.encode() + "<bob> žluťoučký".encode("iso-8859-2") + b"\n")
    machine.log.write_bytes(
        b"\0\0\0" + LINE_PREFIX.encode() + b"\xff\xfe\x80 after the power was cut\n"
    )
    machine.log.write_bytes(LINE_PREFIX.encode() + b"\xed\xa0\x80 half of a pair\n")
    machine.log.write(LINE_PREFIX + "end")
    wait_until(lambda: len(coal.lines) == 5)
    assert coal.lines[:2] == [LINE_PREFIX + "<bob> žluťoučký 🐎", LINE_PREFIX + "<bob> žluťoučký"]
    assert coal.lines[2].startswith(LINE_PREFIX) and coal.lines[2].endswith(
        "after the power was cut"
    )


def test_overlong_line_is_split(machine, coal, agent):
    start_monitoring(agent)
    machine.log.write_bytes(b"x" * 600_000 + b"\n")
    machine.log.write(LINE_PREFIX + "end")
    wait_until(lambda: coal.lines and coal.lines[-1] == LINE_PREFIX + "end")
    assert "".join(coal.lines[:-1]) == "x" * 600_000


def test_overload_warnings_are_counted_in_pings_and_not_sent(machine, coal, agent):
    machine.start_process()
    start_monitoring(agent)
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
        f"{LINE_PREFIX}<bob> Can't keep up! Running 1ms or 2 ticks behind",
        f"[{now:%H:%M:%S}] [Server thread/INFO]: <bob> who moved wrongly!",
    ]
    machine.log.write(*chats)
    wait_until(lambda: len(coal.lines) == 2)
    assert coal.lines == chats
    numbers = ("num_overloads", "ms_behind", "skipped_ticks")
    wait_until(
        lambda: coal.pings and [coal.pings[-1][name] for name in numbers] == ["3", "5780", "114"]
    )


def test_line_without_date_is_sent_with_its_day(machine, coal, agent):
    start_monitoring(agent)
    machine.log.write(
        "[12:00:00] [Server thread/INFO]: <bob> hi", LINE_PREFIX + "dated", "at a.b.c"
    )
    wait_until(lambda: len(coal.lines) == 3)
    now = datetime.now(UTC)
    # Before noon, a line of 12:00:00 belongs to the day before.
    assert coal.days[0] in (
        f"{now:%Y-%m-%d}",
        f"{datetime.fromtimestamp(now.timestamp() - 86400, UTC):%Y-%m-%d}",
    )
    assert coal.days[1:] == [None, None]


def test_days_of_undated_lines_are_counted_back_from_the_file_time(machine, coal, agent):
    start_monitoring(agent)
    wait_until(lambda: coal.pings)
    agent.kill()
    clocks = ["22:00:00", "23:59:59", "00:00:01", "00:00:00", "23:00:00", "03:00:00"]
    machine.log.write(*(f"[{clock}] [Server thread/INFO]: x" for clock in clocks))
    # The file was last modified at 04:00 on the 25th.
    written = datetime(2026, 9, 25, 4, tzinfo=UTC).timestamp()
    os.utime(machine.log.path, (written, written))
    agent.start()
    wait_until(lambda: len(coal.lines) == 6)
    days = ["2026-09-23", "2026-09-23", "2026-09-24", "2026-09-24", "2026-09-24", "2026-09-25"]
    assert coal.days == days


def test_skip_chat_history_omits_old_chat(machine, coal):
    machine.log.write(LINE_PREFIX + "<bob> secret", LINE_PREFIX + "bob joined the game")
    agent = machine.agent(coal.url, "--parse_mc_history", "--skip_chat_history")
    agent.start()
    wait_until(lambda: coal.lines == [LINE_PREFIX + "bob joined the game"])
    # Chat counts as old until the agent has reached the end of the log, which a ping later it has.
    pings = len(coal.pings)
    wait_until(lambda: len(coal.pings) > pings)
    machine.log.write(LINE_PREFIX + "<bob> news")
    wait_until(lambda: len(coal.lines) == 2)
    assert coal.lines[1] == LINE_PREFIX + "<bob> news"
