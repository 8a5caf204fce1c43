"""Accounts and their tokens on the command line, on a file and by a server."""

import hashlib
import json
import sqlite3

import pytest

from coalserver.storage.data_directory import DataDirectory
from tests.running import Line, running

PASSWORD = ("--password", "correct horse")


def accounts(line: Line) -> dict[str, dict[str, object]]:
    """Every account there is, by its address."""
    return {row["email"]: row for row in line("account", "list", "--json").document["accounts"]}


def test_an_account_is_as_it_was_asked_for(either):
    either("account", "add", "Ann@Example.org", *PASSWORD, "--nickname", "Ann", "--admin")
    either("account", "add", "bob@example.org", *PASSWORD, "--active")
    said = either("account", "add", "cem@example.org", *PASSWORD, "--json")
    assert (said.status, said.document["active"]) == (0, False)
    listed = accounts(either)
    assert [(row["active"], row["admin"]) for row in listed.values()] == [
        (True, True),
        (True, False),
        (False, False),
    ]
    assert listed["ann@example.org"]["nickname"] == "Ann"
    assert listed["cem@example.org"] == said.document


def test_who_waits_is_let_in_and_may_be_let_wait_again(either):
    either("account", "add", "bob@example.org", *PASSWORD)
    assert either("account", "activate", "bob@example.org").out == "bob@example.org is active.\n"
    assert accounts(either)["bob@example.org"]["active"] is True
    assert (
        either("account", "activate", "bob@example.org", "--off", "--json").document["active"]
        is False
    )


def test_a_token_is_shown_once_and_kept_as_a_digest(either, data):
    either("account", "add", "bob@example.org", *PASSWORD, "--active")
    made = either("token", "add", "bob@example.org", "--days", "30", "--json").document
    assert list(made) == ["access_token", "token_type", "scope", "expires_in"]
    assert (made["token_type"], made["scope"], made["expires_in"]) == ("Bearer", "data", 30 * 86400)
    rows = sqlite3.connect(DataDirectory(data).database)
    kept = str(rows.execute("select doc from entity").fetchall())
    rows.close()
    assert made["access_token"] not in kept
    assert hashlib.sha256(made["access_token"].encode()).hexdigest() in kept


def test_no_password_is_kept_or_shown(line, data):
    line("account", "add", "bob@example.org", *PASSWORD)
    line("account", "passwd", "bob@example.org", "--password", "battery staple")
    rows = sqlite3.connect(DataDirectory(data).database)
    kept = str(rows.execute("select doc from entity").fetchall())
    rows.close()
    assert "$argon2id$" in kept
    assert "correct horse" not in kept and "battery staple" not in kept
    assert "argon2" not in line("account", "list", "--json").out


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (("account", "add", "bob@example.org", *PASSWORD), "email_taken"),
        (("account", "add", "bob", *PASSWORD), "email_invalid"),
        (("account", "add", "cem@example.org", "--password", "short"), "password_too_short"),
        (("account", "passwd", "bob@example.org", "--password", "short"), "password_too_short"),
        (("account", "passwd", "nobody@example.org", *PASSWORD), "account_not_found"),
        (("account", "activate", "nobody@example.org"), "account_not_found"),
        (("account", "activate", "bob@example.org", "--off"), "last_admin"),
        (("token", "add", "nobody@example.org"), "account_not_found"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(line, asked, why):
    line("account", "add", "bob@example.org", *PASSWORD, "--admin")
    said = line(*asked, "--json")
    assert (said.status, said.document["why"]) == (1, why)
    assert not said.document["error"].startswith("Refused")


@pytest.mark.parametrize(
    "asked",
    [
        ("account", "add", "bob@example.org"),
        ("token", "add", "bob@example.org", "--days", "0"),
        ("token", "add", "bob@example.org", "--days", "9" * 40),
        ("token", "add", "bob@example.org", "--scope", "agent"),
    ],
)
def test_what_makes_no_sense_is_not_tried(line, asked):
    assert line(*asked).status == 2


def test_people_are_told_the_same_in_columns(line):
    line("account", "add", "ann@example.org", *PASSWORD)
    assert line("account", "list").out.splitlines()[1].split()[:3] == ["1", "ann@example.org", "no"]
    assert line("account", "passwd", "ann@example.org", *PASSWORD).out == (
        "ann@example.org has a new password.\n"
    )


def test_without_a_data_directory_there_is_nobody(line):
    assert line("account", "list", "--json").status == 1


def test_a_server_shows_a_code_until_there_is_an_admin(line, data):
    codes = []
    for _ in range(2):
        with running(data) as server:
            codes.append(server.said["admin_code"])
    assert len(set(codes)) == 2 and all(len(code) == 32 for code in codes)
    line("account", "add", "bob@example.org", *PASSWORD, "--active")
    with running(data) as server:
        assert "admin_code" in server.said
        line("account", "add", "ann@example.org", *PASSWORD, "--admin")
    with running(data) as server:
        assert "admin_code" not in server.said


def test_what_the_command_line_has_done_is_kept(either, data):
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
    kept = rows.execute("select doc from entity where kind = 'Deed' order by id").fetchall()
    rows.close()
    deeds = [json.loads(doc) for (doc,) in kept]
    assert {deed["by"] for deed in deeds} == {0}
    assert [(deed["what"], deed["about"]) for deed in deeds] == [
        ("account_added", "ann@example.org"),
        ("password_set", "ann@example.org"),
        ("account_added", "bob@example.org"),
        ("account_let_in", "bob@example.org"),
        ("token_made", "bob@example.org"),
        ("game_added", "chess"),
        ("game_rotated", "chess"),
        ("backup_made", str(data.with_suffix(".tar"))),
    ]
    assert PASSWORD[1] not in str(kept)
