"""The examples of the rooms API's document and of its sibling pages.

`...` marks what the document omits. Paths are written as in the document, with names in braces.
"""

from dataclasses import dataclass, field
from typing import Any

OMITTED = "..."
MICKEY = {"userId": 1, "username": "Mickey Mouse"}
DONALD = {"userId": 2, "username": "Donald Duck"}


@dataclass(frozen=True)
class Example:
    """A request with its client and situation, and the expected answer."""

    description: str
    method: str
    path: str
    status: int
    #: "host", "guest" (a member), "other" (not in the room) or "anonymous" (without a token).
    by: str = "host"
    #: "nothing", "room", "full room", "session" or "played" (a session after one turn).
    situation: str = "room"
    body: Any = None
    answer: Any = None
    #: Header -> regular expression that matches its whole value.
    headers: dict[str, str] = field(default_factory=dict)


ROW = {
    "roomId": 0,
    "name": "room name",
    "game": "game name",
    "numUsers": 1,
    "maxUsers": 4,
    "active": True,
    "private": False,
    "options": {},
    "host": MICKEY,
}
USERS = [{"user": MICKEY, "isHost": True}, {"user": DONALD, "isHost": False}]
PLAYERS = [
    {"user": MICKEY, "isHost": True, "isCurrent": True, "playerId": 0},
    {"user": DONALD, "isHost": False, "isCurrent": False, "playerId": 1},
]
SESSION = {"sessionId": "1", "game": "noughts", "active": True, "players": PLAYERS}
NUMBER = r"\d+"

ROOMS = [
    Example(
        "create a room",
        "POST", "games/{game}/rooms", 201, situation="nothing",
        body={"name": "30m no rush", "password": "30m no rush", "options": {"first": "host"}},
        answer={"name": "room name", "game": "game name", "users": USERS[:1], "options": {}},
        headers={"Location": r"/games/noughts/rooms/\d+"},
    ),
    Example(
        "password and options are optional",
        "POST", "games/{game}/rooms", 201, situation="nothing",
        body={"name": "30m no rush"},
        answer={"name": "room name", "game": "game name", "users": USERS[:1], "options": {}},
    ),
    Example(
        "join a room: the body will contain the id of the room",
        "POST", "games/{game}/rooms/{room-id}/join", 200, by="other",
        body={"password": "hunter2"},
        answer={"id": 1, "game": "noughts", "type": "room"},
    ),
    Example(
        "the body is optional",
        "POST", "games/{game}/rooms/{room-id}/join", 200, by="other",
        answer={"id": 1, "game": "noughts", "type": "room"},
    ),
    Example(
        "200 OK if you were already in the room",
        "POST", "games/{game}/rooms/{room-id}/join", 200,
        answer={"id": 1, "game": "noughts", "type": "room"},
    ),
    Example(
        "404 Not Found if the room requested doesn't exist",
        "POST", "games/{game}/rooms/999/join", 404,
    ),
    Example(
        "410 Gone if the room requested no longer exists",
        "POST", "games/{game}/rooms/{room-id}/join", 410, situation="session",
    ),
    Example("leave a room", "POST", "games/{game}/rooms/{room-id}/leave", 204),
    Example(
        "400 Bad Request if you were not in the room",
        "POST", "games/{game}/rooms/{room-id}/leave", 400, by="other",
    ),
    Example(
        "update the room's options: an arbitrary JSON object",
        "PUT", "games/{game}/rooms/{room-id}/options", 204,
        body={"time": {"minutes": 30, "rush": [False, None, 1.5]}},
    ),
    Example(
        "you must be the host to do this",
        "PUT", "games/{game}/rooms/{room-id}/options", 403, situation="full room", by="guest",
        body={},
    ),
    Example(
        "kick user",
        "POST", "games/{game}/rooms/{room-id}/kick", 204, situation="full room",
        body={"user_id": 2},
    ),
    Example(
        "if you are the host, you can kick",
        "POST", "games/{game}/rooms/{room-id}/kick", 403, situation="full room", by="guest",
        body={"user_id": 1},
    ),
    Example(
        "get a list of rooms",
        "GET", "games/{game}/rooms?limit=10&offset=0", 200,
        answer=[ROW | {"userInRoom": True}],
        headers={"X-Total-Results": "1"},
    ),
    Example(
        "get a room: this response also returns the list of users",
        "GET", "games/{game}/rooms/{room-id}", 200, situation="full room",
        answer=ROW | {"users": USERS},
    ),
    Example(
        "start a session with the users of this room",
        "POST", "games/{game}/rooms/{room-id}/start", 201, situation="full room",
        headers={"Location": r"/games/noughts/sessions/\d+"},
    ),
    Example(
        "only the host may make this request",
        "POST", "games/{game}/rooms/{room-id}/start", 403, situation="full room", by="guest",
    ),
    Example(
        "events of one room",
        "GET", "games/{game}/rooms/{room-id}/events?after-event-id=-1", 200,
        answer=[{"id": 0, "event": {"type": "new_room", "roomId": "1"}}],
    ),
    Example(
        "the URL without the room id is used to subscribe to events for all rooms",
        "GET", "games/{game}/rooms/events?after-event-id=-1", 200,
        answer=[{"id": 0, "event": {"type": "new_room", "roomId": "1"}}],
    ),
]  # fmt: skip

