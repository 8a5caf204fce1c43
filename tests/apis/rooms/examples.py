"""The examples of the rooms API's document, as it prints them, and those of its sibling pages.

`...` stands where the document leaves something out. Paths are written as there, with names in braces.
"""

from dataclasses import dataclass, field
from typing import Any

OMITTED = "..."
MICKEY = {"userId": 1, "username": "Mickey Mouse"}
DONALD = {"userId": 2, "username": "Donald Duck"}


@dataclass(frozen=True)
class Example:
    """A request, who makes it in what situation, and what comes back."""

    says: str
    method: str
    path: str
    status: int
    #: "host", "guest" (a member), "other" (not in the room) or "stranger" (without a token).
    by: str = "host"
    #: "nothing", "room", "full room" or "session".
    given: str = "room"
    body: Any = None
    answer: Any = None
    #: Header -> a regular expression that its whole value matches.
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
        "POST", "games/{game}/rooms", 201, given="nothing",
        body={"name": "30m no rush", "password": "30m no rush", "options": {"first": "host"}},
        answer={"name": "room name", "game": "game name", "users": USERS[:1], "options": {}},
        headers={"Location": r"/games/noughts/rooms/\d+"},
    ),
    Example(
        "password and options are optional",
        "POST", "games/{game}/rooms", 201, given="nothing",
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
        "POST", "games/{game}/rooms/{room-id}/join", 410, given="session",
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
        "PUT", "games/{game}/rooms/{room-id}/options", 403, given="full room", by="guest",
        body={},
    ),
    Example(
        "kick user",
        "POST", "games/{game}/rooms/{room-id}/kick", 204, given="full room",
        body={"user_id": 2},
    ),
    Example(
        "if you are the host, you can kick",
        "POST", "games/{game}/rooms/{room-id}/kick", 403, given="full room", by="guest",
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
        "GET", "games/{game}/rooms/{room-id}", 200, given="full room",
        answer=ROW | {"users": USERS},
    ),
    Example(
        "start a session with the users of this room",
        "POST", "games/{game}/rooms/{room-id}/start", 201, given="full room",
        headers={"Location": r"/games/noughts/sessions/\d+"},
    ),
    Example(
        "only the host may make this request",
        "POST", "games/{game}/rooms/{room-id}/start", 403, given="full room", by="guest",
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
        "POST", "accounts/login", 200, by="stranger", given="nothing",
        body={"credentialType": "guest"},
        answer={"creationTime": 1700000000000, "user": MICKEY, "token": "…"},
    ),
    Example(
        "login with a password",
        "POST", "accounts/login", 200, by="stranger", given="nothing",
        body={
            "credentialType": "password",
            "email": "minnie@example.org",
            "password": "hunter2hunter2",
        },
        answer={"creationTime": 1700000000000, "user": MICKEY, "token": "…"},
    ),
    Example("logout", "POST", "accounts/logout", 204, given="nothing"),
    Example(
        "register",
        "POST", "accounts/register", 200, by="stranger", given="nothing",
        body={
            "email": "daisy@example.org",
            "password": "hunter2hunter2",
            "username": "Daisy Duck",
        },
        answer={"user": MICKEY},
        headers={"Location": r"/accounts/user/\d+"},
    ),
    Example(
        "what I am in",
        "GET", "accounts/1/rooms-and-sessions", 200,
        answer={"rooms": [ROW | {"id": 1}], "sessions": []},
    ),
    Example("what others may know of a user", "GET", "accounts/user/2", 200, answer=DONALD),
]  # fmt: skip

GAMES = [
    Example(
        "the games there are",
        "GET", "games", 200, given="nothing",
        answer=[
            {"tag": "noughts", "name": "Noughts and Crosses", "minPlayers": 2, "maxPlayers": 2}
        ],
    ),
    Example(
        "put a value",
        "PUT", "games/{game}/user-data/1/settings-1", 204, given="nothing",
        body={"sound": False},
    ),
    Example(
        "get the value",
        "GET", "games/{game}/user-data/1/kept", 200, given="nothing", by="guest",
        answer={"kept": True},
    ),
]  # fmt: skip

SESSIONS = [
    Example(
        "the sessions you are in",
        "GET", "games/{game}/sessions?active=true&limit=20&offset=0", 200, given="session",
        answer=[SESSION],
        headers={"X-Total-Results": "1"},
    ),
    Example(
        "one session, with the state as this player may see it",
        "GET", "games/{game}/sessions/{session-id}", 200, given="session", by="guest",
        answer=SESSION | {"environment": {"grid": "........."}},
    ),
    Example(
        "a turn",
        "POST", "games/{game}/sessions/{session-id}/turn", 204, given="session",
        body={"cell": 4},
    ),
    Example(
        "a cell that is not empty",
        "POST", "games/{game}/sessions/{session-id}/turn", 400, given="played", by="guest",
        body={"cell": 4},
        answer={"error": "noughts.cell_not_empty", "description": "…"},
    ),
    Example(
        "a turn fires an event with player and cell",
        "GET", "games/{game}/sessions/{session-id}/events?after-event-id=-1", 200,
        given="played",
        answer=[{"id": 0, "event": {"type": "turn", "sessionId": "1", "player": 0, "cell": 4}}],
    ),
]  # fmt: skip

EXAMPLES = ROOMS + ACCOUNTS + GAMES + SESSIONS
