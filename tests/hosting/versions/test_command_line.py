"""Command lines of jars and of commands."""

from pathlib import Path

import pytest

from coalserver.hosting.versions.command_line import (
    JarProgram,
    check_program,
    jar_command,
    program_command,
    split_command,
)
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.web.pages.pages import assets

LOG_SETTINGS = Path("/static/mc")
NO_LOOKUPS = "-Dlog4j2.formatMsgNoLookups=true"


def command(minecraft="1.21.1", memory="2G", vanilla=True):
    program = JarProgram(Path("/java"), Path("/versions/abc.jar"), minecraft, vanilla)
    return jar_command(program, memory, LOG_SETTINGS)


def test_jar_runs_with_its_memory_and_in_utf_8():
    assert command() == (
        "/java",
        "-Xmx2G",
        "-Xms512M",
        "-XX:+ExitOnOutOfMemoryError",
        "-Dfile.encoding=UTF-8",
        "-Dstdout.encoding=UTF-8",
        "-Dstderr.encoding=UTF-8",
        "-jar",
        "/versions/abc.jar",
        "nogui",
    )


@pytest.mark.parametrize(
    ("memory", "start"), [("256M", "256M"), ("512M", "512M"), ("1G", "512M"), ("8G", "512M")]
)
def test_heap_starts_with_512_mib_at_most(memory, start):
    assert command(memory=memory)[1:3] == (f"-Xmx{memory}", f"-Xms{start}")


@pytest.mark.parametrize(
    ("minecraft", "vanilla", "other"),
    [
        ("1.2.5", None, None),
        ("1.6.4", None, None),
        ("13w25a", None, None),
        # The first snapshots with log4j were those of 1.7.
        ("13w39a", "log4j2-1.7.xml", NO_LOOKUPS),
        ("1.7", "log4j2-1.7.xml", NO_LOOKUPS),
        ("1.7.2", "log4j2-1.7.xml", NO_LOOKUPS),
        ("1.7.10", "log4j2-1.7.xml", NO_LOOKUPS),
        ("1.8.9", "log4j2-1.7.xml", NO_LOOKUPS),
        ("1.11.2", "log4j2-1.7.xml", NO_LOOKUPS),
        ("1.12-pre1", "log4j2.xml", NO_LOOKUPS),
        ("1.12", "log4j2.xml", NO_LOOKUPS),
        ("1.12.2", "log4j2.xml", NO_LOOKUPS),
        ("1.16", "log4j2.xml", NO_LOOKUPS),
        ("1.16.5", "log4j2.xml", NO_LOOKUPS),
        ("20w51a", NO_LOOKUPS, NO_LOOKUPS),
        ("1.17", NO_LOOKUPS, NO_LOOKUPS),
        ("1.17.1", NO_LOOKUPS, NO_LOOKUPS),
        ("1.18", NO_LOOKUPS, NO_LOOKUPS),
        ("1.18.2", NO_LOOKUPS, NO_LOOKUPS),
        ("1.19", None, None),
        ("26.1", None, None),
        ("", NO_LOOKUPS, NO_LOOKUPS),
        ("My program", NO_LOOKUPS, NO_LOOKUPS),
    ],
)
def test_old_versions_are_protected_against_log4shell(minecraft, vanilla, other):
    for is_vanilla, expected in ((True, vanilla), (False, other)):
        options = [one for one in command(minecraft, vanilla=is_vanilla) if "log4j" in one]
        if expected and expected.endswith(".xml"):
            expected = f"-Dlog4j.configurationFile=/static/mc/{expected}"
        assert options == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("folder", "location"),
    [
        ("/opt/coal_1.0-x/static/mc", "/opt/coal_1.0-x/static/mc/log4j2.xml"),
        ("/opt/my server", "file:///opt/my%20server/log4j2.xml"),
        ("/opt/50%+#?", "file:///opt/50%25%2B%23%3F/log4j2.xml"),
        ("/opt/Ä", "file:///opt/%C3%84/log4j2.xml"),
    ],
)
def test_log_settings_are_found_in_every_folder(folder, location):
    program = JarProgram(Path("/java"), Path("/versions/abc.jar"), "1.16.5", True)
    assert f"-Dlog4j.configurationFile={location}" in jar_command(program, "2G", Path(folder))


@pytest.mark.parametrize("name", ["log4j2.xml", "log4j2-1.7.xml"])
def test_log_settings_exist(name):
    assert (assets("static") / "mc" / name).is_file()


def test_command_is_split_as_a_shell_would_split_it():
    words = split_command("run 'a b' \"c $HOME\" d\\ e ; rm -rf *")
    assert words == ("run", "a b", "c $HOME", "d e", ";", "rm", "-rf", "*")


def test_values_replace_placeholders_within_one_word():
    words = program_command(
        "run --port={port} {memory} {folder}/x {name} {other} {}",
        port=25565,
        memory="2G",
        folder=Path("/worlds/1"),
        name="My 'world' {port}; rm",
    )
    assert words == (
        "run",
        "--port=25565",
        "2048",
        "/worlds/1/x",
        "My 'world' {port}; rm",
        "{other}",
        "{}",
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("--eval=x", ("eval=x", "--name=eval=x")),
        (" -rf /", ("rf /", "--name=rf /")),
        ("---", ("world", "--name=world")),
        ("a -b \"c' $(d)", ("a -b \"c' $(d)", "--name=a -b \"c' $(d)")),
        ("", ("world", "--name=world")),
    ],
)
def test_name_is_never_an_option_of_the_program(name, words):
    command = "run {name} --name={name}"
    found = program_command(command, port=1, memory="1G", folder=Path("/x"), name=name)
    assert found == ("run", *words)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("run 'a", "the command cannot be split: no closing quotation"),
        ("run \\", "the command cannot be split: no escaped character"),
        ("", "the command is empty"),
        ("  ", "the command is empty"),
        ("'' a", "the command is empty"),
        ("run a\0b", "the command has a NUL character"),
    ],
)
def test_command_that_cannot_be_run_is_refused(text, reason):
    with pytest.raises(VersionError) as caught:
        split_command(text)
    assert (caught.value.code, caught.value.reason) == (VersionErrorCode.BAD_COMMAND, reason)


def test_program_of_a_command_has_to_exist(tmp_path):
    program = tmp_path / "program"
    program.touch(mode=0o700)
    check_program("program --x", path=str(tmp_path))
    check_program(f"{program}", path="")
    check_program("./start.sh", path="")
    for missing in ("no-such-program", f"{tmp_path}/other", str(tmp_path)):
        with pytest.raises(VersionError, match="there is no program"):
            check_program(missing, path=str(tmp_path))
