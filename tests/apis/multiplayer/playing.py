"""Scenes: as much of a game as a test wants to begin with."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.apis.app import Answer, House
from tests.apis.multiplayer.gamers import Arena, Gamer, an_arena

HERE = Path(__file__).parent
DATA = {"level": 1, "score": 0, "inventory": ["sword", "shield"]}


def kept(name: str) -> Any:
    """Our copy of what the document prints."""
    return json.loads((HERE / f"{name}.json").read_text("utf-8"))


def well(answer: Answer) -> Any:
    """The document of an answer that must be a good one."""
    assert answer.status == 200, answer.raw
    said = answer.json
    assert said["success"] is True
    return said


def wrong(answer: Answer) -> tuple[int, str]:
    """Status and sentence of an answer that must be a refusal."""
    said = answer.json
    assert said["success"] is False, answer.raw
    return answer.status, said["error"]


@dataclass
class Scene:
    """A game with a host, a guest and one who is not in it, and what they have made so far."""

    arena: Arena
    host: Gamer
    guest: Gamer
    other: Gamer
    lobby: str = ""
    room: str = ""

    @property
    def house(self) -> House:
        return self.arena.house

    async def opens_lobby(self, **parts: Any) -> str:
        """The host opens a lobby; gives its id."""
        asked = {"max_players": 4, **parts}
        self.lobby = well(await self.host.post("matchmaking.php/create", asked))["matchmaking_id"]
        return self.lobby

    async def gathers(self, **parts: Any) -> str:
        """The host opens a lobby and the guest joins it."""
        await self.opens_lobby(**parts)
        well(await self.guest.post(f"matchmaking.php/{self.lobby}/join"))
        return self.lobby

    async def asks_in(self, **parts: Any) -> str:
        """The host opens a lobby and the guest asks to be let in; gives the request's id."""
        await self.opens_lobby(**{"join_by_requests": True, **parts})
        asked = await self.guest.post(f"matchmaking.php/{self.lobby}/request")
        return well(asked)["request_id"]  # type: ignore[no-any-return]

    async def starts(self, **parts: Any) -> str:
        """Both gather and the host starts; gives the room's id."""
        await self.gathers(**parts)
        self.room = well(await self.host.post("matchmaking.php/start"))["room_id"]
        return self.room

    async def opens_room(self, **parts: Any) -> str:
        """The host opens a room; gives its id."""
        self.room = well(await self.host.post("game_room.php/create", parts))["room_id"]
        return self.room

    async def meets(self, **parts: Any) -> str:
        """The host opens a room and the guest joins it."""
        await self.opens_room(**parts)
        await self.enters(self.guest, password=parts.get("password"))
        return self.room

    async def enters(self, who: Gamer, **parts: Any) -> None:
        well(await who.post(f"game_room.php/{self.room}/join", parts))

    async def asks(self, who: Gamer, target: str = "host", **parts: Any) -> list[str]:
        """Send an action; gives the ids."""
        asked = {"target_players": target, "action_type": "move", **parts}
        sent = await who.post("game_room.php/actions", asked)
        return well(sent)["action_ids"]  # type: ignore[no-any-return]

    async def answers(self, who: Gamer, action: str, status: str = "completed") -> None:
        path = f"game_room.php/actions/{action}/complete"
        well(await who.post(path, {"status": status, "response_data": {"done": True}}))

    async def tells(self, who: Gamer, target: str = "all", **parts: Any) -> list[str]:
        """Send an update; gives the ids."""
        asked = {"target_players": target, "type": "note", "data": {}, **parts}
        sent = await who.post("game_room.php/updates", asked)
        return well(sent)["update_ids"]  # type: ignore[no-any-return]

    async def hears(self, who: Gamer, after: str | None = None, **parts: Any) -> Any:
        """What a poll for updates answers."""
        asked = {"from_players": "all", "last_update": after, **parts}
        return well(await who.post("game_room.php/updates/poll", asked))

    async def owns(self, path: str, body: Any = None, method: str = "POST") -> Answer:
        """What the owner of the game asks for."""
        shown = {"X_Api_Private_Token": self.arena.private}
        return await self.arena.anyone.ask(method, path, body, **shown)


async def a_scene(house: House, tag: str = "arena") -> Scene:
    """Three players of a new game."""
    arena = await an_arena(house, tag)
    host, guest, other = [await arena.gamer("TestPlayer", **DATA) for _ in range(3)]
    return Scene(arena, host, guest, other)
