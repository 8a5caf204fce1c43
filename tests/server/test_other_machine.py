"""A backup restored on an empty machine, and faults of the database while the server runs."""

import json
import shutil
import sqlite3
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from coalserver.storage.data_directory import DataDirectory
from tests.processes import TIMEOUT_SECONDS, CommandLine, run_server

ROOMS = "/games/noughts/rooms"


def request(url: str, body: Any = None, token: str = "") -> tuple[int, Any, Any]:
    """Send a JSON request; return status, headers and document."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, content, headers), timeout=TIMEOUT_SECONDS
        ) as answer:
            return answer.status, answer.headers, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, json.loads(answer.read() or b"null")


def log_in(url: str) -> str:
    _, _, document = request(
        f"{url}/accounts/login", {"credentialType": "guest", "username": "Ann"}
    )
    return str(document["token"])


def test_restore_on_an_empty_machine_issues_no_id_twice_and_reports_lost_events(
    line: CommandLine, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    with run_server(data) as server:
        token = log_in(server.url)
        request(f"{server.url}{ROOMS}", {"name": "before"}, token)
        assert line("backup", str(file)).status == 0
        _, headers, _ = request(f"{server.url}{ROOMS}", {"name": "after"}, token)
        lost_room = int(headers["Location"].rpartition("/")[2])
        _, headers, _ = request(f"{server.url}{ROOMS}/events?wait=0&after-event-id=-1", token=token)
        cursor = int(headers["X-Event-Cursor"])
    shutil.rmtree(data)
    assert line("restore", str(file)).status == 0
    with run_server(data) as server:
        status, headers, events = request(
            f"{server.url}{ROOMS}/events?wait=0&after-event-id={cursor}", token=token
        )
        assert (status, headers["X-Events-Lost"], events) == (200, "true", [])
        assert int(headers["X-Event-Cursor"]) > cursor
        _, headers, _ = request(f"{server.url}{ROOMS}", {"name": "new"}, token)
        assert int(headers["Location"].rpartition("/")[2]) > lost_room


def test_write_lock_of_another_program_delays_a_write_and_no_read(
    line: CommandLine, data: Path
) -> None:
    with run_server(data) as server:
        token = log_in(server.url)
        other = sqlite3.connect(
            DataDirectory(data).database, isolation_level=None, check_same_thread=False
        )
        other.execute("BEGIN IMMEDIATE")
        created: list[int] = []
        writer = threading.Thread(
            target=lambda: created.append(
                request(f"{server.url}{ROOMS}", {"name": "late"}, token)[0]
            )
        )
        writer.start()
        # Longer than SQLite itself waits.
        writer.join(6)
        assert not created
        assert request(f"{server.url}{ROOMS}/events?wait=0", token=token)[0] == 200
        assert request(f"{server.url}/health")[2]["writing"] == "waiting"
        other.execute("COMMIT")
        other.close()
        writer.join(TIMEOUT_SECONDS)
        assert created == [201]
        assert "writing" not in request(f"{server.url}/health")[2]


@pytest.mark.parametrize("command", [("serve",), ("game", "list")])
def test_damaged_data_directory_is_one_sentence_and_status_1(
    line: CommandLine, data: Path, command: tuple[str, ...]
) -> None:
    line("game", "add", "chess")
    (data / "keys" / "oauth").unlink()
    result = line(*command)
    assert result.status == 1
    assert result.err.count("\n") == 1 and "keys/oauth is missing" in result.err
