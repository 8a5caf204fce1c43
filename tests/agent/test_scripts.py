"""The scripts that start and stop Minecraft: log4j settings, command pipe and pid file."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import xml.etree.ElementTree
import zipfile

import pytest

from tests.agent.machine import AGENT
from tests.processes import TIMEOUT_SECONDS, environment, wait_until

FOLDER = AGENT.parent
#: A fake Java: records its arguments and input and ends on `stop`.
JAVA = f"""#!{sys.executable}
import sys
with open("arguments", "w") as file:
    file.write("\\n".join(sys.argv[1:]))
with open("input", "w", buffering=1) as received:
    for line in sys.stdin:
        received.write(line)
        if line == "stop\\n":
            break
"""


@pytest.fixture
def server(tmp_path):
    """The folder of a Minecraft server with the scripts and a fake Java."""
    for name in ("mc-start.sh", "mc-stop.sh", "log4j2.xml", "log4j2-1.7.xml"):
        shutil.copy(FOLDER / name, tmp_path)
    java = tmp_path / "java"
    java.write_text(JAVA)
    java.chmod(0o755)
    write_jar(tmp_path)
    yield tmp_path
    pid = tmp_path / "server.pid"
    if pid.exists():
        os.kill(int(pid.read_text()), signal.SIGKILL)
        wait_until(lambda: not pid.exists())


def write_jar(server, **files: str) -> None:
    with zipfile.ZipFile(server / "minecraft_server.jar", "w") as file:
        file.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        for name, text in files.items():
            file.writestr(name.replace("__", "/").replace("_json", ".json"), text)


def run(server, script: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    env = environment(JAVA=str(server / "java"), **settings)
    return subprocess.run(
        ["sh", str(server / script)],
        env=env,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def start(server, **settings: str) -> list[str]:
    """Start the server and return the arguments of Java."""
    env = environment(JAVA=str(server / "java"), **settings)
    with (server / "out").open("w") as out:
        line = ["sh", str(server / "mc-start.sh")]
        status = subprocess.run(line, env=env, cwd="/", stdout=out, stderr=out, check=False)
    assert status.returncode == 0, (server / "out").read_text()
    wait_until(lambda: (server / "input").exists() and (server / "server.pid").exists())
    return (server / "arguments").read_text().split("\n")


def test_scripts_start_and_stop_the_server(server):
    arguments = start(server, MC_VERSION="1.20.1")
    assert arguments[:2] == ["-Xms1G", "-Xmx1G"] and arguments[-3:] == [
        "-jar",
        "minecraft_server.jar",
        "nogui",
    ]
    mode = (server / "command-fifo").stat().st_mode
    assert stat.S_ISFIFO(mode) and stat.S_IMODE(mode) == 0o660
    pid = int((server / "server.pid").read_text())
    with (server / "command-fifo").open("w") as pipe:
        pipe.write("say hi\n")
    result = run(server, "mc-stop.sh")
    assert result.returncode == 0, result.stdout
    assert f"PID={pid}" in result.stdout
    assert (server / "input").read_text() == "say hi\nsave-all\nstop\n"
    assert not (server / "server.pid").exists()
    assert not (server / "eula.txt").exists()


def test_pid_file_is_removed_when_the_server_ends(server):
    start(server, MC_VERSION="1.20.1")
    os.kill(int((server / "server.pid").read_text()), signal.SIGKILL)
    wait_until(lambda: not (server / "server.pid").exists())
    result = run(server, "mc-stop.sh")
    assert (result.returncode, result.stdout) == (1, "No server runs here.\n")


def test_running_server_is_not_started_again(server):
    start(server, MC_VERSION="1.20.1")
    result = run(server, "mc-start.sh", MC_VERSION="1.20.1")
    assert result.returncode == 1 and "runs already" in result.stdout


def test_stale_pid_file_does_not_prevent_a_start(server):
    (server / "server.pid").write_text("999999999\n")
    start(server, MC_VERSION="1.20.1")
    assert (server / "server.pid").read_text() != "999999999\n"


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_mode_and_name_of_the_pipe_are_configurable(server, umask):
    before = os.umask(umask)
    try:
        start(server, MC_VERSION="1.20.1", FIFO_MODE="0600", FIFO="tell")
    finally:
        os.umask(before)
    assert stat.S_IMODE((server / "tell").stat().st_mode) == 0o600


def test_file_that_is_not_a_pipe_is_kept(server):
    (server / "command-fifo").write_text("mine")
    result = run(server, "mc-start.sh", MC_VERSION="1.20.1")
    assert result.returncode == 1 and "not a named pipe" in result.stdout
    assert (server / "command-fifo").read_text() == "mine"


@pytest.mark.parametrize(
    ("version", "settings"),
    [
        ("1.6.4", ""),
        ("1.2.5", ""),
        ("1.7", "log4j2-1.7.xml"),
        ("1.7.10", "log4j2-1.7.xml"),
        ("1.8.9", "log4j2-1.7.xml"),
        ("1.10", "log4j2-1.7.xml"),
        ("1.11.2", "log4j2-1.7.xml"),
        ("1.12", "log4j2.xml"),
        ("1.16.5", "log4j2.xml"),
        ("1.17.1", "log4j2.xml"),
        ("1.18", "log4j2.xml"),
        ("1.21.11", "log4j2.xml"),
        ("26.1", "log4j2.xml"),
        # Unknown versions get the stricter settings.
        ("14w30c", "log4j2-1.7.xml"),
        ("nonsense", "log4j2-1.7.xml"),
    ],
)
def test_version_selects_safe_log4j_settings(server, version, settings):
    arguments = start(server, MC_VERSION=version)
    chosen = [
        argument.partition("=")[2]
        for argument in arguments
        if argument.startswith("-Dlog4j.configurationFile")
    ]
    assert chosen == ([settings] if settings else [])
    assert ("-Dlog4j2.formatMsgNoLookups=true" in arguments) == bool(settings)


@pytest.mark.parametrize(
    ("entries", "settings"),
    [
        ({"version_json": '{"id": "1.20.1"}'}, "log4j2.xml"),
        ({"log4j-core": "version=2.0-beta9\n"}, "log4j2-1.7.xml"),
        ({"log4j-core": "version=2.8.1\n"}, "log4j2.xml"),
        ({"log4j-core": "version=2.17.0\n"}, "log4j2.xml"),
        ({}, "log4j2-1.7.xml"),
    ],
)
@pytest.mark.parametrize("unzip", [True, False])
def test_contents_of_the_jar_select_the_settings(server, monkeypatch, entries, settings, unzip):
    pom = "META-INF__maven__org.apache.logging.log4j__log4j-core__pom.properties"
    write_jar(
        server, **{pom if name == "log4j-core" else name: text for name, text in entries.items()}
    )
    if unzip and shutil.which("unzip") is None:
        pytest.skip("there is no unzip here")
    if not unzip:
        tools = server / "tools"
        tools.mkdir()
        for name in "cat dirname basename sed grep rm mkfifo mv sh sleep".split():
            (tools / name).symlink_to(shutil.which(name))
        (tools / "python3").symlink_to(sys.executable)
        monkeypatch.setenv("PATH", str(tools))
    assert f"-Dlog4j.configurationFile={settings}" in start(server)


def test_name_of_the_jar_selects_the_settings(server):
    (server / "minecraft_server.jar").rename(server / "minecraft_server.1.8.9.jar")
    arguments = start(server, JAR="minecraft_server.1.8.9.jar")
    assert "-Dlog4j.configurationFile=log4j2-1.7.xml" in arguments


@pytest.mark.parametrize("missing", ["log4j2.xml", "minecraft_server.jar", "java"])
def test_missing_file_is_named(server, missing):
    (server / missing).unlink()
    result = run(server, "mc-start.sh", MC_VERSION="1.20.1")
    assert result.returncode == 1 and missing in result.stdout
    assert not (server / "server.pid").exists()


@pytest.mark.parametrize(("name", "guard"), [("log4j2.xml", "{nolookups}"), ("log4j2-1.7.xml", "")])
def test_log4j_settings_have_the_required_values(name, guard):
    root = xml.etree.ElementTree.parse(FOLDER / name).getroot()
    layouts = root.findall(".//PatternLayout")
    pattern = f"%d{{yyyy-MM-dd HH:mm:ss}} [%level] %msg{guard}%n"
    assert [layout.attrib for layout in layouts] == [{"charset": "UTF-8", "pattern": pattern}] * 2
    (file,) = root.findall(".//RollingRandomAccessFile")
    assert file.get("fileName") == "server.log"
    # The agent looks for rotated logs at this path.
    assert file.get("filePattern") == "logs/%d{yyyy-MM-dd}-%i.log.gz"
    filters = root.findall("./Loggers/Root/filters/RegexFilter")
    deny_lookups = {
        "regex": r"(?s).*\$\{.*",
        "useRawMsg": "false",
        "onMatch": "DENY",
        "onMismatch": "NEUTRAL",
    }
    assert [rule.attrib for rule in filters] == ([] if guard else [deny_lookups])
    assert {logger.get("level") for logger in root.findall("./Loggers/*")} == {"info"}
