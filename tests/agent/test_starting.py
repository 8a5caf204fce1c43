"""Start of the agent: pairing code, credentials, flags, time zone and error messages."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.machine import AGENT, load_agent, read_lines
from tests.processes import environment, wait_until

agent_module = load_agent()

#: Flags of the original program.
ORIGINAL = (
    "-v",
    "--verbose",
    "--agent_logfile",
    "--coal_host",
    "--agent_client_id",
    "--agent_secret",
    "--mc_logfile",
    "--mc_levelfile",
    "--mc_pidfile",
    "--mc_commandfifo",
    "--parse_mc_history",
    "--parse_all",
    "--skip_chat_history",
    "--mc_timezone",
    "--address",
)


def test_pairing_code_is_needed_once(machine, coal):
    agent = machine.bare_agent()
    assert agent.run_once("--url", coal.url, "--pair", "CODE-1") == 0, agent.output
    credentials = machine.home / "mc_coal_agent.credentials"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert json.loads(credentials.read_text())["client_id"] == "mc-coal-agent-1"
    assert agent.run_once() == 0, agent.output
    # A service is started with the same flags each time.
    assert agent.run_once("--url", coal.url, "--pair", "CODE-1") == 0, agent.output
    assert len(coal.pings) == 3


def test_new_pairing_code_replaces_the_credentials(machine, coal):
    agent = machine.bare_agent("--url", coal.url)
    assert agent.run_once("--pair", "CODE-1") == 0
    coal.code = "CODE-2"
    assert agent.run_once("--pair", "CODE-2") == 0
    assert coal.code == ""


@pytest.mark.parametrize("code", ["WRONG", ""])
def test_invalid_pairing_code_is_reported(machine, coal, code):
    agent = machine.bare_agent("--url", coal.url, "--pair", code)
    assert agent.run_once() == 2
    assert "pair" in agent.output and "Traceback" not in agent.output
    assert not (machine.home / "mc_coal_agent.credentials").exists()


def test_wrong_secret_is_reported(machine, coal):
    agent = machine.bare_agent("--url", coal.url, "--agent_client_id", "mc-coal-agent-1")
    assert agent.run_once("--agent_secret", "wrong") == 1
    assert "does not know this client id and secret" in agent.output


@pytest.mark.parametrize(
    "url", ["coal.example.org", "ftp://coal.example.org", "http://a:b@c", "http://"]
)
def test_invalid_url_is_reported(machine, url):
    agent = machine.agent(url)
    assert agent.run_once() == 2
    assert "not the address of a server" in agent.output


def test_missing_url_is_reported(machine):
    agent = machine.bare_agent("--agent_client_id", "x", "--agent_secret", "y")
    assert agent.run_once() == 2
    assert "--url" in agent.output


def host_of(tmp_path: Path, *flags: str) -> str:
    options = agent_module.build_parser().parse_args(flags)
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        return str(agent_module.make_server(options, None).url)
    finally:
        os.chdir(before)


def test_url_uses_https_except_for_localhost(tmp_path):
    assert host_of(tmp_path, "--coal_host", "coal.example.org") == "https://coal.example.org"
    assert host_of(tmp_path, "--coal_host", "localhost:8080") == "http://localhost:8080"
    assert host_of(tmp_path, "--url", "https://a.example/coal/") == "https://a.example/coal"
    (tmp_path / "app.yaml").write_text("# ours\napplication: my-coal\nversion: 1\n")
    assert host_of(tmp_path) == "https://my-coal.appspot.com"


def test_all_flags_of_the_original_are_accepted():
    flags = {
        name for action in agent_module.build_parser()._actions for name in action.option_strings
    }
    assert set(ORIGINAL) <= flags


def test_agent_log_names_the_monitored_file(machine, coal):
    machine.log.write("x")
    agent = machine.agent(coal.url)
    assert agent.run_once() == 0
    message = f"main     INFO    Monitoring '../logs/latest.log' and reporting to '127.0.0.1:{coal.port}'."
    assert message in (machine.home / "agent.log").read_text()
    (machine.folder / "log4j2.xml").write_text("")
    assert agent.run_once("--agent_logfile", "") == 0
    assert "Monitoring '../server.log'" in agent.output


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_each_message_is_once_in_a_log_that_is_also_the_output(machine, coal, mode):
    machine.log.write("x")
    agent, path = machine.agent(coal.url), machine.home / "agent.log"
    with path.open(mode) as out:
        out.write(b"Downloaded.\n")
        out.flush()
        # Not in development mode, which writes warnings of its own.
        line = [sys.executable, str(AGENT), *agent.flags, "--once"]
        done = subprocess.run(line, cwd=machine.home, stdout=out, stderr=out, timeout=60)
        out.write(b"Ended.\n")
    text = path.read_text()
    assert done.returncode == 0 and text.count("Monitoring") == 1
    lines = text.splitlines()
    assert (lines[0], lines[-1]) == ("Downloaded.", "Ended.")
    assert all(" : " in line for line in lines[1:-1]) and "Sent a ping" in text


def test_credentials_of_another_world_start_a_new_source(machine, coal):
    agent = machine.agent(coal.url)
    machine.log.write_bytes(b"")
    assert agent.run_once() == 0
    machine.log.write("2026-09-25 12:00:00 [INFO] one")
    assert agent.run_once() == 0
    machine.log.write("2026-09-25 12:00:00 [INFO] two")
    assert agent.run_once("--agent_client_id", "mc-coal-agent-2") == 0
    assert len({source for source, _ in coal.stored}) == 2
    assert [line["line"] for line in coal.stored.values()] == machine.log.lines


def test_agent_runs_with_python_3_9(machine, coal):
    found = sorted(Path.home().glob(".pyenv/versions/3.9*/bin/python"))
    python = shutil.which("python3.9") if not found else str(found[0])
    works = (
        python
        and subprocess.run([python, "-c", "import sqlite3, ssl"], check=False).returncode == 0
    )
    if not works:
        pytest.skip("there is no Python 3.9 here")
    machine.log.write("2026-09-25 12:00:00 [INFO] one")
    flags = machine.agent(coal.url, "--once", "--parse_mc_history").flags
    line = [str(python), str(AGENT), *flags]
    result = subprocess.run(
        line, cwd=machine.home, env=environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert coal.lines == machine.log.lines


def zone(tmp_path: Path) -> str:
    return str(agent_module.local_zone(tmp_path))


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("TZ", raising=False)
    for name in ("Europe/Berlin", "Asia/Tokyo"):
        path = tmp_path / "usr/share/zoneinfo" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"TZif" + name.encode())
    (tmp_path / "etc").mkdir()
    return tmp_path


def test_time_zone_is_read_from_the_system(root, monkeypatch):
    assert zone(root) == "UTC"
    shutil.copy(root / "usr/share/zoneinfo/Asia/Tokyo", root / "etc/localtime")
    assert zone(root) == "Asia/Tokyo"
    (root / "etc/localtime").unlink()
    (root / "etc/localtime").symlink_to(root / "usr/share/zoneinfo/Europe/Berlin")
    assert zone(root) == "Europe/Berlin"
    (root / "etc/timezone").write_text("America/New_York\n")
    assert zone(root) == "America/New_York"
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert zone(root) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "/etc/localtime")
    assert zone(root) == "America/New_York"


def test_timezones_script_prints_the_zone():
    line = [sys.executable, str(AGENT.with_name("timezones.py"))]
    env = environment(TZ="Europe/Berlin")
    result = subprocess.run(line, env=env, capture_output=True, text=True, check=True)
    assert result.stdout == "Europe/Berlin\n"


def test_redirect_is_not_followed(machine):
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    paths = []

    class RedirectHandler(BaseHTTPRequestHandler):
        def do_POST(self):
            paths.append(self.path)
            self.send_response(301)
            self.send_header("Location", "https://elsewhere.example/")
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), RedirectHandler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        agent = machine.agent(f"http://127.0.0.1:{server.server_port}")
        assert agent.run_once() == 1
        server.shutdown()
        thread.join()
    assert "redirects to https://elsewhere.example/" in agent.output
    assert paths == ["/oauth/v1/token"]


def test_agent_waits_for_an_unreachable_server(machine, coal):
    coal.stop()
    agent = machine.agent(coal.url)
    agent.start()
    wait_until(lambda: "cannot be reached" in agent.output)
    coal.start()
    wait_until(lambda: coal.pings)


def test_agent_in_the_server_folder_finds_its_files(machine, coal):
    (machine.folder / "server.properties").write_text("level-name=world\n")
    machine.log.write("2026-09-25 12:00:00 [INFO] one")
    machine.start_process()
    coal.commands = ["list"]
    pipe = machine.open_pipe()
    agent = machine.agent(coal.url, "--parse_mc_history")
    agent.folder = machine.folder
    assert agent.run_once() == 0, agent.output
    assert coal.lines == machine.log.lines
    assert coal.pings[-1]["is_server_running"] == "true"
    assert next(read_lines(pipe)) == "list"
    os.close(pipe)
