"""The COAL data API: the document's samples, agents, pictures and the feed."""

import io
import struct
import zlib
from typing import Any

import aiohttp

from tests.contracts.calls import FORM, Part, path_of, preflight_headers
from tests.contracts.clients import Browser, create_account, create_token, logs, pair_agent
from tests.contracts.tables import table

SERVERS = "/api/v1/servers"
LOGIN = "{name}[/192.0.2.7:5] logged in with entity id 8 at (1.5, 64.0, -2.25)"


def png(width: int = 4, height: int = 3) -> bytes:
    """Return a small picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    rows = b"".join(
        b"\0" + bytes((x * 20, y * 20, 90)[i] for x in range(width) for i in range(3))
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def multipart(
    content: bytes, name: str = "file", kind: str = "image/png", **fields: str
) -> aiohttp.MultipartWriter:
    """Return a multipart form with a file after its fields."""
    with aiohttp.MultipartWriter("form-data") as form:
        for field, value in fields.items():
            form.append(value).set_content_disposition("form-data", name=field)
        part = form.append(io.BytesIO(content), {"Content-Type": kind})
        part.set_content_disposition("form-data", name=name, filename="shot.png")
    return form


async def scene(part: Part) -> dict[str, str]:
    """Create the accounts and worlds of the samples and return keys and tokens."""
    thomas = await create_account(
        part, "t@gmail.com", "--nickname", "thomas", "--admin", "--active"
    )
    await create_account(part, "j@gmail.com", "--nickname", "jennifer", "--active")
    mark = await create_account(part, "m@gmail.com", "--nickname", "mark", "--admin", "--active")
    away = await create_account(part, "x@gmail.com", "--nickname", "x", "--active")
    browser = Browser(part)
    await browser.sign_in("t@gmail.com")
    for account, name in ((thomas, "gumptionthomas"), (mark, "quazifene")):
        fields = {"active": "1", "admin": "1", "usernames": name}
        path = f"/admin/users/{account['account_id']}"
        assert (await browser.send(path, path, record=False, **fields)).status < 400
    names = {
        "token": await create_token(part, "t@gmail.com"), "jennifer": await create_token(part, "j@gmail.com"),
        "inactive": await create_token(part, "x@gmail.com"),
    }  # fmt: skip
    fields = {"usernames": "vesicular"}
    path = f"/admin/users/{away['account_id']}"
    assert (await browser.send(path, path, record=False, **fields)).status < 400
    await part.server.run_command("world", "add", "My World", "--short-name", "mine")
    await part.server.run_command("world", "add", "My PVP World", "--short-name", "pvp")
    await part.server.run_command(
        "world", "add", "Brave New World", "--short-name", "brave", "--hosted"
    )
    world, names["world"] = await pair_agent(part, "mine")
    pvp, names["pvp"] = await pair_agent(part, "pvp")
    worlds = (await part.server.run_command("world", "list"))["worlds"]
    (names["brave"],) = (world["key"] for world in worlds if world["short_name"] == "brave")
    names["agent"] = world
    started = "2013-04-13 12:00:00 [INFO] Starting minecraft server version 1.5.1"
    await logs(part, world, started)
    await logs(part, pvp, started)
    for name, day, came, left in (
        ("vesicular", "13", "19:48:28", "20:20:19"), ("gumptionthomas", "13", "20:50:34", "23:06:00"),
        ("quazifene", "13", "21:21:30", "23:15:11"), ("gumptionthomas", "15", "22:31:18", "22:31:42"),
    ):  # fmt: skip
        await logs(
            part, world, f"2013-04-{day} {came} [INFO] {LOGIN.format(name=name)}",
            f"2013-04-{day} {left} [INFO] {name} lost connection: Disconnected",
        )  # fmt: skip
    await logs(part, world, *table("coal_log"))
    for token, changes in (
        (
            world,
            {
                "server_day": "15744",
                "server_time": "19767",
                "is_raining": "true",
                "is_thundering": "true",
            },
        ),
        (
            pvp,
            {
                "address": "1.2.3.4:56789",
                "server_day": 15223,
                "server_time": 14141,
                "is_raining": False,
                "is_thundering": False,
            },
        ),
    ):
        body = {"server_name": "x", "is_server_running": True, **changes}
        await part.request("POST", "/api/v1/agents/ping", body, token=token)
    brave = f"{SERVERS}/{names['brave']}/properties"
    world_properties = {
        "version": "1.7.4",
        "operator": "gumptionthomas",
        "white_list": "true",
        "motd": "It's a brave new world out there",
    }
    await part.request("POST", brave, form=world_properties, token=names["token"])
    return names


async def examples(part: Part, names: dict[str, str]) -> None:
    world, token = f"{SERVERS}/{names['world']}", names["token"]

    async def read(path: str) -> Any:
        return await part.fetch_json("GET", path, token=token)

    player = await read(f"{world}/players/gumptionthomas")
    names |= {
        "thomas_key": player["user_key"],
        "player": player["key"],
        "user": player["user_key"],
        "server": names["world"],
    }
    names["session"] = (await read(f"{world}/players/gumptionthomas/sessions"))["sessions"][-1][
        "key"
    ]
    for row in table("coal"):
        headers = (
            {"Authorization": row["authorization"].format(**names)} if row["authorization"] else {}
        )
        if row["body"] is not None:
            headers["Content-Type"] = FORM
        path = row["path"].format(**names)
        step = f"{row['method']} {row['path']} {row['body'] or ''} as {row['authorization']}"
        await part.request(
            row["method"], path, row["body"] and row["body"].encode(), headers=headers, step=step
        )
    for name in ("chats", "deaths", "achievements", "loglines"):
        names[name] = (await read(f"{world}/{name}"))[name][-1]["key"]
    shot = await part.request("POST", f"{world}/screenshots", multipart(png()), token=token)
    names["screenshot"] = shot.json["key"]
    for row in table("coal_lines"):
        headers = {"Content-Type": FORM} if row["body"] else None
        step = f"{row['method']} {row['path']} {row['body'] or ''}"
        await part.request(
            row["method"],
            row["path"].format(**names),
            row["body"] and row["body"].encode(),
            token=token,
            headers=headers,
            step=step,
        )


async def lists(part: Part, names: dict[str, str]) -> None:
    world, token = f"{SERVERS}/{names['world']}", names["token"]
    for path in (
        "players",
        "sessions",
        "chats",
        "deaths",
        "achievements",
        "loglines",
        "screenshots",
    ):
        first = await part.request("GET", f"{world}/{path}?size=1", token=token)
        cursor = first.json.get("cursor")
        if cursor:
            part.add(cursor, f"cursor of {path}")
            await part.request("GET", f"{world}/{path}?size=1&cursor={cursor}", token=token)
        for query in ("size=0", "size=51", "size=x", "cursor=made-up"):
            await part.request("GET", f"{world}/{path}?{query}", token=token)
    for path in ("sessions", "chats", "loglines"):
        for query in (
            "since=2013-04-14+00:00:00&size=2",
            "before=2013-04-14+02:00:00&size=2",
            "since=x",
            "before=2013-13-01+00:00:00",
        ):
            await part.request("GET", f"{world}/{path}?{query}", token=token)
    for query in (
        "q=hey",
        "q=%22hey+guys%22",
        "q=HEY+nothing",
        "q=%22",
        "tag=chat",
        "tag=nothing",
        "q=anvil",
    ):
        await part.request("GET", f"{world}/loglines?{query}", token=token)
        await part.request("GET", f"{world}/deaths?{query}", token=token)
    for path in ("servers", "users"):
        await part.request("GET", f"/api/v1/{path}?size=1", token=token)
        await part.request("GET", f"/api/v1/{path}?size=0", token=token)
    for path in ("players/nobody", "sessions/x", "chats/x", "deaths/x", "achievements/x", "loglines/x", "screenshots/x",
                 "players/nobody/chats", "players/nobody/sessions", "users/x/screenshots", "nothing"):  # fmt: skip
        await part.request("GET", f"{world}/{path}", token=token)
        await part.request("GET", f"{SERVERS}/x/{path}", token=token)


async def credentials(part: Part, names: dict[str, str]) -> None:
    world = f"{SERVERS}/{names['world']}"
    routes = [
        ("GET", "/api/v1/users"), ("GET", "/api/v1/users/self"), ("GET", SERVERS), ("POST", SERVERS), ("GET", world),
        ("POST", world),
        ("GET", f"{world}/properties"), ("POST", f"{world}/properties"), ("POST", f"{world}/queue/play"),
        ("POST", f"{world}/queue/pause"),
        ("GET", f"{world}/players"), ("GET", f"{world}/players/x"), ("GET", f"{world}/players/x/sessions"),
        ("GET", f"{world}/sessions"),
        ("GET", f"{world}/sessions/x"), ("POST", f"{world}/chats"), ("POST", f"{world}/players/x/chats"),
        ("GET", f"{world}/screenshots"),
        ("POST", f"{world}/screenshots"), ("GET", f"{world}/screenshots/x"), ("DELETE", f"{world}/screenshots/x"),
        ("GET", f"{world}/screenshots/x/original"), ("GET", f"{world}/users/self/screenshots"),
        ("GET", f"{world}/events"),
        ("POST", "/api/v1/ticket"), ("POST", "/api/v1/agents/ping"), ("POST", "/api/v1/agents/logline"),
        ("POST", "/api/v1/agents/loglines"),
        ("GET", "/api/v1/agents/lastline"),
        *(("GET", f"{world}/{name}{rest}") for name in ("chats", "deaths", "achievements",
            "loglines") for rest in ("", "/x")),
        *(("GET", f"{world}/players/x/{name}") for name in ("chats", "deaths", "achievements", "loglines")),
    ]  # fmt: skip
    tokens = {"no token": "", "a made-up token": "made-up", "an agent's token": names["agent"],
        "an inactive account's token": names["inactive"],
              "jennifer's token": names["jennifer"]}  # fmt: skip
    for method, path in routes:
        for about, token in tokens.items():
            if about == "jennifer's token" and method == "GET":
                continue
            await part.request(
                method,
                path,
                token=token,
                step=f"{method} {part.placeholders.text(path)} with {about}",
            )


async def writing(part: Part, names: dict[str, str]) -> None:
    world, token = f"{SERVERS}/{names['world']}", names["token"]
    for body in (
        {"name": "Made", "gce": False},
        {"name": ""},
        {"gce": "x"},
        {"name": 1},
        [],
        {"name": "x" * 600, "gce": "no"},
    ):
        await part.request("POST", SERVERS, body, token=token)
    await part.request(
        "POST", SERVERS, b"{", token=token, headers={"Content-Type": "application/json"}
    )
    await part.request(
        "POST", SERVERS, b"<name/>", token=token, headers={"Content-Type": "text/xml"}
    )
    await part.request(
        "POST",
        SERVERS,
        b"name=" + b"x" * (2**20 + 10),
        token=token,
        headers={"Content-Type": FORM},
        step="a body above 1 MiB",
    )
    for body in ({"name": "Renamed"}, {"name": ""}, {}):
        await part.request("POST", world, body, token=token)
    properties = f"{SERVERS}/{names['brave']}/properties"
    for body in ({"server_port": 25565, "max_players": 10, "eula_agree": True}, {"server_port": ""},
        {"server_port": 1}, {"difficulty": 9},
                 {"gamemode": "x"}, {"memory": "3T"}, {"level_type": "ROUND"}, {"max_players": None}, {"unknown": 1},
                 {}):  # fmt: skip
        await part.request("POST", properties, body, token=token)
    for body in (
        {"chat": "Hello"},
        {"chat": ""},
        {},
        {"chat": "x" * 2000},
        {"chat": "a\u0000b\nc"},
    ):
        await part.request("POST", f"{world}/chats", body, token=token)
        await part.request("POST", f"{world}/players/quazifene/chats", body, token=token)
        await part.request("POST", f"{world}/players/gumptionthomas/chats", body, token=token)
    for _ in range(2):
        await part.request(
            "POST",
            f"{world}/chats",
            {"chat": "once"},
            token=token,
            headers={"Idempotency-Key": "k1"},
        )
    await part.request(
        "POST", f"{world}/chats", {"chat": "twice"}, token=token, headers={"Idempotency-Key": "k1"}
    )
    await part.request(
        "POST",
        f"{world}/chats",
        {"chat": "never"},
        token=token,
        headers={"Idempotency-Key": "x" * 300},
    )
    for verb in ("play", "pause", "restart", "kill", "save"):
        for bearer in (names["token"], names["jennifer"]):
            await part.request("POST", f"{SERVERS}/{names['brave']}/queue/{verb}", token=bearer)
    await part.request("GET", f"{SERVERS}/{names['brave']}/hosting", token=names["jennifer"])
    await saved_games(part, names)


async def saved_games(part: Part, names: dict[str, str]) -> None:
    saves = f"{SERVERS}/{names['brave']}/saves"
    unknown = f"{saves}/20260101T000000Z-manual"
    for bearer in (names["token"], names["jennifer"], ""):
        await part.request("GET", saves, token=bearer)
        await part.request("POST", saves, {"file": "x"}, token=bearer)
        for method in ("GET", "DELETE"):
            await part.request(method, unknown, token=bearer)
        await part.request("POST", unknown, {"pinned": True, "note": "x"}, token=bearer)
        await part.request("POST", f"{unknown}/restore", token=bearer)
    form = multipart(b"no zip", kind="application/zip")
    await part.request("POST", saves, form, token=names["token"])
    await part.request("POST", unknown, {"note": "x" * 101}, token=names["token"])
    await part.request("GET", f"{SERVERS}/{names['world']}/saves", token=names["token"])


async def agents(part: Part, names: dict[str, str]) -> None:
    token, agents = names["agent"], "/api/v1/agents"
    code = (await part.server.run_command("world", "pair", "pvp"))["code"]
    part.add(code, "pairing code")
    for body in ({"code": "made-up"}, {}, {"code": code}, {"code": code}):
        await part.request("POST", f"{agents}/pair", body)
    part.record_value(
        "the token that a pairing has ended",
        (await part.request("GET", f"{SERVERS}", token=token, record=False)).status,
    )
    ping = {"server_name": "x", "is_server_running": True}
    for body in (ping, {**ping, "commands_after": 0}, {**ping, "commands_after": 2}, {**ping, "commands_after": "x"},
        {}, {"is_server_running": True},
                 {**ping, "server_day": "x"}, {**ping, "num_overloads": 1, "ms_behind": 2, "skipped_ticks": 3,
                     "timestamp": "2013-04-14 19:55:22"}):  # fmt: skip
        await part.request("POST", f"{agents}/ping", body, token=token)
    line = {
        "line": "2013-04-20 08:00:00 [INFO] <gumptionthomas> good morning",
        "zone": "America/Chicago",
    }
    for body in (line, line, {"line": "x"}, {"zone": "UTC"}, {**line, "zone": "Nowhere/Land"},
        {"line": "no header at all", "zone": "UTC"},
                 {"line": "2013-02-31 08:00:00 [INFO] no such day", "zone": "UTC"}):  # fmt: skip
        await part.request("POST", f"{agents}/logline", body, token=token)
    batch = {"source": "latest.log", "zone": "America/Chicago", "lines": [
        {"sequence": 1, "line": "[08:01:00] [Server thread/INFO]: <gumptionthomas> one", "date": "2013-04-21"},
        {"sequence": 3, "date": "2013-04-21",
         "line": "[08:02:00] [Server thread/INFO]: gumptionthomas has made the advancement [Stone Age]"},
        {"sequence": 4, "line": "[08:03:00] [Server thread/INFO]: gumptionthomas fell from a high place",
            "date": "2013-04-21"},
    ]}  # fmt: skip
    for body in (batch, batch, {**batch, "lines": []}, {**batch, "source": ""},
        {**batch, "lines": [{"sequence": 0, "line": "x"}]},
                 {**batch, "lines": [{"sequence": 9, "line": "x"}, {"sequence": 8, "line": "y"}]},
                 {**batch, "lines": "x"}, {}):  # fmt: skip
        await part.request("POST", f"{agents}/loglines", body, token=token)
    await part.request("POST", f"{agents}/loglines", form={"source": "a"}, token=token)
    for query in ("", "?source=latest.log", "?source=other"):
        await part.request("GET", f"{agents}/lastline{query}", token=token)


async def pictures(part: Part, names: dict[str, str]) -> None:
    world, token = f"{SERVERS}/{names['world']}", names["token"]
    shots = f"{world}/screenshots"
    created = await part.request(
        "POST",
        shots,
        png(8, 6),
        token=names["jennifer"],
        headers={"Content-Type": "image/png"},
        step="a picture as the body",
    )
    key = created.json["key"]
    for kind in ("original", "thumbnail", "blurred", "small"):
        await part.request("GET", f"{shots}/{key}/{kind}", token=token)
        await part.request("GET", f"{shots}/{key}/{kind}?pass=made-up")
    url = path_of(created.json["original_url"])
    passed = url.partition("pass=")[2]
    part.add(passed, "pass")
    await part.request("GET", url)
    await part.request("GET", path_of(created.json["blurred_url"]))
    await part.request(
        "POST", shots, b"no picture", token=token, headers={"Content-Type": "image/png"}
    )
    await part.request(
        "POST", shots, b"no picture", token=token, headers={"Content-Type": "text/plain"}
    )
    await part.request(
        "POST", shots, multipart(png(), name="other"), token=token, step="a form without the file"
    )
    await part.request(
        "POST",
        shots,
        b"",
        token=token,
        headers={"Content-Type": "image/png"},
        step="an empty picture",
    )
    await part.request(
        "POST",
        shots,
        b"\0" * (10 * 2**20 + 10),
        token=token,
        headers={"Content-Type": "image/png"},
        step="a picture above the limit",
    )
    mine = names["screenshot"]
    await part.request("DELETE", f"{shots}/{mine}", token=names["jennifer"])
    await part.request("DELETE", f"{shots}/{key}", token=names["jennifer"])
    await part.request("DELETE", f"{shots}/{key}", token=names["jennifer"])
    await part.request("GET", f"{shots}/{key}", token=token)


async def events(part: Part, names: dict[str, str]) -> None:
    world, token = f"{SERVERS}/{names['world']}", names["token"]
    feed = f"{world}/events"
    everything = await part.request("GET", f"{feed}?after-event-id=-1&wait=0", token=token)
    cursor = int(everything.headers["X-Event-Cursor"])
    for query in (
        f"after-event-id={cursor}&wait=0",
        "after-event-id=999999",
        "after-event-id=x",
        "wait=61",
    ):
        await part.request("GET", f"{feed}?{query}", token=token)
    await part.stream(f"{feed}?after-event-id=-1", 3, token=token)
    wire = await part.socket(f"{feed}?after-event-id={cursor}", token=token)
    await wire.receive()
    await logs(part, names["agent"], "2013-04-22 09:00:00 [INFO] <gumptionthomas> live")
    await wire.receive("a chat")
    ticket = (await part.request("POST", "/api/v1/ticket", token=token)).json["ticket"]
    part.add(ticket, "ticket")
    opened = await part.socket(f"{feed}?after-event-id={cursor}&ticket={ticket}")
    await opened.receive("by ticket")
    await opened.close()
    await (await part.socket(f"{feed}?ticket={ticket}")).close()
    await wire.close()
    await part.request("GET", f"{SERVERS}/x/events", token=token)


async def conventions(part: Part, names: dict[str, str]) -> None:
    preflight = preflight_headers()
    for path in (
        "/api/v1/users",
        SERVERS,
        f"{SERVERS}/x",
        "/api/v1/agents/ping",
        "/api/v1/ticket",
        "/api/v1/nothing",
    ):
        await part.request("OPTIONS", path, headers=preflight)
        await part.request("PUT", path, token=names["token"])
        await part.request("HEAD", path, token=names["token"])
    await part.request("GET", "/api/v1", token=names["token"])
    await part.request("GET", "/api/v1/", token=names["token"])


async def run(part: Part) -> None:
    names = await scene(part)
    await examples(part, names)
    await lists(part, names)
    await credentials(part, names)
    await writing(part, names)
    await pictures(part, names)
    await agents(part, names)
    await events(part, names)
    await conventions(part, names)
