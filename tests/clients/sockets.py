"""Libraries that open WebSockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import aiohttp
import websockets

from tests.clients.followers import AsyncFollower, Entry, Follower, Refused
from tests.clients.programs import ProgramFollower, run_program
from tests.processes import TIMEOUT_SECONDS


def ws_url(url: str) -> str:
    """Return the address of a WebSocket."""
    return "ws" + url.removeprefix("http")


class SocketFollower(Follower):
    """A program that reads a feed on a WebSocket."""

    @property
    def feed_url(self) -> str:
        """The address of the feed after the cursor."""
        return f"{ws_url(self.url)}?after-event-id={self.cursor}"


class WebsocketsFeed(SocketFollower, AsyncFollower):
    """The package websockets."""

    lost = (websockets.ConnectionClosed, websockets.InvalidMessage, OSError)

    async def read(self) -> AsyncIterator[Entry]:
        try:
            async with websockets.connect(
                self.feed_url, additional_headers=self.headers
            ) as connection:
                async for message in connection:
                    entry = json.loads(message)
                    if "id" in entry:
                        yield entry
        except websockets.InvalidStatus as error:
            raise Refused(error.response.status_code) from None


class AiohttpFeed(SocketFollower, AsyncFollower):
    """aiohttp's client."""

    lost = (aiohttp.ClientError,)

    async def read(self) -> AsyncIterator[Entry]:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(self.feed_url, headers=self.headers) as connection,
            ):
                async for message in connection:
                    if "id" in (entry := message.json()):
                        yield entry
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error.status) from None


class WsFeed(SocketFollower, ProgramFollower):
    """The npm package ws."""

    package = "ws"


FEED_CLIENTS: dict[str, type[Follower]] = {
    "websockets": WebsocketsFeed,
    "aiohttp": AiohttpFeed,
    "ws": WsFeed,
}


class Conversation(Protocol):
    """An open WebSocket of one library."""

    async def send(self, message: dict[str, Any]) -> None: ...

    async def receive(self) -> dict[str, Any]:
        """Return the next message, or {"closed", "reason"}."""


class WebsocketsConversation:
    """The package websockets."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: dict[str, Any]) -> None:
        await self._connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        try:
            return json.loads(await self._connection.recv())  # type: ignore[no-any-return]
        except websockets.ConnectionClosed as error:
            assert error.rcvd
            return {"closed": int(error.rcvd.code), "reason": error.rcvd.reason}


class AiohttpConversation:
    """aiohttp's client."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection

    async def send(self, message: dict[str, Any]) -> None:
        await self._connection.send_json(message)

    async def receive(self) -> dict[str, Any]:
        message = await self._connection.receive()
        if message.type is aiohttp.WSMsgType.CLOSE:
            return {"closed": int(message.data), "reason": message.extra or ""}
        return message.json()  # type: ignore[no-any-return]


class WsConversation:
    """The npm package ws."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any]:
        assert self._process.stdout
        printed = json.loads(await self._process.stdout.readline())
        if "message" in printed:
            return printed["message"]  # type: ignore[no-any-return]
        return {"closed": int(printed["ended"]), "reason": printed["reason"]}


CONVERSATION_CLIENTS = ("websockets", "aiohttp", "ws")


@asynccontextmanager
async def converse(
    library: str, url: str, headers: dict[str, str] | None = None
) -> AsyncIterator[Conversation]:
    """Open a WebSocket with a library. Nothing on it may take longer than TIMEOUT_SECONDS."""
    url, headers = ws_url(url), headers or {}
    async with asyncio.timeout(TIMEOUT_SECONDS), AsyncExitStack() as stack:
        if library == "ws":
            yield WsConversation(await stack.enter_async_context(run_program("ws", url, headers)))
        elif library == "aiohttp":
            session = await stack.enter_async_context(aiohttp.ClientSession())
            connecting = session.ws_connect(url, headers=headers)
            yield AiohttpConversation(await stack.enter_async_context(connecting))
        else:
            connection = websockets.connect(url, additional_headers=headers)
            yield WebsocketsConversation(await stack.enter_async_context(connection))
