"""Those who play in these tests: players of one game, each with a private key."""

import json
from dataclasses import dataclass
from typing import Any

from coalserver.core.commands.games import add_game
from coalserver.core.commands.players import register_player
from tests.apis.app import Answer, Asker, House


@dataclass
class Gamer:
    """A player of a game, or nobody of it: one who knows its API token and no more."""

    house: House
    api: str
    key: str = ""
    id: int = 0
    name: str = ""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with the credentials this one has."""
        shown = {"X_Api_Token": self.api, "X_Player_Token": self.key}
        shown = {name: value for name, value in shown.items() if value}
        asker = Asker(self.house)
        return await asker.ask(method, f"/api/{path}", body, **{**shown, **headers})

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self.ask("POST", path, body, **headers)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)


@dataclass
class Arena:
    """A game and its tokens."""

    house: House
    tag: str
    api: str
    private: str

    @property
    def anyone(self) -> Gamer:
        """One who knows the API token only."""
        return Gamer(self.house, self.api)

    async def gamer(self, name: str = "Pat", **data: Any) -> Gamer:
        """A new player with this data."""
        player, key = await self.house.core.do(
            register_player, game=self.tag, name=name, data=json.dumps(data).encode()
        )
        return Gamer(self.house, self.api, key, player.id, name)


async def an_arena(house: House, tag: str = "arena") -> Arena:
    """A new game without rules."""
    made = await house.core.do(add_game, tag=tag)
    return Arena(house, tag, made["api_token"], made["private_token"])