ACCOUNTS = [
    Example(
        "login as a guest",
        "POST", "accounts/login", 200, by="anonymous", situation="nothing",
        body={"credentialType": "guest"},
        answer={"creationTime": 1700000000000, "user": MICKEY, "token": "…"},
    ),
    Example(
        "login with a password",
        "POST", "accounts/login", 200, by="anonymous", situation="nothing",
        body={
            "credentialType": "password",
            "email": "minnie@example.org",
            "password": "hunter2hunter2",
        },
        answer={"creationTime": 1700000000000, "user": MICKEY, "token": "…"},
    ),
    Example("logout", "POST", "accounts/logout", 204, situation="nothing"),
    Example(
        "register",
        "POST", "accounts/register", 200, by="anonymous", situation="nothing",
        body={
            "email": "daisy@example.org",
            "password": "hunter2hunter2",
            "username": "Daisy Duck",
        },
        answer={"user": MICKEY},
        headers={"Location": r"/accounts/user/\d+"},
    ),
    Example(
        "rooms and sessions of the caller",
        "GET", "accounts/1/rooms-and-sessions", 200,
        answer={"rooms": [ROW | {"id": 1}], "sessions": []},
    ),
    Example("get a user", "GET", "accounts/user/2", 200, answer=DONALD),
]  # fmt: skip

GAMES = [
    Example(
        "get a list of games",
        "GET", "games", 200, situation="nothing",
        answer=[
            {"tag": "noughts", "name": "Noughts and Crosses", "minPlayers": 2, "maxPlayers": 2}
        ],
    ),
    Example(
        "put a value",
        "PUT", "games/{game}/user-data/1/settings-1", 204, situation="nothing",
        body={"sound": False},
    ),
    Example(
        "get the value",
        "GET", "games/{game}/user-data/1/stored", 200, situation="nothing", by="guest",
        answer={"stored": True},
    ),
]  # fmt: skip

SESSIONS = [
    Example(
        "get a list of your sessions",
        "GET", "games/{game}/sessions?active=true&limit=20&offset=0", 200, situation="session",
        answer=[SESSION],
        headers={"X-Total-Results": "1"},
    ),
    Example(
        "get a session with the state that this player may see",
        "GET", "games/{game}/sessions/{session-id}", 200, situation="session", by="guest",
        answer=SESSION | {"environment": {"grid": "........."}},
    ),
    Example(
        "a turn",
        "POST", "games/{game}/sessions/{session-id}/turn", 204, situation="session",
        body={"cell": 4},
    ),
    Example(
        "a cell that is not empty",
        "POST", "games/{game}/sessions/{session-id}/turn", 400, situation="played", by="guest",
        body={"cell": 4},
        answer={"error": "noughts.cell_not_empty", "description": "…"},
    ),
    Example(
        "a turn fires an event with player and cell",
        "GET", "games/{game}/sessions/{session-id}/events?after-event-id=-1", 200,
        situation="played",
        answer=[{"id": 0, "event": {"type": "turn", "sessionId": "1", "player": 0, "cell": 4}}],
    ),
]  # fmt: skip

EXAMPLES = ROOMS + ACCOUNTS + GAMES + SESSIONS
