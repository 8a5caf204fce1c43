"""The command line: one answer, on a file or from a server, for people or as JSON."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys

import pytest

from coalserver.cli import main, offline
from coalserver.config import Config
from coalserver.config.schema import settings
from coalserver.storage.data_directory import DataDirectory
from tests.running import PATIENCE, ROOT, command, environment, tags


def test_a_game_is_added_with_tokens_that_are_shown_once(either):
    said = either("game", "add", "chess", "--json")
    made = said.document
    assert (said.status, said.err) == (0, "")
    assert list(made) == ["game_id", "tag", "api_token", "private_token"]
    assert made["tag"] == "chess"
    listed = either("game", "list", "--json").out
    assert made["api_token"] not in listed
    assert made["private_token"] not in listed


def test_a_game_has_what_was_asked_for(either):
    asked = ("--name", "Königlich", "--min", "2", "--max", "4", "--no-open")
    game_id = either("game", "add", "chess", *asked, "--json").document["game_id"]
    either("game", "add", "go-9x9")
    listed = {game["tag"]: game for game in either("game", "list", "--json").document["games"]}
    assert listed["chess"] == {
        "game_id": game_id,
        "tag": "chess",
        "name": "Königlich",
        "min_players": 2,
        "max_players": 4,
        "open": False,
        "listed": True,
    }
    assert (listed["go-9x9"]["name"], listed["go-9x9"]["open"]) == ("Go 9X9", True)


def test_people_are_told_the_same_in_lines_and_columns(line):
    added = line("game", "add", "chess", "--max", "4").out.splitlines()
    assert added[0].split() == ["game_id", "1"]
    assert added[1].split() == ["tag", "chess"]
    assert [row.split()[0] for row in added[2:]] == ["api_token", "private_token"]
    header, chess = line("game", "list").out.splitlines()
    assert header.split()[:3] == ["game_id", "tag", "name"]
    assert chess.split() == ["1", "chess", "Chess", "1", "4", "yes", "yes"]


def test_rotating_gives_new_tokens(either):
    old = either("game", "add", "chess", "--json").document
    new = either("game", "rotate", "chess", "--json").document
    assert (new["game_id"], new["tag"]) == (old["game_id"], "chess")
    assert not {new["api_token"], new["private_token"]} & {old["api_token"], old["private_token"]}


@pytest.mark.parametrize(
    ("args", "why", "said"),
    [
        (("add", "taken"), "game_exists", "There is already a game with this tag."),
        (("add", "No!"), "malformed", "A tag has at most 32 characters"),
        (("add", "x", "--min", "0"), "malformed", "--min must be from 1 to --max"),
        (("add", "x", "--min", "3", "--max", "2"), "malformed", "--min must be from 1 to --max"),
        (("rotate", "nobody"), "game_not_found", "There is no game with this tag."),
    ],
)
def test_what_is_refused_is_said_in_words_and_with_status_1(line, args, why, said):
    line("game", "add", "taken")
    refused = line("game", *args)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith(f"coalserver: {said}")
    refused = line("game", *args, "--json")
    assert (refused.status, refused.err) == (1, "")
    assert refused.document["why"] == why
    assert refused.document["error"].startswith(said)


@pytest.mark.parametrize(
    "args",
    [
        ("--prot=1",),
        ("game",),
        ("game", "lst"),
        ("game", "add"),
        ("game", "add", "x", "y"),
        ("game", "add", "x", "--min", "two"),
        ("game", "add", "x", "--name", "two\nlines"),
        ("game", "add", "x", "--nam", "short"),
        ("sing",),
        ("check", "--port", "x"),
        ("check", "--config", "/no/such"),
    ],
)
def test_what_is_not_understood_ends_with_status_2_and_one_line(line, args, data):
    said = line(*args)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("coalserver: ") and said.err.count("\n") == 1
    said = line(*args, "--json")
    assert (said.status, said.err, list(said.document)) == (2, "", ["error"])
    assert not data.exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--prot", "1"), "There is no flag --prot; did you mean --port?"),
        (
            ("game", "add", "x", "--name=y", "--opne"),
            "There is no flag --opne; did you mean --open",
        ),
        (("check", "--xyzzy=1"), "There is no flag --xyzzy."),
    ],
)
def test_an_unknown_flag_is_named_wherever_it_stands(line, args, said):
    assert line(*args).err.startswith(f"coalserver: {said}")


def test_check_shows_what_comes_out_of_all_sources(line, data, tmp_path, monkeypatch):
    (tmp_path / "c.ini").write_text("[coalserver]\nport = 9\nevent_days = 1\n")
    monkeypatch.setenv("COAL_EVENT_DAYS", "2")
    args = ("check", "--config", str(tmp_path / "c.ini"))
    shown = line(*args, "--json").document
    assert (shown["port"], shown["event_days"], shown["data"]) == (9, 2, str(data))
    assert list(shown) == [one.name for one in settings()]
    assert "event_days = 2.0\n" in line(*args).out
    assert not data.exists()


def test_settings_stand_before_an_order_or_after_it(data, capsys):
    assert main.main(["--data", str(data), "--json", "game", "--port", "1", "add", "chess"]) == 0
    assert json.loads(capsys.readouterr().out)["tag"] == "chess"


@pytest.mark.parametrize("args", [("game", "list"), ("game", "rotate", "x"), ("backup", "b.tar")])
def test_without_data_an_order_does_not_make_any(line, data, args):
    said = line(*args)
    assert (said.status, said.err) == (1, f"coalserver: There is no data in {data} yet.\n")
    assert not data.exists()


def test_a_data_directory_that_cannot_be_made_is_named(line, data):
    data.write_text("a file")
    said = line("game", "add", "x")
    assert said.status == 1
    assert str(data) in said.err


def test_a_database_that_is_none_is_left_as_it_is(line, data):
    line("game", "add", "x")
    database = DataDirectory(data).database
    database.write_bytes(b"no database at all, " * 100)
    said = line("game", "list")
    assert said.status == 1
    assert "not a database" in said.err
    assert database.read_bytes() == b"no database at all, " * 100


@pytest.mark.parametrize(
    ("base_url", "listening", "to_open"),
    [
        ("", "http://127.0.0.1:80", "http://127.0.0.1:80/"),
        ("", "http://0.0.0.0:80", "http://localhost:80/"),
        ("", "http://[::]:80", "http://localhost:80/"),
        ("https://play.example", "http://0.0.0.0:80", "https://play.example/"),
    ],
)
def test_what_to_open_is_an_address_a_browser_can_use(base_url, listening, to_open):
    assert main.browser_url(Config(base_url=base_url), listening) == to_open


def test_without_arguments_it_is_to_serve_on_8080_with_data_beside(tmp_path):
    said = subprocess.run(
        command("check", "--json"),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
        cwd=tmp_path,
        env=environment(),
    )
    shown = json.loads(said.stdout)
    assert (shown["host"], shown["port"], shown["data"]) == ("127.0.0.1", 8080, "data")


def test_the_umask_is_as_before_afterwards(line):
    before = os.umask(0o022)
    try:
        line("game", "add", "x")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_no_parameter_is_named_like_a_setting():
    reserved = {setting.name for setting in settings()} | {"config", "json", "help"}
    for admin_command in main.admin_commands().values():
        own = [param.name for param in admin_command.params if param.expose_value]
        assert not reserved & set(own)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize(
    "name", ["", "serve", "check", "restore", "game", *main.ADMIN_COMMANDS.commands]
)
def test_every_command_has_help(name, flag, capsys):
    assert main.main([*name.split(), flag]) == 0
    help_page = capsys.readouterr().out
    assert help_page.startswith(f"Usage: {f'coalserver {name}'.strip()} [OPTIONS]")
    assert "--data" in help_page


def test_help_of_serve_describes_every_setting_with_its_default(capsys):
    assert main.main(["serve", "--help"]) == 0
    help_page = " ".join(capsys.readouterr().out.split())
    for setting in settings():
        assert f"{setting.flag} VALUE {setting.meta.help} [" in help_page


def test_it_runs_on_the_fastest_loop_there_is():
    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert offline.run(loop()) == "uvloop"


def test_the_console_script_and_run_py_are_the_same():
    assert "sys.exit(main())" in (ROOT / "run.py").read_text()
    assert "coalserver = coalserver.cli.main:main" in (ROOT / "setup.cfg").read_text()
    version = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--version"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert version.stdout.startswith("coalserver ")


def test_a_backup_brings_back_what_was_there(line, data, tmp_path):
    line("game", "add", "chess")
    file = str(tmp_path / "b.tar")
    assert line("backup", file).out.startswith(f"Wrote {file} (")
    line("game", "add", "go")
    said = line("restore", file)
    kept = next(data.glob("replaced-*"))
    assert said.out.startswith(f"Restored {file}, created 20")
    assert said.out.endswith(f" The replaced data is kept in {kept}.\n")
    assert tags(line) == ["chess"]
    assert line("game", "add", "go", "--json").document["game_id"] == 3


def test_a_restore_is_told_as_json_too(line, tmp_path):
    line("game", "add", "chess")
    file = str(tmp_path / "b.tar")
    made = line("backup", file, "--json").document
    assert made == {"file": file, "bytes": (tmp_path / "b.tar").stat().st_size}
    assert list(line("restore", file, "--json").document) == ["restored", "made", "kept"]
    refused = line("restore", "/no/such", "--json")
    assert (refused.status, list(refused.document)) == (1, ["error"])


def test_tokens_are_kept_as_digests_only(line, data):
    made = line("game", "add", "chess", "--json").document
    kept = DataDirectory(data).database.read_bytes()
    for token in (made["api_token"], made["private_token"]):
        assert token.encode() not in kept
        assert hashlib.sha256(token.encode()).hexdigest().encode() in kept


def test_a_reader_who_has_seen_enough_is_no_fault():
    line = f"{sys.executable} {ROOT / 'run.py'} check | true"
    said = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert said.stderr == ""
