"""The errors of the reference, each with the request and the state that cause it."""

from dataclasses import dataclass
from typing import Any

from tests.apis.multiplayer.scene import Scene, success

#: An id of no lobby, room, request or action.
NOWHERE = "0" * 32
BOTH = "API token and game player token are required"
OWNER = "API token and private token are required"
PLAYER = ["game_room.php", "matchmaking.php"]
DURATIONS = "hour, day, week, month, quarter, year, forever"

#: Endpoint of the reference -> method, path and a valid body.
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "game_players.php register": ("POST", "game_players.php/register", {"player_name": "Pat"}),
    "game_players.php login": ("PUT", "game_players.php/login", None),
    "game_players.php heartbeat": ("POST", "game_players.php/heartbeat", None),
    "game_players.php logout": ("POST", "game_players.php/logout", None),
    "game_players.php rename": ("PUT", "game_players.php/rename", {"new_name": "Patrick"}),
    "game_players.php list": ("GET", "game_players.php/list", None),
    "game_players.php ban": (
        "POST",
        "game_players.php/ban",
        {"player_id": 1, "ban_duration": "hour"},
    ),
    "game_players.php unban": ("POST", "game_players.php/unban", {"player_id": 1}),
    "game_data.php game/get": ("GET", "game_data.php/game/get", None),
    "game_data.php game/update": ("PUT", "game_data.php/game/update", {}),
    "game_data.php player/get": ("GET", "game_data.php/player/get", None),
    "game_data.php player/update": ("PUT", "game_data.php/player/update", {}),
    "game_room.php create": ("POST", "game_room.php/create", {}),
    "game_room.php list": ("POST", "game_room.php/list", {}),
    "game_room.php join": ("POST", "game_room.php/{room}/join", {}),
    "game_room.php players": ("GET", "game_room.php/players", None),
    "game_room.php leave": ("POST", "game_room.php/leave", None),
    "game_room.php heartbeat": ("POST", "game_room.php/heartbeat", None),
    "game_room.php actions": (
        "POST",
        "game_room.php/actions",
        {"action_type": "move", "target_players": "host"},
    ),
    "game_room.php actions/poll": ("GET", "game_room.php/actions/poll", None),
    "game_room.php actions/pending": ("GET", "game_room.php/actions/pending", None),
    "game_room.php actions/complete": (
        "POST",
        "game_room.php/actions/{action}/complete",
        {"status": "completed"},
    ),
    "game_room.php updates": (
        "POST",
        "game_room.php/updates",
        {"type": "note", "target_players": "all"},
    ),
    "game_room.php updates/poll": ("POST", "game_room.php/updates/poll", {}),
    "game_room.php current": ("GET", "game_room.php/current", None),
    "game_room.php stop": ("POST", "game_room.php/stop", None),
    "game_room.php kick": ("POST", "game_room.php/kick", {"player_id": 2}),
    "game_room.php password": ("POST", "game_room.php/password", {"password": "new"}),
    "matchmaking.php list": ("POST", "matchmaking.php/list", {}),
    "matchmaking.php create": ("POST", "matchmaking.php/create", {"max_players": 4}),
    "matchmaking.php request": ("POST", "matchmaking.php/{lobby}/request", None),
    "matchmaking.php join": ("POST", "matchmaking.php/{lobby}/join", None),
    "matchmaking.php leave": ("POST", "matchmaking.php/leave", None),
    "matchmaking.php players": ("GET", "matchmaking.php/players", None),
    "matchmaking.php heartbeat": ("POST", "matchmaking.php/heartbeat", None),
    "matchmaking.php remove": ("POST", "matchmaking.php/remove", None),
    "matchmaking.php current": ("GET", "matchmaking.php/current", None),
    "matchmaking.php status": ("GET", "matchmaking.php/{request}/status", None),
    "matchmaking.php response": (
        "POST",
        "matchmaking.php/{request}/response",
        {"action": "approve"},
    ),
    "matchmaking.php start": ("POST", "matchmaking.php/start", None),
    "matchmaking.php stop": ("POST", "matchmaking.php/stop", None),
    "matchmaking.php kick": ("POST", "matchmaking.php/kick", {"player_id": 2}),
    "matchmaking.php password": ("POST", "matchmaking.php/password", {"password": "new"}),
}


@dataclass(frozen=True)
class Cause:
    """A request that fails, with the expected error."""

    endpoint: str
    status: int
    sentence: str
    by: str = "host"
    precondition: str = ""
    body: Any = ...
    path: str = ""
    #: The credential that is missing or invalid, as `no api` or `bad key`.
    token: str = ""

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.sentence}"


