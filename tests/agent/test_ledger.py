"""The ledger of what was read: copies, renames, unreadable files and earlier versions; each line once."""

import gzip
import json
import os
import shutil
import signal
import sqlite3

import pytest

from tests.agent.machine import LINE_PREFIX, load_agent, make_lines, pack_file, start_monitoring
from tests.processes import wait_until

agent_module = load_agent()


@pytest.fixture
def agent(machine, coal, log):
    agent = machine.agent(coal.url)
    start_monitoring(agent)
    return agent


def write_and_wait(coal, log, *lines: str) -> None:
    log.write(*lines)
    wait_until(lambda: coal.lines == log.lines)


def copy_and_truncate(log, name: str) -> None:
    """Do what logrotate does with `copytruncate`."""
    shutil.copy(log.path, log.folder / name)
    os.truncate(log.path, 0)


def rename_log(log, name: str) -> None:
    """Do what Minecraft does at midnight."""
    log.path.rename(log.folder / name)


@pytest.mark.parametrize(
    "name", ["latest.log.1", "latest.log-20260925", "latest.1.log", "latest-20260925.log"]
)
def test_copy_by_logrotate_is_not_read_again(coal, log, agent, name):
    write_and_wait(coal, log, LINE_PREFIX + "one")
    copy_and_truncate(log, name)
    write_and_wait(coal, log, LINE_PREFIX + "two, longer")
    rename_log(log, "2026-09-25-1.log")
    write_and_wait(coal, log, LINE_PREFIX + "three")
    # Next time, logrotate renames and packs its copies.
    (log.folder / name).rename(log.folder / "latest.log.2")
    pack_file(log.folder / "latest.log.2")
    rename_log(log, "2026-09-25-2.log")
    write_and_wait(coal, log, LINE_PREFIX + "four")
    agent.stop(signal.SIGKILL)
    pack_file(log.folder / "2026-09-25-1.log")
    agent.start()
    write_and_wait(coal, log, LINE_PREFIX + "five")
    assert len(coal.stored) == 5


def test_log_rewritten_to_the_same_size_loses_no_line(coal, log, agent):
    write_and_wait(coal, log, LINE_PREFIX + "one")
    size = log.path.stat().st_size
    shutil.copy(log.path, log.folder / "latest.log.1")
    # Between two looks of the agent.
    line = LINE_PREFIX + "two" + "x" * (size - len(LINE_PREFIX) - 4)
    log.path.write_text(line + "\n")
    log.lines.append(line)
    assert log.path.stat().st_size == size
    wait_until(lambda: coal.lines == log.lines)
    rename_log(log, "2026-09-25-1.log")
    write_and_wait(coal, log, LINE_PREFIX + "three")
    assert len(coal.stored) == 3


def test_lines_between_two_looks_are_read_from_the_copy(coal, log, agent):
    write_and_wait(coal, log, LINE_PREFIX + "one")
    agent.stop(signal.SIGKILL)
    log.write(LINE_PREFIX + "unread")
    copy_and_truncate(log, "latest.log.1")
    log.write(LINE_PREFIX + "two")
    rename_log(log, "2026-09-25-1.log")
    log.write(LINE_PREFIX + "three")
    agent.start()
    wait_until(lambda: coal.lines == log.lines)
    assert len(coal.stored) == 4


def test_copy_of_a_log_that_goes_on_is_not_read(coal, log, agent):
    write_and_wait(coal, log, *make_lines(5))
    shutil.copy(log.path, log.folder / "latest.log.1")
    write_and_wait(coal, log, *make_lines(5, 5))
    rename_log(log, "2026-09-25-1.log")
    write_and_wait(coal, log, *make_lines(5, 10))
    assert len(coal.stored) == 15


def test_logs_renamed_by_logrotate_while_the_agent_was_down_are_read(coal, log, agent):
    write_and_wait(coal, log, *make_lines(5))
    agent.stop(signal.SIGKILL)
    for cycle in range(1, 4):
        log.write(*make_lines(5, 100 * cycle))
        os.utime(log.path, (1_790_000_000 + cycle, 1_790_000_000 + cycle))
        for number in (3, 2, 1):
            path = log.folder / f"latest.log.{number}"
            if path.exists():
                path.rename(log.folder / f"latest.log.{number + 1}")
        rename_log(log, "latest.log.1")
    log.write(LINE_PREFIX + "last")
    agent.start()
    wait_until(lambda: coal.lines == log.lines)
    assert len(coal.stored) == 21


