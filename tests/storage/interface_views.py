"""Answers of all interfaces for the stored data directory, with the same requests as when it was created."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.contracts.calls import Part
from tests.contracts.clients import Browser
from tests.contracts.placeholders import Placeholders
from tests.contracts.program import Server, call, run_server

#: With these settings no stored player becomes away and nothing expires, whatever the age of the data.
FLAGS = (
    "--trusted-proxies", "127.0.0.1", "--away-after", "86400", "--seat-grace", "2592000", "--closed-kept", "31536000",
    "--idle-room-days", "36500", "--guest-token-days", "36500", "--account-token-days", "36500",
    "--event-days", "36500", "--event-count", "1000000000", "--hosts-grace", "86400", "--log-level", "warning",
)  # fmt: skip
#: Members that depend on the age of the data, and texts.
VARYING = frozenset({"status", "last_ping", "last_login", "description", "last_coal_login"})
#: Shorter secrets may occur in other values.
MIN_SECRET_LENGTH = 12


def set_last_seen(database: Path) -> None:
    """Set last_seen of all players to now, so that answers do not depend on the age of the data."""
    with sqlite3.connect(database) as db:
        db.execute("UPDATE sign SET at = ?", (time.time(),))
    db.close()


async def interface_views(data: Path, secrets: dict[str, str]) -> list[dict[str, Any]]:
    """Run a server with the data and return its answers to all requests. `secrets` came with the data."""
    set_last_seen(data / "coalserver.sqlite3")
    steps = []
    for command in ("game list", "account list", "world list"):
        result = await call(*command.split(), "--json", "--data", str(data))
        assert result.status == 0, result
        steps.append({"step": command, "answer": Placeholders(VARYING).value(result.document)})
    async with run_server(data, *FLAGS) as server:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=connector
        ) as http:
            steps += await request_all(server, http, secrets)
        assert await server.stop() == 0
    return steps


async def request_all(
    server: Server, http: aiohttp.ClientSession, secrets: dict[str, str]
) -> list[dict[str, Any]]:
    placeholders = Placeholders(VARYING)
    placeholders.add(server.url.removeprefix("http://"), "server")
    for name, secret in secrets.items():
        if len(secret) >= MIN_SECRET_LENGTH and "/" not in secret:
            placeholders.add(secret, name)
    part = Part("storage", server, http, placeholders)
    await rooms(part, secrets)
    await multiplayer(part, secrets)
    await hosts(part, secrets)
    await coal(part, secrets)
    await site(part, secrets)
    for step in part.steps:
        # The start of the server adds entries, which move cursors.
        for place, name in (("headers", "X-Event-Cursor"), ("json", "cursor")):
            if isinstance(step["answer"], dict) and isinstance(step["answer"].get(place), dict):
                step["answer"][place].pop(name, None)
        for row in found_players(step):
            if row.get("last_heartbeat", "") is None:
                # Registration counts as activity.
                row.pop("is_online", None)
    return part.steps


def found_players(step: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the players in an answer of the multiplayer API."""
    document = step["answer"].get("json") if isinstance(step["answer"], dict) else None
    return document.get("players", []) if isinstance(document, dict) and "count" in document else []


async def events(part: Part, path: str, secrets: dict[str, str], token: str = "") -> None:
    """Record the stored events of a feed, without those that the start added."""
    answer = await part.request(
        "GET", f"{path}?after-event-id=-1&wait=0", token=token, record=False
    )
    assert answer.status == 200, (path, answer)
    head = int(secrets["head"])
    part.record_value(f"GET {path}", [one for one in answer.json if one["id"] <= head])


async def rooms(part: Part, secrets: dict[str, str]) -> None:
    token = secrets["mickey"]
    for path in (
        "/games", "/games/noughts/rooms", "/games/noughts/rooms?active=false", "/games/arena/rooms",
        "/games/noughts/sessions",
        "/games/arena/sessions?open=true", "/games/noughts/sessions?active=false", "/accounts/user/1",
        f"/accounts/{secrets['mickey id']}/rooms-and-sessions",
        f"/games/noughts/user-data/{secrets['mickey id']}/settings",
        secrets["room"], f"{secrets['room']}/chat", secrets["session"], f"{secrets['session']}/chat",
        secrets["gone room"],
    ):  # fmt: skip
        await part.request("GET", path, token=token)
    await part.request(
        "POST",
        f"{secrets['room']}/chat",
        {"text": "once"},
        token=token,
        headers={"Idempotency-Key": "kept"},
    )
    for path in (
        "/games/noughts/rooms/events",
        f"{secrets['room']}/events",
        f"{secrets['session']}/events",
    ):
        await events(part, path, secrets, token)
    login = {
        "credentialType": "password",
        "email": "minnie@example.org",
        "password": "correct horse",
    }
    await part.request("POST", "/accounts/login", login)
    await part.request("GET", "/accounts/user/2", token=secrets["minnie"])


