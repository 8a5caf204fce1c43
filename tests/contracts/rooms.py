"""The rooms API and the health check, with events on three transports."""

import asyncio
from dataclasses import dataclass
from typing import Any

from tests.contracts.calls import Part, preflight_headers

NOUGHTS = "/games/noughts"


@dataclass
class User:
    """A guest or account that is logged in."""

    part: Part
    id: int
    token: str

    async def request(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Any:
        return await self.part.request(method, path, body, token=self.token, **kwargs)

    async def fetch_json(self, method: str, path: str, body: Any = None) -> Any:
        return await self.part.fetch_json(method, path, body, token=self.token)

    async def room(self, name: str = "30m no rush", game: str = NOUGHTS, **more: Any) -> str:
        """Create a room and return its path."""
        created = await self.fetch_json("POST", f"{game}/rooms", {"name": name, **more})
        return f"{game}/rooms/{created['roomId']}"


async def log_in_guest(part: Part, name: str) -> User:
    body = {"credentialType": "guest", "username": name}
    created = await part.fetch_json("POST", "/accounts/login", body)
    return User(part, created["user"]["userId"], part.add(created["token"], f"{name}'s token"))


async def accounts(part: Part) -> None:
    account = {
        "email": "minnie@example.org",
        "password": "hunter2hunter2",
        "username": "Minnie Mouse",
    }
    for body in (
        account, account, {**account, "email": "no address"}, {**account, "email": "a@example.org",
            "password": "short"},
        {**account, "email": "b@example.org", "username": ""}, {**account, "email": "c@example.org",
            "username": "x" * 51},
        {}, {"email": 1}, [], None,
    ):  # fmt: skip
        await part.request("POST", "/accounts/register", body)
    login = {
        "credentialType": "password",
        "email": "minnie@example.org",
        "password": "hunter2hunter2",
    }
    for body in (
        {"credentialType": "guest"}, {"credentialType": "guest", "username": "Mickey Mouse"}, login,
        {**login, "password": "wrong"}, {**login, "email": "nobody@example.org"}, {"credentialType": "magic"}, {},
        {"credentialType": "guest", "username": "x" * 51}, {"credentialType": "guest", "username": "\u200b"},
    ):  # fmt: skip
        await part.request("POST", "/accounts/login", body)
    minnie = await part.fetch_json("POST", "/accounts/login", login)
    user = User(part, minnie["user"]["userId"], part.add(minnie["token"], "Minnie's token"))
    await user.request("GET", f"/accounts/user/{user.id}")
    await user.request("GET", "/accounts/user/999")
    await user.request("GET", "/accounts/user/x")
    await user.request("GET", f"/accounts/{user.id}/rooms-and-sessions")
    await user.request("GET", "/accounts/1/rooms-and-sessions")
    await user.request("POST", "/accounts/ticket")
    await user.request("POST", "/accounts/logout")
    await user.request("GET", f"/accounts/user/{user.id}", step="a token that was signed out")
    address = {"X-Forwarded-For": "10.99.0.1"}
    for _ in range(10):
        await part.request(
            "POST", "/accounts/login", {**login, "password": "wrong"}, headers=address, record=False
        )
    await part.request(
        "POST",
        "/accounts/login",
        {**login, "password": "wrong"},
        headers=address,
        step="the eleventh wrong password",
    )


async def credentials(part: Part) -> None:
    """Request each route that needs a token without one and with an invalid one."""
    for method, path in (
        ("POST", "/accounts/logout"), ("POST", "/accounts/ticket"), ("GET", "/accounts/user/1"),
        ("GET", "/accounts/1/rooms-and-sessions"), ("GET", "/games"), ("GET", f"{NOUGHTS}/user-data/1/a"),
        ("PUT", f"{NOUGHTS}/user-data/1/a"), ("GET", f"{NOUGHTS}/rooms/events"), ("GET", f"{NOUGHTS}/rooms/1/events"),
        ("GET", f"{NOUGHTS}/sessions/1/events"), ("POST", f"{NOUGHTS}/rooms"), ("GET", f"{NOUGHTS}/rooms"),
        ("POST", f"{NOUGHTS}/rooms/quick-join"), ("GET", f"{NOUGHTS}/rooms/1"),
        *(("POST", f"{NOUGHTS}/rooms/1/{verb}") for verb in ("join", "leave", "kick", "ready", "start", "chat")),
        ("PUT", f"{NOUGHTS}/rooms/1/options"), ("GET", f"{NOUGHTS}/rooms/1/chat"), ("GET", f"{NOUGHTS}/sessions"),
        ("GET", f"{NOUGHTS}/sessions/1"), ("GET", f"{NOUGHTS}/sessions/1/chat"),
        *(("POST", f"{NOUGHTS}/sessions/1/{verb}") for verb in ("turn", "join", "leave", "stop", "chat")),
    ):  # fmt: skip
        for token in ("", "made-up"):
            await part.request(
                method, path, token=token, step=f"{method} {path} with {token or 'no token'}"
            )


async def games(part: Part, one: User, two: User) -> None:
    await one.request("GET", "/games")
    path = f"{NOUGHTS}/user-data/{one.id}"
    for body in (
        b'{"sound": false}',
        b"[1, 2.0, null]",
        b'"text"',
        b"null",
        b"{",
        b"",
        b'{"a": "' + b"x" * 17_000 + b'"}',
    ):
        await one.request("PUT", f"{path}/kept", body, headers={"Content-Type": "application/json"})
        await two.request("GET", f"{path}/kept")
    await one.request("PUT", f"{path}/no.key", {"a": 1})
    await two.request("PUT", f"{path}/kept", {"a": 1})
    await one.request("GET", f"{path}/none")
    await one.request("GET", f"{NOUGHTS}/user-data/999/kept")
    await one.request("GET", f"/games/nothing/user-data/{one.id}/kept")


async def rooms(part: Part, host: User, guest: User, other: User) -> None:
    for body in (
        {"name": "30m no rush", "password": "30m no rush", "options": {"first": "host"}}, {"name": "30m no rush"},
        {"name": ""}, {}, [], {"name": 1}, {"name": "x" * 200}, {"name": "a", "options": []},
        {"name": "a", "readyCheck": True},
        {"name": "a", "options": {"first": "nobody"}}, {"name": "a", "options": {"x": "y" * 17_000}},
    ):  # fmt: skip
        await host.request("POST", f"{NOUGHTS}/rooms", body)
    await host.request("POST", "/games/nothing/rooms", {"name": "a"})
    await host.request(
        "POST",
        f"{NOUGHTS}/rooms",
        b"name=a",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    await host.request("POST", f"{NOUGHTS}/rooms", b" " * (2**20 + 10), step="a body above 1 MiB")
    for _ in range(2):
        await host.request(
            "POST", f"{NOUGHTS}/rooms", {"name": "once"}, headers={"Idempotency-Key": "k1"}
        )
    await host.request(
        "POST", f"{NOUGHTS}/rooms", {"name": "twice"}, headers={"Idempotency-Key": "k1"}
    )
    await host.request(
        "POST",
        f"{NOUGHTS}/rooms",
        {"name": "twice"},
        headers={"Idempotency-Key": "é" * 3 + "x" * 300},
    )
    for query in (
        "", "?limit=2&offset=1", "?search=ONCE", "?private=true", "?private=false&limit=1", "?full=true",
        "?active=false",
        "?option.first=host", "?limit=0", "?limit=101", "?limit=x", "?offset=-1", "?private=perhaps",
    ):  # fmt: skip
        await host.request("GET", f"{NOUGHTS}/rooms{query}")
    await host.request("GET", "/games/nothing/rooms")
    await host.request("GET", f"{NOUGHTS}/rooms/999")
    await host.request("GET", f"{NOUGHTS}/rooms/x")
    locked = await host.room(password="hunter2")
    for body in (None, {"password": "wrong"}, {"password": 1}, {"password": "hunter2"}):
        await guest.request("POST", f"{locked}/join", body)
    await guest.request("POST", f"{locked}/join", step="join, being in it")
    await other.request("POST", f"{locked}/join", {"password": "hunter2"}, step="join, it is full")
    await host.request("POST", f"{NOUGHTS}/rooms/999/join")
    for client in (host, guest, other):
        await client.request("GET", locked)
    await guest.request("PUT", f"{locked}/options", {})
    await other.request("PUT", f"{locked}/options", {})
    for options in ({"first": "random"}, [], None, {"first": "nobody"}):
        await host.request("PUT", f"{locked}/options", options)
    await other.request("POST", f"{locked}/leave")
    await guest.request("POST", f"{locked}/kick", {"user_id": host.id})
    for body in (
        {"user_id": host.id},
        {"user_id": 999},
        {"user_id": "x"},
        {},
        {"user_id": guest.id},
    ):
        await host.request("POST", f"{locked}/kick", body)
    await guest.request("GET", f"{locked}/events?wait=0")
    await guest.request("POST", f"{locked}/leave")
    for body in ({"text": "Hello"}, {"text": ""}, {"text": "x" * 1001}, {}):
        await host.request("POST", f"{locked}/chat", body)
    await guest.request("POST", f"{locked}/chat", {"text": "Hello"})
    await host.request("GET", f"{locked}/chat")
    await guest.request("GET", f"{locked}/chat")
    await host.request("POST", f"{locked}/start", step="start, too few players")
    await host.request("POST", f"{locked}/leave")
    for method, path in (
        ("GET", locked),
        ("POST", f"{locked}/join"),
        ("GET", f"{locked}/events?wait=0"),
        ("GET", f"{locked}/chat"),
    ):
        await host.request(method, path, step=f"{method} {path} of a room that is gone")
    await other.request(
        "POST", f"{NOUGHTS}/rooms/quick-join", {"name": "mine", "options": {"first": "random"}}
    )
    await other.request("POST", f"{NOUGHTS}/rooms/quick-join")
    await other.request("POST", f"{NOUGHTS}/rooms/quick-join", {"name": 1})
    await guest.request("POST", "/games/nothing/rooms/quick-join")
    checked = await host.room("checked", readyCheck=True)
    await guest.fetch_json("POST", f"{checked}/join")
    await host.request("POST", f"{checked}/start", step="start, not ready")
    for body in ({"ready": True}, {"ready": "x"}, {}):
        await guest.request("POST", f"{checked}/ready", body)
    await host.request("POST", f"{checked}/ready", {"ready": True})
    await other.request("POST", f"{checked}/ready", {"ready": True})
    await guest.request("POST", f"{checked}/start")
    await host.request("GET", checked)
    await host.request("POST", f"{checked}/start")
    await host.request("POST", f"{checked}/start", step="start, started")
    await guest.request("GET", checked, step="a room that was started")


async def sessions(part: Part, host: User, guest: User, other: User) -> None:
    room = await host.room("play", options={"first": "host"})
    await guest.fetch_json("POST", f"{room}/join")
    started = await host.request("POST", f"{room}/start")
    session = started.headers["Location"]
    for client in (host, guest, other):
        await client.request("GET", session)
        await client.request("GET", f"{session}/events?after-event-id=-1&wait=0")
    for query in ("", "?active=true&limit=20&offset=0", "?active=false", "?open=true", "?limit=x"):
        await host.request("GET", f"{NOUGHTS}/sessions{query}")
    await host.request("GET", f"{NOUGHTS}/sessions/999")
    await host.request("GET", f"/accounts/{host.id}/rooms-and-sessions")
    await other.request("POST", f"{session}/turn", {"cell": 4})
    await guest.request("POST", f"{session}/turn", {"cell": 4}, step="a turn of the other player")
    for body in ({"cell": 4}, {"cell": 4}, [], {}):
        await host.request("POST", f"{session}/turn", body)
    for body in ({"cell": 4}, {"cell": 9}, {"cell": "x"}, {}, {"cell": 1}):
        await guest.request("POST", f"{session}/turn", body)
    await host.request("GET", session)
    for body in ({"text": "Well"}, {"text": ""}, {}):
        await host.request("POST", f"{session}/chat", body)
    await other.request("POST", f"{session}/chat", {"text": "Well"})
    await guest.request("GET", f"{session}/chat")
    await other.request("GET", f"{session}/chat")
    for body in ({"status": "done"}, {"status": "completed", "data": 1}):
        await guest.request("POST", f"{session}/actions/{'0' * 32}", body)
    await other.request("POST", f"{session}/join")
    await guest.request("POST", f"{session}/stop")
    await other.request("POST", f"{session}/leave")
    for client, cell in ((host, 0), (guest, 2), (host, 8)):
        await client.fetch_json("POST", f"{session}/turn", {"cell": cell})
    await host.request("GET", session, step="a session that is over")
    await host.request("POST", f"{session}/turn", {"cell": 5})
    await guest.request("GET", f"{session}/events?after-event-id=-1&wait=0")
    await host.request("POST", f"{session}/stop")
    await host.request("GET", f"{NOUGHTS}/sessions?active=false")


async def without_rules(part: Part, host: User, guest: User, other: User) -> None:
    await part.server.run_command("game", "add", "arena", "--name", "Arena", "--max", "3")
    room = await host.room("free", "/games/arena", password="hunter2")
    await host.request("POST", f"{room}/start")
    session = (await host.fetch_json("GET", f"/accounts/{host.id}/rooms-and-sessions"))["sessions"][
        0
    ]["id"]
    session = f"/games/arena/sessions/{session}"
    await other.request("GET", session)
    await guest.request("GET", "/games/arena/sessions?open=true")
    for body in (None, {"password": "wrong"}, {"password": "hunter2"}, {"password": "hunter2"}):
        await guest.request("POST", f"{session}/join", body)
    await guest.request("POST", f"{session}/turn", {"x": 1, "type": "mine"})
    await host.request("GET", session)
    await host.request("GET", f"{session}/events?after-event-id=-1&wait=0")
    await guest.request("POST", f"{session}/leave")
    await host.request("POST", f"{session}/stop")
    await host.request("GET", session)


async def feeds(part: Part, host: User, guest: User, other: User) -> None:
    """Record the feeds of a room and of all rooms on each transport."""
    room = await host.room("feeds")
    created = await host.request("GET", room)
    cursor = int(created.headers["X-Event-Cursor"])
    waiting = asyncio.create_task(
        host.request("GET", f"{room}/events?after-event-id={cursor}&wait=30")
    )
    await asyncio.sleep(0.2)
    await guest.fetch_json("POST", f"{room}/join")
    await waiting
    await host.request("GET", f"{room}/events?after-event-id={cursor}&wait=0")
    await host.request("GET", f"{NOUGHTS}/rooms/events?after-event-id={cursor}&wait=0")
    for query in ("after-event-id=999999", "after-event-id=x", "wait=61", "wait=x"):
        await host.request("GET", f"{room}/events?{query}")
    await host.request("GET", "/games/nothing/rooms/events")
    await host.request("GET", f"{NOUGHTS}/rooms/999/events")
    await part.stream(f"{room}/events?after-event-id={cursor}", 1, token=host.token)
    await part.stream(
        f"{NOUGHTS}/rooms/events", 2, token=host.token, headers={"Last-Event-ID": str(cursor - 1)}
    )
    wire = await part.socket(f"{room}/events?after-event-id={cursor}", token=guest.token)
    await wire.receive()
    await wire.receive()
    await host.fetch_json("POST", f"{room}/chat", {"text": "live"})
    await wire.receive("chat")
    await host.fetch_json("PUT", f"{room}/options", {"first": "host"})
    await wire.receive("options")
    ticket = (await guest.fetch_json("POST", "/accounts/ticket"))["ticket"]
    opened = await part.socket(f"{NOUGHTS}/rooms/events?after-event-id={cursor}&ticket={ticket}")
    await opened.receive("by ticket")
    await opened.receive()
    for path in (
        f"{room}/events?ticket={ticket}",
        f"{room}/events?ticket=made-up",
        f"{room}/events",
    ):
        refused = await part.socket(path)
        await refused.close()
    await host.fetch_json("POST", f"{room}/kick", {"user_id": guest.id})
    await wire.receive("kicked")
    await opened.close()
    await wire.close()
    await guest.fetch_json("POST", f"{room}/join")
    session = (await host.request("POST", f"{room}/start")).headers["Location"]
    await host.request("GET", f"{room}/events?after-event-id={cursor}&wait=0")
    live = await part.socket(f"{session}/events?after-event-id=-1", token=host.token)
    await live.receive()
    players = (await host.fetch_json("GET", session))["players"]
    first = host if players[0]["isCurrent"] else guest
    await first.fetch_json("POST", f"{session}/turn", {"cell": 0})
    received = await live.ws.receive(30) if live.ws else None
    assert received is not None
    await part.stream(f"{session}/events?after-event-id=-1", 1, token=other.token)
    await guest.fetch_json("POST", f"{session}/leave")
    await live.receive("left")
    await live.receive("over")
    await live.close()
    await host.request("GET", f"{session}/events?wait=0")


async def conventions(part: Part, one: User) -> None:
    preflight = preflight_headers()
    for path in (
        "/accounts/login",
        "/games",
        f"{NOUGHTS}/rooms",
        f"{NOUGHTS}/rooms/1",
        f"{NOUGHTS}/rooms/events",
        "/games/a/b/c",
        "/accounts/x/y/z",
    ):
        await part.request("OPTIONS", path, headers=preflight)
        await one.request("PATCH", path)
        await one.request("HEAD", path)
    await part.request("GET", "/accounts/nothing/here/at/all")
    await part.request("GET", "/games/")
    await one.request("GET", "/games", headers={"Origin": "https://a.example"})
    answer = await part.request("GET", "/health", record=False)
    health = {
        "status": answer.status, "members": sorted(answer.json), "says": answer.json["status"],
        "cache": answer.headers.get("Cache-Control"),
        "origin": answer.headers.get("Access-Control-Allow-Origin"),
    }  # fmt: skip
    part.record_value("GET /health", health)
    await part.request("POST", "/health")
    await part.request("OPTIONS", "/health", headers=preflight)
    await part.request("HEAD", "/health")
    await part.request("GET", "/health/x")


async def run(part: Part) -> None:
    await accounts(part)
    await credentials(part)
    host, guest, other = [
        await log_in_guest(part, name) for name in ("Mickey Mouse", "Donald Duck", "Goofy")
    ]
    await games(part, host, guest)
    await rooms(part, host, guest, other)
    await sessions(part, host, guest, other)
    await without_rules(part, host, guest, other)
    await feeds(part, host, guest, other)
    await conventions(part, host)
