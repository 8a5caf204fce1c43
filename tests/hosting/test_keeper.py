"""The keeper and its child: start, console, input, signals, end."""

import asyncio
import json
import os
import resource
import shutil
import signal
import socket
import stat as file_modes
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from coalserver.hosting import keeper
from coalserver.hosting.keeper_client import (
    Exit,
    KeeperError,
    KeeperGone,
    Situation,
    adopt_keeper,
    read_run,
    start_keeper,
)
from coalserver.hosting.processes import end_processes, read_stat
from coalserver.hosting.segments import ConsoleReader
from tests.hosting.keepers import KeeperFolder, fake_child, python, wait_until

ECHO = python("import sys\nfor line in sys.stdin: print('got', line.strip())")
SHOW_SURROUNDINGS = """
import json, os, resource
umask = os.umask(0)
found = {
    "environment": dict(os.environ), "cwd": os.getcwd(), "umask": umask,
    "descriptors": sorted(int(one) for one in os.listdir("/proc/self/fd") if int(one) != 3),
    "cores": resource.getrlimit(resource.RLIMIT_CORE), "groups": os.getgroups(), "uid": os.getuid(),
    "leads": os.getpid() == os.getsid(0) == os.getpgid(0),
    "ignored": [line.split()[1] for line in open("/proc/self/status") if line.startswith("SigIgn")],
}
print(json.dumps(found))
"""


async def ended(world: KeeperFolder) -> None:
    """Wait until the newest keeper has ended."""
    await world.clients[-1].wait_for_end()


async def run_to_end(world: KeeperFolder, text: str) -> None:
    """Run a child that prints a text, and wait until its keeper has ended."""
    # It ends when told to: the client would not reach the keeper of one that ends at once.
    client = await world.start(python(f"print('{text}'); input()"))
    await client.write("")
    await ended(world)


# Start


