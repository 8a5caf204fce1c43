"""The command line and a server that runs: who may have the data, and how it ends."""

import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from coalserver.cli import main, offline
from coalserver.storage.data_directory import DataDirectory
from tests.running import PATIENCE, command, environment, running, tags


def test_a_server_refuses_in_the_same_words(line, data):
    with running(data):
        refused = line("game", "add", "noughts", "--json")
    assert refused.status == 1
    assert refused.document == {
        "error": "There is already a game with this tag.",
        "why": "game_exists",
    }


def test_a_second_server_on_the_same_data_refuses_and_says_why(line, data):
    with running(data) as first:
        again = subprocess.run(
            command("--port", "0", "--data", str(data)),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=environment(),
        )
        assert (again.returncode, again.stdout) == (1, "")
        assert f"{data} is in use by process {first.process.pid}" in again.stderr
        assert tags(line) == ["noughts"]


def test_a_running_server_knows_a_new_game_at_once_and_after_a_restart(line, data):
    with running(data) as server:
        line("game", "add", "chess")
        assert tags(line) == ["noughts", "chess"]
        assert server.stop() == 0
    assert tags(line) == ["noughts", "chess"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_asked_to_stop_ends_with_status_0(data, how):
    with running(data) as server:
        assert server.stop(how) == 0
    assert not DataDirectory(data).control.exists()


def test_after_a_kill_orders_work_on_the_file_and_the_next_server_starts(line, data):
    with running(data) as server:
        made = line("game", "add", "chess", "--json").document
        server.stop(signal.SIGKILL)
    assert DataDirectory(data).control.exists()
    assert tags(line) == ["noughts", "chess"]
    assert line("game", "add", "go", "--json").document["game_id"] == made["game_id"] + 1
    with running(data):
        assert tags(line) == ["noughts", "chess", "go"]


def test_a_server_says_where_it_listens_what_to_open_and_how_to_stop(data):
    args = command("--port", "0", "--data", str(data))
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdout is not None
        where, what = server.stdout.readline(), server.stdout.readline()
        server.send_signal(signal.SIGINT)
    url = where.split()[4]
    assert url.startswith("http://127.0.0.1:") and str(data) in where
    assert what == f"Open {url}/ in a browser. Stop with Ctrl-C.\n"


def test_a_port_that_is_taken_is_said_in_one_sentence(line, data, tmp_path):
    with running(data) as server:
        port = server.url.rpartition(":")[2]
        again = subprocess.run(
            command("--port", port, "--data", str(tmp_path / "other")),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=environment(),
        )
    assert (again.returncode, again.stdout) == (1, "")
    assert f"coalserver: Cannot listen on 127.0.0.1:{port}: " in again.stderr
    assert "Traceback" not in again.stderr


def test_a_backup_of_a_running_server_comes_back_elsewhere_but_not_under_it(line, data, tmp_path):
    file, other = str(tmp_path / "b.tar"), str(tmp_path / "other")
    with running(data) as server:
        line("game", "add", "chess")
        assert line("backup", file).status == 0
        line("game", "add", "go")
        refused = line("restore", file)
        assert (refused.status, refused.out) == (1, "")
        assert f"in use by process {server.process.pid}" in refused.err
        assert refused.err.endswith("Stop the server before you restore a backup.\n")
        assert tags(line) == ["noughts", "chess", "go"]
    assert line("restore", file, "--data", other).status == 0
    with running(tmp_path / "other"):
        assert tags(line, "--data", other) == ["noughts", "chess"]


def test_an_order_waits_for_a_server_that_is_about_to_listen_but_not_for_ever(
    line, data, monkeypatch
):
    line("game", "add", "chess")
    monkeypatch.setattr(offline, "LOCK_TIMEOUT_SECONDS", 0.2)
    with DataDirectory(data).lock():
        said = line("game", "list")
    assert said.status == 1
    assert said.err.endswith("It accepts no commands.\n")


def spoil(data: Path) -> None:
    """Make every further write of a value fail, as on a full disk."""
    with sqlite3.connect(DataDirectory(data).database) as db:
        db.execute(
            "CREATE TRIGGER spoil BEFORE INSERT ON entity"
            " BEGIN SELECT RAISE(ABORT, 'no room left'); END"
        )
    db.close()


def test_a_server_that_cannot_write_says_so_and_ends_with_another_status(line, data):
    with running(data) as server:
        spoil(data)
        said = line("game", "add", "chess")
        assert (said.status, said.out) == (1, "")
        assert "did not reach the disk" in said.err
        assert server.process.wait(PATIENCE) == 1
    assert tags(line) == ["noughts"]


def test_an_order_that_cannot_be_written_says_so_and_nothing_has_changed(line, data):
    line("game", "add", "chess")
    spoil(data)
    said = line("game", "add", "go", "--json")
    assert said.status == 1
    assert "no room left" in said.document["error"]
    assert tags(line) == ["chess"]


def test_what_is_written_is_for_its_owner_only(line, data):
    with running(data):
        line("backup", str(data.parent / "b.tar"))
        made = [data, data.parent / "b.tar", *data.rglob("*")]
        assert len(made) > 5
        for path in made:
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_path_longer_than_a_socket_name_may_be_works_too(line, tmp_path, capsys):
    data = tmp_path / ("long" * 30) / ("longer" * 20)
    with running(data) as server:
        assert main.main(["game", "add", "far", "--data", str(data)]) == 0
        assert "api_token" in capsys.readouterr().out
        assert server.stop() == 0
