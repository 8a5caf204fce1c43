"""The site: every page's status, forms and links; each form, and the data that scripts read, without texts."""

import asyncio
import re

from tests.contracts.calls import Part
from tests.contracts.clients import PASSWORD, Browser, create_account, logs, pair_agent
from tests.contracts.coal import LOGIN, multipart, png
from tests.contracts.rooms import NOUGHTS, log_in_guest
from tests.hosting.versions.jar_files import make_jar

JSON = {"Accept": "application/json"}
WORLD = "/servers/mill"
FILES = (
    "README.md",
    "log4j2.xml",
    "log4j2-1.7.xml",
    "mc-start.sh",
    "mc-stop.sh",
    "mc_coal_agent.py",
    "timezones.py",
)
PAGES = (
    "chats",
    "players",
    "players/gumptionthomas",
    "sessions",
    "deaths",
    "achievements",
    "screenshots",
    "screenshot_upload",
)
ADMIN = (
    "/admin", "/admin/users", "/admin/servers", "/admin/server_create",
    "/admin/server_create_gce", "/admin/versions", "/admin/games", "/admin/rooms", "/admin/bans",
    "/admin/settings", "/admin/backups", "/admin/log",
)  # fmt: skip


def first(pattern: str, page: bytes) -> str:
    """Return the first match of a pattern in a page."""
    found = re.search(pattern, page.decode())
    assert found, pattern
    return found[1]


async def signing_in(part: Part) -> Browser:
    anonymous, ann = Browser(part), Browser(part)
    for path in (
        "/",
        "/login",
        "/login?next_url=/chats",
        "/login?next_url=https://evil.example/",
        "/signup",
        "/nothing/here",
        "/static/nothing.css",
    ):
        await anonymous.get(path)
    await anonymous.request(
        "POST",
        "/login",
        form={"email": "a@example.org", "password": "x"},
        step="sign in without a seal",
    )
    await anonymous.send("/login", "/login", email="a@example.org", password="x")
    code = part.server.started["admin_code"]
    part.add(code, "admin code")
    for fields in (
        {"email": "x", "password": PASSWORD},
        {"email": "b@example.org", "password": "short"},
        {"email": "b@example.org", "password": PASSWORD, "code": "wrong"},
    ):
        await anonymous.send("/signup", "/signup", **fields)
    root = Browser(part)
    await root.send(
        "/signup",
        "/signup",
        email="root@example.org",
        password=PASSWORD,
        nickname="Root",
        code=code,
    )
    await ann.send(
        "/signup",
        "/signup",
        email="waits@example.org",
        password=PASSWORD,
        nickname="Waits",
        next_url="/profile",
    )
    for path in ("/", "/profile", "/login", "/admin"):
        await ann.get(path, step=f"GET {path}, waiting")
    await ann.send("/logout", "/login")
    await ann.get("/profile")
    other = Browser(part)
    await other.send(
        "/login", "/login", email="root@example.org", password=PASSWORD, next_url="/admin/users"
    )
    await other.get("/login", step="GET /login, signed in")
    for path in (*ADMIN, "/profile"):
        await anonymous.get(path, step=f"GET {path}, not signed in")
    return root