async def test_child_has_own_session_and_bare_surroundings(world):
    listener = socket.create_server(("127.0.0.1", 0))
    os.set_inheritable(listener.fileno(), True)
    argv = (sys.executable, "-S", "-E", "-c", SHOW_SURROUNDINGS + "input()")
    await world.start(argv, path="/usr/bin:/bin", timezone="Europe/Berlin", java_home="/opt/java")
    await wait_until(world.lines)
    [text] = world.texts()
    found = json.loads(text)
    python_own = {"LC_CTYPE"}
    environment = {k: v for k, v in found["environment"].items() if k not in python_own}
    assert environment == {
        "PATH": "/usr/bin:/bin",
        "HOME": str(world.server),
        "LANG": "C.UTF-8",
        "TZ": "Europe/Berlin",
        "JAVA_HOME": "/opt/java",
    }
    assert found["cwd"] == str(world.server)
    assert found["umask"] == 0o077
    assert found["descriptors"] == [0, 1, 2]
    assert found["cores"] == [0, 0]
    assert found["leads"]
    # Python itself ignores SIGPIPE and SIGXFSZ; 32 and 33 are the C library's own.
    python_ignores = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert int(found["ignored"][0], 16) & 0x7FFFFFFF & ~python_ignores == 0
    pid = world.state.keeper["pid"]
    assert os.getsid(pid) == pid, "the keeper has a session of its own"
    kept = {os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
    assert f"socket:[{os.fstat(listener.fileno()).st_ino}]" not in kept
    listener.close()


async def test_files_are_private_and_socket_path_may_be_long(tmp_path):
    world = KeeperFolder(tmp_path / ("long" * 40))
    try:
        client = await world.start(ECHO)
        assert (await client.status()).state.run == "run1"
        modes = {path.name: file_modes.S_IMODE(path.stat().st_mode) for path in world.run.iterdir()}
        assert set(modes.values()) == {0o600}
        assert {"state.json", "keeper.sock", "console-000001.log"} <= modes.keys()
        assert file_modes.S_IMODE(world.run.stat().st_mode) == 0o700
    finally:
        await world.end()


async def test_state_names_both_processes(world):
    client = await world.start(ECHO, stop="end")
    state = world.state
    child = read_stat(state.child["pid"])
    own = read_stat(state.keeper["pid"])
    assert (state.child["start"], state.keeper["start"]) == (child.start, own.start)
    assert child.parent == own.pid and own.parent == os.getpid()
    assert state.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (state.run, state.argv, state.stop, state.exit) == ("run1", ECHO, "end", None)
    assert state.situation is Situation.KEPT
    assert (await client.status(members=True)).members == (child.pid,)


async def test_program_that_does_not_exist_is_told(world):
    with pytest.raises(KeeperError) as caught:
        await world.start(("/nowhere/java", "-jar"))
    assert caught.value.code == "spawn"
    assert "No such file" in caught.value.message
    assert "No such file" in world.state.exit.error
    assert world.state.situation is Situation.ENDED


async def test_working_folder_that_does_not_exist_is_told(world):
    world.server.rmdir()
    with pytest.raises(KeeperError) as caught:
        await world.start(ECHO)
    assert caught.value.code == "spawn"


async def test_second_keeper_of_a_folder_is_refused(world):
    client = await world.start(ECHO)
    with pytest.raises(KeeperError) as caught:
        await world.start(ECHO)
    assert caught.value.code == "locked"
    assert (await client.status()).state.run == world.state.run == "run1"


async def test_keepers_started_at_once_leave_one(world):
    results = await asyncio.gather(*(world.start(ECHO) for _ in range(4)), return_exceptions=True)
    errors = [one.code for one in results if isinstance(one, KeeperError)]
    assert errors == ["locked"] * 3
    assert len(world.clients) == 1


async def test_python_that_does_not_exist_is_told(world):
    with pytest.raises(KeeperError) as caught:
        await start_keeper(world.run, world.launch(ECHO), python="/nowhere/python")
    assert caught.value.code == "failed"


@pytest.mark.parametrize("spec", ["", "[]", "{", "{}", '{"run": "r", "argv": [], "cwd": "/"}'])
def test_keeper_alone_refuses_a_bad_spec(tmp_path, spec):
    """The file needs nothing beside it."""
    program = shutil.copy(keeper.__file__, tmp_path / "keeper.py")
    line = [sys.executable, "-I", "-S", program, str(tmp_path)]
    result = subprocess.run(line, input=spec, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")
    assert json.loads(result.stdout)["error"] == "spec"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run a child as another user")
async def test_child_runs_as_another_user_without_groups(tmp_path_factory):
    # In a folder that every user may pass through.
    top = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        top.chmod(0o755)
        world = KeeperFolder(top)
        os.chown(world.server, 65534, 65534)
        code = "import os; print(os.getresuid(), os.getresgid(), os.getgroups()); input()"
        await world.start(("/usr/bin/env", "python3", "-c", code), user=(65534, 65534))
        try:
            await wait_until(world.lines)
            if not world.texts():
                # The interpreter of the tests may lie where only root may read.
                pytest.skip(world.texts("err")[0])
            assert world.texts() == ["(65534, 65534, 65534) (65534, 65534, 65534) []"]
        finally:
            await world.end()
    finally:
        shutil.rmtree(top)


# Console


async def test_lines_are_numbered_and_stamped_by_stream(world):
    await world.start(python("import sys; print('one'); print('two', file=sys.stderr); input()"))
    await wait_until(lambda: len(world.lines()) == 2)
    assert {line.number for line in world.lines()} == {1, 2}
    assert (world.texts("out"), world.texts("err")) == (["one"], ["two"])
    [header, *rows] = (world.run / "console-000001.log").read_text().split("\n")
    assert header.split(" ")[1:] == ["segment", "1"]
    assert rows[0].split(" ")[1] in ("out", "err")
    assert len(rows[0].split(" ")[0].partition(".")[2]) == 3


async def test_numbers_go_on_from_run_to_run(world):
    for text in ("first", "second"):
        await run_to_end(world, text)
    assert [(line.number, line.text) for line in world.lines()] == [(1, "first"), (2, "second")]
    assert (world.state.first_line, world.state.last_line) == (2, 2)


async def test_numbers_never_fall_below_what_was_taken_in(world):
    await world.start(python("print('x'); input()"), after=1_000)
    await wait_until(world.lines)
    assert [line.number for line in world.lines()] == [1_001]


async def test_half_lines_are_joined_and_the_last_one_is_kept(world):
    client = await world.start(fake_child("--then", "half first"))
    await client.write("fake half  second")
    await client.write("fake half  third")
    await client.write("fake line whole")
    await client.write("fake half end")
    await client.write("fake exit 3")
    await ended(world)
    [joined] = [text for text in world.texts() if text.startswith("first")]
    assert joined.startswith("first second third[")
    assert joined.endswith("whole")
    assert world.texts()[-1] == "end"
    assert world.state.exit.status == 3


async def test_bytes_that_are_not_utf8_are_replaced(world):
    code = r"import os; os.write(1, b'caf\xe9 \xff\r\n' + 'Grüße ☃\n\n\0\x1b[m'.encode() + b'\n'); input()"
    await world.start(python(code))
    await wait_until(lambda: len(world.lines()) == 4)
    assert world.texts() == ["caf\ufffd \ufffd", "Grüße ☃", "", "\0\x1b[m"]


@pytest.mark.parametrize("character", ["x", "ä", "☃", "😀", "\\xff"])
async def test_long_line_becomes_several_without_loss(world, character):
    letter = f"b'{character}'" if character == "\\xff" else f"'{character}'.encode()"
    code = f"import os\nos.write(1, b'a')\nfor _ in range(250): os.write(1, {letter} * 1000)\nprint(); input()"
    await world.start(python(code))
    expected = "a" + ("\ufffd" if character == "\\xff" else character) * 250_000
    await wait_until(lambda: len("".join(world.texts())) == len(expected))
    assert "".join(world.texts()) == expected
    rows = (world.run / "console-000001.log").read_bytes().split(b"\n")
    assert max(map(len, rows)) < 65_536


async def test_flood_is_stored_whole_in_segments_and_takes_little_memory(world):
    count = 200_000
    client = await world.start(
        fake_child("--then", f"flood {count}", "--then", "line over"), segment_bytes=1 << 20
    )
    await wait_until(lambda: (world.run / "console-000010.log").exists())
    assert (await client.status()).state.lost == 0
    await world.wait_for_text("over")
    lines = world.lines()
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))
    flood = [line.text for line in lines if line.text.startswith("flood ")]
    assert [int(text.split()[1].rstrip(".")) for text in flood] == list(range(count))
    sizes = [path.stat().st_size for path in world.run.glob("console-*.log")]
    assert max(sizes) <= 1 << 20
    status = Path(f"/proc/{world.state.keeper['pid']}/status").read_text()
    [own] = [int(row.split()[1]) for row in status.split("\n") if row.startswith("RssAnon")]
    assert own < 12_000, "kB"


