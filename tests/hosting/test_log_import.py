"""Import of old logs into the history of a hosted world: each line once, with its date (hosting.md, 7 and 12)."""

import asyncio
import gzip
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from coalserver.core.commands.worlds import create_world
from coalserver.core.log_import import ImportedFile
from coalserver.core.ports import VisitQuery
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.history import LogLine
from coalserver.hosting import log_files
from coalserver.storage.data_directory import OperatorError
from tests.hosting.worlds import Worlds

SESSION = (
    "[10:00:00] [Server thread/INFO]: Starting minecraft server version 1.20.4",
    "[10:00:05] [Server thread/INFO]: Ada joined the game",
    "[10:00:06] [Server thread/INFO]: <Ada> hi",
    "[10:00:06] [Server thread/INFO]: <Ada> hi",
    "[10:30:00] [Server thread/INFO]: Ada left the game",
    "[10:30:01] [Server thread/INFO]: Stopping server",
)


@pytest.fixture
async def world(worlds: Worlds) -> int:
    """A hosted world that never ran."""
    return (await worlds.core.execute(create_world, name="Mill", hosted=True)).id


async def take(
    worlds: Worlds, world: int, *paths: Path, zone: str = "UTC"
) -> Sequence[ImportedFile]:
    return await worlds.hosting.import_logs(world, paths, zone, COMMAND_LINE)


def imported(worlds: Worlds, world: int) -> list[LogLine]:
    """Return all stored lines of a world by time and id."""
    lines = [one for one in worlds.store._history.lines.values() if one.world == world]
    return sorted(lines, key=lambda one: (one.at or 0, one.id))