async def worlds(part: Part, root: Browser) -> tuple[str, Browser]:
    created = await root.send(
        "/admin/server_create", "/admin/server_create", name="The Mill", short_name="mill"
    )
    assert created.status < 400, created
    await root.send("/admin/server_create", "/admin/server_create", name="", short_name="admin")
    await root.send("/admin/server_create", "/admin/server_create", name="Again", short_name="mill")
    agent, _ = await pair_agent(part, "mill")
    ann = Browser(part)
    account = await create_account(part, "ann@example.org", "--active", "--nickname", "Ann")
    await ann.sign_in("ann@example.org", record=True)
    person = f"/admin/users/{account['account_id']}"
    await root.get(person)
    await root.send(person, person, active="1", usernames="gumptionthomas")
    await root.send(person, person, active="1", usernames="no name!")
    await root.send(f"{person}/activate", person)
    await logs(part, agent, "2013-04-19 10:00:00 [INFO] " + LOGIN.format(name="gumptionthomas"),
               "2013-04-19 10:32:55 [INFO] <gumptionthomas> hey guys",
               "2013-04-19 10:33:55 [INFO] gumptionthomas was shot by arrow",
               "2013-04-19 10:34:55 [INFO] gumptionthomas has just earned the achievement [Taking Inventory]",
               "2013-04-19 10:35:55 [INFO] gumptionthomas lost connection: disconnect.quitting")  # fmt: skip
    ping = {"server_name": "x", "is_server_running": True, "address": "mc.example.org:25565"}
    await part.request("POST", "/api/v1/agents/ping", ping, token=agent, record=False)
    anonymous = Browser(part)
    for visitor, about in ((anonymous, "not signed in"), (ann, "a member"), (root, "an admin")):
        await visitor.get("/", step=f"GET / {about}")
        for page in ("", *(f"/{one}" for one in PAGES)):
            await visitor.get(f"{WORLD}{page}", step=f"GET {WORLD}{page}, {about}")
    await ann.get(WORLD, headers=JSON)
    for query in (
        "",
        "?q=hey",
        "?kind=death",
        "?player=gumptionthomas",
        "?at=2013-04-19T10:33:00",
        "?kind=nothing",
        "?older=x",
        "?line=1",
    ):
        await ann.get(
            f"{WORLD}/chats{query}", headers=JSON, step=f"GET {WORLD}/chats{query} as JSON"
        )
        await ann.get(f"{WORLD}/chats{query}")
    for path in ("sessions", "deaths", "achievements"):
        await ann.get(f"{WORLD}/{path}?player=gumptionthomas&before=2013-04-20")
    for path in (
        f"{WORLD}/players/nobody",
        "/servers/nothing",
        "/servers/nothing/chats",
        "/servers/1",
        "/mill",
        "/nothing",
    ):
        await ann.get(path)
    for page in ("chats", "players", "sessions", "deaths", "achievements", "screenshots"):
        await ann.get(f"/{page}")
        await ann.get(f"/{page}/")
        await ann.get(f"{WORLD}/{page}/")
    await chat(part, ann)
    await pictures(part, ann, root)
    for verb in ("play", "pause"):
        for visitor in (anonymous, ann, root):
            await visitor.request(
                "POST",
                f"{WORLD}/{verb}",
                form={"csrf_token": await root.csrf_token("/admin") if visitor is root else ""},
            )
    return agent, ann


async def chat(part: Part, ann: Browser) -> None:
    chats = f"{WORLD}/chats"
    await ann.send(chats, chats, chat="Hello")
    csrf_token = await ann.csrf_token(chats)
    for about, form, headers in (
        ("", {"csrf_token": csrf_token, "chat": "Hello again"}, {**JSON, "Idempotency-Key": "k1"}),
        ("once more", {"csrf_token": csrf_token, "chat": "Hello again"}, {**JSON, "Idempotency-Key": "k1"}),
        ("empty", {"csrf_token": csrf_token, "chat": ""}, JSON), ("without a seal", {"chat": "x"}, JSON),
    ):  # fmt: skip
        await ann.request(
            "POST", chats, form=form, headers=headers, step=f"POST {chats} as JSON {about}"
        )
    feed = f"{WORLD}/events"
    head = await ann.get(f"{feed}?after-event-id=-1&wait=0", headers=JSON)
    cursor = int(head.headers["X-Event-Cursor"])
    await ann.get(f"{feed}?after-event-id={cursor}&wait=0")
    await ann.get(f"{feed}?after-event-id=999999")
    await Browser(part).get(f"{feed}?wait=0")
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in ann.cookies.items())}
    await part.stream(f"{feed}?after-event-id=-1", 2, headers=cookie)
    wire = await part.socket(f"{feed}?after-event-id={cursor}", headers=cookie)
    await wire.receive()
    await wire.close()


async def pictures(part: Part, ann: Browser, root: Browser) -> None:
    shots = f"{WORLD}/screenshots"
    for path in (shots, f"{WORLD}/screenshot_uploaded"):
        await ann.request(
            "POST",
            path,
            multipart(png(), csrf_token=await ann.csrf_token(shots)),
            step=f"hang a picture at {path}",
        )
    await ann.request(
        "POST",
        shots,
        multipart(png(), csrf_token=await ann.csrf_token(shots)),
        headers=JSON,
        step="hang a picture, as a script",
    )
    await ann.request(
        "POST",
        shots,
        multipart(b"none", csrf_token=await ann.csrf_token(shots)),
        step="hang no picture",
    )
    await ann.request(
        "POST", shots, multipart(png(), csrf_token="x"), step="hang a picture without a seal"
    )
    page = await ann.get(shots)
    number = first(rf"{shots}/(\d+)/", page.raw)
    for kind in ("original", "small", "blurred", "large"):
        await ann.get(f"{shots}/{number}/{kind}")
    await Browser(part).get(f"{shots}/{number}/small", step="a picture, not signed in")
    await ann.send(f"{shots}/{number}/remove", shots)
    await ann.send(f"{shots}/{number}/remove", shots)
    await ann.get(f"{shots}/{number}/small")