async def test_oldest_segments_are_deleted_above_the_limit_and_counted(world):
    await world.start(
        fake_child("--then", "flood 20000", "--then", "line over"),
        segment_bytes=64 << 10,
        console_bytes=512 << 10,
    )
    await world.wait_for_text("over")
    lines = world.lines()
    total = sum(path.stat().st_size for path in world.run.glob("console-*.log"))
    assert total <= (512 + 64) << 10
    notes = [line.text for line in lines if line.stream == "keeper"]
    assert all("old lines were deleted" in note for note in notes)
    assert notes
    status = await world.clients[-1].status()
    assert status.state.dropped == lines[0].number - 1


async def test_full_disk_does_not_stop_the_child_and_lost_lines_are_counted(world):
    client = await world.start(fake_child(), segment_bytes=256 << 10)
    await world.wait_for_text("Done")
    pid = world.state.keeper["pid"]
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (16 << 10, hard))
    await client.write("fake flood 20000")
    await client.write("fake join Steve")
    while not (status := await client.status()).console_error or not status.state.lost:
        await asyncio.sleep(0.01)
    assert status.state.exit is None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    note = await world.wait_for_text("lines were lost")
    assert note.stream == "keeper"
    await client.write("fake line afterwards")
    await world.wait_for_text("afterwards")
    lines = world.lines()
    status = await client.status()
    missing = lines[-1].number - len(lines)
    assert int(note.text.split()[0]) == missing == status.state.lost > 0
    assert len({line.number for line in lines}) == len(lines)
    assert any("Steve joined" in line.text for line in lines)
    assert status.console_error is None


