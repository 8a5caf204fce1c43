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
#: States of a room that `prepare` creates.
ROOM_STATES = {
    "room", "full room", "locked room", "together", "stopped room", "no way out", "told",
}  # fmt: skip
DATA = {"level": 1, "score": 0, "inventory": ["sword", "shield"]}


@dataclass
class Game:
    """A game and its tokens."""

    part: Part
    api: str
    private: str

    async def own(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        headers = {"X-Api-Token": self.api, "X-Api-Private-Token": self.private}
        return await self.part.fetch_json(method, f"/api/{path}", body, headers=headers, **kwargs)


@dataclass
class Player:
    """A player of a game."""

    arena: Game
    id: int
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Api-Token": self.arena.api, "X-Game-Player-Token": self.key}

    async def request(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Send a recorded request."""
        return await self.arena.part.request(
            method, f"/api/{path}", body, headers=self.headers, **kwargs
        )

    async def fetch_json(self, method: str, path: str, body: Any = None) -> Any:
        return await self.arena.part.fetch_json(method, f"/api/{path}", body, headers=self.headers)

    async def post(self, path: str, body: Any = None) -> Any:
        return await self.fetch_json("POST", path, body)


@dataclass
class Scene:
    """Three players of a game and the lobbies and rooms that they created."""

    arena: Game
    host: Player
    guest: Player
    other: Player
    lobby: str = ""
    room: str = ""

    async def open_lobby(self, **parts: Any) -> None:
        created = await self.host.post("matchmaking.php/create", {"max_players": 4, **parts})
        self.lobby = created["matchmaking_id"]

    async def open_lobby_with_guest(self, **parts: Any) -> None:
        await self.open_lobby(**parts)
        await self.guest.post(f"matchmaking.php/{self.lobby}/join")

    async def request_to_join(self, **parts: Any) -> str:
        await self.open_lobby(**{"join_by_requests": True, **parts})
        return str((await self.guest.post(f"matchmaking.php/{self.lobby}/request"))["request_id"])

    async def start_lobby(self, **parts: Any) -> None:
        await self.open_lobby_with_guest(**parts)
        self.room = (await self.host.post("matchmaking.php/start"))["room_id"]

    async def open_room(self, **parts: Any) -> None:
        self.room = (await self.host.post("game_room.php/create", parts))["room_id"]

    async def open_room_with_guest(self, **parts: Any) -> None:
        await self.open_room(**parts)
        await self.join_room(self.guest, password=parts.get("password"))

    async def join_room(self, player: Player, **parts: Any) -> None:
        await player.post(f"game_room.php/{self.room}/join", parts)

    async def send_action(self, player: Player, **parts: Any) -> str:
        params = {"target_players": "host", "action_type": "move", **parts}
        return str((await player.post("game_room.php/actions", params))["action_ids"][0])

    async def send_update(self, player: Player, **parts: Any) -> str:
        params = {"target_players": "others", "type": "note", "data": {}, **parts}
        return str((await player.post("game_room.php/updates", params))["update_ids"][0])

    async def answer_request(self, request: str, action: str) -> None:
        await self.host.post(f"matchmaking.php/{request}/response", {"action": action})


async def create_game(part: Part, tag: str) -> Game:
    created = await part.server.run_command("game", "add", tag)
    api = part.add(created["api_token"], f"{tag} api")
    return Game(part, api, part.add(created["private_token"], f"{tag} private"))


async def register_player(arena: Game, name: str = "TestPlayer", **data: Any) -> Player:
    body = {"player_name": name, "player_data": data}
    headers = {"X-Api-Token": arena.api}
    created = await arena.part.fetch_json(
        "POST", "/api/game_players.php/register", body, headers=headers
    )
    return Player(arena, int(created["player_id"]), created["private_key"])


async def create_scene(arena: Game) -> Scene:
    return Scene(arena, *[await register_player(arena, **DATA) for _ in range(3)])


async def prepare(scene: Scene, state: str) -> dict[str, str]:
    """Create the state that a request requires; return the values for its path and body."""
    names = {"request": NOWHERE, "action": NOWHERE}
    if state in ("lobby", "strict lobby", "locked lobby", "lobby by request"):
        await scene.open_lobby(
            strict_full=state == "strict lobby", join_by_requests=state == "lobby by request",
            password="secret" if state == "locked lobby" else None,
        )  # fmt: skip
    elif state in ("gathered", "full lobby"):
        await scene.open_lobby_with_guest(max_players=4 if state == "gathered" else 2)
    elif state in ("asked in room", "requested", "answered"):
        await scene.open_room_with_guest(room_name="My Game Room", max_players=4)
        names["action"] = await scene.send_action(scene.guest, request_data={"x": 10, "y": 20})
        if state == "answered":
            done = {
                "status": "completed",
                "response_data": {"success": True, "message": "Moved successfully"},
            }
            await scene.host.post(f"game_room.php/actions/{names['action']}/complete", done)
    elif state.startswith("asked") or state == "approved":
        names["request"] = await scene.request_to_join(max_players=2)
        if state == "approved":
            await scene.answer_request(names["request"], "approve")
        if state == "asked and full":
            third = await scene.other.post(f"matchmaking.php/{scene.lobby}/request")
            await scene.answer_request(third["request_id"], "approve")
        if state == "asked and answered":
            await scene.answer_request(names["request"], "reject")
        if state == "asked and started":
            await scene.host.post("matchmaking.php/start")
        if state == "asked and removed":
            await scene.host.post("matchmaking.php/remove")
    elif state.startswith("started"):
        await scene.start_lobby(can_leave_room=state != "started for good")
    elif state in ROOM_STATES:
        await scene.open_room(
            max_players=2 if state == "full room" else 4, can_leave_room=state != "no way out",
            password="secret" if state == "locked room" else None,
        )  # fmt: skip
        if state in ("full room", "together", "no way out", "told"):
            await scene.join_room(scene.guest)
        if state == "stopped room":
            await scene.host.post("game_room.php/stop")
        if state == "told":
            params = {"type": "play_animation", "data": {"animation": "victory", "duration": 2.0}}
            names["update"], *_ = [await scene.send_update(scene.host, **params) for _ in range(3)]
    elif state == "other room":
        await scene.open_room()
        await scene.guest.post("game_room.php/create")
    elif state == "one logged in":
        await scene.guest.fetch_json("PUT", "game_players.php/login")
    elif state == "data":
        await scene.arena.own("PUT", "game_data.php/game/update", GAME_DATA)
    names["lobby"], names["room"] = scene.lobby or NOWHERE, scene.room or NOWHERE
    return names
