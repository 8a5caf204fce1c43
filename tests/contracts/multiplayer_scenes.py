"""Games, players and scenes of the multiplayer API: the state before a request."""

from dataclasses import dataclass
from typing import Any

from tests.contracts.calls import Part

NOWHERE = "0" * 32
GAME_DATA = {
    "text": "hello world",
    "game_settings": {"difficulty": "hard", "max_players": 10},
    "last_updated": "2025-01-13T12:00:00Z",
}
DATA = {"level": 1, "score": 0, "inventory": ["sword", "shield"]}


@dataclass
class Arena:
    """A game and its tokens."""

    part: Part
    api: str
    private: str

    async def own(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        headers = {"X-Api-Token": self.api, "X-Api-Private-Token": self.private}
        return await self.part.well(method, f"/api/{path}", body, headers=headers, **how)


@dataclass
class Gamer:
    """A player of a game."""

    arena: Arena
    id: int
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Api-Token": self.arena.api, "X-Game-Player-Token": self.key}

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """Send a recorded request."""
        return await self.arena.part.ask(method, f"/api/{path}", body, headers=self.headers, **how)

    async def well(self, method: str, path: str, body: Any = None) -> Any:
        return await self.arena.part.well(method, f"/api/{path}", body, headers=self.headers)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.well("POST", path, body)


@dataclass
class Scene:
    """Three players of a game and the lobbies and rooms that they created."""

    arena: Arena
    host: Gamer
    guest: Gamer
    other: Gamer
    lobby: str = ""
    room: str = ""

    async def opens_lobby(self, **parts: Any) -> None:
        made = await self.host.post("matchmaking.php/create", {"max_players": 4, **parts})
        self.lobby = made["matchmaking_id"]

    async def gathers(self, **parts: Any) -> None:
        await self.opens_lobby(**parts)
        await self.guest.post(f"matchmaking.php/{self.lobby}/join")

    async def asks_in(self, **parts: Any) -> str:
        await self.opens_lobby(**{"join_by_requests": True, **parts})
        return str((await self.guest.post(f"matchmaking.php/{self.lobby}/request"))["request_id"])

    async def starts(self, **parts: Any) -> None:
        await self.gathers(**parts)
        self.room = (await self.host.post("matchmaking.php/start"))["room_id"]

    async def opens_room(self, **parts: Any) -> None:
        self.room = (await self.host.post("game_room.php/create", parts))["room_id"]

    async def meets(self, **parts: Any) -> None:
        await self.opens_room(**parts)
        await self.enters(self.guest, password=parts.get("password"))

    async def enters(self, who: Gamer, **parts: Any) -> None:
        await who.post(f"game_room.php/{self.room}/join", parts)

    async def requests(self, who: Gamer, **parts: Any) -> str:
        asked = {"target_players": "host", "action_type": "move", **parts}
        return str((await who.post("game_room.php/actions", asked))["action_ids"][0])

    async def tells(self, who: Gamer, **parts: Any) -> str:
        told = {"target_players": "others", "type": "note", "data": {}, **parts}
        return str((await who.post("game_room.php/updates", told))["update_ids"][0])

    async def responds(self, request: str, action: str) -> None:
        await self.host.post(f"matchmaking.php/{request}/response", {"action": action})


async def an_arena(part: Part, tag: str) -> Arena:
    made = await part.server.order("game", "add", tag)
    api = part.know(made["api_token"], f"{tag} api")
    return Arena(part, api, part.know(made["private_token"], f"{tag} private"))


async def a_gamer(arena: Arena, name: str = "TestPlayer", **data: Any) -> Gamer:
    body = {"player_name": name, "player_data": data}
    headers = {"X-Api-Token": arena.api}
    made = await arena.part.well("POST", "/api/game_players.php/register", body, headers=headers)
    return Gamer(arena, int(made["player_id"]), made["private_key"])


async def a_scene(arena: Arena) -> Scene:
    return Scene(arena, *[await a_gamer(arena, **DATA) for _ in range(3)])


async def prepare(scene: Scene, given: str) -> dict[str, str]:
    """Create the state that a request requires; return the values for its path and body."""
    names = {"request": NOWHERE, "action": NOWHERE}
    if given in ("lobby", "strict lobby", "locked lobby", "lobby by request"):
        await scene.opens_lobby(
            strict_full=given == "strict lobby", join_by_requests=given == "lobby by request",
            password="secret" if given == "locked lobby" else None,
        )  # fmt: skip
    elif given in ("gathered", "full lobby"):
        await scene.gathers(max_players=4 if given == "gathered" else 2)
    elif given in ("asked in room", "requested", "answered"):
        await scene.meets(room_name="My Game Room", max_players=4)
        names["action"] = await scene.requests(scene.guest, request_data={"x": 10, "y": 20})
        if given == "answered":
            done = {
                "status": "completed",
                "response_data": {"success": True, "message": "Moved successfully"},
            }
            await scene.host.post(f"game_room.php/actions/{names['action']}/complete", done)
    elif given.startswith("asked") or given == "approved":
        names["request"] = await scene.asks_in(max_players=2)
        if given == "approved":
            await scene.responds(names["request"], "approve")
        if given == "asked and full":
            third = await scene.other.post(f"matchmaking.php/{scene.lobby}/request")
            await scene.responds(third["request_id"], "approve")
        if given == "asked and answered":
            await scene.responds(names["request"], "reject")
        if given == "asked and started":
            await scene.host.post("matchmaking.php/start")
        if given == "asked and removed":
            await scene.host.post("matchmaking.php/remove")
    elif given.startswith("started"):
        await scene.starts(can_leave_room=given != "started for good")
    elif given in (
        "room",
        "full room",
        "locked room",
        "together",
        "stopped room",
        "no way out",
        "told",
    ):
        await scene.opens_room(
            max_players=2 if given == "full room" else 4, can_leave_room=given != "no way out",
            password="secret" if given == "locked room" else None,
        )  # fmt: skip
        if given in ("full room", "together", "no way out", "told"):
            await scene.enters(scene.guest)
        if given == "stopped room":
            await scene.host.post("game_room.php/stop")
        if given == "told":
            told = {"type": "play_animation", "data": {"animation": "victory", "duration": 2.0}}
            names["update"], *_ = [await scene.tells(scene.host, **told) for _ in range(3)]
    elif given == "other room":
        await scene.opens_room()
        await scene.guest.post("game_room.php/create")
    elif given == "one logged in":
        await scene.guest.well("PUT", "game_players.php/login")
    elif given == "data":
        await scene.arena.own("PUT", "game_data.php/game/update", GAME_DATA)
    names["lobby"], names["room"] = scene.lobby or NOWHERE, scene.room or NOWHERE
    return names