def credentials(endpoint: str) -> list[Cause]:
    """Return the errors of an endpoint for missing and invalid credentials."""
    file, _, name = endpoint.partition(" ")

    def cause(token: str, status: int, sentence: str) -> Cause:
        return Cause(endpoint, status, sentence, token=token)

    if name in ("list", "ban", "unban") and file == "game_players.php":
        bad = "Invalid API credentials"
        return [
            cause("no api", 401, OWNER),
            cause("no private", 401, OWNER),
            cause("bad api", 401, bad),
            cause("bad private", 401, bad),
        ]
    if name == "game/update":
        bad = "Invalid API token or private token"
        return [
            cause("no api", 401, "API token is required"),
            cause("no private", 401, "API private token is required"),
            cause("bad api", 401, bad),
            cause("bad private", 401, bad),
        ]
    bad_api = cause("bad api", 401, "Invalid API token")
    if name in ("register", "game/get") or endpoint == "game_room.php list":
        return [cause("no api", 401, "API token is required"), bad_api]
    banned = cause("banned", 403, "You are banned")
    if endpoint == "matchmaking.php list":
        return [cause("no api", 401, "API token is required"), bad_api, banned]
    if file == "game_players.php":
        bad = "Invalid game player token" if name == "login" else "Invalid player token"
        return [
            cause("no api", 401, BOTH),
            cause("no key", 401, BOTH),
            bad_api,
            cause("bad key", 403, bad),
            cause("foreign key", 403, bad),
            banned,
        ]
    if file == "game_data.php":
        foreign = "Player does not belong to this game"
        unfit = "Invalid player or does not belong to game"
        updating = name == "player/update"
        return [
            cause("no api", 401, "API token is required"),
            cause("no key", 401, "Game player token is required"),
            bad_api,
            cause("bad key", 403, unfit)
            if updating
            else cause("bad key", 401, "Invalid game player token"),
            cause("foreign key", 403, unfit if updating else foreign),
            banned,
        ]
    return [
        cause("no api", 401, "API token is required"),
        bad_api,
        cause("no key", 401, "Player token is required"),
        cause("bad key", 401, "Invalid player token"),
        cause("foreign key", 401, "Invalid player token"),
        banned,
    ]


async def prepare(scene: Scene, precondition: str) -> dict[str, str]:
    """Bring the scene into the state of a cause; return the ids for its path."""
    names = {"lobby": NOWHERE, "room": NOWHERE, "request": NOWHERE, "action": NOWHERE}
    if precondition in ("lobby", "strict lobby", "locked lobby", "lobby by request"):
        await scene.create_lobby(
            strict_full=precondition == "strict lobby",
            join_by_requests=precondition == "lobby by request",
            password="secret" if precondition == "locked lobby" else None,
        )
    elif precondition in ("gathered", "full lobby"):
        await scene.fill_lobby(max_players=4 if precondition == "gathered" else 2)
    elif precondition.startswith("requested"):
        names["request"] = await _ask_to_join(scene, precondition)
    elif precondition.startswith("started"):
        await scene.start_game(can_leave_room=precondition != "started for good")
    elif precondition in (
        "room",
        "full room",
        "locked room",
        "together",
        "stopped room",
        "no way out",
    ):
        password = "secret" if precondition == "locked room" else None
        capacity = 2 if precondition == "full room" else 4
        leave = precondition != "no way out"
        room_params = {"max_players": capacity, "password": password, "can_leave_room": leave}
        await scene.create_room(**room_params)
        if precondition in ("full room", "together", "no way out"):
            await scene.join_room(scene.guest)
        if precondition == "stopped room":
            success(await scene.host.post("game_room.php/stop"))
    elif precondition == "action sent":
        await scene.fill_room()
        (names["action"],) = await scene.send_action(scene.guest)
    elif precondition == "other room":
        await scene.create_room()
        success(await scene.guest.post("game_room.php/create"))
    names["lobby"], names["room"] = scene.lobby or NOWHERE, scene.room or NOWHERE
    return names


async def _ask_to_join(scene: Scene, precondition: str) -> str:
    """Send a join request and bring it into the state that the cause names; return its id."""
    request = await scene.request_join(max_players=2)
    if precondition == "requested and full":
        third = await scene.other.post(f"matchmaking.php/{scene.lobby}/request")
        path = f"matchmaking.php/{success(third)['request_id']}/response"
        success(await scene.host.post(path, {"action": "approve"}))
    if precondition == "requested and answered":
        success(await scene.host.post(f"matchmaking.php/{request}/response", {"action": "reject"}))
    if precondition == "requested and started":
        success(await scene.host.post("matchmaking.php/start"))
    if precondition == "requested and removed":
        success(await scene.host.post("matchmaking.php/remove"))
    return request
