"""The samples of COAL's document, 2.3.1 and 2.3.3 to 2.3.6: requests and responses.

Names in braces are replaced by keys of the scene. Samples with known errors are corrected here; a comment
beside each correction has the document's text.
"""

from dataclasses import dataclass, field
from typing import Any

TOKEN = {"Authorization": "Bearer {token}"}
USER_KEY = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdHILCxIEVXNlchivbgw"
SERVER_KEY = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdH"
PLAYER_KEY = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdHIzCzIGU2VydmVyIglnbG9iYWxfc2VydmVyDAsSB1BsYX1lc"
LINE_KEY = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdHIoCxIGU2VydmVyIglnbG9iYWxfc2VydmVyDAs"
SESSION_KEY = "ahRzfmd1bXB0aW9uLW1pbmVjcmFmdHIsCxIGU2VydmVyIglnbG9iYWxfc2VydmVyDAsSC1BsYX1TZ"


@dataclass(frozen=True)
class Example:
    """A request by Thomas, an admin, and its response."""

    request: str
    status: int
    #: None: the body is empty.
    answer: Any = None
    body: bytes | None = None
    #: Members whose values must equal the sample's.
    echoes: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=lambda: TOKEN)

    @property
    def name(self) -> str:
        return f"{self.request} {self.status}"


THOMAS = {
    # Named `username` in two of the three samples.
    "usernames": ["gumptionthomas"],
    # Times set by the server are UTC; the samples have local times.
    "updated": "2013-04-14 18:37:35 CDT-0500",
    "created": "2013-03-04 15:05:52 CST-0600",
    "admin": True,
    "key": USER_KEY,
    "active": True,
    "last_coal_login": "2013-04-13 14:03:33 CDT-0500",
    "nickname": "thomas",
    "email": "t@gmail.com",
}
JENNIFER = {
    # The string "[]" in the sample.
    "usernames": [],
    "updated": "2013-03-14 17:23:09 CDT-0500",
    "created": "2013-03-04 17:43:37 CST-0600",
    "admin": False,
    "key": USER_KEY,
    "active": True,
    "last_coal_login": None,
    "nickname": "jennifer",
    "email": "j@gmail.com",
}
MARK = {
    "usernames": ["quazifene"],
    "updated": "2013-04-14 18:56:59 CDT-0500",
    "created": "2013-03-04 17:53:12 CST-0600",
    "admin": True,
    "key": USER_KEY,
    "active": True,
    "last_coal_login": "2013-04-12 14:04:39 CDT-0500",
    "nickname": "mark",
    "email": "m@gmail.com",
}
MEMBERS_OF_USERS = ("usernames", "admin", "active", "nickname", "email")

MY_WORLD = {
    "key": SERVER_KEY,
    "name": "My World",
    "gce": False,
    "running_version": "1.5.1",
    "address": None,
    "last_ping": "2013-04-14 19:55:22 CDT-0500",
    "updated": "2013-04-14 19:55:22 CDT-0500",
    "status": "RUNNING",
    "created": "2013-03-04 15:05:53 CST-0600",
    "server_day": 15744,
    "server_time": 19767,
    "is_raining": True,
    "is_thundering": True,
}
PVP_WORLD = {
    "key": SERVER_KEY,
    "name": "My PVP World",
    "gce": True,
    "running_version": "1.5.1",
    "address": "1.2.3.4:56789",
    "last_ping": "2013-04-14 19:55:43 CDT-0500",
    "updated": "2013-04-14 19:55:43 CDT-0500",
    # STOPPED in the sample, although a stopped server has no address.
    "status": "RUNNING",
    "created": "2013-03-04 15:07:00 CST-0600",
    "server_day": 15223,
    "server_time": 14141,
    "is_raining": False,
    "is_thundering": False,
}
BRAVE = {
    "key": SERVER_KEY,
    "name": "Brave New World",
    "gce": True,
    "running_version": None,
    "address": None,
    "last_ping": None,
    "updated": "2014-01-14 17:33:00 CST-0600",
    "status": "UNKNOWN",
    "created": "2014-01-13 12:00:00 CST-0600",
    "server_day": None,
    "server_time": None,
    "is_raining": None,
    "is_thundering": None,
}
MEMBERS_OF_SERVERS = tuple(
    name for name in MY_WORLD if name not in ("key", "last_ping", "updated", "created")
)