async def test_exit_is_stored_when_the_disk_has_room_again(world):
    client = await world.start(ECHO)
    pid = world.state.keeper["pid"]
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    with pytest.raises(KeeperError) as caught:
        await client.mark("save_off", True)
    assert caught.value.code == "disk"
    assert (await client.status()).state.marks == {}
    await client.signal(signal.SIGKILL)
    async for _ in client.follow(0):
        pass
    assert client.exit.signal == "SIGKILL"
    assert world.state.exit is None
    assert world.state.situation is Situation.KEPT
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
    state = await client.wait_for_end()
    assert state.exit.signal == "SIGKILL"


async def test_keeper_of_a_deleted_folder_ends_with_its_child(world):
    client = await world.start(fake_child())
    await world.wait_for_text("Done")
    state = world.state
    shutil.rmtree(world.run)
    await client.write("fake flood 10")
    await client.write("stop")
    await wait_until(lambda: not state.keeper_lives)
    assert await client.wait_for_end() is None
    assert state.situation is Situation.ENDED


async def test_torn_last_line_is_completed_and_another_torn_part_is_cut_off(world):
    for torn, expected in ((b"1700000000.123 out half a li", "half a li"), (b"17000000", None)):
        await run_to_end(world, "before")
        with (world.run / "console-000001.log").open("ab") as file:
            file.write(torn)
        await run_to_end(world, "after")
        lines = world.lines()
        texts = [line.text for line in lines]
        assert (
            texts[-3:] == ["before", expected, "after"]
            if expected
            else ["after", "before", "after"]
        )
        assert [line.number for line in lines] == list(range(1, len(lines) + 1))


async def test_damaged_segment_is_passed_over(world):
    await run_to_end(world, "before")
    (world.run / "console-000002.log").write_bytes(bytes(1000))
    await run_to_end(world, "after")
    assert [(line.number, line.text) for line in world.lines()] == [(1, "before"), (2, "after")]


# Input


async def test_hundreds_of_writes_across_reconnects_are_written_once(world):
    client = await world.start(ECHO)
    for number in range(300):
        assert await client.write(f"line {number}", f"id-{number}")
        if number % 50 == 0:
            await client.close()
            client = await adopt_keeper(world.run, "run1")
            world.clients.append(client)
        for earlier in range(max(0, number - 3), number + 1):
            assert not await client.write(f"line {earlier}", f"id-{earlier}")
    await client.write("over")
    await world.wait_for_text("got over")
    assert world.texts() == [f"got line {number}" for number in range(300)] + ["got over"]


async def test_writes_without_an_id_are_all_written(world):
    client = await world.start(ECHO)
    await client.write("list")
    await client.write("list")
    await wait_until(lambda: world.texts() == ["got list"] * 2)


async def test_longest_text_is_written_and_a_longer_one_refused(world):
    client = await world.start(ECHO)
    await client.write("😀" * 4_096)
    for text in ("x" * 20_000, "x" * 1_000_000, "😀" * 20_000):
        with pytest.raises(KeeperError) as caught:
            await client.write(text)
        assert caught.value.code == "text"
    await client.write("over")
    await world.wait_for_text("got over")
    assert world.texts() == ["got " + "😀" * 4_096, "got over"]


