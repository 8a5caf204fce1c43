"""Clients of one game, each with the credentials of a player."""

import json
from dataclasses import dataclass
from typing import Any

from coalserver.core.commands.games import add_game
from coalserver.core.commands.players import register_player
from tests.apis.app import Answer, ApiClient, TestApp


@dataclass
class PlayerClient:
    """A client with the private key of a player, or with the API token only."""

    test_app: TestApp
    api: str
    key: str = ""
    id: int = 0
    name: str = ""

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with the credentials of the client."""
        credentials = {"X_Api_Token": self.api, "X_Player_Token": self.key}
        credentials = {name: value for name, value in credentials.items() if value}
        client = ApiClient(self.test_app)
        return await client.request(method, f"/api/{path}", body, **{**credentials, **headers})

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.request("POST", path, body, **headers)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.request("GET", path, **headers)


@dataclass
class SampleGame:
    """A game and its tokens."""

    test_app: TestApp
    tag: str
    api: str
    private: str

    @property
    def anonymous(self) -> PlayerClient:
        """Return a client with the API token only."""
        return PlayerClient(self.test_app, self.api)

    async def make_player(self, name: str = "Pat", **data: Any) -> PlayerClient:
        """Register a player with the given data."""
        player, key = await self.test_app.core.execute(
            register_player, game=self.tag, name=name, data=json.dumps(data).encode()
        )
        return PlayerClient(self.test_app, self.api, key, player.id, name)


async def make_sample_game(test_app: TestApp, tag: str = "arena") -> SampleGame:
    """Create a game without rules."""
    created = await test_app.core.execute(add_game, tag=tag)
    return SampleGame(test_app, tag, created["api_token"], created["private_token"])
