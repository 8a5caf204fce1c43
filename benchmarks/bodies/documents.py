"""Bodies of JSON, and long lines of logs."""

import itertools
import json
from collections.abc import Iterator

from benchmarks.bodies.client import KIB, MIB, Case
from benchmarks.bodies.stage import Stage


def rooms_bodies(stage: Stage) -> Iterator[Case]:
    bearer, room, session = stage.bearer, stage.room, stage.session
    small, large = 64 * KIB, 128 * KIB
    yield from stage.bodies(
        "POST",
        "/accounts/login",
        {},
        small,
        ("credentialType", "username", "password", "email"),
        {"credentialType": "guest"},
    )
    yield from stage.bodies(
        "POST", "/accounts/register", {}, small, ("username", "password", "email")
    )
    yield from stage.bodies("PUT", f"/games/free/user-data/{stage.ann.id}/k", bearer, large)
    yield from stage.bodies(
        "POST",
        "/games/free/rooms",
        bearer,
        large,
        ("name", "password", "options", "maxPlayers"),
        {"name": "x"},
    )
    yield from stage.bodies(
        "POST", "/games/free/rooms/quick-join", bearer, large, ("name", "password", "options")
    )
    yield from stage.bodies("PUT", f"{room}/options", bearer, large)
    for part, field in (
        ("kick", "userId"),
        ("ready", "ready"),
        ("join", "password"),
        ("chat", "text"),
    ):
        yield from stage.bodies("POST", f"{room}/{part}", bearer, small, (field,))
    yield from stage.bodies("POST", f"{session}/turn", bearer, large)
    yield from stage.bodies(
        "POST",
        f"{session}/actions/1",
        bearer,
        320 * KIB,
        ("status", "data"),
        {"status": "completed"},
    )


def multiplayer_bodies(stage: Stage) -> Iterator[Case]:
    api, host, guest, other, lone, owner = (
        stage.api,
        stage.host,
        stage.guest,
        stage.other,
        stage.lone,
        stage.owner,
    )
    rooms, data, large = "/api/game_room.php", "/api/game_data.php", 320 * KIB
    yield from stage.bodies(
        "POST",
        "/api/game_players.php/register",
        api,
        large,
        ("player_name", "player_data", "player_data_json"),
        {"player_name": "Pat"},
    )
    yield from stage.bodies(
        "POST",
        f"{rooms}/actions",
        guest,
        large,
        ("action_type", "request_data", "request_data_json"),
        {"action_type": "turn", "target_players": "all"},
    )
    yield from stage.bodies(
        "POST",
        f"{rooms}/actions/{stage.action}/complete",
        host,
        large,
        ("status", "response_data", "response_data_json"),
        {"status": "processing"},
    )
    yield from stage.bodies("PUT", f"{data}/player/update", host, large)
    yield from stage.bodies(
        "PUT", f"{data}/player/update?format=unity", host, large, ("data_json",)
    )
    yield from stage.bodies("PUT", f"{data}/game/update", owner, large)
    yield from stage.bodies(
        "POST", "/api/leaderboard.php", host, 64 * KIB, ("sortBy", "limit"), {"sortBy": ["level"]}
    )
    for file in ("matchmaking", "game_room"):
        yield from stage.bodies(
            "POST", f"/api/{file}.php/list", host, 64 * KIB, ("search", "limit")
        )
        yield from stage.bodies(
            "POST",
            f"/api/{file}.php/create",
            lone,
            576 * KIB,
            ("room_name", "password", "rules", "rules_json", "player_data", "player_data_json"),
            {"max_players": 4, "can_leave_room": []},
        )
    yield from stage.bodies(
        "POST",
        f"{rooms}/{stage.scene.room}/join",
        other,
        large,
        ("player_data", "player_data_json"),
        {"password": []},
    )
    yield from stage.bodies("PUT", "/api/game_players.php/rename", host, 64 * KIB, ("new_name",))
    yield from stage.bodies(
        "POST",
        f"{rooms}/updates",
        host,
        large,
        ("type", "data", "data_json", "target_players_ids"),
        {"type": "x", "target_players": "all"},
    )
    yield from stage.bodies(
        "POST",
        f"{rooms}/updates/poll",
        host,
        64 * KIB,
        ("from_players_ids", "last_update"),
        {"from_players": "specific", "wait": 0},
    )


def hosts_bodies(stage: Stage) -> Iterator[Case]:
    bearer, path = stage.host_bearer, f"{stage.hosted.path}/messages"
    update = {"type": "update", "source_of_truth_key": stage.hosted.key}
    yield from stage.bodies("POST", "/sessions/players", bearer, 64 * KIB, ("host", "guest"))
    yield from stage.bodies("POST", path, bearer, MIB, ("key", "state", "patch"), update)
    for field in ("state", "patch"):
        yield from stage.bodies("POST", path, bearer, 256 * KIB, (field,), update)
    yield from stage.bodies(
        "POST", path, bearer, MIB, ("name", "data", "to"), {"type": "command", "name": "x"}
    )


def oauth_bodies(stage: Stage) -> Iterator[Case]:
    fields = ("redirect_uris", "client_id", "client_name", "client_uri", "scope")
    base = {"redirect_uris": ["http://x/y"], "client_id": "a"}
    yield from stage.bodies("POST", "/oauth/v1/register", {}, 320 * KIB, fields, base)
    yield from stage.bodies(
        "POST", "/oauth/v1/token", {}, 64 * KIB, ("grant_type", "code", "client_id")
    )


