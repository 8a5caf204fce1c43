"""The command line: games, usage errors, help, settings, backups; for people and as JSON."""

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from coalserver.cli import main, offline
from coalserver.cli.options import ImportedCommand
from coalserver.cli.serve import ADMIN_COMMANDS, admin_commands, browser_url
from coalserver.config import Config
from coalserver.config.schema import settings
from coalserver.storage.data_directory import DataDirectory
from tests.processes import ROOT, TIMEOUT_SECONDS, command, environment, tags


def test_game_add_prints_tokens_once(either):
    result = either("game", "add", "chess", "--json")
    added = result.document
    assert (result.status, result.err) == (0, "")
    assert list(added) == ["game_id", "tag", "api_token", "private_token"]
    assert added["tag"] == "chess"
    listed = either("game", "list", "--json").out
    assert added["api_token"] not in listed
    assert added["private_token"] not in listed


def test_game_has_the_given_attributes(either):
    options = ("--name", "Königlich", "--min", "2", "--max", "4", "--no-open")
    game_id = either("game", "add", "chess", *options, "--json").document["game_id"]
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
        "typed": False,
    }
    assert (listed["go-9x9"]["name"], listed["go-9x9"]["open"]) == ("Go 9X9", True)


def test_output_for_people_has_lines_and_columns(line):
    added = line("game", "add", "chess", "--max", "4").out.splitlines()
    assert added[0].split() == ["game_id", "1"]
    assert added[1].split() == ["tag", "chess"]
    assert [row.split()[0] for row in added[2:]] == ["api_token", "private_token"]
    header, chess = line("game", "list").out.splitlines()
    assert header.split()[:3] == ["game_id", "tag", "name"]
    assert chess.split() == ["1", "chess", "Chess", "1", "4", "yes", "yes", "no"]


def test_game_rotate_replaces_the_tokens(either):
    old = either("game", "add", "chess", "--json").document
    new = either("game", "rotate", "chess", "--json").document
    assert (new["game_id"], new["tag"]) == (old["game_id"], "chess")
    assert not {new["api_token"], new["private_token"]} & {old["api_token"], old["private_token"]}


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("add", "taken"), "game_exists", "There is already a game with this tag."),
        (("add", "No!"), "malformed", "A tag has at most 32 characters"),
        (("add", "x", "--min", "0"), "malformed", "--min must be from 1 to --max"),
        (("add", "x", "--min", "3", "--max", "2"), "malformed", "--min must be from 1 to --max"),
        (("rotate", "nobody"), "game_not_found", "There is no game with this tag."),
    ],
)
def test_refused_command_prints_message_and_has_status_1(line, args, code, message):
    line("game", "add", "taken")
    refused = line("game", *args)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith(f"coalserver: {message}")
    refused = line("game", *args, "--json")
    assert (refused.status, refused.err) == (1, "")
    assert refused.document["why"] == code
    assert refused.document["error"].startswith(message)


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
def test_usage_error_has_status_2_and_one_line(line, args, data):
    result = line(*args)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("coalserver: ") and result.err.count("\n") == 1
    result = line(*args, "--json")
    assert (result.status, result.err, list(result.document)) == (2, "", ["error"])
    assert not data.exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--prot", "1"), "There is no flag --prot; did you mean --port?"),
        (
            ("game", "add", "x", "--name=y", "--opne"),
            "There is no flag --opne; did you mean --open",
        ),
        (("check", "--xyzzy=1"), "There is no flag --xyzzy; see coalserver check --help"),
        (
            ("world", "plya", "x"),
            "No such command 'plya'. (Did you mean one of: 'play', 'upload'?)",
        ),
        (("gaem", "list"), "No such command 'gaem'. Did you mean 'game'?"),
    ],
)
def test_unknown_flag_or_command_is_named_with_a_similar_one(line, args, message):
    assert line(*args).err.startswith(f"coalserver: {message}")


