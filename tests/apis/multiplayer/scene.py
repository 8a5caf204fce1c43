"""Scenes: a game with players, lobbies and rooms to start a test with."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.apis.app import Answer, TestApp
from tests.apis.multiplayer.clients import PlayerClient, SampleGame, make_sample_game

HERE = Path(__file__).parent
DATA = {"level": 1, "score": 0, "inventory": ["sword", "shield"]}


def load_json(name: str) -> Any:
    """Return a copy of data from the document."""
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def success(answer: Answer) -> Any:
    """Assert that a response is a success and return its JSON."""
    assert answer.status == 200, answer.raw
    payload = answer.json
    assert payload["success"] is True
    return payload


def failure(answer: Answer) -> tuple[int, str]:
    """Assert that a response is an error and return its status and message."""
    payload = answer.json
    assert payload["success"] is False, answer.raw
    return answer.status, payload["error"]


@dataclass
class Scene:
    """A game with a host, a guest and another player, and the ids of their lobby and room."""

    arena: SampleGame
    host: PlayerClient
    guest: PlayerClient
    other: PlayerClient
    lobby: str = ""
    room: str = ""

    @property
    def test_app(self) -> TestApp:
        return self.arena.test_app

    async def create_lobby(self, **parts: Any) -> str:
        """Create a lobby as the host and return its id."""
        params = {"max_players": 4, **parts}
        self.lobby = success(await self.host.post("matchmaking.php/create", params))[
            "matchmaking_id"
        ]
        return self.lobby

    async def fill_lobby(self, **parts: Any) -> str:
        """Create a lobby as the host and join it as the guest."""
        await self.create_lobby(**parts)
        success(await self.guest.post(f"matchmaking.php/{self.lobby}/join"))
        return self.lobby

    async def request_join(self, **parts: Any) -> str:
        """Create a lobby as the host, request to join it as the guest and return the request's id."""
        await self.create_lobby(**{"join_by_requests": True, **parts})
        params = await self.guest.post(f"matchmaking.php/{self.lobby}/request")
        return success(params)["request_id"]  # type: ignore[no-any-return]

    async def start_game(self, **parts: Any) -> str:
        """Fill a lobby, start it and return the room's id."""
        await self.fill_lobby(**parts)
        self.room = success(await self.host.post("matchmaking.php/start"))["room_id"]
        return self.room

    async def create_room(self, **parts: Any) -> str:
        """Create a room as the host and return its id."""
        self.room = success(await self.host.post("game_room.php/create", parts))["room_id"]
        return self.room

    async def fill_room(self, **parts: Any) -> str:
        """Create a room as the host and join it as the guest."""
        await self.create_room(**parts)
        await self.join_room(self.guest, password=parts.get("password"))
        return self.room

    async def join_room(self, client: PlayerClient, **parts: Any) -> None:
        success(await client.post(f"game_room.php/{self.room}/join", parts))

    async def send_action(
        self, client: PlayerClient, target: str = "host", **parts: Any
    ) -> list[str]:
        """Send an action and return the ids."""
        params = {"target_players": target, "action_type": "move", **parts}
        answer = await client.post("game_room.php/actions", params)
        return success(answer)["action_ids"]  # type: ignore[no-any-return]

    async def complete_action(
        self, client: PlayerClient, action: str, status: str = "completed"
    ) -> None:
        path = f"game_room.php/actions/{action}/complete"
        success(await client.post(path, {"status": status, "response_data": {"done": True}}))

    async def send_update(
        self, client: PlayerClient, target: str = "all", **parts: Any
    ) -> list[str]:
        """Send an update and return the ids."""
        params = {"target_players": target, "type": "note", "data": {}, **parts}
        answer = await client.post("game_room.php/updates", params)
        return success(answer)["update_ids"]  # type: ignore[no-any-return]

    async def poll_updates(
        self, client: PlayerClient, after: str | None = None, **parts: Any
    ) -> Any:
        """Return the response of a poll for updates."""
        params = {"from_players": "all", "last_update": after, **parts}
        return success(await client.post("game_room.php/updates/poll", params))

    async def request_as_owner(self, path: str, body: Any = None, method: str = "POST") -> Answer:
        """Send a request with the tokens of the owner."""
        headers = {"X_Api_Private_Token": self.arena.private}
        return await self.arena.anonymous.request(method, path, body, **headers)


async def make_scene(test_app: TestApp, tag: str = "arena") -> Scene:
    """Create a game with three players."""
    arena = await make_sample_game(test_app, tag)
    host, guest, other = [await arena.make_player("TestPlayer", **DATA) for _ in range(3)]
    return Scene(arena, host, guest, other)
