"""Orders to hosted worlds on the command line, their consoles, and the settings of hosting (hosting.md, 11 and 12)."""

import asyncio
import signal
import subprocess
import time
from typing import Any

import pytest

from coalserver.cli.output import format_fields
from coalserver.cli.world_orders import _verdict, world_console
from coalserver.domain.audit import AuditAction
from coalserver.domain.minecraft.hosting.hosted_world import Trouble, TroubleCode, Wanted
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.storage.data_directory import DataDirectory
from tests.cli.hosted import WAIT, Hosted
from tests.processes import TIMEOUT_SECONDS, CommandLine, command, environment, wait_until


def test_orders_are_waited_for(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    with hosted.serve() as server:
        played = hosted("world", "play", key, *WAIT, "--json")
        assert played.status == 0
        assert played.document == {
            "key": key, "name": "World", "short_name": "", "state": "RUNNING", "outcome": "accepted",
        }  # fmt: skip
        first = hosted.state.run
        again = hosted("world", "play", key, "--json").document
        assert (again["outcome"], again["state"]) == ("already", "RUNNING")
        assert hosted("world", "restart", key, *WAIT).status == 0
        assert hosted.state.run != first
        assert hosted("world", "tell", key, "say one\nstop", "--json").document["sent"] is True
        hosted.wait_for_text("[Server] one stop")
        assert hosted("world", "pause", key, *WAIT, "--json").document["state"] == "STOPPED"
        assert hosted("world", "play", key, *WAIT).status == 0
        assert hosted("world", "kill", key, *WAIT, "--json").document["state"] == "STOPPED"
        assert hosted.refusal("world", "tell", key, "list") == "The world is not running."
        assert server.stop() == 0
    assert hosted.actions() == [
        (action, "World")
        for action in (
            "eula_agreed", "world_played", "world_restarted", "console_told", "world_paused",
            "world_played", "world_killed",
        )
    ]  # fmt: skip


def test_console_goes_on_after_a_number(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    with hosted.serve():
        assert hosted("world", "console", key, "--json").document == {"lines": [], "next": 0}
        assert hosted("world", "play", key, *WAIT).status == 0
        first = hosted("world", "console", key, "--json").document
        assert any("Done (" in line["text"] for line in first["lines"])
        assert hosted("world", "tell", key, "say over there").status == 0
        hosted.wait_for_text("over there")
        after = ("--after", str(first["next"]))
        rest = wait_until(
            lambda: hosted("world", "console", key, *after, "--json").document["lines"]
        )
        assert rest[0]["number"] == first["next"] + 1
        assert "over there" in hosted("world", "console", key, *after).out


def test_lines_of_a_console_cannot_control_the_terminal() -> None:
    lines = [
        {
            "number": 1,
            "at": "2026-01-01T00:00:00+00:00",
            "text": "\x1b[31m> \x1b[1Gred\x07\x1b]0;x\x07",
        }
    ]
    text = world_console.format({"lines": lines, "next": 1})
    assert text == "2026-01-01T00:00:00+00:00 > red "


def test_switches_are_yes_and_no() -> None:
    assert (
        format_fields({"sent": True, "saving": False, "count": 1})
        == "sent    yes\nsaving  no\ncount   1"
    )


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--crash-before-ready",), "The server ended before it was ready."),
        (("--start-seconds", "60"), "After 0.5 seconds the world is LOADED."),
    ],
)
def test_wait_fails_with_the_trouble_or_when_time_is_up(
    hosted: Hosted, args: tuple[str, ...], sentence: str
) -> None:
    hosted.define(*args)
    key = hosted.key_of_world()
    with hosted.serve("--hosting-stop-seconds", "1", "--hosting-term-seconds", "1"):
        seconds = "0.5" if "60" in args else str(TIMEOUT_SECONDS)
        if "60" in args:
            assert hosted("world", "play", key).status == 0
            hosted.wait_for("LOADED")
        result = hosted("world", "play", key, "--wait", seconds, "--json")
        assert (result.status, result.document) == (1, {"error": sentence})


