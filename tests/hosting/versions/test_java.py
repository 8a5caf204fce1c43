"""Finding Java, its version, and the choice of one."""

import asyncio
import os
from pathlib import Path

import pytest

from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.java import (
    Java,
    JavaFinder,
    JavaPlaces,
    ask_version,
    choose_java,
    describe,
    parse_version,
    require_java,
)
from tests.processes import TIMEOUT_SECONDS


def make_program(path, answer='openjdk version "17.0.15" 2025-04-15', script=""):
    """Make a program that answers as Java does, and notes each of its runs in a file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\necho run >>'{path}.runs'\necho '{answer}' >&2\n")
    path.chmod(0o700)
    return path


def runs(path):
    notes = Path(f"{path}.runs")
    return notes.read_text().count("run") if notes.exists() else 0


def answer(version):
    return f'openjdk version "{version}"'


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('java version "1.7.0_80"\nJava(TM) SE Runtime Environment', 7),
        ('java version "1.8.0_202"', 8),
        ('openjdk version "1.8.0_312"', 8),
        ('openjdk version "9-ea"', 9),
        ('openjdk version "11.0.21" 2023-10-17', 11),
        ('openjdk version "17" 2021-09-14', 17),
        ('openjdk version "25.0.3" 2026-04-21 LTS', 25),
        ('openjdk version "26-ea" 2027-03-16', 26),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1G\nopenjdk version "21.0.1"', 21),
        ("gcj 4.0", None),
        ("", None),
    ],
)
def test_version_is_read_from_the_answer(text, version):
    assert parse_version(text.encode()) == version


@pytest.mark.parametrize(
    ("there", "needed", "chosen"),
    [
        ((8, 11, 17, 21, 25), 17, 17),
        ((8, 21, 25), 17, 21),
        ((25, 17), 16, 17),
        ((8, 17), 21, None),
        ((8, 11, 17), 8, 8),
        ((11, 17), 8, 11),
        ((17, 21), 8, 17),
        ((21, 25), 8, None),
        ((9, 10), 8, None),
        ((8, 17), 6, 8),
        ((8, 11), 9, 11),
        ((17, 25, 21), 0, 25),
        ((), 0, None),
        ((), 8, None),
    ],
)
def test_smallest_sufficient_java_is_chosen(there, needed, chosen):
    javas = [Java(Path(f"/java{version}"), version) for version in there]
    java = choose_java(javas, needed)
    assert (java.version if java else None) == chosen


def test_first_of_two_equal_javas_is_chosen():
    javas = [Java(Path("/a"), 17), Java(Path("/b"), 17)]
    assert choose_java(javas, 17).path == Path("/a")


def test_missing_java_is_explained():
    with pytest.raises(VersionError) as caught:
        require_java([Java(Path("/a"), 17), Java(Path("/b"), 8)], 25, "26.1")
    assert caught.value.code is VersionErrorCode.NO_JAVA
    assert caught.value.reason == "Minecraft 26.1 needs Java 25; this machine has 8, 17"
    assert describe([]) == "no Java"


async def test_java_is_found_in_every_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_program(tmp_path / "relative" / "java", answer("16"))
    make_program(tmp_path / "java", answer("15"))
    configured = make_program(tmp_path / "mine" / "bin" / "java", answer("21"))
    home = make_program(tmp_path / "home" / "bin" / "java", answer("11.0.1"))
    on_path = make_program(tmp_path / "bin" / "java", answer("1.8.0_1"))
    usual = make_program(tmp_path / "jvm" / "x" / "bin" / "java", answer("17"))
    sdk = make_program(tmp_path / "u" / ".sdkman/candidates/java/25/bin/java", answer("25"))
    places = JavaPlaces(
        configured=f"{tmp_path / 'missing'}, {configured.parent.parent}",
        java_home=str(home.parent.parent),
        path=os.pathsep.join(("/nowhere", "", "relative", str(on_path.parent))),
        usual=(tmp_path / "jvm", tmp_path / "missing"),
        home=tmp_path / "u",
    )
    assert await JavaFinder(places).find() == (
        Java(configured, 21),
        Java(home, 11),
        Java(on_path, 8),
        Java(usual, 17),
        Java(sdk, 25),
    )
    assert Java(home, 11).home == tmp_path / "home"


@pytest.mark.parametrize("name", ["bin/java", "", "../jvm"])
async def test_configured_path_may_be_a_program_or_a_folder(tmp_path, name):
    program = make_program(tmp_path / "jvm" / "bin" / "java")
    if name == "../jvm":
        program = make_program(tmp_path / "jvm" / "jdk17" / "bin" / "java")
        (tmp_path / "jvm" / "bin" / "java").unlink()
    places = JavaPlaces(configured=str(tmp_path / "jvm" / name), usual=())
    assert await JavaFinder(places).find() == (Java(program, 17),)


async def test_links_to_one_program_count_once(tmp_path):
    program = make_program(tmp_path / "jvm" / "jdk17" / "bin" / "java")
    (tmp_path / "jvm" / "default").symlink_to(program.parent.parent)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(program)
    places = JavaPlaces(path=str(tmp_path / "bin"), usual=(tmp_path / "jvm",))
    assert await JavaFinder(places).find() == (Java(program, 17),)
    assert runs(program) == 1


async def test_unchanged_program_is_asked_once(tmp_path):
    program = make_program(tmp_path / "jvm" / "jdk" / "bin" / "java")
    broken = make_program(tmp_path / "jvm" / "other" / "bin" / "java", "no version")
    finder = JavaFinder(JavaPlaces(usual=(tmp_path / "jvm",)))
    assert await finder.find() == await finder.find() == (Java(program, 17),)
    assert (runs(program), runs(broken)) == (1, 1)
    make_program(program, answer("21.0.10"))
    assert await finder.find() == (Java(program, 21),)
    program.unlink()
    assert await finder.find() == ()


async def test_files_that_are_no_programs_are_passed_over(tmp_path):
    folder = tmp_path / "jvm"
    make_program(folder / "a" / "bin" / "java").chmod(0o600)
    (folder / "b" / "bin" / "java").mkdir(parents=True)
    (folder / "c" / "bin").mkdir(parents=True)
    (folder / "c" / "bin" / "java").symlink_to("java")
    program = folder / "d" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF no program")
    program.chmod(0o700)
    assert await JavaFinder(JavaPlaces(usual=(folder,))).find() == ()


async def test_program_that_does_not_answer_is_ended(tmp_path):
    pid_file = tmp_path / "pid"
    script = f"sleep 300 & echo $! >'{pid_file}.new'; mv '{pid_file}.new' '{pid_file}'; wait"
    program = make_program(tmp_path / "java", script=script)
    assert await ask_version(program, 2) is None
    # The child is ended with its parent; it may be a zombie until init has reaped it.
    stat = Path(f"/proc/{int(pid_file.read_text())}/stat")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
            await asyncio.sleep(0.01)


async def test_flood_of_output_is_bounded(tmp_path):
    program = make_program(tmp_path / "java", script="yes >&2")
    assert await ask_version(program, 30) is None


async def test_program_gets_no_environment_of_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("COAL_SECRET", "1")
    program = make_program(tmp_path / "java", script=f"env >'{tmp_path}/env'")
    assert await ask_version(program) == 17
    assert "COAL_SECRET" not in (tmp_path / "env").read_text()
