"""API clients of a test application, and their responses."""

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDictProxy

if TYPE_CHECKING:
    from tests.apis.app import TestApp

#: Seconds after which a waiting test fails.
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    headers: CIMultiDictProxy[str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> str:
        """The error code, or the status of a successful response."""
        return self.json["error"] if self.status >= 400 else str(self.status)

    @property
    def status_and_error(self) -> tuple[int, str]:
        return self.status, self.error

    @property
    def cursor(self) -> int:
        return int(self.headers["X-Event-Cursor"])


@dataclass
class ApiClient:
    """A client with a player's token, or without a token."""

    test_app: "TestApp"
    token: str = ""
    id: int = 0
    name: str = ""

    @property
    def user(self) -> dict[str, Any]:
        return {"userId": self.id, "username": self.name}

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; bytes go as they are, anything else as JSON. `_` in names is `-`."""
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if data is not None:
            all_headers.setdefault("Content-Type", "application/json")
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            self.test_app.http.request(
                method,
                self.test_app.url(path),
                data=data,
                headers={**self.bearer, **all_headers},
                skip_auto_headers=("Content-Type",),
                allow_redirects=False,
            ) as response,
        ):
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.request("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.request("POST", path, body, **headers)

    async def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.request("PUT", path, body, **headers)

    async def preflight(self, path: str, headers: str) -> Answer:
        """Send a CORS preflight request for a POST with these headers."""
        return await self.request(
            "OPTIONS",
            path,
            Origin="https://game.example",
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers=headers,
        )

    async def create_room(self, game: str = "noughts", name: str = "room", **more: Any) -> str:
        """Create a room and return its path."""
        answer = await self.post(f"/games/{game}/rooms", {"name": name, **more})
        assert answer.status == 201, answer.raw
        return answer.headers["Location"]

    async def join(self, path: str, **more: Any) -> None:
        answer = await self.post(path + "/join", more or None)
        assert answer.status == 200, answer.raw

    async def start(self, room: str) -> str:
        """Start a session and return its path."""
        answer = await self.post(room + "/start")
        assert answer.status == 201, answer.raw
        return answer.headers["Location"]

    async def take_turn(self, session: str, **turn: Any) -> None:
        answer = await self.post(session + "/turn", turn)
        assert answer.status == 204, answer.raw

    async def send_chat(self, place: str, text: str) -> int:
        """Send a chat message and return the id of its event."""
        answer = await self.post(place + "/chat", {"text": text})
        assert answer.status == 201, answer.raw
        return int(answer.json["id"])

    async def poll_events(self, place: str, after: int = -1, wait: int = 0) -> list[dict[str, Any]]:
        """Return the events of one poll."""
        answer = await self.get(f"{place}/events?after-event-id={after}&wait={wait}")
        assert answer.status == 200, answer.raw
        return answer.json  # type: ignore[no-any-return]

    async def event_types(self, place: str, after: int = -1) -> list[str]:
        """Return the types of the events so far."""
        return [row["event"]["type"] for row in await self.poll_events(place, after)]


async def make_session(game: str, *players: ApiClient, **options: Any) -> str:
    """Start a session of some players, the first as the host, and create its game if it is missing."""
    host, *others = players
    if (await host.get(f"/games/{game}/rooms")).status == 404:
        await host.test_app.create_game(game)
    room = await host.create_room(game, options=options)
    for other in others:
        await other.join(room)
    return await host.start(room)
