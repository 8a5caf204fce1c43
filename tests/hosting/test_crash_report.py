"""Crash reports and last lines of hosted worlds (hosting.md, 6)."""

import os
import time
from pathlib import Path

import pytest

from coalserver.domain.minecraft.hosting.crash import failed_at, reports_since
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld
from coalserver.hosting.crash_report import MAX_BYTES, find_reports
from coalserver.hosting.segments import ConsoleReader
from tests.hosting.worlds import Worlds

NOW = 1_800_000_000.0


def write(server: Path, name: str, text: str = "report", at: float = NOW) -> Path:
    path = server / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def names(server: Path, since: float = NOW - 600, until: float = NOW) -> list[str]:
    return [report.name for report in find_reports(server, since, until)]


def test_newest_report_of_each_kind_is_found(tmp_path: Path) -> None:
    write(tmp_path, "crash-reports/crash-1-server.txt", at=NOW - 20)
    write(tmp_path, "crash-reports/crash-2-server.txt", at=NOW - 10)
    write(tmp_path, "crash-reports/notes.log")
    write(tmp_path, "hs_err_pid12.log", at=NOW + 30)
    write(tmp_path, "hs_err_pidx.log")
    assert names(tmp_path) == ["crash-reports/crash-2-server.txt", "hs_err_pid12.log"]


def test_report_of_another_run_is_not_shown(tmp_path: Path) -> None:
    write(tmp_path, "crash-reports/crash-1-server.txt", at=NOW - 601)
    write(tmp_path, "crash-reports/crash-3-server.txt", at=NOW + 61)
    assert names(tmp_path) == []
    hosted = HostedWorld(1, crashes=(NOW - 100, NOW))
    assert (failed_at(hosted), reports_since(hosted, NOW)) == (NOW, NOW - 100)
    assert names(tmp_path / "nothing") == []


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    secret = write(tmp_path, "secret.key")
    server = tmp_path / "server"
    write(server, "crash-reports/old.txt", "old", at=NOW - 50)
    (server / "crash-reports/link.txt").symlink_to(secret)
    os.mkfifo(server / "crash-reports/pipe.txt")
    (server / "crash-reports/folder.txt").mkdir()
    (server / "hs_err_pid1.log").symlink_to(secret)
    assert names(server) == ["crash-reports/old.txt"]
    other = tmp_path / "other"
    other.mkdir()
    (other / "crash-reports").symlink_to(server / "crash-reports")
    assert names(other) == []


def test_long_report_is_cut_and_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    path = write(tmp_path, "crash-reports/crash.txt")
    path.write_bytes(b"\xff" + b"x" * MAX_BYTES)
    os.utime(path, (NOW, NOW))
    (report,) = find_reports(tmp_path, NOW - 600, NOW)
    assert report.is_cut and report.text == "\ufffd" + "x" * (MAX_BYTES - 1)


@pytest.mark.parametrize("action", ["crash", "abort"])
async def test_crash_has_its_report_and_its_last_lines(worlds: Worlds, action: str) -> None:
    world = await worlds.add("--then", "chat Ada the last words")
    await worlds.play(world)
    assert await worlds.hosting.crash(world) is None
    await worlds.write(world, f"fake {action}")
    await worlds.until(lambda: worlds.hosted(world).crashes)
    await worlds.wait_for(world, "running")
    crash = await worlds.hosting.crash(world)
    assert crash is not None and crash.at == worlds.hosted(world).crashes[-1]
    (report,) = crash.files
    assert ("hs_err" in report.name) == (action == "abort")
    assert report.text.startswith("#" if action == "abort" else "---- Minecraft Crash Report")
    texts = [line.text for line in crash.lines]
    assert 0 < len(texts) <= 20 and any("the last words" in text for text in texts)
    # The lines are those before the crash, not those of the start after it.
    assert all(line.at <= crash.at for line in crash.lines)
    assert ("saved" in texts[-1]) or report.name in texts[-1]
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    await worlds.play(world)
    assert await worlds.hosting.crash(world) is None


async def test_failed_start_has_its_last_lines(worlds: Worlds) -> None:
    world = await worlds.add("--crash-before-ready")
    await worlds.order(world, "play")
    await worlds.wait_for(world, "stopped")
    crash = await worlds.hosting.crash(world)
    assert crash is not None and crash.lines


async def test_last_lines_before_a_time_are_in_order(worlds: Worlds) -> None:
    world = await worlds.add("--then", "flood 100 10")
    await worlds.play(world)
    await worlds.wait_for_text(world, "Done (")
    reader = ConsoleReader(worlds.files(world).run)
    lines = reader.read(0, 1000)
    assert reader.before(time.time(), 5) == lines[-5:]
    assert reader.before(lines[0].at - 1, 5) == []