@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "\x00", "\x1b[m", "\x7f", "\x85", "\u2028", "\ud800"]
)
async def test_text_with_control_characters_is_refused(world, text):
    client = await world.start(ECHO)
    with pytest.raises(KeeperError) as caught:
        await client.write(text, 1)
    assert caught.value.code == "text"
    assert await client.write("Grüße ☃", 1), "a refused line does not use up its id"
    await world.wait_for_text("got Grüße ☃")


async def test_child_that_does_not_read_blocks_nothing(world):
    client = await world.start(python("import time; print('up'); time.sleep(600)"))
    accepted = 0
    with pytest.raises(KeeperError) as caught:
        while True:
            await client.write("x" * 10_000, accepted)
            accepted += 1
    assert caught.value.code == "full"
    status = await client.status()
    assert status.input_open
    assert 100_000 < status.input_pending <= keeper.MAX_INPUT_BYTES
    await world.wait_for_text("up")


async def test_write_to_closed_input_is_told(world):
    client = await world.start(fake_child("--then", "close-stdin", "--then", "line closed"))
    await world.wait_for_text("closed")
    with pytest.raises(KeeperError) as caught:
        while True:
            await client.write("list")
    assert caught.value.code == "closed"
    assert not (await client.status()).input_open
    assert world.state.child_lives


# Protocol


def raw_client(world: KeeperFolder) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    folder = os.open(world.run, os.O_PATH)
    client.connect(f"/proc/self/fd/{folder}/keeper.sock")
    os.close(folder)
    return client


@pytest.mark.parametrize(
    "request_line",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 10_000,
        b'{"do": ["write"]}',
        b'{"do": "stop"}',
        b'{"do": "signal", "signal": ["SIGTERM"]}',
        b'{"do": "signal", "signal": "SIGTERM", "target": ["all"]}',
        b'{"do": "signal", "signal": "TERM"}',
        b'{"do": "mark", "name": 1, "value": 1}',
        b'{"do": "mark", "name": "big", "value": "%s"}' % (b"x" * 1_024),
        b'{"do": "follow", "after": "x"}',
    ],
)
async def test_bad_request_is_refused_and_the_keeper_goes_on(world, request_line):
    client = await world.start(ECHO)
    with raw_client(world) as raw:
        await asyncio.get_running_loop().run_in_executor(None, raw.sendall, request_line + b"\n")
        answer = await asyncio.get_running_loop().run_in_executor(None, raw.recv, 4_096)
    assert json.loads(answer) == {"error": "request"}
    assert await client.write("still there")


async def test_endless_request_closes_the_connection(world):
    client = await world.start(ECHO)
    with raw_client(world) as raw:
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while True:
                await loop.sock_sendall(raw, b"x" * 65_536)
    assert await client.write("still there")


async def test_connections_are_bounded(world):
    client = await world.start(ECHO)
    others = [raw_client(world) for _ in range(keeper.MAX_CONNECTIONS + 5)]
    assert (await client.status()).state.run == "run1"
    descriptors = Path(f"/proc/{world.state.keeper['pid']}/fd")
    sockets = [one for one in descriptors.iterdir() if "socket" in os.readlink(one)]
    assert len(sockets) <= keeper.MAX_CONNECTIONS + 1
    for raw in others:
        raw.close()
    adopted = await adopt_keeper(world.run, "run1")
    await adopted.close()


async def test_follower_that_does_not_read_blocks_nothing(world):
    client = await world.start(fake_child())
    with raw_client(world) as raw:
        raw.sendall(b'{"do": "follow", "after": 0}\n' * 2_000)
        raw.sendall(b'{"do": "status"}\n' * 2_000)
        await client.write("fake flood 100000 100")
        await client.write("fake line over")
        await world.wait_for_text("over")
        assert (await client.status()).state.last_line > 100_000
        status = Path(f"/proc/{world.state.keeper['pid']}/status").read_text()
        [own] = [int(row.split()[1]) for row in status.split("\n") if row.startswith("RssAnon")]
        assert own < 20_000, "kB"


