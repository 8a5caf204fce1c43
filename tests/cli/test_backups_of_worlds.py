"""`backup --worlds` and the restore of such a backup, with a world that runs."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.hosting.machine import Machine
from tests.processes import TIMEOUT_SECONDS, command, wait_until


@pytest.fixture
async def box(tmp_path: Path) -> Any:
    machine = Machine(tmp_path)
    yield machine
    await machine.end()


def call(box: Machine, *args: str) -> tuple[int, Any]:
    """Run a command; return its status and document."""
    run = subprocess.run(
        command(*args, "--json", "--config", str(box.settings), "--data", str(box.data)),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    return run.returncode, json.loads(run.stdout)


async def test_backup_with_worlds_is_restored_only_when_none_runs(
    box: Machine, tmp_path: Path
) -> None:
    await box.prepare()
    file = str(tmp_path / "backup.tar")
    with box.serve("--hosting-leave", "yes") as server:
        assert box.order("play") == 202
        box.wait_for("RUNNING")
        assert box.order("save") == 202
        wait_until(lambda: not box.hosting["saving"])
        [saved] = box.call("saves")[1]["saves"]
        assert call(box, "backup", "--worlds", file)[0] == 0
        assert box.call(f"saves/{saved['id']}", "DELETE")[0] == 204
        assert server.stop() == 0
    # The world goes on without the server.
    assert box.state.child_lives
    assert call(box, "restore", file) == (1, {"error": "Stop all worlds first."})
    with box.serve() as server:
        box.wait_for("RUNNING")
        assert box.order("pause") == 202
        box.wait_for("STOPPED")
        assert server.stop() == 0
    assert call(box, "restore", file)[0] == 0
    with box.serve():
        saves = box.call("saves")[1]["saves"]
        assert [one["id"] for one in saves] == [saved["id"]]
