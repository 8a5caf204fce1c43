"""Worlds of a server in its own process: signals, kill -9 and restarts (hosting.md, 6)."""

import os
import signal

import pytest

from tests.hosting.machine import Machine
from tests.processes import TIMEOUT_SECONDS, wait_until


async def test_sigterm_stops_the_world_and_the_next_server_starts_it(box: Machine) -> None:
    await box.prepare()
    with box.serve() as server:
        assert box.order("play") == 202
        box.wait_for("RUNNING")
        assert server.stop() == 0
    assert box.state.members() == []
    assert sum("Stopping server" in text for text in box.texts()) == 1
    await box.check_history()
    with box.serve() as server:
        assert box.wait_for("RUNNING")["wanted"] == "play"
        assert box.order("pause") == 202
        box.wait_for("STOPPED")
        assert server.stop() == 0
    await box.check_history()
    with box.serve():
        assert box.hosting["state"] == "STOPPED"


@pytest.mark.parametrize("moment", ["LOADED", "RUNNING", "QUEUED_STOP"])
async def test_world_goes_on_when_the_server_is_killed(box: Machine, moment: str) -> None:
    await box.prepare(*(("--start-seconds", "2") if moment == "LOADED" else ("--hang-on-stop",)))
    with box.serve():
        box.order("play")
        box.wait_for("LOADED" if moment == "LOADED" else "RUNNING")
        if moment == "QUEUED_STOP":
            box.order("pause")
            box.wait_for_text("Stopping the server")
        first = box.state
        assert first.child_lives
    # Killed by now.
    assert first.child_lives
    with box.serve("--hosting-stop-seconds", "1") as server:
        if moment == "QUEUED_STOP":
            box.wait_for("STOPPED")
        else:
            shown = box.wait_for("RUNNING")
            assert shown["pid"] == (first.child or {}).get("pid")
            assert shown["crashes"] == 0
            assert box.call("console", "POST", command="/say hello")[0] == 202
            box.wait_for_text("[Server] hello")
            box.order("kill")
            box.wait_for("STOPPED")
        assert server.stop() == 0
    assert first.members() == []
    await box.check_history()


@pytest.mark.parametrize("killed", [("keeper",), ("child",), ("keeper", "child")])
async def test_world_is_found_ended_after_the_server_was_killed(
    box: Machine, killed: tuple[str, ...]
) -> None:
    await box.prepare("--save-seconds", "0.2")
    with box.serve():
        box.order("play")
        box.wait_for("RUNNING")
        first = box.state
    for name in killed:
        process = first.keeper if name == "keeper" else first.child
        os.kill((process or {})["pid"], signal.SIGKILL)
    with box.serve() as server:
        wait_until(lambda: box.state.run != first.run)
        box.wait_for("RUNNING")
        assert first.members() == []
        assert server.stop() == 0
    await box.check_history()


async def test_server_killed_again_and_again_loses_no_line(box: Machine) -> None:
    await box.prepare("--then", "fork")
    for round_ in range(3):
        with box.serve():
            if not round_:
                box.order("play")
            box.wait_for("RUNNING")
            last = len(box.texts())
            box.wait_for_text("fork line", last // 2 + 20)
    with box.serve() as server:
        box.wait_for("RUNNING")
        box.order("pause")
        box.wait_for("STOPPED")
        assert server.stop() == 0
    await box.check_history()


@pytest.mark.parametrize("way", ["second signal", "hosting_leave"])
async def test_world_is_left_to_its_keeper(box: Machine, way: str) -> None:
    await box.prepare("--hang-on-stop", "--ignore-term")
    flags = ("--hosting-leave", "yes") if way == "hosting_leave" else ()
    with box.serve(*flags) as server:
        box.order("play")
        box.wait_for("RUNNING")
        first = box.state
        server.process.send_signal(signal.SIGTERM)
        if way == "second signal":
            box.wait_for_text("Stopping the server")
            server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_SECONDS) == 0
    assert first.child_lives
    with box.serve():
        box.order("kill")
        box.wait_for("STOPPED")


async def test_no_order_while_the_server_ends(box: Machine) -> None:
    await box.prepare("--save-seconds", "2")
    with box.serve() as server:
        box.order("play")
        box.wait_for("RUNNING")
        server.process.send_signal(signal.SIGTERM)
        box.wait_for("QUEUED_STOP")
        status, document = box.call("queue/restart", "POST")
        assert (status, document) == (400, {"errors": "The server is shutting down."})
        assert server.process.wait(TIMEOUT_SECONDS) == 0


async def test_without_hosting_nothing_is_started_and_what_runs_is_stopped(box: Machine) -> None:
    await box.prepare()
    with box.serve():
        box.order("play")
        box.wait_for("RUNNING")
        first = box.state
    with box.serve("--hosting", "no"):
        box.wait_for("STOPPED")
        assert first.members() == []
        status, document = box.call("queue/play", "POST")
        assert (status, document) == (
            400,
            {"errors": "World hosting is switched off on this server."},
        )


async def test_version_of_the_configuration_goes_with_its_section(box: Machine) -> None:
    await box.prepare()
    box.settings.write_text("[coalserver]\n")
    with box.serve():
        status, document = box.call("queue/play", "POST")
        assert (status, document) == (400, {"errors": "There is no version fake any more."})


async def test_console_is_read_by_numbers(box: Machine) -> None:
    await box.prepare()
    with box.serve():
        assert box.call("console")[1] == {"lines": [], "next": 0}
        refused = (400, {"errors": "The world is not running."})
        assert box.call("console", "POST", command="list") == refused
        box.order("play")
        box.wait_for("RUNNING")
        assert box.call("console", "POST", command="x" * 4097)[0] == 400
        assert box.call("console", "POST", command="/say one\ntwo")[0] == 202
        box.wait_for_text("[Server] one two")
        first = box.call("console?after=0&size=2")[1]
        assert [line["number"] for line in first["lines"]] == [1, 2]
        assert first["next"] == 2
        rest = box.call("console?after=2&size=1000")[1]
        assert rest["lines"][0]["number"] == 3
        assert rest["lines"][-1]["text"].endswith("[Server] one two")
        newest = box.call("console?size=1")[1]
        assert newest["lines"] == rest["lines"][-1:]
        assert box.call("console?size=1001")[0] == 400