async def test_marks_are_on_disk_and_can_be_removed(world):
    client = await world.start(ECHO)
    await client.mark("save_off", True)
    await client.mark("save", "nightly")
    assert world.state.marks == {"save_off": True, "save": "nightly"}
    await client.mark("save_off", None)
    assert world.state.marks == {"save": "nightly"}
    for number in range(31):
        await client.mark(f"m{number}", number)
    with pytest.raises(KeeperError):
        await client.mark("one too many", 1)


# Signals and the end


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise SystemExit(0)", (0, None)),
        ("raise SystemExit(7)", (7, None)),
        ("import os; os.abort()", (None, "SIGABRT")),
        ("import os; os.kill(os.getpid(), 35)", (None, "35")),
    ],
)
async def test_exit_is_stored_with_the_last_line(world, code, expected):
    client = await world.start(python(f"print('last'); input(); {code}"))
    following = client.follow(0)
    # The keeper could end before a later request to follow.
    assert await anext(following) == 1
    await client.write("")
    assert [number async for number in following] == []
    assert (client.exit.status, client.exit.signal) == expected
    state = await client.wait_for_end()
    assert state.exit == client.exit
    assert state.last_line == 1
    assert state.situation is Situation.ENDED
    assert not (world.run / "keeper.sock").exists()
    with pytest.raises(KeeperGone):
        await client.write("too late")
    with pytest.raises(KeeperGone):
        await adopt_keeper(world.run, "run1")
    assert read_stat(state.keeper["pid"]) is None, "it was waited for"


async def test_child_that_ends_at_once_is_told_by_the_state(world):
    try:
        client = await world.start(("/bin/true",))
    except KeeperGone:
        pass
    else:
        await client.wait_for_end()
    assert world.state.exit.status == 0


async def test_last_words_on_standard_error_precede_the_exit(world):
    with suppress(KeeperGone):
        await world.start(fake_child("--wrong-java"))
    await wait_until(lambda: world.state.exit)
    assert world.state.exit.status == 1
    assert "UnsupportedClassVersionError" in world.texts("err")[1]


async def test_child_that_ignores_sigterm_is_killed(world):
    client = await world.start(fake_child("--ignore-term"))
    await world.wait_for_text("Done")
    assert await client.signal(signal.SIGTERM) == 1
    await client.write("list")
    await world.wait_for_text("players online")
    assert await client.signal(signal.SIGKILL, "main") == 1
    state = await client.wait_for_end()
    assert state.exit.signal == "SIGKILL"


async def test_sigterm_to_the_keeper_ends_the_child_in_order(world):
    client = await world.start(fake_child("--style", "paper"))
    await world.wait_for_text("Done")
    os.kill(world.state.keeper["pid"], signal.SIGTERM)
    state = await client.wait_for_end()
    assert state.exit.status == 143
    assert "Stopping server" in world.texts()[-4] + world.texts()[-3] + world.texts()[-5]


async def test_child_that_closes_its_output_lives_on(world):
    client = await world.start(fake_child("--then", "line last", "--then", "close-stdout"))
    await world.wait_for_text("last")
    pid = world.state.child["pid"]
    await wait_until(lambda: os.readlink(f"/proc/{pid}/fd/1") == "/dev/null")
    assert (await client.status()).state.exit is None
    await client.write("fake exit 5")
    assert (await client.wait_for_end()).exit.status == 5


