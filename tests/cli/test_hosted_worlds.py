"""Commands about the settings of hosted worlds, executed offline and by a running server."""

import asyncio

import pytest

from coalserver.config import Config
from coalserver.core.commands.hosting_settings import add_version
from coalserver.core.queries.admin import list_audit_entries
from coalserver.server.admin import open_offline
from coalserver.storage.data_directory import DataDirectory
from tests.apis.hosting import sample_version
from tests.processes import run_server


def run_offline(data, work):
    """Run a coroutine function of an AdminContext on the data directory."""

    async def main():
        home = DataDirectory(data)
        with home.lock():
            async with open_offline(Config(data=data), home) as context:
                return await work(context)

    return asyncio.run(main())


@pytest.fixture
def versions(line, data):
    """A data directory with two versions and one connected world."""
    line("world", "add", "Far", "--short-name", "far")

    async def define(context):
        for name in ("1.7.4", "1.20.4"):
            await context.core.execute(add_version, version=sample_version(name))

    run_offline(data, define)


def audit(data):
    async def read(context):
        found, _ = context.core.query(list_audit_entries, limit=100)
        return [(str(one.action), one.detail) for one in reversed(found)]

    return run_offline(data, read)


ADD = ("world", "add", "Ours", "--hosted", "--short-name", "ours", "--version", "1.20.4")


def test_hosted_world_has_the_given_values(line, data, versions):
    result = line(
        *ADD, "--memory", "6G", "--eula", "--set", "motd=a=b", "--set", "pvp=YES",
        "--set", "file.max-tick-time=-1", "--set", "members_may_start=no", "--json",
    )  # fmt: skip
    assert result.status == 0 and result.document["hosted"] is True
    found = line("world", "set", "ours", "pvp=true", "--json").document
    assert (
        found.items()
        >= {
            **{"name": "Ours", "short_name": "ours", "version": "1.20.4", "memory": "6G"},
            **{"motd": "a=b", "pvp": True, "members_may_start": False, "eula_agree": True},
            **{"further": {"max-tick-time": "-1"}, "pending": [], "key": result.document["key"]},
        }.items()
    )
    assert audit(data)[1:] == [("world_added", ""), ("eula_agreed", "")]


def test_names_among_the_values_of_a_new_world_are_set(line, data, versions):
    values = ("--set", "public=yes", "--set", "short_name=mine", "--set", "name=Mine")
    assert line("world", "add", "Ours", "--hosted", *values).status == 0
    found = line("world", "set", "mine", "pvp=true", "--json").document
    assert found.items() >= {"name": "Mine", "short_name": "mine", "public": True}.items()
    assert [action for action, _ in audit(data)[1:]] == [
        "world_added", "short_name_set", "world_renamed", "world_made_public", "properties_set",
    ]  # fmt: skip


def test_running_server_sets_values_too(line, data, versions):
    line(*ADD)
    with run_server(data):
        result = line("world", "set", "ours", "motd=Hello", "difficulty=3", "server_port=")
        assert result.status == 0 and "Hello" in result.out
        result = line("world", "eula", "ours", "--agree", "--json")
        assert (result.document["agreed"], result.document["by"]) == (True, None)
        assert line("world", "hosting", "ours", "--json").document["version"] == "1.20.4"
        result = line("world", "add", "Other", "--hosted", "--set", "memory=9G")
        assert (result.status, "one of 256M" in result.err) == (1, True)
    assert audit(data)[2:] == [("properties_set", "motd, difficulty"), ("eula_agreed", "")]


@pytest.mark.parametrize(
    ("args", "sentences"),
    [
        (("--memory", "9G"), ["memory: It must be one of 256M, 512M, 1G, 2G, 3G, 4G, 5G,"]),
        (("--version", "2.0"), ["version: There is no such version."]),
        (("--set", "pvp=on"), ["pvp: It must be yes or no."]),
        (("--set", "idle_timeout=61"), ["idle_timeout: It must be a whole number from 0 to 60."]),
        (("--set", "server_port=80"), ["It must be a whole number from 25565 to 25575."]),
        (("--set", "mtod=x"), ["A hosted world has no property mtod; did you mean motd?"]),
        (("--set", "file.motd=x"), ["file.motd: coalserver writes this line itself."]),
        (("--set", "file.=x"), ["file.: A key has 1 to 100 characters"]),
        (("--set", "public=maybe"), ["public: It must be yes or no."]),
        (("--set", "wake_on_connect=2"), ["wake_on_connect: It must be yes or no."]),
        (("--set", "pvp=1", "--set", "gamemode=9"), ["pvp: It", "gamemode: It must be a whole"]),
    ],
)
def test_wrong_value_adds_no_world_and_is_named(line, versions, args, sentences):
    result = line(*ADD, *args, "--json")
    assert (result.status, result.document["why"]) == (1, "malformed")
    assert all(sentence in result.document["error"] for sentence in sentences)
    assert len(line("world", "list", "--json").document["worlds"]) == 1