def test_older_trouble_is_not_that_of_the_saved_game(hosted: Hosted) -> None:
    """The clock was set back since, so that its time does not tell."""
    key = hosted.key_of_world()
    with hosted.serve() as server:
        assert hosted("world", "play", key, *WAIT).status == 0
        server.process.kill()
        server.process.wait()
    hosted.set_trouble(Trouble(TroubleCode.DISK, time.time() + 1000, ("5", "1024")))
    with hosted.serve():
        hosted.wait_for("RUNNING")
        saved = hosted("world", "save", key, *WAIT, "--json")
        assert hosted.hosting["trouble"]["code"] == "disk"
    assert (saved.status, saved.document) == (
        0,
        {"key": key, "name": "World", "short_name": "", "state": "RUNNING", "outcome": "accepted"},
    )


@pytest.mark.parametrize("seconds", [-1000, 1000])
def test_trouble_of_a_saved_game_is_known_whatever_the_clock_says(seconds: int) -> None:
    """A trouble other than the one before the order is that of the order."""
    before = {"code": "disk", "text": "Not enough disk space.", "at": 2000.0}
    row = {"trouble": before}
    state = {"state": "RUNNING", "saving": False, "trouble": before}
    assert _verdict("save", row, state) == (True, None)
    later = {**before, "at": 2000.0 + seconds}
    assert _verdict("save", row, {**state, "trouble": later}) == (True, "Not enough disk space.")


def test_server_stops_while_a_command_waits(hosted: Hosted) -> None:
    hosted.define("--start-seconds", "60")
    key = hosted.key_of_world()
    flags = ("--data", str(hosted.data), "--config", str(hosted.settings))
    with hosted.serve("--hosting-stop-seconds", "1", "--hosting-term-seconds", "1") as server:
        args = command("world", "play", key, "--wait", "300", "--json", *flags)
        with subprocess.Popen(
            args, stdout=subprocess.PIPE, text=True, env=environment()
        ) as waiting:
            hosted.wait_for("LOADED")
            assert server.stop(signal.SIGTERM) == 0
            out, _ = waiting.communicate(timeout=TIMEOUT_SECONDS)
    assert waiting.returncode == 1 and "The server is not running." in out


def test_all_worlds_have_an_outcome_each(hosted: Hosted) -> None:
    hosted("world", "add", "Second", "--hosted", "--short-name", "second")
    hosted("world", "add", "Elsewhere")
    with hosted.serve() as server:
        result = hosted("world", "play", "--all", *WAIT, "--json")
        assert result.status == 1
        rows = result.document["worlds"]
        assert [(row["name"], row["outcome"], row["state"]) for row in rows] == [
            ("World", "accepted", "RUNNING"), ("Second", "refused", "UNKNOWN"),
        ]  # fmt: skip
        assert rows[1]["error"] == "This world has no version yet."
        assert result.document["error"] == "Second: This world has no version yet."
        stopped = hosted("world", "pause", "--all", *WAIT)
        assert stopped.status == 0 and "STOPPED" in stopped.out
        assert hosted("world", "kill", "--all", "--json").status == 0
        assert server.stop() == 0
    assert ("all_worlds_stopped", "") in hosted.actions()


def test_world_is_refused_that_is_not_hosted_or_not_there(hosted: Hosted) -> None:
    hosted("world", "add", "Elsewhere", "--short-name", "elsewhere")
    for order in ("play", "pause"):
        assert hosted.refusal("world", order, "elsewhere") == "This server does not run this world."
        assert "no world with this key" in hosted.refusal("world", order, "nowhere")
    assert hosted("world", "play").status == hosted("world", "play", "a", "--all").status == 2


# While the server is not running