@pytest.mark.parametrize("options", ["", "ignore-term", "detach", "detach ignore-term"])
async def test_process_that_outlives_the_child_keeps_the_keeper(world, options):
    client = await world.start(fake_child("--then", f"fork {options}"))
    forked = int((await world.wait_for_text("forked")).text.split()[1])
    await client.write("fake exit 0")
    async for _ in client.follow(0):
        pass
    assert client.exit.status == 0, "the exit is told although a process still holds the output"
    assert (await client.status(members=True)).members == (forked,)
    seen = world.state.last_line
    await wait_until(lambda: world.lines()[-1].number > seen + 3)
    with pytest.raises(KeeperError) as caught:
        await client.write("list")
    assert caught.value.code == "ended"
    assert await client.signal(signal.SIGTERM, "all") == 1
    if "ignore" in options:
        assert (await client.status(members=True)).members == (forked,)
        await client.signal(signal.SIGKILL, "all")
    state = await client.wait_for_end()
    assert state.last_line == world.lines()[-1].number
    assert state.members() == []
    assert read_stat(forked) is None


async def test_keeper_without_clients_ends_what_outlives_the_child(world):
    client = await world.start(
        fake_child("--then", "fork ignore-term detach"), orphan_seconds=0.1, term_seconds=0.1
    )
    await world.wait_for_text("forked")
    state = world.state
    await client.write("fake exit 0")
    await client.close()
    await wait_until(lambda: not state.keeper_lives)
    assert world.state.members() == []
    assert world.state.exit.status == 0


async def test_kill_of_all_reaches_every_process_while_they_fork(world):
    code = """
import os, time
for _ in range(20):
    if not os.fork():
        os.setsid()
        while True:
            if not os.fork(): time.sleep(600)
            time.sleep(0.01)
print("up"); time.sleep(600)
"""
    client = await world.start(python(code))
    await world.wait_for_text("up")
    await client.signal(signal.SIGKILL, "all")
    state = await client.wait_for_end()
    assert state.exit.signal == "SIGKILL"
    assert state.members() == []


def cgroup_folder() -> Path | None:
    """Return a new cgroup (v2), if this process may make one."""
    for top in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if Path(top, "cgroup.procs").exists() and Path(top, "cgroup.controllers").exists():
            folder = Path(top, f"coalserver-test-{os.getpid()}")
            try:
                folder.mkdir()
            except OSError:
                continue
            return folder
    return None