#: Properties of a new hosted world.
DEFAULT_PROPERTIES = {
    "server_port": None,
    "version": None,
    "memory": "256M",
    "operator": None,
    "idle_timeout": 5,
    "motd": "A Minecraft Server",
    "white_list": False,
    "gamemode": 0,
    "force_gamemode": False,
    "level_type": "DEFAULT",
    "level_seed": None,
    "generator_settings": None,
    # The string "1" in the sample.
    "difficulty": 1,
    "pvp": False,
    "hardcore": False,
    "allow_flight": False,
    "allow_nether": True,
    "max_build_height": 256,
    "generate_structures": True,
    "spawn_npcs": True,
    "spawn_animals": True,
    "spawn_monsters": True,
    "view_distance": 10,
    "player_idle_timeout": 0,
    "max_players": 20,
    "spawn_protection": 16,
    "enable_command_block": False,
    "snooper_enabled": True,
    "resource_pack": None,
    "op_permission_level": 3,
}
PROPERTIES = {
    "key": SERVER_KEY,
    **DEFAULT_PROPERTIES,
    "version": "1.7.4",
    "operator": "gumptionthomas",
    "motd": "It's a brave new world out there",
    "white_list": True,
    "level_seed": "",
    "generator_settings": "",
    "resource_pack": "",
}
CHANGED = {
    **PROPERTIES,
    "memory": "1G",
    "motd": "Maybe not that brave",
    "gamemode": 1,
    "level_type": "FLAT",
    "spawn_monsters": False,
}
ALL_PROPERTIES = tuple(name for name in PROPERTIES if name != "key")

GUMPTION = {
    "username": "gumptionthomas",
    "user_key": USER_KEY,
    "last_login": "2013-04-13 20:50:34 CDT-0500",
    "last_session_duration": 8126,
    "key": PLAYER_KEY,
    "server_key": SERVER_KEY,
    "is_playing": False,
}
QUAZI = {**GUMPTION, "username": "quazifene", "last_session_duration": 6821}
MEMBERS_OF_PLAYERS = ("username", "is_playing")

SESSION = {
    "username": "gumptionthomas",
    "updated": "2013-04-13 23:06:01 CDT-0500",
    "logout_timestamp": "2013-04-13 23:06:00 CDT-0500",
    "login_timestamp": "2013-04-13 20:50:34 CDT-0500",
    "created": "2013-04-13 20:50:35 CDT-0500",
    "user_key": USER_KEY,
    "player_key": PLAYER_KEY,
    "login_logline_key": LINE_KEY,
    "key": SESSION_KEY,
    "server_key": SERVER_KEY,
    "duration": 8126,
    "logout_logline_key": LINE_KEY,
}
VESICULAR = {
    **SESSION,
    "username": "vesicular",
    "logout_timestamp": "2013-04-13 20:20:19 CDT-0500",
    "login_timestamp": "2013-04-13 19:48:28 CDT-0500",
    "duration": 1911,
}
MEMBERS_OF_SESSIONS = ("username", "login_timestamp", "logout_timestamp", "duration")
SOME_ERROR = {"errors": "This was a bad request because..."}
USERS, SERVERS = "/api/v1/users", "/api/v1/servers"

