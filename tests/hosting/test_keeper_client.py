"""The client side: adoption, following, reading and deleting segments."""

import asyncio
import os
import py_compile
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from coalserver.hosting import keeper
from coalserver.hosting.keeper_client import (
    KeeperError,
    KeeperGone,
    Situation,
    adopt_keeper,
    keeper_program,
    read_run,
)
from coalserver.hosting.segments import ConsoleReader
from tests.hosting.keepers import fake_child, python, wait_until
from tests.processes import ROOT, environment

STARTER = """
import asyncio, sys
from pathlib import Path
from coalserver.hosting.keeper_client import Launch, start_keeper

async def main():
    run, cwd, *argv = sys.argv[1:]
    client = await start_keeper(Path(run), Launch("run1", tuple(argv), Path(cwd)))
    number = 0
    while True:
        number += 1
        await client.write(f"say {number}", number)
        print(number, flush=True)

asyncio.run(main())
"""


async def test_keeper_of_a_killed_client_is_adopted_and_nothing_is_lost(world):
    line = [sys.executable, "-c", STARTER, str(world.run), str(world.server), *fake_child()]
    with subprocess.Popen(line, stdout=subprocess.PIPE, cwd=ROOT, env=environment()) as starter:
        for _ in range(200):
            last = int(starter.stdout.readline())
        starter.kill()
        rest = starter.stdout.read().split()
    last = int(rest[-1]) if rest else last
    assert world.state.situation is Situation.KEPT
    client = await adopt_keeper(world.run, "run1")
    world.clients.append(client)
    assert (await client.status(members=True)).members == (world.state.child["pid"],)
    # The last one was perhaps written and not confirmed.
    for number in range(last - 5, last + 2):
        await client.write(f"say {number}", number)
    await client.write("say over")
    await world.wait_for_text("] over")
    said = [text.rpartition(" ")[2] for text in world.texts() if "[Server]" in text]
    assert said == [*map(str, range(1, last + 2)), "over"]
    await client.write("stop")
    assert (await client.wait_for_end()).exit.status == 0


async def test_keeper_of_another_run_is_not_adopted(world):
    await world.start(fake_child())
    with pytest.raises(KeeperError) as caught:
        await adopt_keeper(world.run, "run0")
    assert caught.value.code == "other_run"


async def test_folder_without_a_run_has_no_keeper(world):
    assert read_run(world.run) is None
    with pytest.raises(KeeperGone):
        await adopt_keeper(world.run, "run1")


async def test_leftover_socket_is_no_keeper(world):
    await world.start(fake_child())
    world.kill_keeper()
    assert (world.run / "keeper.sock").exists()
    with pytest.raises(KeeperGone):
        await adopt_keeper(world.run, "run1")


async def test_keeper_of_a_killed_run_leaves_waiting_calls_with_an_error(world):
    client = await world.start(fake_child())
    os.kill(world.state.keeper["pid"], signal.SIGSTOP)
    calls = [asyncio.create_task(client.status()) for _ in range(3)]
    numbers = asyncio.create_task(anext(client.follow(10_000)))
    await asyncio.sleep(0)
    world.kill_keeper()
    results = await asyncio.gather(*calls, numbers, return_exceptions=True)
    assert {type(one) for one in results} == {KeeperGone}


async def test_follow_tells_every_line_to_the_end(world):
    client = await world.start(fake_child())
    reader, seen, after = ConsoleReader(world.run), [], 0
    await client.write("fake flood 3000")
    await client.write("stop")
    async for number in client.follow(0):
        while after < number:
            lines = await asyncio.to_thread(reader.read, after)
            seen += lines
            after = lines[-1].number
    assert client.exit.status == 0
    assert [line.number for line in seen] == list(range(1, len(seen) + 1))
    assert seen == world.lines()


async def test_two_followers_of_one_connection_are_both_told(world):
    client = await world.start(fake_child())

    async def follow(after: int) -> list[int]:
        return [number async for number in client.follow(after)]

    followers = [asyncio.create_task(follow(after)) for after in (0, 500)]
    exits = [asyncio.create_task(client.wait_for_exit()) for _ in range(2)]
    await client.write("fake flood 1000")
    await client.write("stop")
    first, second = await asyncio.gather(*followers)
    assert first[-1] == second[-1] == world.state.last_line
    assert second[0] > 500
    assert [one.status for one in await asyncio.gather(*exits)] == [0, 0]


async def test_exit_of_a_killed_keeper_is_unknown(world):
    client = await world.start(fake_child())
    waiting = asyncio.create_task(client.wait_for_exit())
    await client.status()
    world.kill_keeper()
    assert await waiting is None


async def test_end_can_be_awaited_after_the_connection_is_closed(world):
    client = await world.start(fake_child())
    await world.wait_for_text("Done")
    await client.close()
    os.kill(world.state.keeper["pid"], signal.SIGTERM)
    assert (await client.wait_for_end()).exit.status == 143