async def profiles(part: Part, ann: Browser) -> None:
    await ann.get("/profile")
    for path, fields in (
        ("/profile", {"nickname": "Anna", "zone": "Europe/Berlin", "language": "de"}),
        ("/profile", {"nickname": "Anna", "zone": "Nowhere", "language": ""}),
        ("/profile", {"nickname": "Ann", "zone": "UTC", "language": ""}),
        ("/profile/password", {"old": "wrong", "new": "correct battery"}),
        ("/profile/password", {"old": PASSWORD, "new": PASSWORD}), ("/profile/claim", {}),
        ("/profile/names/end", {"name": "Nobody"}),
        ("/profile/names/end", {"name": "gumptionthomas"}), ("/profile/tokens", {"title": "Script", "days": "30"}),
        ("/profile/tokens", {"title": "Script", "days": "0"}),
    ):  # fmt: skip
        await ann.send(path, "/profile", **fields)
    await part.request(
        "POST",
        "/oauth/v1/register",
        {"redirect_uris": ["http://example.com/callback"], "client_id": "app"},
        record=False,
    )
    request = (
        "/oauth/v1/auth?client_id=app&redirect_uri=http://example.com/callback&response_type=code"
    )
    page = await ann.get(request, record=False)
    await ann.request(
        "POST", request, form={"csrf_token": page.csrf_token, "grant": "x"}, record=False
    )
    more = Browser(part)
    await more.sign_in("ann@example.org")
    page = await ann.get("/profile", step="GET /profile, with a token, a program and two browsers")
    for kind in ("tokens", "apps", "browsers"):
        number = first(rf"/profile/{kind}/(\d+)/end", page.raw)
        await ann.send(f"/profile/{kind}/{number}/end", "/profile")
        await ann.send(f"/profile/{kind}/999/end", "/profile")
    await ann.request(
        "POST", "/profile", form={"nickname": "x"}, step="save a profile without a seal"
    )
    await ann.send("/profile/sign-out", "/profile")
    await ann.get("/profile", step="GET /profile, signed out")


async def admin_place(root: Browser) -> str:
    """Return the path of the only world's admin page."""
    page = await root.get("/admin/servers", record=False)
    return "/admin/servers/" + first(r'href="/admin/servers/([^"/]+)"', page.raw)


async def admins(part: Part, root: Browser) -> None:
    for path in (
        *ADMIN,
        "/admin/users?q=ann",
        "/admin/users?page=2",
        "/admin/log?page=9",
        "/admin/nothing",
    ):
        await root.get(path)
    member = Browser(part)
    await member.sign_in("ann@example.org")
    for path in ADMIN:
        await member.get(path, step=f"GET {path}, a member")
    await member.request(
        "POST", "/admin/games", form={"tag": "chess"}, step="make a game, a member"
    )
    users = await root.get("/admin/users", record=False)
    waits = first(r"/admin/users/(\d+)/activate", users.raw)
    person = f"/admin/users/{waits}"
    await root.send(f"{person}/activate", "/admin/users")
    await root.get(f"{person}/remove")
    await root.send(f"{person}/remove", person)
    await root.get(person)
    for path in ("/admin/users/999", "/admin/users/999/remove", "/admin/users/x"):
        await root.get(path)
    place = await admin_place(root)
    await root.get(place)
    for path, fields in (
        ("", {"name": "The Old Mill", "short_name": "mill", "public": "1"}), ("", {"name": "", "short_name": "mill"}),
        ("/pair", {}),
        ("/secret", {}), ("/command", {"command": "list"}), ("/command", {"command": ""}),
    ):  # fmt: skip
        await root.send(f"{place}{path}", place, **fields)
    anonymous = Browser(part)
    for page in ("", "/chats", "/players", "/events?wait=0"):
        await anonymous.get(
            f"{WORLD}{page}", step=f"GET {WORLD}{page} of a public world, not signed in"
        )
    await anonymous.get(
        f"{WORLD}/chats", headers=JSON, step="the chat of a public world as JSON, not signed in"
    )
    for fields in (
        {"tag": "chess", "name": "Chess", "min": "2", "max": "2", "open": "1"},
        {"tag": "chess"},
        {"tag": "No Tag", "min": "x"},
    ):
        await root.send("/admin/games", "/admin/games", **fields)
    await versions(root)
    await root.send("/admin/games/chess/rotate", "/admin/games")
    await root.send("/admin/games/nothing/rotate", "/admin/games")


async def versions(root: Browser) -> None:
    """Send the forms of versions; nothing can be fetched, since only public addresses are."""
    path = "/admin/versions"
    for fields in (
        {"version": "1.20.4", "url": "http://127.0.0.1/server.jar", "hash": ""},
        {"version": "a/b", "url": "http://127.0.0.1/server.jar", "hash": "x"},
        {"version": "1.20.4", "from": "forge"},
        {"version": "own", "command": "true"},
    ):
        await root.send(path, path, **fields)
    token = await root.csrf_token(path)
    jar = make_jar(java=8)
    for content, about in ((b"none", "no jar"), (jar, "a jar"), (jar, "a jar again")):
        body = multipart(content, csrf_token=token, version="own jar")
        await root.request("POST", f"{path}/upload", body, step=f"upload {about}")
    await root.get(path, step=f"GET {path}, with one")
    await root.send(f"{path}/own%20jar/fetch", path)
    await root.get(f"{path}/own%20jar/remove")
    await root.send(f"{path}/own%20jar/remove", path)
    for verb in ("fetch", "remove"):
        await root.send(f"{path}/none/{verb}", path)