async def multiplayer(part: Part, secrets: dict[str, str]) -> None:
    api = f"api_token={secrets['arena api']}"
    player, guest = (f"{api}&player_token={secrets[name]}" for name in ("player", "player 2"))
    await part.request("POST", f"/api/leaderboard.php?{api}", {"sort_by": ["score"], "limit": 10})
    for path in (
        f"game_data.php/game/get?{api}", f"game_data.php/player/get?{player}", f"matchmaking.php/list?{api}",
        f"game_room.php/list?{api}",
        f"game_players.php/list?{api}&private_token={secrets['arena private']}", f"game_room.php/current?{player}",
        f"game_room.php/players?{player}", f"game_room.php/actions/pending?{player}",
        f"game_room.php/updates/poll?{guest}",
        f"matchmaking.php/current?{api}&player_token={secrets['lobby host']}",
        f"matchmaking.php/players?{api}&player_token={secrets['lobby host']}",
        f"matchmaking.php/{secrets['request']}/status?{api}&player_token={secrets['asker']}",
        f"game_room.php/current?{api}&player_token={secrets['banned']}",
    ):  # fmt: skip
        await part.request("GET", f"/api/{path}")


async def hosts(part: Part, secrets: dict[str, str]) -> None:
    token = (
        await part.request("GET", f"/hosts/{secrets['host']}/access_token", record=False)
    ).json["token"]
    await part.request("GET", f"/hosts/{secrets['host']}", token=token)
    await part.request("GET", f"/sessions/{secrets['hosts session']}", token=token)
    await events(part, f"/sessions/{secrets['hosts session']}/events", secrets, token)
    refused = await part.request("GET", f"/hosts/{secrets['closed host']}/access_token")
    assert refused.status == 404
    await part.request(
        "GET", f"/hosts/{secrets['closed host']}/access_token", token=secrets["host secret"]
    )


async def coal(part: Part, secrets: dict[str, str]) -> None:
    token, world = secrets["data token"], f"/api/v1/servers/{secrets['world key']}"
    for path in (
        "/api/v1/users", "/api/v1/users/self", "/api/v1/servers", world,
        f"/api/v1/servers/{secrets['hosted key']}/properties",
        f"{world}/players", f"{world}/players/gumptionthomas", f"{world}/sessions", f"{world}/chats",
        f"{world}/chats?q=hey", f"{world}/deaths",
        f"{world}/achievements", f"{world}/loglines?size=50", f"{world}/loglines?q=server", f"{world}/screenshots",
    ):  # fmt: skip
        await part.request("GET", path, token=token)
    shot = (await part.request("GET", f"{world}/screenshots", token=token, record=False)).json[
        "screenshots"
    ][0]["key"]
    for kind in ("original", "thumbnail", "blurred"):
        await part.request("GET", f"{world}/screenshots/{shot}/{kind}", token=token)
    await events(part, f"{world}/events", secrets, token)
    record = f"/oauth/v1/clients/{secrets['client']}"
    await part.request("GET", record, token=secrets["registration"])
    request_all = {"client_id": secrets["agent client"], "client_secret": secrets["agent secret"],
        "code": secrets["agent secret"],
             "grant_type": "authorization_code", "redirect_uri": "/", "scope": "agent"}  # fmt: skip
    agent = await part.request("POST", "/oauth/v1/token", form=request_all)
    bearer = agent.json["access_token"]
    await part.request("GET", "/api/v1/agents/lastline?source=latest.log", token=bearer)


async def site(part: Part, secrets: dict[str, str]) -> None:
    for email in ("ann@example.org", "root@example.org"):
        browser = Browser(part)
        await browser.sign_in(email)
        for path in (
            "/servers/mill/chats",
            "/servers/mill/players/gumptionthomas",
            "/servers/mill/screenshots",
        ):
            await browser.get(path)
        await browser.get(
            "/servers/mill/chats", headers={"Accept": "application/json"}, step="the chat as JSON"
        )
    for path in ("/admin/users", "/admin/servers", "/admin/games", "/admin/bans", "/admin/log"):
        await browser.get(path)


async def backup_views(data: Path) -> list[dict[str, Any]]:
    """Run a server with the data of the stored backup and return its answers."""
    placeholders = Placeholders(VARYING)
    steps = []
    for command in ("game list", "account list", "world list"):
        result = await call(*command.split(), "--json", "--data", str(data))
        assert result.status == 0, result
        steps.append({"step": command, "answer": placeholders.value(result.document)})
    async with run_server(data, *FLAGS) as server:
        jar, connector = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as http:
            part = Part("backup", server, http, placeholders)
            browser = Browser(part)
            await browser.sign_in("root@example.org", record=True)
            for path in ("/servers/mill", "/servers/mill/screenshots", "/admin/rooms"):
                await browser.get(path)
        assert await server.stop() == 0
    return steps + part.steps
