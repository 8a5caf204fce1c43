"""A hosted world that speaks the game's own protocol, with bots that play on it."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosting.machine import Machine
from tests.minecraft.programs import HERE, Bots, require_npm_packages
from tests.processes import TIMEOUT_SECONDS, ServerProcess

BOT = "Alex"


@dataclass
class Place:
    """Where bots connect."""

    port: int


class GameMachine(Machine):
    """A data directory with one hosted world that runs `server.js`."""

    def define(self, *args: str) -> None:
        command = shlex.join(("node", str(HERE / "server.js"), "{port}", "--world", *args))
        self.settings.write_text(f"[version fake]\ncommand = {command}\n")

    async def in_thread(self, call: Any, *args: Any) -> Any:
        """Call a method that blocks, while the bots' output is read."""
        return await asyncio.to_thread(call, *args)

    def history(self) -> list[dict[str, Any]]:
        """Return the lines that the site has, oldest first."""
        status, document = self.call("loglines?size=50")
        assert status == 200
        return list(reversed(document["loglines"]))


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[GameMachine]:
    require_npm_packages("minecraft-protocol", "mineflayer")
    machine = GameMachine(tmp_path)
    yield machine
    await machine.end()


async def start(box: GameMachine, server: ServerProcess) -> Place:
    """Start the world and return where its shown address leads."""
    assert await box.in_thread(box.order, "play") == 202
    await box.in_thread(box.wait_for, "RUNNING")
    status, shown = await box.in_thread(box.call, "")
    assert status == 200
    host, _, port = shown["address"].rpartition(":")
    assert host
    return Place(int(port))


async def wait_for_line(box: GameMachine, tag: str, **expected: Any) -> None:
    """Wait until the site has a line with this tag and these members."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            for line in await box.in_thread(box.history):
                if tag in line["tags"] and expected.items() <= line.items():
                    return
            await asyncio.sleep(0.05)


async def test_bot_plays_and_chats_in_both_directions(box: GameMachine, bots: Bots) -> None:
    await box.prepare()
    with box.serve() as server:
        place = await start(box, server)
        await bots.join(BOT, place)
        await wait_for_line(box, "login", username=BOT)
        hosting = await box.in_thread(lambda: box.hosting)
        assert (hosting["players"], hosting["trouble"]) == (1, None)
        bots.say(BOT, "hello from the game")
        await wait_for_line(box, "chat", username=BOT, chat="hello from the game")
        status, _ = await box.in_thread(
            lambda: box.call("chats", "POST", chat="hello from the site")
        )
        assert status == 202
        await bots.wait_for_message(BOT, "[Server] <a@example.org> hello from the site")
        await bots.leave(BOT)
        await wait_for_line(box, "logout", username=BOT)
        assert await box.in_thread(box.order, "pause") == 202
        await box.in_thread(box.wait_for, "STOPPED")
        chats = [line["chat"] for line in await box.in_thread(box.history) if line.get("chat")]
        assert chats == ["hello from the game", "hello from the site"]
        assert await asyncio.to_thread(server.stop) == 0
    await box.check_history()
