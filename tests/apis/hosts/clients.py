"""Clients of the hosts API: hosts, guests and their sync WebSockets."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.apis.app import TIMEOUT_SECONDS, Answer, ApiClient, TestApp

UUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")
NOWHERE = "00000000-0000-0000-0000-000000000000"


@dataclass
class HostClient(ApiClient):
    """A client with a uuid and a token."""

    uuid: str = ""
    secret: str = ""

    @property
    def path(self) -> str:
        return f"/hosts/{self.uuid}"

    async def document(self) -> dict[str, Any]:
        return (await self.get(self.path)).json  # type: ignore[no-any-return]

    async def set_admission(self, *, only_friends: bool = False, nonames: bool = True) -> None:
        """Set whom the host admits; by default all guests."""
        await self.put(f"{self.path}/only_friends", {"only_friends": only_friends})
        await self.put(f"{self.path}/allow_nonames", {"allow_nonames": nonames})

    async def launch(self) -> "Session":
        answer = await self.post("/sessions", {"host": self.uuid})
        assert answer.status == 201, answer.raw
        payload = answer.json
        return Session(self, payload["session_id"], payload["source_of_truth_key"])

    async def join_host(self, host: "HostClient") -> Answer:
        return await self.post("/sessions/players", {"host": host.uuid, "guest": self.uuid})


@dataclass
class Session:
    """A launched session and its source-of-truth key."""

    host: HostClient
    id: int
    key: str

    @property
    def path(self) -> str:
        return f"/sessions/{self.id}"

    async def connect(
        self, client: HostClient, *, key: str | None = None, **more: Any
    ) -> "SyncSocket":
        """Open a sync WebSocket and join on it."""
        socket = await open_socket(client.test_app, f"/sync/{self.id}")
        if key is None and client is self.host:
            key = self.key
        join = {"session_id": self.id, "player": client.uuid, "token": client.token, **more}
        await socket.send(type="join", **join, **({"source_of_truth_key": key} if key else {}))
        socket.accepted = await socket.receive()
        if socket.accepted["type"] == "accepted":
            socket.state = await socket.receive()
        return socket

    async def send_message(
        self, client: HostClient, headers: dict[str, str] | None = None, **message: Any
    ) -> Answer:
        return await client.post(f"{self.path}/messages", message, **(headers or {}))

    async def poll_events(
        self, client: HostClient, after: int = -1, wait: int = 0
    ) -> list[dict[str, Any]]:
        answer = await client.get(f"{self.path}/events?after-event-id={after}&wait={wait}")
        assert answer.status == 200, answer.raw
        return answer.json  # type: ignore[no-any-return]


@dataclass
class SyncSocket:
    """A sync WebSocket with the answers to its join."""

    test_app: TestApp
    ws: aiohttp.ClientWebSocketResponse
    accepted: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    async def send(self, **message: Any) -> None:
        await self.ws.send_str(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        """Return the next message."""
        message = await self.ws.receive(TIMEOUT_SECONDS)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)  # type: ignore[no-any-return]

    async def expect(self, **expected: Any) -> dict[str, Any]:
        """Return the next message and check that it has these members."""
        payload = await self.receive()
        assert {name: payload.get(name) for name in expected} == expected, payload
        return payload

    async def wait_until_handled(self) -> None:
        """Wait until the server has handled all messages, and check that it sent nothing else."""
        await self.send(type="ping")
        await self.expect(type="pong")

    async def wait_closed(self) -> int | None:
        """Return the close code once the connection is closed, ignoring messages before it."""
        while (message := await self.ws.receive(TIMEOUT_SECONDS)).type in (
            aiohttp.WSMsgType.TEXT,
            aiohttp.WSMsgType.BINARY,
        ):
            pass
        return message.data if message.type is aiohttp.WSMsgType.CLOSE else self.ws.close_code


async def open_socket(test_app: TestApp, path: str) -> SyncSocket:
    return SyncSocket(test_app, await test_app.http.ws_connect(test_app.url(path)))


async def make_host(test_app: TestApp) -> HostClient:
    """Register a host and log in."""
    registered = (await test_app.anonymous.post("/hosts")).json
    token = (await test_app.anonymous.get(f"/hosts/{registered['uuid']}/access_token")).json[
        "token"
    ]
    return HostClient(test_app, token, uuid=registered["uuid"], secret=registered["secret"])


async def make_hosts(test_app: TestApp, count: int) -> list[HostClient]:
    return [await make_host(test_app) for _ in range(count)]


async def make_noname_client(session: Session) -> HostClient:
    """Join a session as a guest without a uuid."""
    test_app = session.host.test_app
    body = {"host": session.host.uuid, "guest": "NONAME"}
    answer = await test_app.anonymous.post("/sessions/players", body)
    assert answer.status == 200, answer.raw
    return HostClient(test_app, answer.json["token"], uuid=answer.json["player"])


async def make_hosted_session(
    test_app: TestApp, guests: int = 1
) -> "tuple[Session, list[HostClient]]":
    """Launch a session that admits all guests, with this many guests in it."""
    host, *others = await make_hosts(test_app, guests + 1)
    await host.set_admission()
    session = await host.launch()
    for guest in others:
        answer = await guest.join_host(host)
        assert answer.status == 200, answer.raw
    return session, others
