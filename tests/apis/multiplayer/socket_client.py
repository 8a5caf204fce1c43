"""Clients of the realtime socket."""

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
    """An open realtime connection."""

    test_app: TestApp
    socket: "aiohttp.ClientWebSocketResponse"
    player: int = 0

    async def send_frame(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def send(self, command: str = "move", **message: Any) -> None:
        await self.send_frame(type="send", command=command, **message)

    async def receive(self) -> Any:
        """Return the next frame."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return json.loads(await self.socket.receive_str())

    async def receive_message(self) -> Any:
        """Return the next frame, which must be a message."""
        payload = await self.receive()
        assert payload["type"] == "receive", payload
        return payload

    async def receive_error(self) -> str:
        """Return the message of the next frame, which must be an error."""
        payload = await self.receive()
        assert payload["type"] == "error", payload
        return str(payload["data"]["message"])

    async def receive_sent_count(self) -> int:
        """Return the number of receivers of the last message."""
        payload = await self.receive()
        assert payload["type"] == "sent", payload
        return int(payload["target_count"])

    async def expect_nothing(self) -> None:
        """Assert that no frame comes before the answer to a heartbeat."""
        await self.send_frame(type="heartbeat")
        payload = await self.receive()
        assert payload["type"] == "heartbeat_ack", payload

    async def receive_close(self) -> tuple[int, str]:
        """Return code and reason of the close, which must come next."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            message = await self.socket.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE, message
        return int(message.data), message.extra or ""

    async def close(self) -> None:
        await self.socket.close()

    @property
    def member(self) -> Member:
        """Return the server's side of the connection."""
        found = self.test_app.app_context.per_process(Relay).find_member(self.player)
        assert found is not None
        return found


async def make_token(player_client: PlayerClient) -> str:
    return str(success(await player_client.post("realtime.php/token"))["token"])


async def connect(
    test_app: TestApp, query: str = "", path: str = "/", **headers: str
) -> SocketClient:
    """Open a connection, whether the server accepts the token or not."""
    all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return SocketClient(
        test_app, await test_app.http.ws_connect(test_app.url(path + query), headers=all_headers)
    )


async def connect_socket(
    player_client: PlayerClient, client: str = "json", path: str = "/"
) -> SocketClient:
    """Open a connection with a new token and read the first frame."""
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
    """Connect the host, the guest and the other player to a realtime room."""
    await scene.fill_room(realtime=True, **parts)
    await scene.join_room(scene.other)
    return scene.host, scene.guest, scene.other