def test_check_prints_settings_from_all_sources(line, data, tmp_path, monkeypatch):
    (tmp_path / "c.ini").write_text("[coalserver]\nport = 9\nevent_days = 1\n")
    monkeypatch.setenv("COAL_EVENT_DAYS", "2")
    args = ("check", "--config", str(tmp_path / "c.ini"))
    printed = line(*args, "--json").document
    assert (printed["port"], printed["event_days"], printed["data"]) == (9, 2, str(data))
    assert list(printed) == [setting.name for setting in settings()]
    assert "event_days = 2.0\n" in line(*args).out
    assert not data.exists()


def test_setting_flags_can_stand_before_and_after_the_command(data, capsys):
    assert main.main(["--data", str(data), "--json", "game", "--port", "1", "add", "chess"]) == 0
    assert json.loads(capsys.readouterr().out)["tag"] == "chess"


@pytest.mark.parametrize("args", [("game", "list"), ("game", "rotate", "x"), ("backup", "b.tar")])
def test_command_does_not_create_a_data_directory(line, data, args):
    result = line(*args)
    assert (result.status, result.err) == (1, f"coalserver: There is no data in {data} yet.\n")
    assert not data.exists()


def test_error_names_a_data_directory_that_cannot_be_created(line, data):
    data.write_text("a file")
    result = line("game", "add", "x")
    assert result.status == 1
    assert str(data) in result.err


def test_invalid_database_is_left_unchanged(line, data):
    line("game", "add", "x")
    database = DataDirectory(data).database
    database.write_bytes(b"no database at all, " * 100)
    result = line("game", "list")
    assert result.status == 1
    assert "not a database" in result.err
    assert database.read_bytes() == b"no database at all, " * 100


@pytest.mark.parametrize(
    ("base_url", "listening_url", "expected"),
    [
        ("", "http://127.0.0.1:80", "http://127.0.0.1:80/"),
        ("", "http://0.0.0.0:80", "http://localhost:80/"),
        ("", "http://[::]:80", "http://localhost:80/"),
        ("https://play.example", "http://0.0.0.0:80", "https://play.example/"),
        ("https://play.example/coal", "http://0.0.0.0:80", "https://play.example/coal/"),
    ],
)
def test_browser_url_is_reachable_from_this_machine(base_url, listening_url, expected):
    assert browser_url(Config(base_url=base_url), listening_url) == expected


def test_defaults_are_port_8080_and_data_in_the_working_directory(tmp_path):
    result = subprocess.run(
        command("check", "--json"),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
        cwd=tmp_path,
        env=environment(),
    )
    printed = json.loads(result.stdout)
    assert (printed["host"], printed["port"], printed["data"]) == ("127.0.0.1", 8080, "data")


def test_umask_is_restored(line):
    before = os.umask(0o022)
    try:
        line("game", "add", "x")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_no_parameter_is_named_like_a_setting():
    reserved = {setting.name for setting in settings()} | {"config", "json", "help"}
    for admin_command in dict(admin_commands()).values():
        own = [param.name for param in admin_command.params if param.expose_value]
        assert not reserved & set(own)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize(
    "name", ["", "serve", "check", "restore", "compact", "game", *dict(admin_commands())]
)
def test_every_command_has_help(name, flag, capsys):
    assert main.main([*name.split(), flag]) == 0
    help_page = capsys.readouterr().out
    assert help_page.startswith(f"Usage: {f'coalserver {name}'.strip()} [OPTIONS]")
    assert "--data" in help_page


@pytest.mark.parametrize("name", main.program.commands)
def test_help_of_a_command_is_known_before_its_module_is_imported(name):
    command = main.program.commands[name]
    if isinstance(command, ImportedCommand):
        loaded = command.load()
        assert (command.help, command.name) == (loaded.help, loaded.name)