def coal_bodies(stage: Stage) -> Iterator[Case]:
    world, large = stage.world.path, 256 * KIB
    yield from stage.bodies(
        "POST", "/api/v1/servers", stage.admin, large, ("name", "address", "gce"), {"name": "x"}
    )
    yield from stage.bodies("POST", f"{world}/chats", stage.user, large, ("chat",))
    yield from stage.bodies("POST", f"{world}/console", stage.admin, large, ("command",))
    yield from stage.bodies(
        "POST", f"{world}/properties", stage.admin, large, ("motd", "max_players", "white_list")
    )


def agent_bodies(stage: Stage) -> Iterator[Case]:
    agents, agent = "/api/v1/agents", stage.agent
    yield from stage.bodies(
        "POST",
        f"{agents}/ping",
        agent,
        256 * KIB,
        ("server_name", "timestamp", "findings"),
        {"server_name": "x", "is_server_running": True},
    )
    yield from stage.bodies(
        "POST", f"{agents}/logline", agent, MIB, ("line", "zone"), {"line": "x", "zone": "UTC"}
    )
    base = {"source": "s", "zone": "UTC", "lines": []}
    yield from stage.bodies(
        "POST", f"{agents}/loglines", agent, MIB, ("lines", "source", "zone"), base
    )
    path, head = f"{agents}/loglines", {**agent, "Content-Type": "application/json"}
    numbers = itertools.count()
    for shape, line in log_lines().items():
        for count in (1, 100, 1000):
            size = min(len(line), (MIB - 4096) // count - 40)
            lines = [{"sequence": number, "line": line[:size]} for number in range(1, count + 1)]
            body = json.dumps({**base, "lines": lines}).encode()
            while len(body) > MIB:
                lines = [{**each, "line": each["line"][: len(each["line"]) // 2]} for each in lines]
                body = json.dumps({**base, "lines": lines}).encode()
            yield Case(
                f"POST {path}",
                f"{count} lines: {shape}",
                lambda body=body: stage.target.request(  # type: ignore[misc]
                    # A source that is new each time: lines that are stored are only parsed.
                    *("POST", path, head),
                    body.replace(b'"source": "s"', b'"source": "s%d"' % next(numbers), 1),
                ),
            )

    def send_new(text: str) -> str:
        """Send lines about players who are new each time, from a source that is new each time."""
        number = next(numbers)
        lines = [
            {
                "sequence": one + 1,
                "line": f"2014-02-03 10:32:01 [INFO] {text.format(f'N{number}_{one}')}",
            }
            for one in range(1000)
        ]
        members = {**base, "source": f"s{number}", "lines": lines}
        return stage.target.request("POST", path, head, json.dumps(members).encode())

    for shape, text in player_lines().items():
        yield Case(f"POST {path}", f"1000 lines: {shape}", lambda text=text: send_new(text))  # type: ignore[misc]
    for name in ("ping", "logline"):
        yield from stage.forms(
            f"{agents}/{name}",
            agent,
            MIB,
            ("line", "server_name", "zone", "findings"),
            zone="UTC",
            server_name="x",
        )


def player_lines() -> dict[str, str]:
    """Return texts of lines about players and the world, by name."""
    return {
        "new players join": "{} joined the game",
        "new players log in": "{}[/192.0.2.7:5] logged in with entity id 1 at (1.5, 64.0, -2.25)",
        "new players chat": "<{}> hi",
        "new players die": "{} was slain by Zombie",
        "restarts": "Starting minecraft server version 1.21.4",
    }


def log_lines() -> dict[str, str]:
    """Return long lines of a log, by name."""
    size = MIB
    header = "2014-02-03 10:32:01 [INFO] "
    return {
        "spaces": header + " " * size,
        "chat": header + "<Steve> " + "a " * (size // 2),
        "death": header + "Steve was slain by " + "a " * (size // 2),
        "death with item": header + "Steve was slain by Zombie using [" + "[" * size,
        "names": header + "Steve " * (size // 6),
        "login": header + "Steve[/" + "1.1" * (size // 3),
        "brackets": "[" * size,
        "closed brackets": "[10:32:01] [" + "]" * size,
        "colours": header + "\u00a7a" * (size // 2),
        "umlauts": header + "ä" * (size // 2),
        "joiners": header + "\u200d" * (size // 2),
        "deletes": header + "\x7f" * (size // 2),
        "line feeds": header + "\n" * (size // 2),
        "digits": "1" * size,
        "dates": "2014-02-03 10:32:01 " * (size // 20),
        "colons": "10:" * (size // 3),
        "slashes": header + "/" * size,
        "coordinates": header
        + "Steve[/1.1.1.1:1] logged in with entity id 1 at ("
        + "1.1, " * (size // 5),
        "advancement": header + "Steve has made the advancement [" + "a[" * (size // 2),
        "continuation": "\tat a.b.c" + "(a)" * (size // 3),
        "exception": header + "java.lang.Exception: " + "a." * (size // 2),
        "tabs": "\t" * size,
        "angles": header + "<" * size,
        "angles and names": header + "<a> " * (size // 4),
        "equal signs": header + "=" * size,
        "list": header + "There are 1/20 players online: " + "a, " * (size // 3),
    }
