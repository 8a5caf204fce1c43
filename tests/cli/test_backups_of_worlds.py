"""`backup --worlds` and the restore of such a backup, with a world that runs."""

from pathlib import Path

from tests.cli.hosted import Hosted
from tests.processes import wait_until


def test_backup_with_worlds_is_restored_only_when_none_runs(hosted: Hosted, tmp_path: Path) -> None:
    file = str(tmp_path / "backup.tar")
    with hosted.serve("--hosting-leave", "yes") as server:
        assert hosted.order("play") == 202
        hosted.wait_for("RUNNING")
        assert hosted.order("save") == 202
        wait_until(lambda: not hosted.hosting["saving"])
        [saved] = hosted.call("saves")[1]["saves"]
        assert hosted("backup", "--worlds", file).status == 0
        assert hosted.call(f"saves/{saved['id']}", "DELETE")[0] == 204
        assert server.stop() == 0
    # The world goes on without the server.
    assert hosted.state.child_lives
    assert hosted.refusal("restore", file) == "Stop all worlds first."
    with hosted.serve() as server:
        hosted.wait_for("RUNNING")
        assert hosted.order("pause") == 202
        hosted.wait_for("STOPPED")
        assert server.stop() == 0
    assert hosted("restore", file).status == 0
    with hosted.serve():
        saves = hosted.call("saves")[1]["saves"]
        assert [one["id"] for one in saves] == [saved["id"]]
