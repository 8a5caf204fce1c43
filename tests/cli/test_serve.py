"""The command line and a running server: the lock, the start, the end and failures."""

import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from coalserver.cli import main, offline
from coalserver.storage.data_directory import DataDirectory
from tests.processes import TIMEOUT_SECONDS, command, environment, run_server, tags


def run_to_end(*args):
    """Run a server that is expected to end by itself and return the ended process."""
    return subprocess.run(
        command(*args),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        env=environment(),
    )


def test_running_server_answers_with_the_same_message(line, data):
    with run_server(data):
        refused = line("game", "add", "noughts", "--json")
    assert refused.status == 1
    assert refused.document == {
        "error": "There is already a game with this tag.",
        "why": "game_exists",
    }


def test_second_server_on_the_same_data_fails(line, data):
    with run_server(data) as first:
        again = run_to_end("--port", "0", "--data", str(data))
        assert (again.returncode, again.stdout) == (1, "")
        assert f"{data} is in use by process {first.process.pid}" in again.stderr
        assert tags(line) == ["noughts"]


def test_added_game_is_known_at_once_and_after_a_restart(line, data):
    with run_server(data) as server:
        line("game", "add", "chess")
        assert tags(line) == ["noughts", "chess"]
        assert server.stop() == 0
    assert tags(line) == ["noughts", "chess"]


def test_started_server_names_its_public_url(data):
    with run_server(data, "--base-url", "https://play.example/coal/") as server:
        assert server.started["open"] == "https://play.example/coal/"


def test_sign_up_address_at_the_start_is_below_the_path_of_the_public_url(data):
    flags = ("--port", "0", "--data", str(data), "--base-url", "https://play.example/coal")
    with subprocess.Popen(
        command("serve", *flags), stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.terminate()
    assert "Open https://play.example/coal/ in a browser." in lines[1]
    assert "Sign up at https://play.example/coal/signup with the code" in lines[2]


def test_path_of_the_server_is_refused_as_a_path_of_the_public_url(data):
    ended = run_to_end("--data", str(data), "--base-url", "https://play.example/games")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "The path of base_url must not begin with /games" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1 and not data.exists()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_server_exits_with_status_0(data, signal_number):
    with run_server(data) as server:
        assert server.stop(signal_number) == 0
    assert not DataDirectory(data).control.exists()


def test_commands_and_the_next_server_work_after_a_kill(line, data):
    with run_server(data) as server:
        added = line("game", "add", "chess", "--json").document
        server.stop(signal.SIGKILL)
    assert DataDirectory(data).control.exists()
    assert tags(line) == ["noughts", "chess"]
    assert line("game", "add", "go", "--json").document["game_id"] == added["game_id"] + 1
    with run_server(data):
        assert tags(line) == ["noughts", "chess", "go"]


def test_server_prints_its_url_and_how_to_stop(data):
    args = command("--port", "0", "--data", str(data))
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdout is not None
        first, second = server.stdout.readline(), server.stdout.readline()
        server.send_signal(signal.SIGINT)
    url = first.split()[4]
    assert url.startswith("http://127.0.0.1:") and str(data) in first
    assert second == f"Open {url}/ in a browser. Stop with Ctrl-C.\n"


def test_port_in_use_is_reported_in_one_line(line, data, tmp_path):
    with run_server(data) as server:
        port = server.url.rpartition(":")[2]
        again = run_to_end("--port", port, "--data", str(tmp_path / "other"))
    assert (again.returncode, again.stdout) == (1, "")
    assert f"coalserver: Cannot listen on 127.0.0.1:{port}: " in again.stderr
    assert "Traceback" not in again.stderr


def test_backup_of_a_running_server_is_restored_elsewhere_only(line, data, tmp_path):
    file, other = str(tmp_path / "b.tar"), str(tmp_path / "other")
    with run_server(data) as server:
        line("game", "add", "chess")
        assert line("backup", file).status == 0
        line("game", "add", "go")
        refused = line("restore", file)
        assert (refused.status, refused.out) == (1, "")
        assert f"in use by process {server.process.pid}" in refused.err
        assert refused.err.endswith(
            "Stop the server before you restore a backup, or restore it on the Backups page of the site.\n"
        )
        assert tags(line) == ["noughts", "chess", "go"]
    assert line("restore", file, "--data", other).status == 0
    with run_server(tmp_path / "other"):
        assert tags(line, "--data", other) == ["noughts", "chess"]


def test_command_gives_up_when_the_lock_holder_does_not_listen(line, data, monkeypatch):
    line("game", "add", "chess")
    monkeypatch.setattr(offline, "LOCK_TIMEOUT_SECONDS", 0.2)
    with DataDirectory(data).lock():
        result = line("game", "list")
    assert result.status == 1
    assert result.err.endswith("It accepts no commands.\n")


def break_writes(data: Path) -> None:
    """Make every further write of an entity fail, as on a full disk."""
    with sqlite3.connect(DataDirectory(data).database) as db:
        db.execute(
            "CREATE TRIGGER break_writes BEFORE INSERT ON entity"
            " BEGIN SELECT RAISE(ABORT, 'no room left'); END"
        )
    db.close()


def test_server_that_cannot_write_stops_with_status_1(line, data):
    with run_server(data) as server:
        break_writes(data)
        result = line("game", "add", "chess")
        assert (result.status, result.out) == (1, "")
        assert "did not reach the disk" in result.err
        assert server.process.wait(TIMEOUT_SECONDS) == 1
    assert tags(line) == ["noughts"]


def test_command_that_cannot_be_written_changes_nothing(line, data):
    line("game", "add", "chess")
    break_writes(data)
    result = line("game", "add", "go", "--json")
    assert result.status == 1
    assert "no room left" in result.document["error"]
    assert tags(line) == ["chess"]


def test_files_are_for_their_owner_only(line, data):
    with run_server(data):
        line("backup", str(data.parent / "b.tar"))
        paths = [data, data.parent / "b.tar", *data.rglob("*")]
        assert len(paths) > 5
        for path in paths:
            assert path.stat().st_mode & 0o077 == 0, path


def test_path_longer_than_a_socket_address_works(line, tmp_path, capsys):
    data = tmp_path / ("long" * 30) / ("longer" * 20)
    with run_server(data) as server:
        assert main.main(["game", "add", "far", "--data", str(data)]) == 0
        assert "api_token" in capsys.readouterr().out
        assert server.stop() == 0
