"""Wires: the realtime socket as a test holds it."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from coalserver.apis.multiplayer.relay import Member, Relay
from tests.apis.app import TIMEOUT_SECONDS, TestApp
from tests.apis.multiplayer.clients import PlayerClient
from tests.apis.multiplayer.scene import Scene, success


@dataclass
class SocketClient:
    """One open socket."""

    test_app: TestApp
    socket: "aiohttp.ClientWebSocketResponse"
    player: int = 0

    async def send_frame(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def send(self, command: str = "move", **message: Any) -> None:
        await self.send_frame(type="send", command=command, **message)

    async def receive(self) -> Any:
        """The next frame."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return json.loads(await self.socket.receive_str())

    async def receive_message(self) -> Any:
        """The next frame, which somebody sent."""
        payload = await self.receive()
        assert payload["type"] == "receive", payload
        return payload

    async def receive_error(self) -> str:
        """What the next frame, which must be an error, says."""
        payload = await self.receive()
        assert payload["type"] == "error", payload
        return str(payload["data"]["message"])

    async def receive_sent_count(self) -> int:
        """To how many the last message went."""
        payload = await self.receive()
        assert payload["type"] == "sent", payload
        return int(payload["target_count"])

    async def expect_nothing(self) -> None:
        """Nothing was said to this one before what it now asks for."""
        await self.send_frame(type="heartbeat")
        payload = await self.receive()
        assert payload["type"] == "heartbeat_ack", payload

    async def receive_close(self) -> tuple[int, str]:
        """Code and reason of the close that must come next."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return int(message.data), message.extra or ""

    async def close(self) -> None:
        await self.socket.close()

    @property
    def member(self) -> Member:
        """The other end."""
        found = self.test_app.app_context.per_process(Relay).find_member(self.player)
        assert found is not None
        return found


async def make_token(player_client: PlayerClient) -> str:
    return str(success(await player_client.post("realtime.php/token"))["token"])


async def connect(
    test_app: TestApp, query: str = "", path: str = "/", **headers: str
) -> SocketClient:
    """A socket, whether it is let in or not."""
    all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return SocketClient(
        test_app, await test_app.http.ws_connect(test_app.url(path + query), headers=all_headers)
    )


async def connect_socket(
    player_client: PlayerClient, client: str = "json", path: str = "/"
) -> SocketClient:
    """A socket with a new token, greeted."""
    wire = await connect(
        player_client.test_app, f"?token={await make_token(player_client)}&client={client}", path
    )
    wire.player = player_client.id
    hello = await wire.receive()
    assert hello["type"] == "connected", hello
    return wire


async def connect_sockets(
    *player_clients: PlayerClient, client: str = "json"
) -> list[SocketClient]:
    return [await connect_socket(player_client, client) for player_client in player_clients]


async def make_three_members(
    scene: Scene, **parts: Any
) -> tuple[PlayerClient, PlayerClient, PlayerClient]:
    """Host, guest and another, in a realtime room."""
    await scene.fill_room(realtime=True, **parts)
    await scene.join_room(scene.other)
    return scene.host, scene.guest, scene.other
