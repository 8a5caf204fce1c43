"""Commands about accounts and tokens, executed offline and by a running server."""

import hashlib
import json
import sqlite3

import pytest

from coalserver.storage.data_directory import DataDirectory
from tests.processes import CommandLine, run_server

PASSWORD = ("--password", "correct horse")


def accounts(line: CommandLine) -> dict[str, dict[str, object]]:
    """Return the listed accounts by address."""
    return {row["email"]: row for row in line("account", "list", "--json").document["accounts"]}


def test_account_has_the_given_attributes(either):
    either("account", "add", "Ann@Example.org", *PASSWORD, "--nickname", "Ann", "--admin")
    either("account", "add", "bob@example.org", *PASSWORD, "--active")
    result = either("account", "add", "cem@example.org", *PASSWORD, "--json")
    assert (result.status, result.document["active"]) == (0, False)
    listed = accounts(either)
    assert [(row["active"], row["admin"]) for row in listed.values()] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert listed["ann@example.org"]["nickname"] == "Ann"
    assert listed["cem@example.org"] == result.document


def test_account_is_activated_and_deactivated(either):
    either("account", "add", "bob@example.org", *PASSWORD)
    assert either("account", "activate", "bob@example.org").out == "bob@example.org is active.\n"
    assert accounts(either)["bob@example.org"]["active"] is True
    assert (
        either("account", "activate", "bob@example.org", "--off", "--json").document["active"]
        is False
    )


def test_token_is_printed_once_and_stored_as_digest(either, data):
    either("account", "add", "bob@example.org", *PASSWORD, "--active")
    token = either("token", "add", "bob@example.org", "--days", "30", "--json").document
    assert list(token) == ["access_token", "token_type", "scope", "expires_in"]
    assert (token["token_type"], token["scope"], token["expires_in"]) == (
        "Bearer",
        "data",
        30 * 86400,
    )
    rows = sqlite3.connect(DataDirectory(data).database)
    stored = str(rows.execute("select doc from entity").fetchall())
    rows.close()
    assert token["access_token"] not in stored
    assert hashlib.sha256(token["access_token"].encode()).hexdigest() in stored


def test_password_is_neither_stored_nor_printed(line, data):
    line("account", "add", "bob@example.org", *PASSWORD)
    line("account", "passwd", "bob@example.org", "--password", "battery staple")
    rows = sqlite3.connect(DataDirectory(data).database)
    stored = str(rows.execute("select doc from entity").fetchall())
    rows.close()
    assert "$argon2id$" in stored
    assert "correct horse" not in stored and "battery staple" not in stored
    assert "argon2" not in line("account", "list", "--json").out


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("account", "add", "bob@example.org", *PASSWORD), "email_taken"),
        (("account", "add", "bob", *PASSWORD), "email_invalid"),
        (("account", "add", "dan@example.org", "--password", "short"), "password_too_short"),
        (("account", "passwd", "bob@example.org", "--password", "short"), "password_too_short"),
        (("account", "passwd", "nobody@example.org", *PASSWORD), "account_not_found"),
        (("account", "activate", "nobody@example.org"), "account_not_found"),
        (("account", "activate", "bob@example.org", "--off"), "last_admin"),
        (("token", "add", "nobody@example.org"), "account_not_found"),
        (("token", "add", "cem@example.org"), "inactive"),
    ],
)
def test_refused_command_prints_message_and_code(line, args, code):
    line("account", "add", "bob@example.org", *PASSWORD, "--admin")
    line("account", "add", "cem@example.org", *PASSWORD)
    result = line(*args, "--json")
    assert (result.status, result.document["why"]) == (1, code)
    assert not result.document["error"].startswith("Not possible")


@pytest.mark.parametrize(
    "args",
    [
        ("account", "add", "bob@example.org"),
        ("token", "add", "bob@example.org", "--days", "0"),
        ("token", "add", "bob@example.org", "--days", "9" * 40),
        ("token", "add", "bob@example.org", "--scope", "agent"),
    ],
)
def test_usage_error_has_status_2(line, args):
    assert line(*args).status == 2


def test_output_for_people_has_columns(line):
    line("account", "add", "ann@example.org", *PASSWORD)
    assert line("account", "list").out.splitlines()[1].split()[:3] == ["1", "ann@example.org", "no"]
    assert line("account", "passwd", "ann@example.org", *PASSWORD).out == (
        "ann@example.org has a new password.\n"
    )


def test_list_fails_without_a_data_directory(line):
    assert line("account", "list", "--json").status == 1


def test_server_prints_admin_code_until_there_is_an_admin(line, data):
    codes = []
    for _ in range(2):
        with run_server(data) as server:
            codes.append(server.started["admin_code"])
    assert len(set(codes)) == 2 and all(len(code) == 32 for code in codes)
    line("account", "add", "bob@example.org", *PASSWORD, "--active")
    with run_server(data) as server:
        assert "admin_code" in server.started
        line("account", "add", "ann@example.org", *PASSWORD, "--admin")
    with run_server(data) as server:
        assert "admin_code" not in server.started


def test_commands_are_in_the_audit_log(either, data):
    either("account", "add", "ann@example.org", *PASSWORD, "--admin")
    either("account", "passwd", "ann@example.org", "--password", "another horse")
    either("account", "add", "bob@example.org", *PASSWORD)
    either("account", "activate", "bob@example.org")
    either("account", "activate", "ann@example.org", "--off")
    either("token", "add", "bob@example.org")
    either("game", "add", "chess")
    either("game", "rotate", "chess")
    either("backup", str(data.with_suffix(".tar")))
    rows = sqlite3.connect(DataDirectory(data).database)
    stored = rows.execute("select doc from entity where kind = 'Deed' order by id").fetchall()
    rows.close()
    entries = [json.loads(doc) for (doc,) in stored]
    assert {entry["by"] for entry in entries} == {0}
    assert [(entry["what"], entry["about"]) for entry in entries] == [
        ("account_added", "ann@example.org"),
        ("password_set", "ann@example.org"),
        ("account_added", "bob@example.org"),
        ("account_let_in", "bob@example.org"),
        ("token_made", "bob@example.org"),
        ("game_added", "chess"),
        ("game_rotated", "chess"),
        ("backup_made", str(data.with_suffix(".tar"))),
    ]
    assert PASSWORD[1] not in str(stored)