def test_help_and_settings_need_neither_the_core_nor_the_storage():
    code = (
        "import sys; from coalserver.cli.main import main; main(['--help']); main(['check']);"
        "sys.exit(any(name.startswith(('coalserver.core', 'coalserver.storage', 'coalserver.server',"
        " 'aiohttp')) for name in sys.modules))"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(),
        check=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.mark.parametrize("name", ["", "game", "game add x", "serve", "check", "restore", "no", 7])
def test_server_executes_only_commands_for_servers(name):
    assert ADMIN_COMMANDS.find(name) is None


def test_server_finds_every_command_by_its_name():
    commands = dict(admin_commands())
    assert {"game add", "world set", "backup"} <= set(commands)
    assert all(ADMIN_COMMANDS.find(name) is command for name, command in commands.items())


def test_help_of_serve_describes_every_setting_with_its_default(capsys):
    assert main.main(["serve", "--help"]) == 0
    help_page = " ".join(capsys.readouterr().out.split())
    for setting in settings():
        if setting.meta.secret:
            # Every process of a machine can read another's arguments.
            assert setting.flag not in help_page
        else:
            assert f"{setting.flag} VALUE {setting.meta.help} [" in help_page


def test_commands_run_on_uvloop():
    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert offline.run(loop()) == "uvloop"


def test_console_script_and_run_py_call_the_same_function():
    assert "sys.exit(main())" in (ROOT / "run.py").read_text()
    assert "coalserver = coalserver.__main__:main" in (ROOT / "setup.cfg").read_text()
    version = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--version"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    assert version.stdout.startswith("coalserver ")


def test_restore_brings_back_the_data_of_the_backup(line, data, tmp_path):
    line("game", "add", "chess")
    file = str(tmp_path / "b.tar")
    assert line("backup", file).out.startswith(f"Wrote {file} (")
    line("game", "add", "go")
    result = line("restore", file)
    replaced = next(data.glob("replaced-*"))
    assert result.out.startswith(f"Restored {file}, created 20")
    assert result.out.endswith(f" The replaced data is kept in {replaced}.\n")
    assert tags(line) == ["chess"]
    assert line("game", "add", "go", "--json").document["game_id"] == 3


def test_backup_and_restore_print_json(line, tmp_path):
    line("game", "add", "chess")
    file = str(tmp_path / "b.tar")
    written = line("backup", file, "--json").document
    assert written == {"file": file, "bytes": (tmp_path / "b.tar").stat().st_size}
    assert list(line("restore", file, "--json").document) == ["restored", "made", "kept"]
    refused = line("restore", "/no/such", "--json")
    assert (refused.status, list(refused.document)) == (1, ["error"])


def test_compact_makes_the_database_smaller_and_keeps_its_data(line, data):
    line("game", "add", "chess")
    database = DataDirectory(data).database
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("CREATE TABLE spare AS SELECT zeroblob(1000000) AS bytes")
        db.execute("DROP TABLE spare")
    before = database.stat().st_size
    text = line("compact").out
    after = database.stat().st_size
    assert text == f"Compacted {database} from {before:,} to {after:,} bytes.\n"
    assert after < before - 900_000
    assert database.stat().st_mode & 0o777 == 0o600
    assert line("compact", "--json").document == {
        "file": str(database),
        "before": after,
        "bytes": after,
    }
    assert tags(line) == ["chess"]


def test_compact_is_refused_while_another_process_has_the_data(line, data):
    line("game", "add", "chess")
    with DataDirectory(data).lock():
        result = line("compact")
    assert result.status == 1
    assert "is in use by process" in result.err
    assert result.err.endswith("Stop the server before you compact its data.\n")


def test_compact_without_data_creates_nothing(line, tmp_path):
    result = line("compact", "--data", str(tmp_path / "new/data"))
    assert (result.status, "There is no data in" in result.err) == (1, True)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["missing.tar", "damaged.tar"])
def test_failed_restore_deletes_the_directories_that_it_created(line, tmp_path, name):
    (tmp_path / "damaged.tar").write_bytes(b"?" * 2000)
    data = tmp_path / "new/data"
    assert line("restore", str(tmp_path / name), "--data", str(data)).status == 1
    assert not (tmp_path / "new").exists()


def test_failed_restore_keeps_an_existing_directory(line, tmp_path):
    (tmp_path / "empty").mkdir()
    line("restore", "/no/such", "--data", str(tmp_path / "empty"))
    assert (tmp_path / "empty").exists()


