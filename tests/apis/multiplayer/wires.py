"""Wires: the realtime socket as a test holds it."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from coalserver.apis.multiplayer.relay import Member, Relay
from tests.apis.app import PATIENCE, House
from tests.apis.multiplayer.gamers import Gamer
from tests.apis.multiplayer.playing import Scene, well


@dataclass
class Wire:
    """One open socket."""

    house: House
    socket: "aiohttp.ClientWebSocketResponse"
    player: int = 0

    async def say(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def send(self, command: str = "move", **message: Any) -> None:
        await self.say(type="send", command=command, **message)

    async def hears(self) -> Any:
        """The next frame."""
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.socket.receive_str())

    async def received(self) -> Any:
        """The next frame, which somebody sent."""
        said = await self.hears()
        assert said["type"] == "receive", said
        return said

    async def error(self) -> str:
        """What the next frame, which must be an error, says."""
        said = await self.hears()
        assert said["type"] == "error", said
        return str(said["data"]["message"])

    async def sent(self) -> int:
        """To how many the last message went."""
        said = await self.hears()
        assert said["type"] == "sent", said
        return int(said["target_count"])

    async def quiet(self) -> None:
        """Nothing was said to this one before what it now asks for."""
        await self.say(type="heartbeat")
        said = await self.hears()
        assert said["type"] == "heartbeat_ack", said

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close that must come next."""
        async with asyncio.timeout(PATIENCE):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return int(message.data), message.extra or ""

    async def hang_up(self) -> None:
        await self.socket.close()

    @property
    def member(self) -> Member:
        """The other end."""
        found = self.house.shared.own(Relay).member(self.player)
        assert found is not None
        return found


async def a_token(gamer: Gamer) -> str:
    return str(well(await gamer.post("realtime.php/token"))["token"])


async def opened(house: House, query: str = "", path: str = "/", **headers: str) -> Wire:
    """A socket, whether it is let in or not."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Wire(house, await house.http.ws_connect(house.url(path + query), headers=given))


async def a_wire(gamer: Gamer, client: str = "json", path: str = "/") -> Wire:
    """A socket with a new token, greeted."""
    wire = await opened(gamer.house, f"?token={await a_token(gamer)}&client={client}", path)
    wire.player = gamer.id
    hello = await wire.hears()
    assert hello["type"] == "connected", hello
    return wire


async def wires(*gamers: Gamer, client: str = "json") -> list[Wire]:
    return [await a_wire(gamer, client) for gamer in gamers]


async def three(scene: Scene, **parts: Any) -> tuple[Gamer, Gamer, Gamer]:
    """Host, guest and another, in a realtime room."""
    await scene.meets(realtime=True, **parts)
    await scene.enters(scene.other)
    return scene.host, scene.guest, scene.other
