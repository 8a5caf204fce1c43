"""Worlds and their agents on the command line, on a file and by a server."""

import json
import shlex
import sqlite3
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import pytest

from coalserver.storage.data_directory import DataDirectory
from tests.running import Line, running


def added(line: Line, *asked: str) -> dict[str, Any]:
    said = line("world", "add", *asked, "--json")
    assert said.status == 0, said
    return dict(said.document)


def asked(url: str, body: Any = None, token: str = "", **form: str) -> Any:
    """What a server answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = urlencode(form).encode() if form else None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_a_world_may_be_called_by_an_emoji_of_several(line):
    assert (
        added(line, "\U0001f9d1\u200d\U0001f680 Moon")["name"] == "\U0001f9d1\u200d\U0001f680 Moon"
    )
    said = line("world", "add", "two\u2028lines")
    assert said.status == 2 and "none of them invisible" in said.err


def test_a_world_is_as_it_was_asked_for(either):
    assert added(either, "My World")["status"] == "UNKNOWN"
    added(either, "Nether", "--hosted", "--short-name", "nether")
    worlds = either("world", "list", "--json").document["worlds"]
    assert [
        (one["name"], one["short_name"], one["hosted"], one["last_ping"]) for one in worlds
    ] == [
        ("My World", "", False, None),
        ("Nether", "nether", True, None),
    ]
    assert len({one["key"] for one in worlds}) == 2
    shown = either("world", "list").out
    assert worlds[1]["key"] in shown and "never" in shown


def test_a_short_name_may_be_typed_in_any_script(line):
    assert added(line, "One", "--short-name", "My World!")["short_name"] == "my-world"
    assert added(line, "Two", "--short-name", "北亰")["short_name"] == "bei-jing"


@pytest.mark.parametrize(
    ("order", "why", "sentence"),
    [
        (
            ("add", "World", "--short-name", "over"),
            "short_name_taken",
            "Another world has this short name.",
        ),
        (
            ("add", "World", "--short-name", "!?"),
            "malformed",
            "A short name has at most 50 characters",
        ),
        (
            ("add", "World", "--short-name", "games"),
            "short_name_reserved",
            "This short name is reserved",
        ),
        (("add", " "), "malformed", "A world needs a name."),
        (("agent", "nothing"), "world_not_found", "There is no world with this key or short name."),
        (("pair", ""), "world_not_found", "There is no world with this key or short name."),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(line, order, why, sentence):
    added(line, "Overworld", "--short-name", "over")
    said = line("world", *order, "--json")
    assert (said.status, said.document["why"]) == (1, why)
    assert said.document["error"].startswith(sentence)


def test_a_fresh_secret_buys_tokens_and_the_one_before_does_not(line, data):
    key = added(line, "Overworld", "--short-name", "over")["key"]
    first = line("world", "agent", "over", "--json").document
    with running(data) as server:
        second = line("world", "agent", key, "--json").document
        assert first["client_id"] == second["client_id"]

        def buy(secret: str) -> Any:
            return asked(
                server.url + "/oauth/v1/token", client_id=second["client_id"], client_secret=secret, code=secret,
                grant_type="authorization_code", scope="agent", redirect_uri="/",
            )  # fmt: skip

        with pytest.raises(urllib.error.HTTPError, match="400"):
            buy(first["client_secret"])
        token = buy(second["client_secret"])["access_token"]
        assert asked(server.url + "/api/v1/agents/lastline", token=token) == {"lastline": None}
    rows = sqlite3.connect(DataDirectory(data).database)
    kept = str(rows.execute("select doc from entity").fetchall())
    rows.close()
    assert second["client_secret"] not in kept


def test_the_key_is_the_one_that_the_api_shows_and_a_code_pairs_the_agent(line, data):
    key = added(line, "Overworld")["key"]
    line("account", "add", "ann@example.org", "--password", "correct horse", "--active")
    user = line("token", "add", "ann@example.org", "--json").document["access_token"]
    with running(data) as server:
        assert asked(f"{server.url}/api/v1/servers/{key}", token=user)["name"] == "Overworld"
        told = line("world", "pair", key, "--json").document
        assert told["url"] == server.url and told["expires_in"] == 900
        words = shlex.split(told["command"])
        code = words[words.index("--pair") + 1]
        assert words[words.index("--url") + 1] == server.url and code == told["code"]
        paired = asked(server.url + "/api/v1/agents/pair", {"code": code})
        assert (paired["server_key"], paired["server_name"]) == (key, "Overworld")
        assert "--pair" in line("world", "pair", key).out


def test_a_server_behind_a_proxy_tells_agents_its_outer_address(line):
    added(line, "Overworld", "--short-name", "over")
    told = line("world", "pair", "over", "--base-url", "https://play.example", "--json").document
    assert told["url"] == "https://play.example"
    assert "--url https://play.example --pair " in told["command"]