def test_play_without_a_server_starts_with_the_next_one(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    assert hosted("world", "play", key, "--json").document["outcome"] == "next_start"
    assert hosted("world", "play", key, "--json").document["outcome"] == "already"
    world, run, _ = asyncio.run(hosted.read())
    assert (world.status, run.wanted) == (WorldStatus.UNKNOWN, Wanted.PLAY)
    with hosted.serve():
        found = hosted.wait_for("RUNNING")
        assert found["port"] == hosted.ports
    assert ("world_played", "World") in hosted.actions()


def test_pause_without_a_server_takes_a_play_back(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    assert hosted("world", "play", key).status == 0
    paused = hosted("world", "pause", "--all", "--json").document["worlds"]
    assert [row["outcome"] for row in paused] == ["next_start"]
    assert asyncio.run(hosted.read())[1].wanted is Wanted.PAUSE
    with hosted.serve() as server:
        assert hosted.hosting["state"] == "UNKNOWN"
        assert server.stop() == 0


def test_pause_without_a_server_stops_what_it_left_running(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    with hosted.serve() as server:
        assert hosted("world", "play", key, *WAIT).status == 0
        server.process.kill()
        server.process.wait()
    assert hosted("world", "pause", key, "--json").document["outcome"] == "next_start"
    with hosted.serve():
        hosted.wait_for("STOPPED")
        assert hosted.hosting["wanted"] == "pause"


def test_play_without_a_server_that_cannot_start_becomes_a_trouble(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    assert hosted("world", "play", key).status == 0
    with hosted.serve("--hosting-memory", "600"):
        found = wait_until(lambda: (shown := hosted.hosting)["trouble"] and shown)
        assert (found["state"], found["wanted"], found["trouble"]["code"]) == (
            "STOPPED", "pause", "start_failed",
        )  # fmt: skip
        text = "Not enough memory: this world needs 656 MiB, 600 of 600 MiB are free."
        assert found["trouble"]["text"] == text


@pytest.mark.parametrize("order", ["restart", "kill", "save"])
def test_other_orders_need_a_server(hosted: Hosted, order: str) -> None:
    key = hosted.key_of_world()
    assert hosted.refusal("world", order, key) == "The server is not running."
    assert hosted.refusal("world", order, "--all") == "The server is not running."


def test_console_needs_a_server(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    assert hosted.refusal("world", "console", key) == "The server is not running."
    assert hosted.refusal("world", "tell", key, "list") == "The server is not running."


def test_what_the_data_says_is_checked_without_a_server(line: CommandLine) -> None:
    line("world", "add", "Bare", "--hosted", "--short-name", "bare")
    result = line("world", "play", "bare", "--json")
    assert (result.status, result.document["error"]) == (1, "This world has no version yet.")
    off = line("world", "play", "bare", "--json", "--hosting", "no")
    assert off.document["error"] == "World hosting is switched off on this server."


@pytest.mark.parametrize("command_of_all", ["list", "states", "pause"])
def test_keys_of_many_worlds_are_read_once(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, command_of_all: str
) -> None:
    """They are read in the event loop of the server, and `states` is asked again and again."""
    keys = [line("world", "add", name, "--hosted", "--json").document["key"] for name in "ABC"]
    read = []
    load_key = DataDirectory.load_key

    def count(home: DataDirectory, name: str) -> bytes:
        read.append(name)
        return load_key(home, name)

    monkeypatch.setattr(DataDirectory, "load_key", count)
    args = {"list": (), "states": keys, "pause": ("--all",)}[command_of_all]
    document = line("world", command_of_all, *args, "--json").document
    found = document["states" if command_of_all == "states" else "worlds"]
    assert len(found) == 3
    assert read.count("coal") == 1


# Settings


def shown(line: CommandLine) -> dict[str, Any]:
    return dict(line("hosting", "show", "--json").document)


def test_settings_are_those_of_the_configuration_until_they_are_set(line: CommandLine) -> None:
    flags = ("--hosting-memory", "3000", "--hosting-ports", "25570-25580")
    line("game", "list")
    assert line("hosting", "set", "ticks=no", *flags).status == 0
    found = line("hosting", "show", "--json", *flags).document
    assert found == {
        "budget": 3000, "ports": "25570-25580", "public_address": "", "cpu_weight": 100,
        "backup_depth": 10, "save_at": "00:00", "save_zone": "UTC", "save_on_pause": True,
        "stop_warning": 10, "disk_free": 1024, "world_limit": 10240, "ticks": False, "kill_hung": False,
    }  # fmt: skip
    # A value that is what the configuration says follows it.
    assert line("hosting", "set", "budget=3000", "ports=25570-25580", *flags).status == 0
    later = line("hosting", "show", "--json", "--hosting-memory", "2000").document
    assert (later["budget"], later["ports"]) == (2000, "25565-25575")


def test_settings_are_kept(either: CommandLine) -> None:
    given = (
        "ports=25570",
        "save_at=03:30",
        "save_zone=Europe/Berlin",
        "kill_hung=YES",
        "public_address=mc.example",
    )
    changed = either("hosting", "set", *given, "backup_depth=1000", "--json")
    assert changed.status == 0
    found = shown(either)
    assert found == changed.document
    assert (found["ports"], found["save_at"], found["save_zone"]) == (
        "25570-25570", "03:30", "Europe/Berlin",
    )  # fmt: skip
    assert (found["kill_hung"], found["backup_depth"]) == (True, 1000)
    assert "kill_hung       yes" in either("hosting", "show").out


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ("budget=9999999999", "budget: MiB of memory from 1 to"),
        ("budget=-1", "budget: MiB"),
        ("budget=", "budget: MiB"),
        ("ports=25564-25570", "from 25565 to 25575"),
        ("ports=25570-25569", "ports: The first and the last port"),
        ("ports=a-b", "ports:"),
        ("public_address=a b", "public_address:"),
        ("public_address=host:25565", "public_address:"),
        ("cpu_weight=0", "from 1 to 10000"),
        ("backup_depth=0", "from 1 to 1000"),
        ("backup_depth=1001", "from 1 to 1000"),
        ("backup_depth=٣", "from 1 to 1000"),
        ("save_at=24:00", "from 00:00 to 23:59"),
        ("save_at=3:30", "from 00:00 to 23:59"),
        ("save_zone=Mars/Olympus", "IANA"),
        ("save_zone=../UTC", "IANA"),
        ("save_on_pause=maybe", "Yes or no"),
        ("stop_warning=3601", "from 0 to 3600"),
        ("disk_free=1.5", "disk_free:"),
        ("world_limit=0", "world_limit:"),
        ("ticks=", "ticks: Yes or no"),
        ("colour=red", "There is no setting colour. The settings are: budget, "),
    ],
)
def test_one_wrong_value_changes_nothing(line: CommandLine, given: str, allowed: str) -> None:
    assert line("hosting", "set", "backup_depth=5").status == 0
    result = line("hosting", "set", "stop_warning=3", given, "--json")
    assert result.status == 1 and allowed in result.document["error"]
    assert (shown(line)["stop_warning"], shown(line)["backup_depth"]) == (10, 5)


def test_setting_without_a_value_is_a_usage_error(line: CommandLine) -> None:
    assert line("hosting", "set", "ticks").status == line("hosting", "set").status == 2


def test_change_of_settings_is_recorded(hosted: Hosted) -> None:
    assert hosted("hosting", "set", "ticks=yes", "stop_warning=0").status == 0
    entry = asyncio.run(hosted.read())[2][-1]
    assert (entry.action, entry.detail) == (
        AuditAction.HOSTING_CONFIGURED, "ticks=yes, stop_warning=0",
    )  # fmt: skip


def test_stopped_world_is_deleted_with_its_files(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    assert hosted("world", "delete", key).status == 2
    with hosted.serve() as server:
        assert hosted("world", "play", key, *WAIT).status == 0
        assert hosted.refusal("world", "delete", key, "--yes") == "Stop the world first."
        assert hosted("world", "kill", key, *WAIT).status == 0
        assert hosted("world", "delete", key, "--yes", "--json").document["deleted"] is True
        assert not hosted.files.folder.exists()
        assert server.stop() == 0
    assert hosted("world", "list", "--json").document == {"worlds": []}
    assert "no world with this key" in hosted.refusal("world", "delete", key, "--yes")


def test_world_is_deleted_without_a_server(hosted: Hosted) -> None:
    key = hosted.key_of_world()
    hosted.files.create()
    assert hosted("world", "delete", key, "--yes").status == 0
    assert not hosted.files.folder.exists()
