"""Console commands through a pipe or RCON."""

import os
import signal

import pytest

from tests.agent.machine import read_lines
from tests.agent.remote_console import RemoteConsole
from tests.processes import wait_until


@pytest.fixture
def pipe(machine):
    ends = [machine.open_pipe()]
    yield ends[0]
    for end in ends:
        os.close(end)


@pytest.fixture
def rcon():
    console = RemoteConsole()
    yield console
    console.close()


def test_commands_are_written_to_the_pipe_in_order(machine, coal, pipe):
    machine.start_process()
    coal.commands = [f"say {number} žluť 🐎" for number in range(50)]
    machine.agent(coal.url).start()
    lines = read_lines(pipe)
    assert [next(lines) for _ in range(50)] == [f"say {number} žluť 🐎" for number in range(50)]


def test_line_break_in_a_command_creates_no_second_command(machine, coal, pipe):
    machine.start_process()
    coal.commands = ["say hi\nop bob", "\r\n", "say\x1b[31m red\u2028op bob\x00", "list"]
    machine.agent(coal.url).start()
    lines = read_lines(pipe)
    assert [next(lines) for _ in range(3)] == ["say hi op bob", "say [31m red op bob", "list"]


def test_lost_ping_response_neither_loses_nor_repeats_commands(machine, coal, pipe):
    machine.start_process()
    coal.commands, coal.first_command_id, coal.lost_pings = ["one", "two"], 41, 1
    machine.agent(coal.url).start()
    lines = read_lines(pipe)
    assert [next(lines) for _ in range(2)] == ["one", "two"]
    wait_until(lambda: coal.first_command_id == 43)


def test_commands_wait_until_the_world_runs(machine, coal, pipe):
    coal.commands = ["list"]
    machine.agent(coal.url).start()
    wait_until(lambda: coal.pings)
    assert coal.commands == ["list"]
    machine.start_process()
    assert next(read_lines(pipe)) == "list"


def test_command_waits_for_a_pipe_with_a_reader(machine, coal):
    machine.start_process()
    coal.commands = ["first", "second"]
    agent = machine.agent(coal.url)
    agent.start()
    wait_until(lambda: "No such file" in agent.output)
    # A regular file is not written to; later the pipe has no reader.
    path = machine.folder / "command-fifo"
    path.write_text("")
    wait_until(lambda: "is not a named pipe" in agent.output)
    path.unlink()
    os.mkfifo(path)
    wait_until(lambda: "No such device or address" in agent.output)
    agent.stop(signal.SIGKILL)
    agent.start()
    wait_until(lambda: agent.output.count("Monitoring") == 2)
    pipe = machine.open_pipe()
    lines = read_lines(pipe)
    assert [next(lines), next(lines)] == ["first", "second"]
    os.close(pipe)


def test_full_pipe_does_not_block_pings(machine, coal, pipe):
    machine.start_process()
    expected = [f"say {number} {'x' * 1000}" for number in range(200)]
    coal.commands = list(expected)
    agent = machine.agent(coal.url)
    agent.start()
    wait_until(lambda: "A command waits" in agent.output)
    pings = len(coal.pings)
    wait_until(lambda: len(coal.pings) > pings)
    lines = read_lines(pipe)
    assert [next(lines) for _ in expected] == expected


def test_command_too_long_for_the_pipe_is_skipped(machine, coal, pipe):
    machine.start_process()
    coal.commands = ["say " + "x" * 5000, "list"]
    agent = machine.agent(coal.url)
    agent.start()
    assert next(read_lines(pipe)) == "list"
    assert "too long" in agent.output


def test_commands_are_sent_over_one_rcon_connection(machine, coal, rcon, monkeypatch):
    monkeypatch.setenv("RCON_PASSWORD", "pa55")
    machine.start_process()
    coal.commands = ["help", *(f"say {number} ü" for number in range(20))]
    expected = list(coal.commands)
    machine.agent(coal.url, "--rcon", f"127.0.0.1:{rcon.port}").start()
    wait_until(lambda: rcon.commands == expected)
    assert rcon.connections == 1


def test_world_without_pid_file_runs_if_rcon_answers(machine, coal, rcon):
    (machine.folder / "server.properties").write_text("rcon.password=pa55\n")
    coal.commands = ["list"]
    machine.agent(coal.url, "--rcon", f"127.0.0.1:{rcon.port}").start()
    wait_until(lambda: rcon.commands == ["list"])
    rcon.close()
    wait_until(lambda: coal.pings[-1]["is_server_running"] == "false")
    assert rcon.connections == 1


def test_command_rejected_by_rcon_waits(machine, coal, rcon):
    (machine.home / "password").write_text("wrong\n")
    machine.start_process()
    coal.commands = ["list"]
    flags = ("--rcon", f"127.0.0.1:{rcon.port}", "--rcon_password_file", "password")
    agent = machine.agent(coal.url, *flags)
    agent.start()
    wait_until(lambda: "the password is wrong" in agent.output)
    rcon.password = "wrong"
    wait_until(lambda: rcon.commands == ["list"])
    assert "wrong\n" not in agent.output.replace("password is wrong", "")


def test_stop_is_sent_once(machine, coal, rcon):
    machine.start_process()
    coal.commands = ["stop", "list"]
    flags = ("--rcon", f"127.0.0.1:{rcon.port}", "--rcon_password", "pa55")
    machine.agent(coal.url, *flags).start()
    wait_until(lambda: "list" in rcon.commands)
    assert rcon.commands == ["stop", "list"]