async def playing(part: Part, root: Browser) -> None:
    host, guest = await log_in_guest(part, "Mickey Mouse"), await log_in_guest(part, "Donald Duck")
    room = await host.room("a room")
    await guest.fetch_json("POST", f"{room}/join")
    number = room.rpartition("/")[2]
    playing = await host.room("another room")
    await guest.fetch_json("POST", f"{playing}/join")
    session = (
        (await host.request("POST", f"{playing}/start", record=False))
        .headers["Location"]
        .rpartition("/")[2]
    )
    await root.get("/admin/rooms", step="GET /admin/rooms, with a room and a session")
    for path in (f"rooms/{number}/kick/{guest.id}", f"rooms/{number}/close", f"sessions/{session}/kick/{guest.id}",
        f"sessions/{session}/close",
                 "rooms/999/close", "sessions/999/close", "rooms/999/kick/1"):  # fmt: skip
        await root.send(f"/admin/{path}", "/admin/games")
    for path, fields in (("/admin/bans", {"game": "noughts", "player": str(guest.id), "duration": "day",
        "reason": "spam"}),
                         ("/admin/bans", {"game": "noughts", "player": "x", "duration": "day"}),
                         ("/admin/bans", {"game": "noughts", "player": "1", "duration": "minute"})):  # fmt: skip
        await root.send(path, "/admin/games", **fields)
    await root.get("/admin/bans", step="GET /admin/bans, with one")
    await guest.request("POST", f"{NOUGHTS}/rooms", {"name": "banned"})
    await root.send("/admin/bans/lift", "/admin/games", game="noughts", player=str(guest.id))
    await root.get("/admin/log", step="GET /admin/log, with rows")


async def backups(part: Part, root: Browser) -> None:
    """Run this part before a player joins a world: not every SQLite restores such a backup."""
    await root.send("/admin/backups", "/admin/backups")
    page = await root.get("/admin/backups", step="GET /admin/backups, with one")
    name = first(r"(coalserver-[0-9TZ-]+\.tar)", page.raw)
    part.add(name, "backup")
    path = f"/admin/backups/{name}"
    fetched = await root.send(f"{path}/download", "/admin/backups")
    csrf_token = await root.csrf_token("/admin/backups")
    # Backups are listed by their times in whole seconds.
    await asyncio.sleep(1.1)
    for content, about in ((b"no backup", "what is none"), (fetched.raw, "a backup")):
        await root.request(
            "POST",
            "/admin/backups/upload",
            multipart(content, kind="application/x-tar", csrf_token=csrf_token),
            step=f"send in {about}",
        )
    await root.get(f"{path}/restore")
    await root.get("/admin/backups/nothing/restore")
    await root.send(f"{path}/restore", f"{path}/restore")
    # Connections wait during the restart; before it, the old server may still answer.
    for _ in range(600):
        if any(part.server.data.glob("replaced-*")):
            break
        await asyncio.sleep(0.1)
    await root.get("/admin/backups", step="after a restore")
    await root.send(f"{path}/remove", "/admin/backups")
    await root.send(f"{path}/remove", "/admin/backups")


async def files(part: Part) -> None:
    for name in FILES:
        await part.request("GET", f"/mc/{name}")
    await part.request("GET", "/mc/nothing")
    for path in (
        "/",
        "/login",
        "/profile",
        "/admin",
        "/admin/users/1",
        WORLD,
        "/chats",
        "/mc/README.md",
    ):
        await part.request(
            "OPTIONS",
            path,
            headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"},
        )
        await part.request("DELETE", path)
        await part.request("HEAD", path)
    await part.request(
        "POST",
        "/login",
        b"x" * (2**20 + 10),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        step="a form above 1 MiB",
    )
    await part.request("POST", "/login", {"email": "x"}, step="JSON where a form belongs")


async def archiving(part: Part, root: Browser) -> None:
    place = await admin_place(root)
    await root.get(f"{place}/deactivate")
    await root.send(f"{place}/deactivate", f"{place}/deactivate")
    await root.get(place, step="GET a world that was ended")
    await root.get(WORLD, step="GET the pages of a world that was ended")


async def run(part: Part) -> None:
    root = await signing_in(part)
    await backups(part, root)
    _, ann = await worlds(part, root)
    await profiles(part, ann)
    await admins(part, root)
    await playing(part, root)
    await files(part)
    await archiving(part, root)