async def test_follow_of_an_ended_child_tells_its_exit(world):
    client = await world.start(fake_child("--then", "fork"))
    await world.wait_for_text("forked")
    await client.write("fake exit 4")
    async for _ in client.follow(0):
        pass
    late = await adopt_keeper(world.run, "run1")
    async for number in late.follow(0):
        assert number > 0
    assert late.exit.status == 4
    await late.close()
    await client.signal(signal.SIGKILL, "all")
    await client.wait_for_end()


@pytest.mark.parametrize("seed", range(3))
async def test_lines_are_read_once_by_changing_readers_during_a_flood(world, seed):
    chance = random.Random(seed)
    await world.start(
        fake_child("--then", "flood 30000", "--then", "line over"), segment_bytes=100_000
    )
    reader, numbers, after = ConsoleReader(world.run), [], 0

    def read() -> bool:
        nonlocal reader, after
        if chance.random() < 0.1:
            reader = ConsoleReader(world.run)
        lines = reader.read(after, chance.randint(1, 2_000))
        numbers.extend(line.number for line in lines)
        after = numbers[-1] if numbers else 0
        return bool(lines) and "over" in lines[-1].text

    await wait_until(read)
    assert numbers == list(range(1, numbers[-1] + 1))
    assert reader.last_number() == numbers[-1]


async def test_taken_in_segments_are_deleted_but_the_newest(world):
    client = await world.start(
        fake_child("--then", "flood 20000", "--then", "line over"), segment_bytes=100_000
    )
    await world.wait_for_text("over")
    before = world.lines()
    reader = ConsoleReader(world.run)
    assert reader.delete_taken_in(0, 0) == 0
    half = before[len(before) // 2].number
    assert reader.delete_taken_in(half, 0) > 0
    assert world.lines()[-1] == before[-1]
    assert world.lines()[0].number <= half + 1
    assert [line.number for line in reader.read(half)][0] == half + 1
    reader.delete_taken_in(before[-1].number, 300_000)
    left = sum(path.stat().st_size for path in world.run.glob("console-*.log"))
    assert 300_000 <= left <= 500_000
    reader.delete_taken_in(before[-1].number, 0)
    assert len(list(world.run.glob("console-*.log"))) == 1
    await client.write("fake line afterwards")
    await world.wait_for_text("afterwards")
    assert [line.number for line in reader.read(before[-1].number)] == [before[-1].number + 1]


async def test_reader_of_no_folder_has_no_lines(tmp_path: Path):
    reader = ConsoleReader(tmp_path / "none")
    assert (reader.read(0), reader.last_number(), reader.delete_taken_in(9)) == ([], 0, 0)


async def test_damaged_line_is_returned_and_counted(tmp_path: Path):
    (tmp_path / "console-000001.log").write_bytes(
        b"1.000 segment 5\n2.000 out a b  c\n\0\0\0\n3.500 err \n4.000 out half"
    )
    lines = ConsoleReader(tmp_path).read(0)
    assert [(line.number, line.at, line.stream, line.text) for line in lines] == [
        (5, 2.0, "out", "a b  c"),
        (6, 2.0, "out", "\0\0\0"),
        (7, 3.5, "err", ""),
    ]


async def test_client_of_a_stopped_server_leaves_the_child_alone(world):
    client = await world.start(python("import sys\nfor line in sys.stdin: print(line.strip())"))
    await client.close()
    with pytest.raises(KeeperGone):
        await client.status()
    again = await adopt_keeper(world.run, "run1")
    world.clients.append(again)
    await again.write("hello")
    await world.wait_for_text("hello")


@pytest.fixture
def bytecode(tmp_path, monkeypatch):
    """Compiled bytecode of the keeper in the place where Python keeps it."""
    compiled = Path(py_compile.compile(keeper.__file__, tmp_path / "keeper.pyc", doraise=True))
    monkeypatch.setattr(keeper.__spec__, "cached", str(compiled))
    return compiled


async def test_keeper_runs_from_its_cached_bytecode(world, bytecode):
    assert keeper_program() == bytecode
    client = await world.start(fake_child())
    line = Path("/proc", str(world.state.keeper["pid"]), "cmdline").read_bytes().split(b"\0")
    assert os.fsencode(bytecode) in line
    await client.write("stop")
    assert (await client.wait_for_end()).exit.status == 0


@pytest.mark.parametrize(
    "fault", ["missing", "cut", "other python", "older", "hash", "no cache", "interpreter"]
)
def test_keeper_runs_from_its_file_without_current_bytecode(bytecode, monkeypatch, fault):
    content = bytecode.read_bytes()
    if fault == "missing":
        bytecode.unlink()
    elif fault == "no cache":
        monkeypatch.setattr(keeper, "__spec__", None)
    else:
        changed = {
            "cut": content[:10], "other python": b"\0" * 4 + content[4:], "hash": content[:4] + b"\1" + content[5:],
            "older": content[:8] + b"\0" * 4 + content[12:], "interpreter": content,
        }  # fmt: skip
        bytecode.write_bytes(changed[fault])
    interpreter = "/usr/bin/python0" if fault == "interpreter" else sys.executable
    assert keeper_program(interpreter) == Path(keeper.__file__)