def test_unreadable_history_is_reported_once_left_out_and_read_later(machine, coal, log):
    names = [f"2026-09-2{day}-1.log.gz" for day in (1, 2, 3)]
    for number, name in enumerate(names):
        with gzip.open(log.folder / name, "wt") as file:
            file.write(f"[10:00:00] [Server thread/INFO]: <bob> {number}\n")
    # A folder is unreadable for root as well.
    secret, aside = log.folder / names[1], machine.home / "aside"
    secret.rename(aside)
    secret.mkdir()
    agent = machine.agent(coal.url, "--parse_mc_history")
    start_monitoring(agent)
    log.write(LINE_PREFIX + "now")
    wait_until(lambda: LINE_PREFIX + "now" in coal.lines)
    assert [line[-1] for line in coal.lines][:2] == ["0", "2"]
    assert agent.output.count("cannot be read (Is a directory)") == 1
    wait_until(lambda: coal.pings and "file_unreadable" in coal.pings[-1].get("findings", ""))
    agent.stop(signal.SIGKILL)
    secret.rmdir()
    aside.rename(secret)
    agent.start()
    hidden = "[10:00:00] [Server thread/INFO]: <bob> 1"
    wait_until(lambda: hidden in coal.lines)
    assert coal.days[coal.lines.index(hidden)] == "2026-09-22"
    write_last = LINE_PREFIX + "then"
    log.write(write_last)
    wait_until(lambda: coal.lines[-1] == write_last)
    assert len(coal.lines) == len(set(coal.lines)) == 6
    wait_until(lambda: "file_unreadable" not in coal.pings[-1]["findings"])


def test_folder_named_like_a_rolled_log_stops_nothing(coal, log, agent):
    write_and_wait(coal, log, LINE_PREFIX + "one")
    (log.folder / "2026-09-26-1.log").mkdir()
    (log.folder / "2026-09-26-2.log.gz").write_bytes(b"no gzip")
    os.utime(log.folder / "2026-09-26-2.log.gz", (1, 1))
    log.roll(then=LINE_PREFIX + "two")
    wait_until(lambda: coal.lines == log.lines)
    assert agent.output.count("2026-09-26-1.log cannot be read") == 1


def test_spool_of_an_earlier_version_is_taken_over(machine, coal, log):
    log.write(*make_lines(5))
    shutil.copy(log.path, log.folder / "latest.log.1")
    log.roll(day="2026-09-24", then=LINE_PREFIX + "read")
    spool_path = machine.home / "mc_coal_agent.spool"
    status = log.path.stat()
    with log.path.open("rb") as file:
        position = {
            "name": "latest.log",
            "file": f"{status.st_dev}:{status.st_ino}",
            "offset": status.st_size,
            "print": agent_module.fingerprint_at(file, status.st_size),
            "written": status.st_mtime,
            "after": "2026-09-24-1.log.gz",
        }
    database = sqlite3.connect(spool_path)
    database.execute(
        "CREATE TABLE line (sequence INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, day TEXT)"
    )
    database.execute(
        "CREATE TABLE command (id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL)"
    )
    database.execute("CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    database.execute("INSERT INTO line VALUES (7, ?, NULL)", (LINE_PREFIX + "waiting",))
    kept = {
        "source": "here/0123456789abcdef", "sent": "6", "client": "mc-coal-agent-1", "lastline": "",
        "log": "latest.log", "commanded": "0", "history_sent": "yes",
        "began": json.dumps(position), "live": json.dumps(position),
    }  # fmt: skip
    database.executemany("INSERT INTO kept VALUES (?, ?)", kept.items())
    database.commit()
    database.close()
    coal.stored["here/0123456789abcdef", 6] = {"line": LINE_PREFIX + "read"}
    log.write(LINE_PREFIX + "new")
    log.roll(day="2026-09-25", then=LINE_PREFIX + "newest")
    agent = machine.agent(coal.url, "--parse_mc_history")
    assert agent.run_once() == 0, agent.output
    expected = [LINE_PREFIX + text for text in ("read", "waiting", "new", "newest")]
    assert coal.lines == expected