def test_options_of_hosted_worlds_need_hosted(line, versions):
    result = line("world", "add", "Other", "--eula", "--json")
    assert (result.status, result.document["error"]) == (
        1,
        "--version, --memory, --eula and --set need --hosted.",
    )
    assert len(line("world", "list", "--json").document["worlds"]) == 1


def test_set_changes_all_or_nothing(line, versions):
    line(*ADD)
    line(*(*ADD[:2], "Second", *ADD[3:5], "second"), "--set", "server_port=25566")
    for wrong in ("difficulty=9", "server_port=25566", "short_name=far", "name= "):
        result = line("world", "set", "ours", "motd=changed", wrong)
        assert result.status == 1 and result.err.startswith("coalserver: ")
    assert "Another world has this port." in line("world", "set", "ours", "server_port=25566").err
    found = line("world", "set", "ours", "motd=A Minecraft Server", "--json").document
    assert (found["motd"], found["name"], found["difficulty"]) == ("A Minecraft Server", "Ours", 1)


def test_names_and_further_lines_are_set_and_removed(line, versions):
    line(*ADD)
    line(
        "world", "set", "ours", "name=New", "short_name=Neu!", "public=yes", "file.a=1", "file.b=2"
    )
    found = line("world", "set", "neu", "file.a=", "file.c=", "--json").document
    assert (found["name"], found["short_name"], found["public"]) == ("New", "neu", True)
    assert found["further"] == {"b": "2"}
    assert "file.b" in line("world", "set", "neu", "file.b=3").out


def test_players_are_allowed_to_wake_a_world(line, data, versions):
    line(*ADD, "--set", "members_may_start=no")
    found = line("world", "set", "ours", "wake_on_connect=yes", "--json").document
    assert (found["wake_on_connect"], found["members_may_start"]) == (True, False)
    assert not line("world", "set", "ours", "wake_on_connect=no", "--json").document[
        "wake_on_connect"
    ]
    assert audit(data)[2:] == [("properties_set", "wake_on_connect")] * 2


def test_eula_is_agreed_to_and_withdrawn(line, data, versions):
    line(*ADD)
    assert "Agreed to the Minecraft EULA, 20" in line("world", "eula", "ours", "--agree").out
    result = line("world", "eula", "ours", "--withdraw", "--json").document
    assert (result["agreed"], result["at"]) == (False, None)
    assert "cannot be started" in line("world", "eula", "ours", "--withdraw").out
    assert line("world", "eula", "ours").status == 2
    assert audit(data)[2:] == [("eula_agreed", ""), ("eula_withdrawn", "")]


def test_hosting_is_printed(line, versions):
    line(*ADD)
    found = line("world", "hosting", "ours", "--json").document
    assert found.items() >= {"state": "UNKNOWN", "wanted": "pause", "pid": None}.items()
    assert "UNKNOWN" in line("world", "hosting", "ours").out


@pytest.mark.parametrize(
    "args", [("set", "{}", "motd=x"), ("eula", "{}", "--agree"), ("hosting", "{}")]
)
def test_other_worlds_are_refused(line, versions, args):
    for key, code in (("far", "order_refused"), ("nothing", "world_not_found")):
        result = line("world", *(arg.format(key) for arg in args), "--json")
        assert (result.status, result.document["why"]) == (1, code)
        assert result.document["error"].endswith(".")


def test_value_without_an_equals_sign_is_a_usage_error(line, versions):
    line(*ADD)
    assert line("world", "set", "ours", "motd").status == 2
    assert line("world", "set", "ours").status == 2
