"""The fake child: what other tests of hosting rely on."""

import asyncio
import gzip
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import parse_line
from tests.hosting import fake_child
from tests.hosting.fake_child import STYLES, is_torn, read_properties
from tests.processes import TIMEOUT_SECONDS


class Child:
    """A fake child in a folder, with pipes."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.folder = folder
        line = [sys.executable, fake_child.__file__, *args]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(line, cwd=folder, stdin=pipe, stdout=pipe, text=True)
        self.lines: list[str] = []

    def tell(self, command: str) -> None:
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()

    def read_until(self, part: str) -> str:
        """Return the first line from here on that contains a text."""
        while line := self.process.stdout.readline():
            self.lines.append(line.rstrip("\n"))
            if part in line:
                return self.lines[-1]
        raise AssertionError(f"{part!r} is not in {self.lines}")

    def end(self) -> int:
        """Read the rest and return the exit status."""
        self.lines += self.process.stdout.read().split("\n")
        return self.process.wait(TIMEOUT_SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[type[Child]]:
    children = []

    def start(*args: str, eula: bool = True) -> Child:
        if eula:
            (tmp_path / "eula.txt").write_text("eula=true\n")
        if not (tmp_path / "server.properties").exists():
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            (tmp_path / "server.properties").write_text(f"server-port={port}\n")
        children.append(Child(tmp_path, *args))
        return children[-1]

    yield start
    for child in children:
        child.process.kill()
        child.process.wait()
        child.process.stdin.close()
        child.process.stdout.close()


@pytest.mark.parametrize("style", STYLES)
def test_lines_of_each_style_are_those_of_the_real_game(start, style):
    child = start("--style", style, "--then", "join Steve", "--then", "chat Steve hello")
    child.read_until("hello")
    for command in ("list", "say hi", "save-off", "save-all flush", "save-on", "fake leave Steve"):
        child.tell(command)
    child.tell("stop")
    assert child.end() == 0
    kinds = {parse_line(line).kind for line in child.lines}
    assert {
        LineKind.STARTING,
        LineKind.READY,
        LineKind.LOGGED_IN,
        LineKind.JOINED,
        LineKind.CHAT,
        LineKind.LEFT,
        LineKind.CONNECTION_LOST,
        LineKind.SAVED,
        LineKind.STOPPING,
    } <= kinds
    ready = next(line for line in child.lines if "Done (" in line)
    assert ready.endswith('"help" or "?"' if style in fake_child.OLD else '"help"')
    joined = next(line for line in child.lines if "joined the game" in line)
    assert ("System chat: " in joined) == (style == "26")


def test_eula_and_bind_failure_end_with_status_0(start, tmp_path):
    child = start(eula=False)
    assert child.end() == 0
    assert "You need to agree to the EULA" in child.lines[-2]
    assert "eula=false" in (tmp_path / "eula.txt").read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "server.properties").write_text(f"server-port={taken.getsockname()[1]}\n")
        child = start()
        assert child.end() == 0
    assert any("FAILED TO BIND TO PORT" in line for line in child.lines)


def test_properties_are_read_and_rewritten(start, tmp_path):
    path = tmp_path / "server.properties"
    child = start()
    child.read_until("Done")
    with path.open("a") as file:
        file.write("# ours\nour-key=a\\:b\n")
    child.tell("stop")
    assert child.end() == 0
    child = start()
    child.read_until("Done")
    text = path.read_text()
    assert text.startswith("#Minecraft server properties\n")
    assert "# ours" not in text
    assert read_properties(path)["our-key"] == "a\\:b"
    keys = [line.partition("=")[0] for line in text.split("\n")[2:-1]]
    assert keys == sorted(keys)
    child.tell("whitelist on")
    child.read_until("Whitelist is now turned on")
    assert read_properties(path)["white-list"] == "true"


def test_status_ping_is_answered(start, tmp_path):
    child = start("--then", "join Steve")
    child.read_until("joined")
    port = int(read_properties(tmp_path / "server.properties")["server-port"])
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as client:
        fake_child.send_packet(client, b"\x00\x00\x00\x00\x00\x01")
        fake_child.send_packet(client, b"\x00")
        assert b'"online": 1' in fake_child.read_packet(client)
        fake_child.send_packet(client, b"\x0112345678")
        assert fake_child.read_packet(client) == b"\x0112345678"


def test_sigterm_saves_and_ends_with_143(start):
    child = start("--style", "1.20")
    child.read_until("Done")
    child.process.send_signal(signal.SIGTERM)
    assert child.end() == 143
    assert not any("Stopping server" in line for line in child.lines), "vanilla logs nothing"


@pytest.mark.parametrize("option", ["--ignore-term", "--hang-on-stop"])
def test_hanging_child_does_not_end(start, option):
    child = start(option)
    child.read_until("Done")
    if option == "--ignore-term":
        child.process.send_signal(signal.SIGTERM)
        child.tell("list")
        child.read_until("players online")
    else:
        child.tell("stop")
        child.read_until("Stopping the server")
    assert child.process.poll() is None


def test_crash_writes_a_report(start, tmp_path):
    child = start()
    child.read_until("Done")
    child.tell("fake crash")
    assert child.end() == 1
    assert any(parse_line(line).kind is LineKind.CRASHED for line in child.lines)
    assert list((tmp_path / "crash-reports").glob("crash-*-server.txt"))


def test_abort_leaves_a_report_of_the_virtual_machine(start, tmp_path):
    child = start("--then", "abort")
    assert child.end() == -signal.SIGABRT
    assert (tmp_path / f"hs_err_pid{child.process.pid}.log").exists()


def test_slow_start_tells_its_progress(start):
    child = start("--start-seconds", "0.1")
    child.read_until("Preparing spawn area: 90%")
    child.read_until("Done")


def test_copy_is_torn_only_while_saving_is_on(start, tmp_path):
    child = start("--step-seconds", "0.01")
    child.read_until("Done")
    copies = iter(range(10_000))

    def copy() -> Path:
        return shutil.copytree(tmp_path / "world", tmp_path / f"copy{next(copies)}")

    while not is_torn(copy()):
        pass
    child.tell("save-off")
    child.read_until("Automatic saving is now disabled")
    child.tell("save-all flush")
    child.read_until("Saved the game")
    for _ in range(10):
        assert not is_torn(copy())
    data = gzip.decompress((copy() / "level.dat").read_bytes())
    assert b"LevelName" in data
    child.tell("save-on")
    child.read_until("Automatic saving is now enabled")
    while not is_torn(copy()):
        pass


async def test_world_of_26_has_its_clock_in_a_file_of_its_own(start, tmp_path):
    child = start("--style", "26")
    await asyncio.to_thread(child.read_until, "Done")
    assert b"DayTime" not in gzip.decompress((tmp_path / "world/level.dat").read_bytes())
    clocks = tmp_path / "world/data/minecraft/world_clocks.dat"
    assert b"total_ticks" in gzip.decompress(clocks.read_bytes())
    assert os.path.exists(tmp_path / "world/data/minecraft/weather.dat")