async def test_child_enters_its_cgroup_and_is_killed_with_it(world):
    folder = cgroup_folder()
    if folder is None:
        pytest.skip("no cgroup v2 may be made here")
    try:
        client = await world.start(
            fake_child("--then", "fork detach ignore-term silent"), cgroup=folder
        )
        forked = int((await world.wait_for_text("forked")).text.split()[1])
        pids = {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
        assert pids == {world.state.child["pid"], forked}
        world.kill_keeper()
        await wait_until(lambda: not world.state.child_lives)
        assert [stat.pid for stat in world.state.members()] == [forked]
        state = world.state
        report = await end_processes(state.members, term_seconds=0.05, cgroup=state.cgroup)
        assert report.killed == (forked,)
        assert report.left == ()
        await client.wait_for_end()
    finally:
        (folder / "cgroup.kill").write_text("1")
        await wait_until(lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()


# Kill -9


async def test_killed_keeper_takes_its_child_along_by_sigterm(world):
    client = await world.start(fake_child("--style", "paper"))
    await world.wait_for_text("Done")
    world.kill_keeper()
    await wait_until(lambda: world.state.situation is Situation.ENDED)
    assert world.state.exit is None
    # Its last lines did not reach the console, but its own log shows that it saved.
    assert "Saving worlds" in (world.server / "logs" / "latest.log").read_text()
    with pytest.raises(KeeperGone):
        await client.status()
    await world.start(ECHO)
    assert world.state.run == "run2"


async def test_child_of_a_killed_keeper_is_an_orphan_that_prevents_a_start(world):
    await world.start(fake_child("--ignore-term", "--then", "fork ignore-term silent"))
    await world.wait_for_text("forked")
    world.kill_keeper()
    state = world.state
    assert state.situation is Situation.ORPHANED
    assert not state.keeper_lives
    with pytest.raises(KeeperGone):
        await adopt_keeper(world.run, "run1")
    with pytest.raises(KeeperError) as caught:
        await world.start(ECHO)
    assert caught.value.code == "child_alive"
    assert str(state.child["pid"]) in caught.value.message
    report = await end_processes(state.members, term_seconds=0.1)
    assert len(report.killed) == 2
    assert world.state.situation is Situation.ENDED
    await world.start(ECHO)


async def test_child_that_outlives_a_killed_keeper_a_little_is_not_killed(world):
    await world.start(
        python(
            "import signal, time\n"
            "def end(*_): time.sleep(0.3); open('saved', 'w').close(); raise SystemExit\n"
            "signal.signal(signal.SIGTERM, end); print('up')\n"
            "while True: time.sleep(1)"
        )
    )
    await world.wait_for_text("up")
    state = world.state
    world.kill_keeper()
    # It saves already; a second SIGTERM must do no harm here either.
    report = await end_processes(state.members, term_seconds=20)
    assert report.killed == ()


async def test_keeper_and_child_killed_leave_nothing(world):
    await world.start(fake_child("--then", "fork silent"))
    forked = int((await world.wait_for_text("forked")).text.split()[1])
    state = world.state
    os.kill(state.child["pid"], signal.SIGKILL)
    world.kill_keeper()
    await wait_until(lambda: [stat.pid for stat in state.members()] == [forked])
    assert state.situation is Situation.ORPHANED
    await end_processes(state.members, term_seconds=5)
    assert state.situation is Situation.ENDED


async def test_killed_child_is_reported(world):
    client = await world.start(ECHO)
    os.kill(world.state.child["pid"], signal.SIGKILL)
    state = await client.wait_for_end()
    assert state.exit == Exit(at=state.exit.at, signal="SIGKILL")
    assert read_run(world.run) == state


async def test_numbers_go_on_once_over_kills_during_floods(world):
    reader, numbers = ConsoleReader(world.run), []

    def read() -> None:
        lines = reader.read(numbers[-1] if numbers else 0, 1_000_000)
        numbers.extend(line.number for line in lines)

    for round_number in range(4):
        await world.start(
            fake_child("--then", "endless"),
            segment_bytes=200_000,
            after=numbers[-1] if numbers else 0,
        )
        last = world.state.first_line + 2_000 + 500 * round_number
        await wait_until(lambda last=last: reader.last_number() > last)
        if round_number % 2:
            read()
        world.kill_keeper()
        await end_processes(world.state.members, term_seconds=0)
    read()
    assert numbers == list(range(1, numbers[-1] + 1))
    assert len(numbers) > 4 * 2_000


@pytest.mark.parametrize("milliseconds", range(0, 160, 10))
async def test_keeper_killed_during_its_start_leaves_no_child_that_is_not_named(
    world, milliseconds
):
    marker = f"marker-{os.getpid()}-{milliseconds}"
    launch = world.launch(python(f"'{marker}'; import time; time.sleep(600)"))
    starting = asyncio.create_task(start_keeper(world.run, launch))
    # At any moment of the start; which one does not matter.
    await asyncio.sleep(milliseconds / 1_000)
    for pid in processes_with(str(world.run)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(KeeperError, KeeperGone):
        world.clients.append(await starting)
    state = read_run(world.run)
    named = {state.child["pid"]} if state and state.child else set()
    await wait_until(lambda: not processes_with(marker) - named)


def processes_with(text: str) -> set[int]:
    """Return the ids of processes with a text in their command line."""
    found = set()
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):
            if text.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


async def test_start_of_another_boot_is_not_taken_for_alive(world):
    await world.start(ECHO)
    path = world.run / "state.json"
    document = json.loads(path.read_text())
    for change in (
        {"boot": "00000000-0000-0000-0000-000000000000"},
        {
            "keeper": document["keeper"] | {"start": 1},
            "child": document["child"] | {"start": 1},
        },
    ):
        path.write_text(json.dumps(document | change))
        assert world.state.situation is Situation.ENDED
        assert not world.state.child_lives
    path.write_text("{")
    assert read_run(world.run) is None
    path.write_text(json.dumps(document))
