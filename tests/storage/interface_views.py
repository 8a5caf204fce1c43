"""What the interfaces show of the kept data directory: asked the same way when it was made and ever after."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.contracts.calls import Part
from tests.contracts.clients import Browser
from tests.contracts.placeholders import Normal
from tests.contracts.program import Server, call, serving

#: Nobody in the kept data becomes silent, and nothing there ends, however old it is.
FLAGS = (
    "--trusted-proxies", "127.0.0.1", "--away-after", "86400", "--seat-grace", "2592000", "--closed-kept", "31536000",
    "--idle-room-days", "36500", "--guest-token-days", "36500", "--account-token-days", "36500",
    "--event-days", "36500", "--event-count", "1000000000", "--hosts-grace", "86400", "--log-level", "warning",
)  # fmt: skip
#: Members that depend on how long ago the data were made; and words for people.
PASSING = frozenset({"status", "last_ping", "last_login", "description", "last_coal_login"})
#: The shortest of the secrets that stand for themselves only.
SECRET = 12


def present(database: Path) -> None:
    """Set every sign of life to now: what is shown must not depend on how old the data are."""
    with sqlite3.connect(database) as db:
        db.execute("UPDATE sign SET at = ?", (time.time(),))
    db.close()


async def shown(data: Path, secrets: dict[str, str]) -> list[dict[str, Any]]:
    """Begin a server with the data, ask for all of it, and end it. `secrets` came with the data."""
    present(data / "coalserver.sqlite3")
    steps = []
    for words in ("game list", "account list", "world list"):
        said = await call(*words.split(), "--json", "--data", str(data))
        assert said.status == 0, said
        steps.append({"step": words, "answer": Normal(PASSING).value(said.json)})
    async with serving(data, *FLAGS) as server:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), connector=connector
        ) as http:
            steps += await asked(server, http, secrets)
        assert await server.stop() == 0
    return steps


async def asked(
    server: Server, http: aiohttp.ClientSession, secrets: dict[str, str]
) -> list[dict[str, Any]]:
    normal = Normal(PASSING)
    normal.know(server.url.removeprefix("http://"), "server")
    for name, secret in secrets.items():
        if len(secret) >= SECRET and "/" not in secret:
            normal.know(secret, name)
    part = Part("storage", server, http, normal)
    await rooms(part, secrets)
    await multiplayer(part, secrets)
    await hosts(part, secrets)
    await coal(part, secrets)
    await site(part, secrets)
    for step in part.steps:
        # Cursors move with whatever happens at a start.
        for place, name in (("headers", "X-Event-Cursor"), ("json", "cursor")):
            if isinstance(step["answer"], dict) and isinstance(step["answer"].get(place), dict):
                step["answer"][place].pop(name, None)
        for row in found_players(step):
            if row.get("last_heartbeat", "") is None:
                # Who has only registered counts as online for a while after it.
                row.pop("is_online", None)
    return part.steps


def found_players(step: dict[str, Any]) -> list[dict[str, Any]]:
    """The players in an answer of the multiplayer API."""
    document = step["answer"].get("json") if isinstance(step["answer"], dict) else None
    return document.get("players", []) if isinstance(document, dict) and "count" in document else []


async def events(part: Part, path: str, secrets: dict[str, str], token: str = "") -> None:
    """The events of a feed that were kept with the data; what a start adds is left out."""
    answer = await part.ask("GET", f"{path}?after-event-id=-1&wait=0", token=token, record=False)
    assert answer.status == 200, (path, answer)
    head = int(secrets["head"])
    part.note(f"GET {path}", [one for one in answer.json if one["id"] <= head])


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
        await part.ask("GET", path, token=token)
    await part.ask(
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
    await part.ask("POST", "/accounts/login", login)
    await part.ask("GET", "/accounts/user/2", token=secrets["minnie"])


async def multiplayer(part: Part, secrets: dict[str, str]) -> None:
    api = f"api_token={secrets['arena api']}"
    player, guest = (f"{api}&player_token={secrets[name]}" for name in ("player", "player 2"))
    await part.ask("POST", f"/api/leaderboard.php?{api}", {"sort_by": ["score"], "limit": 10})
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
        await part.ask("GET", f"/api/{path}")


async def hosts(part: Part, secrets: dict[str, str]) -> None:
    token = (await part.ask("GET", f"/hosts/{secrets['host']}/access_token", record=False)).json[
        "token"
    ]
    await part.ask("GET", f"/hosts/{secrets['host']}", token=token)
    await part.ask("GET", f"/sessions/{secrets['hosts session']}", token=token)
    await events(part, f"/sessions/{secrets['hosts session']}/events", secrets, token)
    refused = await part.ask("GET", f"/hosts/{secrets['closed host']}/access_token")
    assert refused.status == 404
    await part.ask(
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
        await part.ask("GET", path, token=token)
    shot = (await part.ask("GET", f"{world}/screenshots", token=token, record=False)).json[
        "screenshots"
    ][0]["key"]
    for kind in ("original", "thumbnail", "blurred"):
        await part.ask("GET", f"{world}/screenshots/{shot}/{kind}", token=token)
    await events(part, f"{world}/events", secrets, token)
    record = f"/oauth/v1/clients/{secrets['client']}"
    await part.ask("GET", record, token=secrets["registration"])
    asked = {"client_id": secrets["agent client"], "client_secret": secrets["agent secret"],
        "code": secrets["agent secret"],
             "grant_type": "authorization_code", "redirect_uri": "/", "scope": "agent"}  # fmt: skip
    agent = await part.ask("POST", "/oauth/v1/token", form=asked)
    bearer = agent.json["access_token"]
    await part.ask("GET", "/api/v1/agents/lastline?source=latest.log", token=bearer)


async def site(part: Part, secrets: dict[str, str]) -> None:
    for email in ("ann@example.org", "root@example.org"):
        browser = Browser(part)
        await browser.signs_in(email)
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


async def shown_of_backup(data: Path) -> list[dict[str, Any]]:
    """The same for the kept backup, which has less in it."""
    normal = Normal(PASSING)
    steps = []
    for words in ("game list", "account list", "world list"):
        said = await call(*words.split(), "--json", "--data", str(data))
        assert said.status == 0, said
        steps.append({"step": words, "answer": normal.value(said.json)})
    async with serving(data, *FLAGS) as server:
        jar, connector = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as http:
            part = Part("backup", server, http, normal)
            browser = Browser(part)
            await browser.signs_in("root@example.org", record=True)
            for path in ("/servers/mill", "/servers/mill/screenshots", "/admin/rooms"):
                await browser.get(path)
        assert await server.stop() == 0
    return steps + part.steps