def write(folder: Path, name: str, lines: Sequence[str], written: datetime | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    if written is not None:
        os.utime(path, (written.timestamp(), written.timestamp()))
    return path


def numbers(done: Sequence[ImportedFile]) -> list[tuple[int, int, int]]:
    return [(one.counts.new, one.counts.known, one.counts.left_out) for one in done]


@pytest.mark.parametrize("name", ["2024-03-05-1.log", "2024-03-05-1.log.gz"])
async def test_lines_have_the_day_of_the_name(
    worlds: Worlds, world: int, tmp_path: Path, name: str
) -> None:
    path = write(tmp_path / "old", name, SESSION)
    (done,) = await take(worlds, world, path)
    assert (done.name, done.damaged) == (str(path), False)
    assert (done.counts.lines, done.counts.new) == (6, 6)
    lines = imported(worlds, world)
    assert [one.line for one in lines] == list(SESSION)
    assert lines[0].at == datetime(2024, 3, 5, 10, tzinfo=UTC).timestamp()
    (visit,) = await worlds.core.history.visits(VisitQuery(world), 9)
    assert visit.visit.username == "Ada"
    assert visit.visit.login.at == datetime(2024, 3, 5, 10, 0, 5, tzinfo=UTC).timestamp()
    assert visit.visit.logout is not None
    assert visit.visit.logout.at == datetime(2024, 3, 5, 10, 30, tzinfo=UTC).timestamp()
    assert worlds.run(world).world.status == "unknown"
    entry = worlds.audit()[-1]
    assert (entry.action, entry.subject) == (AuditAction.LOG_IMPORTED, "Mill")
    assert name in entry.detail


async def test_importing_again_adds_nothing(worlds: Worlds, world: int, tmp_path: Path) -> None:
    path = write(
        tmp_path / "old", "2024-03-05-1.log", ["Unpacking libraries", *SESSION, "\tat a.b"]
    )
    assert numbers(await take(worlds, world, path)) == [(8, 0, 0)]
    assert numbers(await take(worlds, world, path)) == [(0, 8, 0)]
    packed = write(
        tmp_path / "copy", "2024-03-05-1.log.gz", ["Unpacking libraries", *SESSION, "\tat a.b"]
    )
    assert numbers(await take(worlds, world, packed)) == [(0, 8, 0)]
    assert len(imported(worlds, world)) == 8


async def test_overlapping_files_add_each_line_once(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    first = write(tmp_path / "a", "2024-03-05-1.log", SESSION[:4])
    second = write(tmp_path / "b", "2024-03-05-1.log", SESSION[2:])
    done = await take(worlds, world, first, second)
    assert numbers(done) == [(4, 0, 0), (2, 2, 0)]
    assert [one.line for one in imported(worlds, world)] == list(SESSION)


async def test_equal_lines_of_a_second_are_kept_as_often_as_one_file_has_them(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    hi = SESSION[2]
    await take(worlds, world, write(tmp_path / "a", "2024-03-05-1.log", [hi] * 2))
    done = await take(worlds, world, write(tmp_path / "b", "2024-03-05-1.log", [hi] * 5))
    assert numbers(done) == [(3, 2, 0)]
    assert numbers(await take(worlds, world, tmp_path / "a")) == [(0, 2, 0)]
    assert len(imported(worlds, world)) == 5


async def test_equal_lines_are_counted_over_the_ends_of_batches(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    count = 3 * log_files.BATCH_LINES + 7
    path = write(tmp_path, "2024-03-05-1.log", [SESSION[2]] * count)
    assert numbers(await take(worlds, world, path)) == [(count, 0, 0)]
    assert numbers(await take(worlds, world, path)) == [(0, count, 0)]


async def test_lines_without_a_header_follow_theirs(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    trace = [
        "[10:00:00] [Server thread/ERROR]: Encountered an unexpected exception",
        "java.lang.NullPointerException: x",
        "\tat net.minecraft.Fake.tick",
        "\tat net.minecraft.Fake.tick",
    ]
    first = write(tmp_path / "a", "2024-03-05-1.log", trace)
    assert numbers(await take(worlds, world, first)) == [(4, 0, 0)]
    later = [line.replace("10:00:00", "11:00:00") for line in trace]
    second = write(tmp_path / "b", "2024-03-05-1.log", [*trace, *later])
    assert numbers(await take(worlds, world, second)) == [(4, 4, 0)]
    chats = ["[12:00:00] [Server thread/INFO]: <Ada> one", "two"]
    await take(worlds, world, write(tmp_path / "c", "2024-03-05-2.log", chats))
    (chat,) = [one for one in imported(worlds, world) if "chat" in one.tags]
    assert chat.chat == "one\ntwo"


async def test_what_the_console_has_brought_is_not_added(worlds: Worlds, tmp_path: Path) -> None:
    world = await worlds.add("--then", "join Ada", "--then", "chat Ada hi", "--then", "chat Ada hi")
    await worlds.play(world)
    await worlds.wait_for_text(world, "<Ada> hi", 2)
    await worlds.configure(stop_warning=0)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    stored = imported(worlds, world)
    zone = worlds.hosting._importer.zone
    # As the game writes its own log.
    write(worlds.files(world).server / "logs", "latest.log", worlds.texts(world))
    done = await take(worlds, world, zone=zone)
    assert done and all(one.counts.new == 0 for one in done), done
    assert sum(one.counts.known for one in done) > 5
    assert imported(worlds, world) == stored
    # The same in the shape that Paper writes to its console.
    file = worlds.files(world).server / "logs" / "latest.log"
    paper = file.read_text().replace("] [Server thread/INFO]: ", " INFO]: ")
    assert "INFO]: [Not Secure] <Ada> hi" in paper
    other = tmp_path / "paper" / "latest.log"
    other.parent.mkdir()
    other.write_text(paper)
    os.utime(other, (file.stat().st_mtime,) * 2)
    assert [one.counts.new for one in await take(worlds, world, other, zone=zone)] == [0]


async def test_what_the_console_will_bring_is_left_to_it(worlds: Worlds) -> None:
    world = await worlds.add("--then", "join Ada")
    await worlds.play(world)
    await worlds.wait_for_text(world, "Ada joined")
    logs = worlds.files(world).server / "logs"
    now = datetime.now(ZoneInfo(worlds.hosting._importer.zone))
    write(logs, f"{now.date()}-9.log", [f"[{now:%H:%M:%S}] [Server thread/INFO]: <Bob> not yet"])
    done = await take(worlds, world, zone="")
    assert sum(one.counts.left_out for one in done) > 0
    assert not any("not yet" in one.line for one in imported(worlds, world))


async def test_own_polls_and_their_answers_are_left_out(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    header = "[10:00:00] [Server thread/INFO]: "
    polls = [
        f"{header}There are 0 of a max of 20 players online: ",
        f"{header}System chat: The game is running normally",
        f"{header}System chat: Target tick rate: 20.0 per second.",
        "Average time per tick: 4.0ms (Target: 50.0ms)",
        f"{header}Percentiles: P50: 3.6ms P95: 8.3ms P99: 16.0ms. Sample: 100",
        f"{header}<Ada> hi",
    ]
    day = datetime.fromtimestamp(worlds.core.now + 2 * 86400, UTC).date()
    done = await take(worlds, world, write(tmp_path, f"{day}-1.log", polls))
    assert numbers(done) == [(1, 0, 5)]
    # Before it was hosted here, nobody but people asked.
    done = await take(worlds, world, write(tmp_path, "2020-01-01-1.log", polls))
    assert numbers(done) == [(6, 0, 0)]


async def test_zone_is_that_of_the_lines(worlds: Worlds, world: int, tmp_path: Path) -> None:
    path = write(tmp_path, "2024-07-05-1.log", SESSION)
    await take(worlds, world, path, zone="Europe/Berlin")
    assert imported(worlds, world)[0].at == datetime(2024, 7, 5, 8, tzinfo=UTC).timestamp()
    # The lines are the same ones, wherever they were written.
    assert numbers(await take(worlds, world, path, zone="America/Chicago")) == [(0, 6, 0)]


async def test_file_without_a_day_was_written_with_its_last_line(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    header = "[Server thread/INFO]: "
    lines = [f"[22:00:00] {header}one", f"[23:59:59] {header}two", f"[00:00:01] {header}three"]
    written = datetime(2024, 3, 6, 0, 0, 1, tzinfo=UTC)
    await take(worlds, world, write(tmp_path, "latest.log", lines, written))
    assert [one.at for one in imported(worlds, world)] == [
        datetime(2024, 3, 5, 22, 0, tzinfo=UTC).timestamp(),
        datetime(2024, 3, 5, 23, 59, 59, tzinfo=UTC).timestamp(),
        datetime(2024, 3, 6, 0, 0, 1, tzinfo=UTC).timestamp(),
    ]


async def test_hour_that_comes_twice_is_dated_in_order(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    header = "[Server thread/INFO]: "
    lines = [
        f"[{time}] {header}{time}"
        for time in ("01:50:00", "02:30:00", "02:59:00", "02:01:00", "03:10:00")
    ]
    await take(worlds, world, write(tmp_path, "2024-10-27-1.log", lines), zone="Europe/Berlin")
    times = [
        datetime.fromtimestamp(one.at or 0, UTC).strftime("%H:%M")
        for one in imported(worlds, world)
    ]
    assert times == ["23:50", "00:30", "00:59", "01:01", "02:10"]


async def test_files_are_taken_in_order_whatever_the_order_of_the_arguments(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    header = "[10:00:00] [Server thread/INFO]: "
    for name in ("2024-03-05-10.log.gz", "2024-03-05-9.log.gz", "2024-03-06-1.log", "notes.txt"):
        write(tmp_path / "logs", name, [f"{header}{name}"])
    latest = write(
        tmp_path / "logs", "latest.log", [f"{header}latest"], datetime(2024, 3, 7, 10, tzinfo=UTC)
    )
    done = await take(worlds, world, latest, tmp_path / "logs")
    assert [Path(one.name).name for one in done] == [
        "2024-03-05-9.log.gz", "2024-03-05-10.log.gz", "2024-03-06-1.log", "latest.log",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<Ada> grüße ☃".encode(), "<Ada> grüße ☃"),
        ("<Ada> grüße".encode("windows-1252"), "<Ada> grüße"),
    ],
)
async def test_encodings_are_recognised(
    worlds: Worlds, world: int, tmp_path: Path, raw: bytes, text: str
) -> None:
    header = "[10:00:00] [Server thread/INFO]: "
    (tmp_path / "2024-03-05-1.log").write_bytes(header.encode() + raw + b"\r\n")
    (tmp_path / "2024-03-05-2.log").write_bytes(f"{header}{text} again\r\n".encode("utf-16"))
    done = await take(worlds, world, tmp_path / "2024-03-05-1.log", tmp_path / "2024-03-05-2.log")
    assert numbers(done) == [(1, 0, 0), (1, 0, 0)]
    assert {one.line for one in imported(worlds, world)} == {
        f"{header}{text}",
        f"{header}{text} again",
    }


async def test_damaged_file_is_read_as_far_as_possible(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    lines = [
        f"[10:{number // 60:02}:{number % 60:02}] [Server thread/INFO]: {os.urandom(20).hex()}"
        for number in range(3000)
    ]
    path = write(tmp_path, "2024-03-05-1.log.gz", lines)
    path.write_bytes(path.read_bytes()[:-2000])
    (done,) = await take(worlds, world, path)
    assert done.damaged and 0 < done.counts.new < 3000
    assert numbers(await take(worlds, world, path)) == [(0, done.counts.new, 0)]


async def test_unreadable_file_is_refused_by_its_name(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    with pytest.raises(OperatorError, match=r"missing\.log cannot be read: No such file"):
        await take(worlds, world, tmp_path / "missing.log")
    os.mkfifo(tmp_path / "pipe.log")
    with pytest.raises(OperatorError, match=r"pipe\.log cannot be read: it is not a file"):
        await take(worlds, world, tmp_path / "pipe.log")


async def test_own_logs_follow_no_links(worlds: Worlds, world: int, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret", "2024-03-05-1.log", SESSION)
    server = worlds.files(world).server
    (server / "logs").mkdir(parents=True)
    (server / "logs" / "2024-03-05-1.log").symlink_to(secret)
    os.mkfifo(server / "logs" / "2024-03-06-1.log")
    assert await take(worlds, world) == []
    (server / "logs" / "2024-03-05-1.log").unlink()
    os.unlink(server / "logs" / "2024-03-06-1.log")
    (server / "logs").rmdir()
    (server / "logs").symlink_to(secret.parent)
    assert await take(worlds, world) == []
    assert imported(worlds, world) == []


async def test_own_logs_are_those_of_the_folder(worlds: Worlds, world: int) -> None:
    server = worlds.files(world).server
    write(server / "logs", "2024-03-05-1.log.gz", SESSION)
    write(server, "server.log", ["2013-04-19 10:32:55 [INFO] <Ada> old"])
    write(server, "other.txt", SESSION)
    done = await take(worlds, world)
    assert [Path(one.name).name for one in done] == ["2024-03-05-1.log.gz", "server.log"]
    assert numbers(done) == [(6, 0, 0), (1, 0, 0)]


async def test_world_of_an_agent_has_no_import(worlds: Worlds, tmp_path: Path) -> None:
    elsewhere = await worlds.core.execute(create_world, name="Elsewhere")
    with pytest.raises(DomainError) as refused:
        await take(worlds, elsewhere.id, tmp_path)
    assert refused.value.code is ErrorCode.WORLD_NOT_FOUND


async def test_import_ends_with_the_server(worlds: Worlds, world: int, tmp_path: Path) -> None:
    path = write(tmp_path, "2024-03-05-1.log", SESSION)
    worlds.hosting._context.ending = True
    with pytest.raises(DomainError) as refused:
        await take(worlds, world, path)
    assert refused.value.code is ErrorCode.ORDER_REFUSED
    assert imported(worlds, world) == []


async def test_two_imports_at_once_add_each_line_once(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        "2024-03-05-1.log",
        [
            f"[10:{number // 60 % 60:02}:{number % 60:02}] [Server thread/INFO]: {number}"
            for number in range(2000)
        ],
    )
    done = await asyncio.gather(*(take(worlds, world, path) for _ in range(3)))
    assert sorted(numbers(one)[0][0] for one in done) == [0, 0, 2000]
    assert len(imported(worlds, world)) == 2000


async def test_lines_without_a_header_stay_with_theirs_over_the_ends_of_batches(
    worlds: Worlds, world: int, tmp_path: Path
) -> None:
    lines = ["[10:00:00] [Server thread/INFO]: first"]
    lines += [
        f"[10:00:01] [Server thread/INFO]: {number}" for number in range(log_files.BATCH_LINES - 2)
    ]
    lines += ["[10:00:02] [Server thread/INFO]: <Ada> one", "two", "three"]
    lines += [f"\tat {number}" for number in range(2 * log_files.MAX_BATCH_LINES)]
    path = write(tmp_path, "2024-03-05-1.log", lines)
    assert numbers(await take(worlds, world, path)) == [(len(lines), 0, 0)]
    (chat,) = [one for one in imported(worlds, world) if "chat" in one.tags]
    assert chat.chat == "one\ntwo\nthree"
    assert numbers(await take(worlds, world, path)) == [(0, len(lines), 0)]