EXAMPLES = [
    # 2.3.1
    Example("GET /api/v1/users/self", 200, THOMAS, headers=TOKEN),
    Example("GET /api/v1/users/self", 401, SOME_ERROR, headers={}),
    Example("POST /api/v1/servers", 401, SOME_ERROR, b"name=W&gce=0", headers={}),
    Example(
        "GET /api/v1/users/self",
        401,
        SOME_ERROR,
        headers={"Authorization": "Bearer 8wB8QtpULBVNuL2mqBaWdIRWX"},
    ),
    Example("GET /api/v1/users/self", 403, headers={"Authorization": "Bearer {inactive}"}),
    Example(
        "POST /api/v1/servers",
        403,
        None,
        b"name=W&gce=0",
        headers={"Authorization": "Bearer {jennifer}"},
    ),
    Example("POST /api/v1/servers", 400, SOME_ERROR, b"name="),
    Example("GET /api/v1/users/nobody", 404),
    Example("GET /api/v1/nothing", 404),
    Example("DELETE /api/v1/users", 405),
    # 2.3.3
    Example(f"GET {USERS}", 200, {"users": [THOMAS, JENNIFER, MARK]}, echoes=MEMBERS_OF_USERS),
    Example(f"GET {USERS}/{{thomas_key}}", 200, THOMAS, echoes=MEMBERS_OF_USERS),
    Example(f"GET {USERS}/self", 200, THOMAS, echoes=MEMBERS_OF_USERS),
    # 2.3.4
    Example(
        f"GET {SERVERS}", 200, {"servers": [MY_WORLD, PVP_WORLD, BRAVE]}, echoes=MEMBERS_OF_SERVERS
    ),
    Example(
        f"POST {SERVERS}",
        201,
        BRAVE,
        b"name=Brave+New+World&gce=true&version=1.7.4&memory=256M",
        echoes=MEMBERS_OF_SERVERS,
    ),
    Example(f"GET {SERVERS}/{{brave}}", 200, BRAVE, echoes=MEMBERS_OF_SERVERS),
    Example(
        # 202 in the sample, contrary to the text.
        f"POST {SERVERS}/{{brave}}",
        200,
        {**BRAVE, "name": "Not So Brave New World"},
        b"name=Not+So+Brave+New+World",
        echoes=MEMBERS_OF_SERVERS,
    ),
    Example(f"GET {SERVERS}/{{brave}}/properties", 200, PROPERTIES, echoes=ALL_PROPERTIES),
    Example(
        f"POST {SERVERS}/{{brave}}/properties",
        200,
        CHANGED,
        b"memory=1G&gamemode=1&level_type=FLAT&spawn_monsters=false&motd=Maybe+not+that+brave",
        echoes=ALL_PROPERTIES,
    ),
    Example(f"GET {SERVERS}/{{world}}/properties", 404),
    Example(f"POST {SERVERS}/{{world}}/properties", 404, None, b"memory=1G"),
    Example(f"POST {SERVERS}/{{brave}}/queue/play", 202),
    Example(f"POST {SERVERS}/{{pvp}}/queue/play", 200),
    Example(f"POST {SERVERS}/{{world}}/queue/play", 404),
    Example(f"POST {SERVERS}/{{brave}}/queue/pause", 202),
    Example(f"POST {SERVERS}/{{world}}/queue/pause", 404),
    # 2.3.5
    Example(
        f"GET {SERVERS}/{{world}}/players",
        200,
        {"players": [GUMPTION, QUAZI]},
        echoes=MEMBERS_OF_PLAYERS,
    ),
    Example(
        f"GET {SERVERS}/{{world}}/players/gumptionthomas", 200, GUMPTION, echoes=MEMBERS_OF_PLAYERS
    ),
    Example(
        f"GET {SERVERS}/{{world}}/players/{{player}}", 200, GUMPTION, echoes=MEMBERS_OF_PLAYERS
    ),
    # 2.3.6
    Example(
        f"GET {SERVERS}/{{world}}/sessions?since=2013-04-14+00:48:28&before=2013-04-14+02:00:00",
        200,
        {"sessions": [SESSION, VESICULAR]},
        echoes=MEMBERS_OF_SESSIONS,
    ),
    Example(
        f"GET {SERVERS}/{{world}}/sessions/{{session}}", 200, SESSION, echoes=MEMBERS_OF_SESSIONS
    ),
    Example(
        # The path ends in `/session` in the sample.
        f"GET {SERVERS}/{{world}}/players/gumptionthomas/sessions",
        200,
        {
            "sessions": [
                {
                    **SESSION,
                    "logout_timestamp": "2013-04-15 22:31:42 CDT-0500",
                    "login_timestamp": "2013-04-15 22:31:18 CDT-0500",
                    "duration": 24,
                },
                SESSION,
            ]
        },
        echoes=MEMBERS_OF_SESSIONS,
    ),
]
