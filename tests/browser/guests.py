"""Players without a browser, so that a test opens only the page it checks."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

#: Logs in a guest by name; see the fixture `guest`.
LogInGuest = Callable[[str], Awaitable["Guest"]]
#: Registers a player of the multiplayer API by name; see the fixture `app_player`.
RegisterAppPlayer = Callable[[str], Awaitable["AppPlayer"]]


class Guest:
    """A player that uses the rooms API."""

    def __init__(self, client: aiohttp.ClientSession, player: dict[str, Any]) -> None:
        self._client = client
        self.player = player
        self._headers = {"Authorization": f"Bearer {player['token']}"}

    @classmethod
    async def log_in(cls, client: aiohttp.ClientSession, name: str) -> "Guest":
        body = {"credentialType": "guest", "username": name}
        async with client.post("/accounts/login", json=body) as response:
            return cls(client, await response.json())

    async def create_room(self, name: str, game: str = "noughts", **options: Any) -> str:
        """Create a room and return its path."""
        room = await self._post(f"/games/{game}/rooms", {"name": name, **options})
        return f"/games/{game}/rooms/{room['roomId']}"

    async def list_members(self, room: str) -> list[str]:
        """Return the names of the members of a room."""
        return [user["username"] for user in await self._users(room)]

    async def join(self, room: str, **options: Any) -> None:
        await self._post(f"{room}/join", options)

    async def leave(self, path: str) -> None:
        await self._post(f"{path}/leave")

    async def start(self, room: str) -> str:
        """Start the game and return the path of its session."""
        started = await self._post(f"{room}/start")
        return f"/games/{started['game']}/sessions/{started['id']}"

    async def kick(self, room: str, name: str) -> None:
        user = next(user for user in await self._users(room) if user["username"] == name)
        await self._post(f"{room}/kick", {"user_id": user["userId"]})

    async def send_chat(self, path: str, text: str) -> None:
        await self._post(f"{path}/chat", {"text": text})

    async def play(self, session: str, cell: int) -> None:
        await self._post(f"{session}/turn", {"cell": cell})

    async def _users(self, room: str) -> list[dict[str, Any]]:
        async with self._client.get(room, headers=self._headers) as response:
            return [row["user"] for row in (await response.json())["users"]]

    async def _post(self, path: str, body: Any = None) -> Any:
        async with self._client.post(path, json=body, headers=self._headers) as response:
            return None if response.status == 204 else await response.json()


class AppPlayer:
    """A player of noughts who uses the multiplayer API, as a game's own app does."""

    def __init__(self, client: aiohttp.ClientSession, tokens: dict[str, str]) -> None:
        self._client = client
        self._tokens = tokens

    @classmethod
    async def register(
        cls, client: aiohttp.ClientSession, api_token: str, name: str
    ) -> "AppPlayer":
        player = cls(client, {"X-Api-Token": api_token})
        registered = await player.post("game_players.php/register", {"player_name": name})
        player._tokens["X-Game-Player-Token"] = registered["private_key"]
        return player

    async def post(self, path: str, body: Any = None) -> Any:
        async with self._client.post(
            f"/api/{path}", json=body or {}, headers=self._tokens
        ) as response:
            return await response.json()

    async def request_join(self, name: str) -> str:
        """Request to join the room with this name and return the request's id."""
        lobbies = (await self.post("matchmaking.php/list", {"search": name}))["lobbies"]
        path = f"matchmaking.php/{lobbies[0]['matchmaking_id']}/request"
        return str((await self.post(path))["request_id"])

    async def status(self, request: str) -> str:
        """Return the status of a join request."""
        path = f"/api/matchmaking.php/{request}/status"
        async with self._client.get(path, headers=self._tokens) as response:
            return str((await response.json())["request"]["status"])
