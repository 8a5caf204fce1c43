"""The five steps of the document's 2.2.1 from an empty data directory, by the command line alone and by the API.

The jar comes from a web server on this machine, and a program in Java's place runs a server that speaks the game's
own protocol; the rest is what a user has.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from coalserver.hosting.level import read_level
from tests.hosting.stand_in_java import GAME, JarServer, hosting_flags, make_java, run_jar_server
from tests.hosting.test_real_game import Place
from tests.hosting.worlds import free_ports
from tests.minecraft.programs import Bots, require_npm_packages
from tests.processes import TIMEOUT_SECONDS, CliResult, CommandLine, ServerProcess, run_server

BOT = "Alex"
WIRE_STATUSES = ("UNKNOWN", "QUEUED_START", "RUNNING", "QUEUED_STOP", "STOPPED")


@pytest.fixture
def jars() -> Iterator[JarServer]:
    require_npm_packages("minecraft-protocol", "mineflayer")
    with run_jar_server() as server:
        yield server


@pytest.fixture
def server(data: Path, tmp_path: Path, jars: JarServer) -> Iterator[ServerProcess]:
    """A server on an empty data directory."""
    first = free_ports(2)
    flags = (
        *hosting_flags(make_java(tmp_path / "jdk", GAME)),
        *("--hosting-ports", f"{first}-{first + 1}", "--hosting-bind", "127.0.0.1"),
    )
    with run_server(data, *flags) as server:
        yield server
        # In good order, so that the world is stopped.
        server.stop()


class Commands:
    """The command line beside a running server. Keeps the orders and their answers."""

    def __init__(self, line: CommandLine) -> None:
        self._line = line

    async def run(self, *args: str) -> CliResult:
        """Run a command that has to succeed."""
        result = await asyncio.to_thread(self._line, *args)
        assert result.status == 0, (args, result)
        return result

    async def document(self, *args: str) -> Any:
        return json.loads((await self.run("--json", *args)).out)

    async def make_admin(self) -> str:
        """Add an administrator and return a token of theirs."""
        add = ("account", "add", "root@example.org", "--password", "correct horse", "--admin")
        await self.run(*add)
        document = await self.document("token", "add", "root@example.org")
        return str(document["access_token"])


class Api:
    """A client of the COAL API, which notes the statuses that it sees of one world."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client
        self.statuses: list[str] = []

    async def call(self, method: str, path: str, **body: Any) -> Any:
        """Send a request that has to succeed, and return its document or None."""
        options = {"json": body} if method == "POST" else {}
        async with self._client.request(method, f"/api/v1/servers{path}", **options) as answer:
            text = await answer.text()
            assert answer.status in (200, 201, 202), (method, path, answer.status, text)
            return json.loads(text) if text else None

    async def see(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"/{key}")
        if self.statuses[-1:] != [found["status"]]:
            self.statuses.append(found["status"])
        return found

    async def wait_for(self, key: str, status: str) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (found := await self.see(key))["status"] != status:
                await asyncio.sleep(0.01)
        return found

    async def wait_for_chat(self, key: str, name: str, text: str) -> None:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                chats = (await self.call("GET", f"/{key}/chats"))["chats"]
                if any((one["username"], one["chat"]) == (name, text) for one in chats):
                    return
                await asyncio.sleep(0.05)


@pytest.fixture
async def commands(server: ServerProcess, line: CommandLine) -> Commands:
    return Commands(line)


async def test_walk_by_the_command_line(
    commands: Commands, server: ServerProcess, jars: JarServer, bots: Bots, data: Path
) -> None:
    # 1: a version
    await commands.run("version", "add", "1.21.4", "--url", jars.url)
    # 2: a hosted world, which is played
    await commands.run(
        *("world", "add", "Ours", "--hosted", "--short-name", "ours", "--version", "1.21.4"),
        *("--memory", "512M", "--eula", "--set", "motd=Welcome"),
    )
    assert (await commands.document("world", "hosting", "ours"))["state"] == "UNKNOWN"
    await commands.run("world", "play", "ours", "--wait", str(TIMEOUT_SECONDS))
    hosting = await commands.document("world", "hosting", "ours")
    assert (hosting["state"], hosting["trouble"]) == ("RUNNING", None)
    # 3 and 4: a player joins and plays
    await bots.join(BOT, Place(hosting["port"]))
    bots.say(BOT, "hello from the game")
    await commands.run("world", "tell", "ours", "say hello from the console")
    await bots.wait_for_message(BOT, "[Server] hello from the console")
    lines = await commands.run("world", "console", "ours")
    assert f"<{BOT}> hello from the game" in lines.out
    # 5: settings of the instance
    await commands.run("hosting", "set", "backup_depth=3")
    assert (await commands.document("hosting", "show"))["backup_depth"] == 3
    await commands.run("world", "save", "ours", "--wait", str(TIMEOUT_SECONDS))
    assert len((await commands.document("world", "saves", "ours"))["saves"]) == 1
    await bots.leave(BOT)
    await commands.run("world", "pause", "ours", "--wait", str(TIMEOUT_SECONDS))
    assert (await commands.document("world", "hosting", "ours"))["state"] == "STOPPED"
    [folder] = (data / "hosting" / "worlds").iterdir()
    assert "motd=Welcome" in (folder / "server" / "server.properties").read_text()
    read_level(folder / "server" / "world")


async def test_walk_by_the_api(
    commands: Commands, server: ServerProcess, jars: JarServer, bots: Bots
) -> None:
    token = await commands.make_admin()
    await commands.run("version", "add", "1.21.4", "--url", jars.url)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(server.url, headers=headers) as client:
        api = Api(client)
        await api.call("POST", "", name="Ours", gce=True)
        [world] = (await api.call("GET", ""))["servers"]
        key = world["key"]
        await api.see(key)
        properties = {"version": "1.21.4", "memory": "512M", "idle_timeout": 5, "eula_agree": True}
        await api.call("POST", f"/{key}/properties", **properties)
        await api.call("POST", f"/{key}/queue/play")
        address = (await api.wait_for(key, "RUNNING"))["address"]
        await bots.join(BOT, Place(int(address.rpartition(":")[2])))
        bots.say(BOT, "hello from the game")
        await api.wait_for_chat(key, BOT, "hello from the game")
        await api.call("POST", f"/{key}/chats", chat="hello from the site")
        await bots.wait_for_message(BOT, "[Server] <root@example.org> hello from the site")
        assert (await api.call("GET", f"/{key}/hosting"))["players"] == 1
        await bots.leave(BOT)
        # Changes of a running world are for its next start.
        await api.call("POST", f"/{key}/properties", motd="Welcome")
        assert (await api.call("GET", f"/{key}/hosting"))["pending"] == ["motd"]
        await api.call("POST", f"/{key}/queue/pause")
        assert (await api.wait_for(key, "STOPPED"))["address"] is None
        assert [one for one in api.statuses if one not in WIRE_STATUSES] == []
        assert api.statuses[0] == "UNKNOWN" and api.statuses[-1] == "STOPPED"
        # A player was there: the pause has made a saved game.
        saves = (await api.call("GET", f"/{key}/saves"))["saves"]
        assert [one["kind"] for one in saves] == ["pause"]
