"""Those who play without a browser, to keep a test to the one page it looks at."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

#: Lets in somebody; see the fixture `guest`.
Introduce = Callable[[str], Awaitable["Guest"]]


class Guest:
    """A player who speaks the rooms API."""

    def __init__(self, client: aiohttp.ClientSession, player: dict[str, Any]) -> None:
        self._client = client
        self.player = player
        self._headers = {"Authorization": f"Bearer {player['token']}"}

    @classmethod
    async def named(cls, client: aiohttp.ClientSession, name: str) -> "Guest":
        body = {"credentialType": "guest", "username": name}
        async with client.post("/accounts/login", json=body) as answer:
            return cls(client, await answer.json())

    async def opens(self, name: str, game: str = "noughts", **more: Any) -> str:
        """Open a room; gives its path."""
        made = await self._post(f"/games/{game}/rooms", {"name": name, **more})
        return f"/games/{game}/rooms/{made['roomId']}"

    async def sees_in(self, room: str) -> list[str]:
        """The names of those who are in a room."""
        return [user["username"] for user in await self._users(room)]

    async def joins(self, room: str, **more: Any) -> None:
        await self._post(f"{room}/join", more)

    async def leaves(self, place: str) -> None:
        await self._post(f"{place}/leave")

    async def starts(self, room: str) -> str:
        """Start the game; gives the path of its session."""
        started = await self._post(f"{room}/start")
        return f"/games/{started['game']}/sessions/{started['id']}"

    async def is_ready(self, room: str, ready: bool = True) -> None:
        await self._post(f"{room}/ready", {"ready": ready})

    async def removes(self, room: str, name: str) -> None:
        user = next(user for user in await self._users(room) if user["username"] == name)
        await self._post(f"{room}/kick", {"user_id": user["userId"]})

    async def says(self, place: str, text: str) -> None:
        await self._post(f"{place}/chat", {"text": text})

    async def plays(self, session: str, cell: int) -> None:
        await self._post(f"{session}/turn", {"cell": cell})

    async def _users(self, room: str) -> list[dict[str, Any]]:
        async with self._client.get(room, headers=self._headers) as answer:
            return [row["user"] for row in (await answer.json())["users"]]

    async def _post(self, path: str, body: Any = None) -> Any:
        async with self._client.post(path, json=body, headers=self._headers) as answer:
            return None if answer.status == 204 else await answer.json()
