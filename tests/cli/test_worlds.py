"""Commands about worlds and their agents, executed offline and by a running server."""

import json
import shlex
import sqlite3
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import pytest

from coalserver.storage.data_directory import DataDirectory
from tests.processes import CommandLine, run_server


def add_world(line: CommandLine, *args: str) -> dict[str, Any]:
    result = line("world", "add", *args, "--json")
    assert result.status == 0, result
    return dict(result.document)


def fetch(url: str, body: Any = None, token: str = "", **form: str) -> Any:
    """Return the JSON document that a server answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = urlencode(form).encode() if form else None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_name_can_have_a_combined_emoji(line):
    assert (
        add_world(line, "\U0001f9d1\u200d\U0001f680 Moon")["name"]
        == "\U0001f9d1\u200d\U0001f680 Moon"
    )
    result = line("world", "add", "two\u2028lines")
    assert result.status == 2 and "none of them invisible" in result.err


def test_world_has_the_given_attributes(either):
    assert add_world(either, "My World")["status"] == "UNKNOWN"
    add_world(either, "Nether", "--hosted", "--short-name", "nether")
    worlds = either("world", "list", "--json").document["worlds"]
    assert [
        (world["name"], world["short_name"], world["hosted"], world["last_ping"])
        for world in worlds
    ] == [
        ("My World", "", False, None),
        ("Nether", "nether", True, None),
    ]
    assert len({world["key"] for world in worlds}) == 2
    printed = either("world", "list").out
    assert worlds[1]["key"] in printed and "never" in printed


def test_short_name_is_converted_to_a_slug(line):
    assert add_world(line, "One", "--short-name", "My World!")["short_name"] == "my-world"
    assert add_world(line, "Two", "--short-name", "北亰")["short_name"] == "bei-jing"


@pytest.mark.parametrize(
    ("args", "code", "message"),
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
def test_refused_command_prints_message_and_code(line, args, code, message):
    add_world(line, "Overworld", "--short-name", "over")
    result = line("world", *args, "--json")
    assert (result.status, result.document["why"]) == (1, code)
    assert result.document["error"].startswith(message)


def test_new_secret_gets_tokens_and_the_old_one_does_not(line, data):
    key = add_world(line, "Overworld", "--short-name", "over")["key"]
    first = line("world", "agent", "over", "--json").document
    with run_server(data) as server:
        second = line("world", "agent", key, "--json").document
        assert first["client_id"] == second["client_id"]

        def get_tokens(secret: str) -> Any:
            return fetch(
                server.url + "/oauth/v1/token", client_id=second["client_id"], client_secret=secret, code=secret,
                grant_type="authorization_code", scope="agent", redirect_uri="/",
            )  # fmt: skip

        with pytest.raises(urllib.error.HTTPError, match="400"):
            get_tokens(first["client_secret"])
        token = get_tokens(second["client_secret"])["access_token"]
        last_line = server.url + "/api/v1/agents/lastline"
        assert fetch(last_line, token=token) == {"lastline": None}
        second = line("world", "agent", key, "--json").document
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(last_line, token=token)
    rows = sqlite3.connect(DataDirectory(data).database)
    stored = str(rows.execute("select doc from entity").fetchall())
    rows.close()
    assert second["client_secret"] not in stored


def test_key_is_that_of_the_api_and_code_pairs_the_agent(line, data):
    key = add_world(line, "Overworld")["key"]
    line("account", "add", "ann@example.org", "--password", "correct horse", "--active")
    user = line("token", "add", "ann@example.org", "--json").document["access_token"]
    with run_server(data) as server:
        assert fetch(f"{server.url}/api/v1/servers/{key}", token=user)["name"] == "Overworld"
        pairing = line("world", "pair", key, "--json").document
        assert pairing["url"] == server.url and pairing["expires_in"] == 900
        words = shlex.split(pairing["command"])
        code = words[words.index("--pair") + 1]
        assert words[words.index("--url") + 1] == server.url and code == pairing["code"]
        paired = fetch(server.url + "/api/v1/agents/pair", {"code": code})
        assert (paired["server_key"], paired["server_name"]) == (key, "Overworld")
        assert "--pair" in line("world", "pair", key).out


@pytest.mark.parametrize("url", ["https://play.example", "https://play.example/coal"])
def test_agents_get_the_public_url_behind_a_proxy(line, url):
    add_world(line, "Overworld", "--short-name", "over")
    pairing = line("world", "pair", "over", "--base-url", f"{url}/", "--json").document
    assert pairing["url"] == url
    assert f"--url {url} --pair " in pairing["command"]


def test_short_name_is_not_the_path_of_the_public_url(line):
    flags = ("--base-url", "https://play.example/coal", "--json")
    refused = line("world", "add", "Overworld", "--short-name", "coal", *flags)
    assert refused.status == 1 and "reserved" in refused.err + refused.out
    assert line("world", "add", "Overworld", "--short-name", "play", *flags).status == 0
