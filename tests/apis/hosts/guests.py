"""Hosts, guests, and the sockets on which they play."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.apis.app import PATIENCE, Answer, Asker, House

UUID = re.compile(r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}")
NOWHERE = "00000000-0000-0000-0000-000000000000"


@dataclass
class Host(Asker):
    """One who has a uuid and a token."""

    uuid: str = ""
    secret: str = ""

    @property
    def path(self) -> str:
        return f"/hosts/{self.uuid}"

    async def document(self) -> dict[str, Any]:
        return (await self.get(self.path)).json  # type: ignore[no-any-return]

    async def welcomes(self, *, only_friends: bool = False, nonames: bool = True) -> None:
        """Let everyone in, unless told otherwise."""
        await self.put(f"{self.path}/only_friends", {"only_friends": only_friends})
        await self.put(f"{self.path}/allow_nonames", {"allow_nonames": nonames})

    async def launches(self) -> "Session":
        answer = await self.post("/sessions", {"host": self.uuid})
        assert answer.status == 201, answer.raw
        said = answer.json
        return Session(self, said["session_id"], said["source_of_truth_key"])

    async def sits_with(self, host: "Host") -> Answer:
        return await self.post("/sessions/players", {"host": host.uuid, "guest": self.uuid})


@dataclass
class Session:
    """A session that was launched, and how one comes to it."""

    host: Host
    id: int
    key: str

    @property
    def path(self) -> str:
        return f"/sessions/{self.id}"

    async def socket(self, who: Host, *, key: str | None = None, **more: Any) -> "Socket":
        """A socket on which somebody has joined."""
        socket = await raw_socket(who.house, f"/sync/{self.id}")
        if key is None and who is self.host:
            key = self.key
        join = {"session_id": self.id, "player": who.uuid, "token": who.token, **more}
        await socket.say(type="join", **join, **({"source_of_truth_key": key} if key else {}))
        socket.accepted = await socket.hears()
        if socket.accepted["type"] == "accepted":
            socket.state = await socket.hears()
        return socket

    async def says(self, who: Host, headers: dict[str, str] | None = None, **said: Any) -> Answer:
        return await who.post(f"{self.path}/messages", said, **(headers or {}))

    async def heard(self, who: Host, after: int = -1, wait: int = 0) -> list[dict[str, Any]]:
        answer = await who.get(f"{self.path}/events?after-event-id={after}&wait={wait}")
        assert answer.status == 200, answer.raw
        return answer.json  # type: ignore[no-any-return]


@dataclass
class Socket:
    """A socket, and what it is told."""

    house: House
    ws: aiohttp.ClientWebSocketResponse
    accepted: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    async def say(self, **said: Any) -> None:
        await self.ws.send_str(json.dumps(said))

    async def hears(self) -> dict[str, Any]:
        """The next message."""
        message = await self.ws.receive(PATIENCE)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)  # type: ignore[no-any-return]

    async def told(self, **expected: Any) -> dict[str, Any]:
        """The next message, which has these members."""
        said = await self.hears()
        assert {name: said.get(name) for name in expected} == expected, said
        return said

    async def settled(self) -> None:
        """Everything that was said here is done: the next to be heard is what pings are answered."""
        await self.say(type="ping")
        await self.told(type="pong")

    async def ends(self) -> int | None:
        """The close code, once the line is closed; whatever is said before is passed over."""
        while (message := await self.ws.receive(PATIENCE)).type in (
            aiohttp.WSMsgType.TEXT,
            aiohttp.WSMsgType.BINARY,
        ):
            pass
        return message.data if message.type is aiohttp.WSMsgType.CLOSE else self.ws.close_code


async def raw_socket(house: House, path: str) -> Socket:
    return Socket(house, await house.http.ws_connect(house.url(path)))


async def a_host(house: House) -> Host:
    """One who has registered and logged in."""
    made = (await house.stranger.post("/hosts")).json
    token = (await house.stranger.get(f"/hosts/{made['uuid']}/access_token")).json["token"]
    return Host(house, token, uuid=made["uuid"], secret=made["secret"])


async def hosts(house: House, count: int) -> list[Host]:
    return [await a_host(house) for _ in range(count)]


async def a_noname(session: Session) -> Host:
    """A guest who has no uuid, seated."""
    house = session.host.house
    body = {"host": session.host.uuid, "guest": "NONAME"}
    answer = await house.stranger.post("/sessions/players", body)
    assert answer.status == 200, answer.raw
    return Host(house, answer.json["token"], uuid=answer.json["player"])


async def a_party(house: House, guests: int = 1) -> "tuple[Session, list[Host]]":
    """A session that everyone is welcome to, with so many guests seated in it."""
    host, *others = await hosts(house, guests + 1)
    await host.welcomes()
    session = await host.launches()
    for guest in others:
        answer = await guest.sits_with(host)
        assert answer.status == 200, answer.raw
    return session, others