@pytest.mark.parametrize("group", ["", "game", "account", "token", "world"])
def test_group_help_shows_whole_sentences(group, capsys):
    main.main([*group.split(), "--help"])
    assert "..." not in capsys.readouterr().out.replace("COMMAND ...", "")


def test_tokens_are_stored_as_digests(line, data):
    added = line("game", "add", "chess", "--json").document
    stored = DataDirectory(data).database.read_bytes()
    for token in (added["api_token"], added["private_token"]):
        assert token.encode() not in stored
        assert hashlib.sha256(token.encode()).hexdigest().encode() in stored


def test_closed_standard_output_is_no_error():
    line = f"{sys.executable} {ROOT / 'run.py'} check | true"
    result = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert result.stderr == ""


PROGRAM = f"{sys.executable} {ROOT / 'run.py'}"
FULL = "coalserver: The output cannot be written: No space left on device.\n"
needs_full_disk = pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="there is no /dev/full"
)


def run_in_shell(line):
    return subprocess.run(line, shell=True, capture_output=True, text=True, check=False)


@needs_full_disk
@pytest.mark.parametrize(
    "args",
    [
        *("check", "check --json", "--help", "-h", "--version", "game --help", "game add --help"),
        *(
            "serve --help",
            "world --help",
            "world play --help",
            "backup --help",
            "--nonsense --json",
        ),
    ],
)
def test_output_that_cannot_be_written_is_an_error(args):
    result = run_in_shell(f"{PROGRAM} {args} >/dev/full")
    assert (result.returncode, result.stderr) == (1, FULL)


@needs_full_disk
def test_commands_about_data_say_that_their_output_cannot_be_written(line, data):
    line("game", "add", "chess")
    for args in ("game list", "game list --json", "account list", "world list", "game add go"):
        result = run_in_shell(f"{PROGRAM} {args} --data {data} >/dev/full")
        assert (result.returncode, result.stderr) == (1, FULL), args


@needs_full_disk
def test_error_that_cannot_be_printed_keeps_its_status():
    for args, status in (("nonsense", 2), ("--prot", 2), ("game list --data /nothing/here", 1)):
        for target in ("2>/dev/full", "2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}"):
            line = f"{PROGRAM} {args} {target}"
            result = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
            assert (result.returncode, result.stderr) == (status, b""), line


@pytest.mark.parametrize("args", ["check", "--help", "--version", "game --help", "check --json"])
def test_closed_pipe_is_quiet(args):
    # The reader has closed the pipe before anything is written.
    line = f"(sleep 0.5; {PROGRAM} {args}) | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")


#: Runs the program, and interrupts it when it imports the module that the first argument names.
INTERRUPTED_IMPORT = """
import os, signal, sys

class Finder:
    def find_spec(name, path, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Finder)
from coalserver.__main__ import main
sys.exit(main())
"""
INTERRUPTED_EXIT = """
import atexit, os, signal, sys
from coalserver.__main__ import main
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.exit(main())
"""


def run_python(code, *args):
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        check=False,
        env=environment(PYTHONPATH=str(ROOT)),
    )


@pytest.mark.parametrize(
    ("module", "args"),
    [
        ("coalserver.cli.main", ("--help",)),
        ("click", ("--help",)),
        ("coalserver.config.sources", ("check",)),
        ("coalserver.cli.games", ("game", "list")),
        ("coalserver.cli.serve", ("serve", "--port", "0")),
        ("coalserver.server.lifecycle", ("serve", "--port", "0")),
        ("aiohttp", ("serve", "--port", "0")),
    ],
)
def test_interrupted_import_is_quiet(module, args, data):
    result = run_python(INTERRUPTED_IMPORT, module, *args, "--data", str(data))
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "")


def test_interrupt_before_the_first_import_is_quiet():
    result = run_python(INTERRUPTED_IMPORT, "coalserver.cli.interrupts", "--help")
    # Shells show both as 130.
    assert result.returncode in (130, -signal.SIGINT)
    assert (result.stdout, result.stderr) == ("", "")


def test_interrupt_while_python_exits_is_quiet():
    result = run_python(INTERRUPTED_EXIT, "--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("coalserver ")
